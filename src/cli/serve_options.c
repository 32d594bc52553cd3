#include "cli/serve_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/options.h"
#include "supervisor/front.h"

static const char usage[] =
    "usage: weir serve [OPTION...]\n"
    "\n"
    "Runs the server: opens the front door, starts the control plane and the data plane, and "
    "keeps\n"
    "them running. SIGTERM or Ctrl-C drains and stops everything. On its first start it makes an\n"
    "access key; 'weir env' prints it for AWS clients.\n"
    "\n"
    "  --listen ADDR:PORT  where clients connect (default 127.0.0.1:8080; port 0: any free "
    "one)\n" TLS_OPTION_USAGE
    "  --state DIR         where everything is kept (default $WEIR_STATE, else ./weir-state)\n"
    "  --threads N         threads of the data plane (default: one for each core)\n"
    "  --pace fast|aws     scaling on one-second data, or with AWS's own periods (default fast)\n"
    "  --driver NAME       how instances come to be: process (default process)\n"
    "  --config FILE       image names, and prices of instance types (JSON)\n"
    "  --region NAME       AWS region to be (default us-east-1)\n"
    "  --account ID        AWS account to be, 12 digits (default 000000000000)\n"
    "  --keep-instances    leave instances running at the end; the next server adopts them\n"
    "  --no-auth           requests need no signature; only with a loopback address\n" FRONT_USAGE
    "  --metrics WHO       who may scrape /metrics without a signature: local (default, from this\n"
    "                      machine), open (anybody) or off (nobody, with a signature neither)\n"
    "  --log-level LEVEL   debug, info, warn or error (default info)\n"
    "  --log-format FORMAT text or json (default text)\n"
    "  --help              this\n";

enum option_id {
    OPTION_LISTEN = 256,
    OPTION_STATE,
    OPTION_THREADS,
    OPTION_PACE,
    OPTION_DRIVER,
    OPTION_CONFIG,
    OPTION_REGION,
    OPTION_ACCOUNT,
    OPTION_KEEP_INSTANCES,
    OPTION_NO_AUTH,
    OPTION_METRICS,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
    OPTION_HELP,
};

static const struct option option_table[] = {
    { "listen", required_argument, NULL, OPTION_LISTEN },
    TLS_OPTION_TABLE,
    { "state", required_argument, NULL, OPTION_STATE },
    { "threads", required_argument, NULL, OPTION_THREADS },
    { "pace", required_argument, NULL, OPTION_PACE },
    { "driver", required_argument, NULL, OPTION_DRIVER },
    { "config", required_argument, NULL, OPTION_CONFIG },
    { "region", required_argument, NULL, OPTION_REGION },
    FRONT_OPTION_ROWS{ "account", required_argument, NULL, OPTION_ACCOUNT },
    { "keep-instances", no_argument, NULL, OPTION_KEEP_INSTANCES },
    { "no-auth", no_argument, NULL, OPTION_NO_AUTH },
    { "metrics", required_argument, NULL, OPTION_METRICS },
    { "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
    { "log-format", required_argument, NULL, OPTION_LOG_FORMAT },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static bool one_of(const char *value, const char *a, const char *b)
{
    return strcmp(value, a) == 0 || strcmp(value, b) == 0;
}

static bool is_account(const char *text)
{
    return strlen(text) == 12 && strspn(text, "0123456789") == 12;
}

static bool is_region(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && n < 64 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool take_threads(struct serve_options *o, const char *value)
{
    uint64_t n;

    if (option_number(value, 1, FRONT_SOCKETS_MAX, &n))
        return false;
    o->threads = (unsigned)n;
    return true;
}

/* Return: whether @value is one that the option can have. */
static bool takes(struct serve_options *o, int id, const char *value)
{
    if (front_options_has(id))
        return front_options_take(&o->front, id, value) == 0;
    switch (id) {
    case OPTION_LISTEN:
        o->listen = value;
        return address_parse(value, &o->address) == 0 && o->address.any.sa_family != AF_UNIX;
    case OPTION_STATE:
        o->state = value;
        return *value != '\0';
    case OPTION_THREADS:
        return take_threads(o, value);
    case OPTION_PACE:
        o->pace = value;
        return one_of(value, "fast", "aws");
    case OPTION_DRIVER:
        return strcmp(value, "process") == 0;
    case OPTION_CONFIG:
        o->config = value;
        return true;
    case OPTION_REGION:
        o->region = value;
        return is_region(value);
    case OPTION_ACCOUNT:
        o->account = value;
        return is_account(value);
    case OPTION_KEEP_INSTANCES:
        o->keep_instances = true;
        return true;
    case OPTION_METRICS:
        o->metrics = value;
        return one_of(value, "local", "open") || strcmp(value, "off") == 0;
    case OPTION_NO_AUTH:
        o->no_auth = true;
        return true;
    case OPTION_LOG_LEVEL:
        o->level_text = value;
        return log_level_parse(value, &o->level) == 0;
    case OPTION_LOG_FORMAT:
        o->format_text = value;
        return option_log_format(value, &o->format) == 0;
    }
    return tls_options_take(&o->tls, id, value) == 0;
}

static void set_defaults(struct serve_options *o)
{
    const char *state = getenv("WEIR_STATE");
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    *o = (struct serve_options){
        .listen = "127.0.0.1:8080",
        .state = state && *state ? state : "weir-state",
        .region = "us-east-1",
        .account = "000000000000",
        .pace = "fast",
        .metrics = "local",
        .threads = cores < 1                   ? 1
                   : cores > FRONT_SOCKETS_MAX ? FRONT_SOCKETS_MAX
                                               : (unsigned)cores,
        .level_text = "info",
        .format_text = "text",
        .level = LOG_INFO,
    };
    front_options_init(&o->front);
    address_parse(o->listen, &o->address);
}

static int take(void *context, int id, const char *value)
{
    return takes(context, id, value) ? 0 : -EINVAL;
}

/* The proxy would say so, too, but only to its log. */
static int check_io(const struct serve_options *o)
{
    bool uses_uring;
    const char *why;

    if (front_options_check_io(&o->front, &uses_uring, &why))
        return command_failed("--io uring: %s", why);
    return COMMAND_OK;
}

int serve_options_read(int argc, char **argv, struct serve_options *ret)
{
    static const struct option_reader reader = { "serve", usage, option_table, OPTION_HELP, take };

    int r;

    set_defaults(ret);
    r = options_read(&reader, argc, argv, ret);
    if (!r)
        r = tls_options_check(&ret->tls, "serve");
    return r ? r : check_io(ret);
}
