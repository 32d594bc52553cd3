/* weir model-server: serve an XGBoost model under SageMaker's container contract. */
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/command.h"
#include "model/model_server.h"

static const char help[] =
    "usage: weir model-server [OPTION...]\n"
    "\n"
    "Serves an XGBoost model (JSON, UBJ or legacy binary) on GET /ping and POST /invocations, "
    "with\n"
    "the content types and answers of SageMaker's XGBoost container.\n"
    "\n"
    "  --model PATH        a model file, or a directory of them, whose mean is the answer\n"
    "                      (default: $SM_MODEL_DIR, else /opt/ml/model)\n"
    "  --listen ADDR:PORT  where to listen (default: 127.0.0.1, port $SAGEMAKER_BIND_TO_PORT or "
    "8080)\n"
    "  --threads N         requests answered at once (default: $SAGEMAKER_MODEL_SERVER_WORKERS, "
    "else\n"
    "                      one for each processor)\n"
    "  --delay MS          wait as long before each prediction, to try what slow models do\n"
    "  --log-level LEVEL   debug, info, warn or error (default: info)\n"
    "  --log-format FORMAT text or json (default: text)\n"
    "  -h, --help          print this\n"
    "\n"
    "Listens on the Unix socket whose path is in $WEIR_BIND_TO_UNIX, too, if that is set.\n"
    "Also read: MAX_CONTENT_LENGTH (bytes of a request, at most 20 MiB; default 6291456),\n"
    "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT (default: text/csv) and SAGEMAKER_INFERENCE_ENSEMBLE\n"
    "(false: take only the first file of a directory).\n";

enum { BODY_BYTES_DEFAULT = 6291456, BODY_BYTES_MAX = 20 << 20, DELAY_MS_MAX = 3600000 };

static const char name[] = "model-server";

struct options {
    struct model_server_settings settings;
    struct log log;
    const char *listen, *threads, *delay;
};

static const char *variable(const char *key, const char *otherwise)
{
    const char *value = getenv(key);

    return value && value[0] ? value : otherwise;
}

static unsigned count_processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return n < MODEL_SERVER_THREADS_MAX ? (unsigned)n : MODEL_SERVER_THREADS_MAX;
}

/* --- what the environment says: a mistake there is named like one in an option ---------------- */

static int read_number(const char *what, const char *text, uint64_t min, uint64_t max,
                       uint64_t *ret)
{
    uint64_t value;

    if (text_to_u64(slice_from(text), max, &value) != 0 || value < min)
        return command_misused(name, "%s must be a number from %llu to %llu, not '%s'", what,
                               (unsigned long long)min, (unsigned long long)max, text);
    *ret = value;
    return COMMAND_OK;
}

static int read_listen(struct options *o)
{
    const char *port = variable("SAGEMAKER_BIND_TO_PORT", "8080");
    char text[64];

    if (!o->listen) {
        snprintf(text, sizeof(text), "127.0.0.1:%s", port);
        if (address_parse(text, &o->settings.listen) == 0)
            return COMMAND_OK;
        return command_misused(name, "SAGEMAKER_BIND_TO_PORT is not a port: '%s'", port);
    }
    if (address_parse(o->listen, &o->settings.listen) == 0 &&
        o->settings.listen.any.sa_family != AF_UNIX)
        return COMMAND_OK;
    return command_misused(name, "--listen takes ADDR:PORT, not '%s'", o->listen);
}

static int read_listen_local(struct options *o)
{
    const char *path = variable("WEIR_BIND_TO_UNIX", NULL);
    char text[sizeof("unix:") + sizeof(o->settings.listen_local.local.sun_path)];

    if (!path)
        return COMMAND_OK;
    if ((size_t)snprintf(text, sizeof(text), "unix:%s", path) < sizeof(text) &&
        address_parse(text, &o->settings.listen_local) == 0)
        return COMMAND_OK;
    return command_misused(name,
                           "WEIR_BIND_TO_UNIX is not an absolute path of at most %zu bytes: '%s'",
                           sizeof(o->settings.listen_local.local.sun_path) - 1, path);
}

static int read_threads(struct options *o)
{
    const char *workers = variable("SAGEMAKER_MODEL_SERVER_WORKERS", NULL);
    uint64_t n = count_processors();
    int r = COMMAND_OK;

    if (o->threads)
        r = read_number("--threads", o->threads, 1, MODEL_SERVER_THREADS_MAX, &n);
    else if (workers)
        r = read_number("SAGEMAKER_MODEL_SERVER_WORKERS", workers, 1, MODEL_SERVER_THREADS_MAX, &n);
    o->settings.n_threads = (unsigned)n;
    return r;
}

static int read_body_bytes(struct options *o)
{
    const char *bytes = variable("MAX_CONTENT_LENGTH", NULL);
    uint64_t n = BODY_BYTES_DEFAULT;
    int r = COMMAND_OK;

    if (bytes)
        r = read_number("MAX_CONTENT_LENGTH", bytes, 1, UINT64_MAX, &n);
    o->settings.body_bytes_max = n < BODY_BYTES_MAX ? (size_t)n : BODY_BYTES_MAX;
    return r;
}

static int read_standard_answer(struct options *o)
{
    const char *accept = variable("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv");

    if (answer_form_of(slice_from(accept), ANSWER_CSV, &o->settings.standard_answer) == 0)
        return COMMAND_OK;
    return command_misused(name, "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT is no supported type: '%s'",
                           accept);
}

static int complete(struct options *o)
{
    uint64_t delay_ms = 0;
    int r;

    if (!o->settings.model)
        o->settings.model = variable("SM_MODEL_DIR", "/opt/ml/model");
    o->settings.ensemble =
        strcasecmp(variable("SAGEMAKER_INFERENCE_ENSEMBLE", "true"), "false") != 0;
    r = read_listen(o);
    if (!r)
        r = read_listen_local(o);
    if (!r)
        r = read_threads(o);
    if (!r && o->delay)
        r = read_number("--delay", o->delay, 0, DELAY_MS_MAX, &delay_ms);
    if (!r)
        r = read_body_bytes(o);
    if (!r)
        r = read_standard_answer(o);
    o->settings.delay_ms = (ms_t)delay_ms;
    return r;
}

/* --- options ---------------------------------------------------------------------------------- */

static int read_option(struct options *o, int option)
{
    switch (option) {
    case 'm':
        o->settings.model = optarg;
        return COMMAND_OK;
    case 'l':
        o->listen = optarg;
        return COMMAND_OK;
    case 't':
        o->threads = optarg;
        return COMMAND_OK;
    case 'd':
        o->delay = optarg;
        return COMMAND_OK;
    case 'L':
        if (log_level_parse(optarg, &o->log.level) == 0)
            return COMMAND_OK;
        return command_misused(name, "--log-level takes debug, info, warn or error, not '%s'",
                               optarg);
    case 'F':
        o->log.format = strcmp(optarg, "json") == 0 ? LOG_JSON : LOG_TEXT;
        if (o->log.format == LOG_JSON || strcmp(optarg, "text") == 0)
            return COMMAND_OK;
        return command_misused(name, "--log-format takes text or json, not '%s'", optarg);
    }
    return command_misused(name, NULL);
}

int command_model_server(int argc, char **argv)
{
    static const struct option known[] = {
        { "model", required_argument, NULL, 'm' },
        { "listen", required_argument, NULL, 'l' },
        { "threads", required_argument, NULL, 't' },
        { "delay", required_argument, NULL, 'd' },
        { "log-level", required_argument, NULL, 'L' },
        { "log-format", required_argument, NULL, 'F' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    struct options o = {
        .log = { .fd = STDERR_FILENO, .level = LOG_INFO, .program = name, .clock = clock_real() }
    };
    int option, r;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return COMMAND_OK;
        }
        r = read_option(&o, option);
        if (r)
            return r;
    }
    if (optind < argc)
        return command_misused(name, "unexpected argument '%s'", argv[optind]);
    r = complete(&o);
    if (r)
        return r;
    signal(SIGPIPE, SIG_IGN);
    return model_server_run(&o.settings, &o.log) ? COMMAND_FAILED : COMMAND_OK;
}
