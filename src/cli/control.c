/* weir control: the control plane as a program. `weir serve` starts it, with the sockets that it
 * serves already open, and starts it again when it ends: what it knows is in the store. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/access.h"
#include "cli/command.h"
#include "cli/options.h"
#include "control/alarm_book.h"
#include "control/autoscaler.h"
#include "control/control.h"
#include "control/meter.h"
#include "control/metric_history.h"
#include "control/proxy_link.h"
#include "control/reconcile.h"
#include "control/telemetry.h"
#include "fleet/config.h"
#include "fleet/process.h"
#include "supervisor/ready.h"

/* The process holds about a third more than that, which is 1.5 GiB in all. */
#define METRICS_BYTES_MAX ((size_t)1 << 30)

enum {
    SERIES_MAX = 100000,
    STOP_MS = 35000, /* SIGTERM, 30 s, SIGKILL, and some time to see the end of it */
    STOP_TURN_MS = 100,
};

struct options {
    const char *state, *config;
    int api_fd, link_fd, ready_fd;
    bool keep_instances;
    struct control_settings settings;
    enum log_level level;
    enum log_format format;
};

struct program {
    struct options options;
    struct log log;
    struct loop *loop;
    struct access *access;
    struct store *store;
    struct metrics *metrics;
    struct fleet_config *config;
    struct control *control;
    struct driver *driver;
    struct courier *courier;
    struct api *api;
    struct loop_signal term, hand_over;
    bool stopping, handed_over;
};

static const char usage[] =
    "usage: weir control --state DIR --api-fd N --link-fd N [OPTION...]\n"
    "\n"
    "The control plane; 'weir serve' starts it. It serves the AWS APIs on one inherited Unix\n"
    "socket and the proxy on another, and keeps its state in DIR/state.db. SIGTERM ends it and\n"
    "its instances, SIGUSR2 only itself.\n"
    "\n"
    "  --state DIR         state directory\n"
    "  --api-fd N          listening socket that the proxy forwards API calls to\n"
    "  --link-fd N         listening socket that the proxy gets its routes from\n"
    "  --region NAME       AWS region to be (default us-east-1)\n"
    "  --account ID        AWS account to be (default 000000000000)\n"
    "  --pace fast|aws     how fast scaling policies are evaluated (default fast)\n"
    "  --config FILE       images and instance types\n"
    "  --no-auth           requests need no signature\n"
    "  --metrics WHO       who may scrape /metrics unsigned: local (default), open or off\n"
    "  --keep-instances    leave instances running at the end\n"
    "  --ready-fd N        write a byte there when it serves\n"
    "  --log-level LEVEL   debug, info, warn or error (default info)\n"
    "  --log-format FORMAT text or json (default text)\n"
    "  --help              this\n";

/* --- options ---------------------------------------------------------------------------------- */

enum option_id {
    OPTION_STATE = 256,
    OPTION_API_FD,
    OPTION_LINK_FD,
    OPTION_REGION,
    OPTION_ACCOUNT,
    OPTION_PACE,
    OPTION_CONFIG,
    OPTION_NO_AUTH,
    OPTION_METRICS,
    OPTION_KEEP_INSTANCES,
    OPTION_READY_FD,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
    OPTION_HELP,
};

static const struct option option_table[] = {
    { "state", required_argument, NULL, OPTION_STATE },
    { "api-fd", required_argument, NULL, OPTION_API_FD },
    { "link-fd", required_argument, NULL, OPTION_LINK_FD },
    { "region", required_argument, NULL, OPTION_REGION },
    { "account", required_argument, NULL, OPTION_ACCOUNT },
    { "pace", required_argument, NULL, OPTION_PACE },
    { "config", required_argument, NULL, OPTION_CONFIG },
    { "no-auth", no_argument, NULL, OPTION_NO_AUTH },
    { "metrics", required_argument, NULL, OPTION_METRICS },
    { "keep-instances", no_argument, NULL, OPTION_KEEP_INSTANCES },
    { "ready-fd", required_argument, NULL, OPTION_READY_FD },
    { "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
    { "log-format", required_argument, NULL, OPTION_LOG_FORMAT },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static int scrape_access(const char *text, enum scrape_access *ret)
{
    static const char *const words[] = { "local", "open", "off" };

    for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = (enum scrape_access)i;
            return 0;
        }
    }
    return -EINVAL;
}

static int take(void *context, int id, const char *value)
{
    struct options *o = context;
    int r = 0, which = 0;

    switch (id) {
    case OPTION_STATE:
        o->state = value;
        break;
    case OPTION_API_FD:
        return option_descriptor(value, &o->api_fd);
    case OPTION_LINK_FD:
        return option_descriptor(value, &o->link_fd);
    case OPTION_REGION:
        o->settings.region = value;
        break;
    case OPTION_ACCOUNT:
        o->settings.account = value;
        break;
    case OPTION_PACE:
        r = option_choice(value, "fast", "aws", &which);
        o->settings.pace = which ? PACE_AWS : PACE_FAST;
        break;
    case OPTION_CONFIG:
        o->config = value;
        break;
    case OPTION_METRICS:
        return scrape_access(value, &o->settings.scrape);
    case OPTION_NO_AUTH:
        o->settings.auth = false;
        break;
    case OPTION_KEEP_INSTANCES:
        o->keep_instances = true;
        break;
    case OPTION_READY_FD:
        return option_descriptor(value, &o->ready_fd);
    case OPTION_LOG_LEVEL:
        return log_level_parse(value, &o->level);
    case OPTION_LOG_FORMAT:
        return option_log_format(value, &o->format);
    }
    return r;
}

/* Return: COMMAND_OK, COMMAND_USAGE, or -1 after --help. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option_reader reader = { "control", usage, option_table, OPTION_HELP,
                                                 take };
    int r = options_read(&reader, argc, argv, o);

    if (r)
        return r;
    if (!o->state || o->api_fd < 0 || o->link_fd < 0)
        return command_misused("control", "--state, --api-fd and --link-fd are needed");
    return COMMAND_OK;
}

/* --- start ------------------------------------------------------------------------------------ */

static int failed(struct program *p, const char *what, const char *why)
{
    log_error(&p->log, what, "why=\"%s\"", why ? why : "");
    return COMMAND_FAILED;
}

static int open_state(struct program *p)
{
    autofree(mem_free) char *path = text_format("%s/state.db", p->options.state), *why = NULL;
    char key_why[ACCESS_WHY_BYTES];
    int r;

    if (!path)
        return failed(p, "cannot start", strerror(ENOMEM));
    if (access_find_keys(p->options.state, &p->access, key_why))
        return failed(p, "cannot read the access key", key_why);
    r = fleet_config_load(p->options.config, &p->config, &why);
    if (r)
        return failed(p, "cannot read the config file", why ? why : strerror(-r));
    r = store_open_sqlite(path, &p->store, &why);
    if (r)
        return failed(p, "cannot open the state", why ? why : strerror(-r));
    return COMMAND_OK;
}

static int open_history(struct program *p)
{
    autofree(mem_free) char *directory = text_format("%s/metrics", p->options.state);

    if (!directory)
        return fault(-ENOMEM);
    metrics_limit(p->metrics, METRICS_BYTES_MAX);
    return fault(metric_history_new(p->control, directory, &p->control->history));
}

static int make_control(struct program *p)
{
    struct control_settings settings = p->options.settings;
    const struct process_driver_settings driver = {
        .state_dir = p->options.state,
        .region = settings.region,
        .config = p->config,
    };
    struct driver_events events;
    uint64_t seed;
    int r;

    random_secret(&seed, sizeof(seed));
    settings.state_dir = p->options.state;
    settings.access_key_id = p->access->access_key_id;
    settings.secret_access_key = p->access->secret_access_key;
    settings.instances_max = CONTROL_INSTANCES_MAX;
    r = metrics_new(SERIES_MAX, &p->metrics);
    if (!r)
        r = control_new(p->loop, &p->log, p->store, p->metrics, &settings, seed, &p->control);
    if (r)
        return fault(r);
    events = control_driver_events(p->control);
    r = process_driver_new(p->loop, &p->log, &driver, &events, &p->driver);
    if (!r)
        r = open_history(p);
    if (!r)
        r = telemetry_new(p->control, &p->control->telemetry);
    if (!r)
        r = courier_new_curl(p->loop, &p->courier);
    p->control->courier = p->courier;
    if (!r)
        r = alarm_book_new(p->control, p->courier, &p->control->alarms);
    if (!r)
        r = autoscaler_new(p->control, &p->control->autoscaler);
    if (!r)
        r = alarm_book_sweep(p->control->alarms);
    return fault(r);
}

/* The proxy hears of us only after every instance that runs is known again. */
static int serve(struct program *p)
{
    int r = option_inherit(p->options.api_fd);

    if (!r)
        r = option_inherit(p->options.link_fd);
    if (!r)
        r = control_start(p->control, p->driver);
    if (!r)
        r = proxy_link_open(p->control->link, p->options.link_fd);
    if (!r)
        r = api_new(p->control, &p->log, p->options.api_fd, &p->api);
    return fault(r);
}

static void terminated(struct loop_signal *signal)
{
    struct program *p = container_of(signal, struct program, term);

    if (p->stopping)
        reconcile_kill(p->control); /* whoever asks twice does not want to wait */
    loop_stop(p->loop);
}

/* Another control is to take our place, and adopts what runs. */
static void handed_over(struct loop_signal *signal)
{
    struct program *p = container_of(signal, struct program, hand_over);

    p->handed_over = true;
    loop_stop(p->loop);
}

static int prepare(struct program *p)
{
    int r = loop_new(clock_real(), &p->loop);

    /* An interrupt at the terminal reaches the whole group; the supervisor decides what ends
     * when. */
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (!r)
        r = loop_signal_add(p->loop, &p->term, SIGTERM, terminated);
    if (!r)
        r = loop_signal_add(p->loop, &p->hand_over, SIGUSR2, handed_over);
    return fault(r);
}

/* --- end -------------------------------------------------------------------------------------- */

static int stop_instances(struct program *p)
{
    struct control *c = p->control;
    ms_t until = loop_now(p->loop) + STOP_MS;
    int r = 0;

    p->stopping = true;
    log_info(&p->log, "terminating instances", "instances=%zu", c->instances.size);
    reconcile_stop(c);
    while (!r && c->error == 0 && c->instances.size > 0 && loop_now(p->loop) < until)
        r = loop_turn(p->loop, STOP_TURN_MS);
    if (c->instances.size > 0)
        log_warn(&p->log, "instances left", "instances=%zu", c->instances.size);
    return fault(r ? r : c->error);
}

static void release(struct program *p)
{
    api_free(p->api);
    if (p->control) {
        p->control->autoscaler = autoscaler_free(p->control->autoscaler);
        p->control->alarms = alarm_book_free(p->control->alarms);
        p->control->telemetry = telemetry_free(p->control->telemetry);
        p->control->history = metric_history_free(p->control->history);
    }
    control_free(p->control);
    courier_free(p->courier);
    driver_free(p->driver);
    metrics_free(p->metrics);
    store_free(p->store);
    fleet_config_free(p->config);
    access_free(p->access);
    if (p->loop) {
        loop_signal_remove(&p->term);
        loop_signal_remove(&p->hand_over);
    }
    loop_free(p->loop);
}

static int run(struct program *p)
{
    int r = prepare(p);

    if (r)
        return failed(p, "cannot start", strerror(-r));
    if (open_state(p))
        return COMMAND_FAILED;
    r = make_control(p);
    if (!r)
        r = serve(p);
    if (r)
        return failed(p, "cannot start", strerror(-r));

    log_info(&p->log, "control ready", "state=\"%s\" region=%s pace=%s", p->options.state,
             p->options.settings.region, p->options.settings.pace == PACE_AWS ? "aws" : "fast");
    p->options.ready_fd = ready_tell(p->options.ready_fd);
    r = loop_run(p->loop);
    if (!r)
        r = p->control->error;
    if (!r && !p->options.keep_instances && !p->handed_over)
        r = stop_instances(p);
    if (!r)
        r = meter_tick(p->control->meter);
    if (r)
        return failed(p, "control ended", strerror(-r));
    log_info(&p->log, "control ended", "instances=%zu", p->control->instances.size);
    return COMMAND_OK;
}

int command_control(int argc, char **argv)
{
    struct program p = {
        .options = {
            .api_fd = -1,
            .link_fd = -1,
            .ready_fd = -1,
            .level = LOG_INFO,
            .settings = { .region = "us-east-1", .account = "000000000000", .auth = true },
        },
    };
    int r = read_options(argc, argv, &p.options);

    if (r)
        return r < 0 ? COMMAND_OK : r;
    p.log = (struct log){
        .fd = STDERR_FILENO,
        .level = p.options.level,
        .format = p.options.format,
        .program = "control",
        .clock = clock_real(),
    };
    r = run(&p);
    release(&p);
    return r;
}
