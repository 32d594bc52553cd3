#include "cli/load_options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/options.h"
#include "http/url.h"

static const char help[] =
    "usage: weir load --endpoint NAME (--rate R | --ramp FROM:TO) --duration S --body FILE\n"
    "       weir load --endpoint NAME --trace FILE [--speedup N] [--scale M] --body-lines FILE\n"
    "       weir load --url http://HOST:PORT/PATH --rate R --duration S\n"
    "\n"
    "Sends requests on schedule whether or not answers come (open loop), and counts latency from\n"
    "the scheduled instant, so that waiting for a slow server is not left out.\n"
    "\n"
    "Where:\n"
    "  --endpoint NAME       invoke this endpoint\n"
    "  --url URL             or send to this URL: POST with a body, GET without one; signed only\n"
    "                        with --state\n"
    "  --state DIR           the server with this state directory (default: AWS_ENDPOINT_URL and\n"
    "                        the other AWS variables, else $WEIR_STATE, else ./weir-state)\n"
    "When:\n"
    "  --rate R              R requests per second\n"
    "  --ramp FROM:TO        a rate that changes evenly from FROM to TO per second\n"
    "  --duration S          for S seconds\n"
    "  --trace FILE          as recorded. CSV: with the header 'timestamp,value', requests in the\n"
    "                        period from each timestamp to the next; else one row per request\n"
    "                        with the timestamp in the first column\n"
    "  --speedup N           N times faster than recorded\n"
    "  --scale M             M requests for each recorded one\n"
    "  --from T, --to T      only the rows from T up to, and without, T\n"
    "  --arrivals KIND       'uniform' (evenly, with jitter; default) or 'poisson'\n"
    "  --seed N              of jitter and arrivals (default 1)\n"
    "What:\n"
    "  --body FILE           the file, in each request\n"
    "  --body-lines FILE     a line of the file in each request, in turn\n"
    "  --content-type TYPE   default application/octet-stream\n"
    "How:\n"
    "  --connections N       at most N at a time (default 256)\n"
    "  --backlog N           at most N requests wait for a connection (default 10000)\n"
    "  --timeout S           for each request, from its scheduled instant (default 60)\n"
    "Results:\n"
    "  --json                as JSON\n"
    "  --timeline FILE       CSV, a row per second: t_s,scheduled,completed,failed,p50_ms,p99_ms,\n"
    "                        not_sent (of the failed ones)\n"
    "  --quiet               no progress on stderr\n"
    "\n"
    "The first SIGINT or SIGTERM stops sending and waits for answers, the second does not wait.\n"
    "Exit code: 0 all requests succeeded (answers below 400), 1 some failed, 2 usage.\n";

enum option_id {
    ENDPOINT = 256,
    URL,
    STATE,
    RATE,
    RAMP,
    DURATION,
    TRACE,
    SPEEDUP,
    SCALE,
    FROM,
    TO,
    ARRIVALS,
    SEED,
    BODY,
    BODY_LINES,
    CONTENT_TYPE,
    CONNECTIONS,
    BACKLOG,
    TIMEOUT,
    JSON,
    TIMELINE,
    QUIET,
    HELP,
};

static const struct option long_options[] = {
    { "endpoint", required_argument, NULL, ENDPOINT },
    { "url", required_argument, NULL, URL },
    { "state", required_argument, NULL, STATE },
    { "rate", required_argument, NULL, RATE },
    { "ramp", required_argument, NULL, RAMP },
    { "duration", required_argument, NULL, DURATION },
    { "trace", required_argument, NULL, TRACE },
    { "speedup", required_argument, NULL, SPEEDUP },
    { "scale", required_argument, NULL, SCALE },
    { "from", required_argument, NULL, FROM },
    { "to", required_argument, NULL, TO },
    { "arrivals", required_argument, NULL, ARRIVALS },
    { "seed", required_argument, NULL, SEED },
    { "body", required_argument, NULL, BODY },
    { "body-lines", required_argument, NULL, BODY_LINES },
    { "content-type", required_argument, NULL, CONTENT_TYPE },
    { "connections", required_argument, NULL, CONNECTIONS },
    { "backlog", required_argument, NULL, BACKLOG },
    { "timeout", required_argument, NULL, TIMEOUT },
    { "json", no_argument, NULL, JSON },
    { "timeline", required_argument, NULL, TIMELINE },
    { "quiet", no_argument, NULL, QUIET },
    { "help", no_argument, NULL, HELP },
    { NULL, 0, NULL, 0 },
};

static const double rate_max = 1e6, seconds_max = 1e8, factor_max = 1e9;

enum { CONNECTIONS_MAX = 100000, BACKLOG_MAX = 10000000 };

static const off_t file_bytes_max = 1 << 30;

/* --- values ----------------------------------------------------------------------------------- */

static bool in_range(struct slice s, double max, double *ret)
{
    return text_to_double(s, ret) == 0 && *ret >= 0 && *ret <= max;
}

static bool is_positive(const char *text, double max, double *ret)
{
    return in_range(slice_from(text), max, ret) && *ret > 0;
}

static bool is_count(const char *text, unsigned min, unsigned max, unsigned *ret)
{
    uint64_t value;

    if (text_to_u64(slice_from(text), max, &value) || value < min)
        return false;
    *ret = (unsigned)value;
    return true;
}

static bool is_arrivals(const char *text, enum load_arrivals *ret)
{
    *ret = strcmp(text, "poisson") == 0 ? LOAD_POISSON : LOAD_UNIFORM;
    return *ret == LOAD_POISSON || strcmp(text, "uniform") == 0;
}

/* Takes one option's value. Return: false if it is not a good one. */
static bool take_number(struct load_options *o, int id, const char *value)
{
    switch (id) {
    case DURATION:
        return is_positive(value, seconds_max, &o->duration_s);
    case SPEEDUP:
        o->has_slice_options = true;
        return is_positive(value, factor_max, &o->slice.speedup);
    case SCALE:
        o->has_slice_options = true;
        return is_positive(value, factor_max, &o->slice.scale);
    case FROM:
        o->has_slice_options = o->slice.has_from = true;
        return load_timestamp_parse(slice_from(value), &o->slice.from) == 0;
    case TO:
        o->has_slice_options = o->slice.has_to = true;
        return load_timestamp_parse(slice_from(value), &o->slice.to) == 0;
    case ARRIVALS:
        return is_arrivals(value, &o->arrivals);
    case SEED:
        return text_to_u64(slice_from(value), UINT64_MAX, &o->seed) == 0;
    case CONNECTIONS:
        return is_count(value, 1, CONNECTIONS_MAX, &o->connections);
    case BACKLOG:
        return is_count(value, 0, BACKLOG_MAX, &o->backlog);
    case TIMEOUT:
        return is_positive(value, seconds_max, &o->timeout_s);
    }
    return false;
}

static const char **text_of(struct load_options *o, int id)
{
    switch (id) {
    case ENDPOINT:
        return &o->endpoint;
    case URL:
        return &o->url;
    case STATE:
        return &o->state;
    case RATE:
        return &o->rate;
    case RAMP:
        return &o->ramp;
    case TRACE:
        return &o->trace;
    case BODY:
        return &o->body;
    case BODY_LINES:
        return &o->body_lines;
    case CONTENT_TYPE:
        return &o->content_type;
    case TIMELINE:
        return &o->timeline;
    }
    return NULL;
}

static const char *name_of(int id)
{
    const struct option *option = long_options;

    while (option->val != id)
        option++;
    return option->name;
}

/* --- parsing ---------------------------------------------------------------------------------- */

static int misused(const char *what)
{
    return command_misused("load", "%s", what);
}

static int check(const struct load_options *o)
{
    if (!o->endpoint == !o->url)
        return misused("just one of --endpoint and --url is needed");
    if (!!o->rate + !!o->ramp + !!o->trace != 1)
        return misused("just one of --rate, --ramp and --trace is needed");
    if (!o->trace && o->duration_s == 0)
        return misused("--duration is needed with --rate and --ramp");
    if (o->trace && o->duration_s > 0)
        return misused("--duration does not go with --trace; choose a part with --from and --to");
    if (!o->trace && o->has_slice_options)
        return misused("--speedup, --scale, --from and --to go with --trace only");
    if (o->body && o->body_lines)
        return misused("--body and --body-lines do not go together");
    if (o->endpoint && !o->body && !o->body_lines)
        return misused("--endpoint needs --body or --body-lines");
    if (o->slice.has_from && o->slice.has_to && o->slice.from >= o->slice.to)
        return misused("--from is not before --to");
    return COMMAND_OK;
}

static int take(struct load_options *o, int id, const char *value)
{
    const char **text = text_of(o, id);

    if (text) {
        *text = value;
        return COMMAND_OK;
    }
    switch (id) {
    case '?':
        return command_misused("load", NULL);
    case JSON:
        o->json = true;
        return COMMAND_OK;
    case QUIET:
        o->quiet = true;
        return COMMAND_OK;
    case HELP:
        fputs(help, stdout);
        return LOAD_OPTIONS_DONE;
    }
    if (!take_number(o, id, value))
        return options_wrong_value("load", help, name_of(id), value);
    return COMMAND_OK;
}

int load_options_parse(int argc, char **argv, struct load_options *ret)
{
    struct load_options o = { .slice = { .speedup = 1, .scale = 1 },
                              .seed = 1,
                              .content_type = "application/octet-stream",
                              .connections = 256,
                              .backlog = 10000,
                              .timeout_s = 60 };
    int id, r;

    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        r = take(&o, id, optarg);
        if (r)
            return r;
    }
    if (optind < argc)
        return command_misused("load", "unexpected argument '%s'", argv[optind]);
    r = check(&o);
    if (r)
        return r;
    *ret = o;
    return COMMAND_OK;
}

/* --- the plan --------------------------------------------------------------------------------- */

static int read_file(const char *path, char **ret_bytes, size_t *ret_size)
{
    autofree(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    autofree(mem_free) char *bytes = NULL;
    size_t size = 0;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return command_failed("cannot read %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > file_bytes_max)
        return command_failed("cannot read %s: not a file of at most 1 GiB", path);
    bytes = malloc((size_t)st.st_size + 1);
    if (!bytes)
        return command_failed("cannot read %s: %s", path, strerror(ENOMEM));
    while (size < (size_t)st.st_size) {
        ssize_t n = read(fd, bytes + size, (size_t)st.st_size - size);

        if (n < 0)
            return command_failed("cannot read %s: %s", path, strerror(errno));
        if (n == 0)
            break;
        size += (size_t)n;
    }
    *ret_bytes = steal(bytes);
    *ret_size = size;
    return COMMAND_OK;
}

static int plan_trace(const struct load_options *o, struct load_plan *ret)
{
    autofree(mem_free) char *bytes = NULL;
    char why[LOAD_WHY_BYTES];
    size_t size;
    int r;

    r = read_file(o->trace, &bytes, &size);
    if (r)
        return r;
    r = load_trace_parse((struct slice){ bytes, size }, &o->slice, ret, why);
    if (r == -EINVAL)
        return command_failed("%s: %s", o->trace, why);
    return r ? command_failed("%s: %s", o->trace, strerror(-r)) : COMMAND_OK;
}

static bool rates_of(const struct load_options *o, struct load_piece *piece)
{
    const char *colon;

    if (o->rate) {
        piece->rate_to = 0;
        if (!is_positive(o->rate, rate_max, &piece->rate_from))
            return false;
        piece->rate_to = piece->rate_from;
        return true;
    }
    colon = strchr(o->ramp, ':');
    return colon &&
           in_range((struct slice){ o->ramp, (size_t)(colon - o->ramp) }, rate_max,
                    &piece->rate_from) &&
           in_range(slice_from(colon + 1), rate_max, &piece->rate_to) &&
           piece->rate_from + piece->rate_to > 0;
}

int load_options_plan(const struct load_options *o, struct load_plan *ret_plan)
{
    struct load_piece piece = { .length_s = o->duration_s };

    if (o->trace)
        return plan_trace(o, ret_plan);
    if (!rates_of(o, &piece))
        return options_wrong_value("load", help, o->rate ? "rate" : "ramp",
                                   o->rate ? o->rate : o->ramp);
    if (load_plan_add(ret_plan, piece))
        return command_failed("%s", strerror(ENOMEM));
    return COMMAND_OK;
}

/* --- the target ------------------------------------------------------------------------------- */

static int locate(const struct load_options *o, struct load_target *target)
{
    autobuffer struct buffer url = BUFFER_INIT(8192);
    char why[LOAD_TARGET_WHY_BYTES];
    int r = 0;

    if (o->url) {
        r = buffer_puts(&url, o->url);
    } else {
        r = buffer_printf(&url, "%s/endpoints/", target->access->url);
        if (!r)
            r = url_encode(slice_from(o->endpoint), false, &url);
        if (!r)
            r = buffer_puts(&url, "/invocations");
    }
    if (r || !buffer_cstr(&url))
        return command_failed("the URL is too long");
    if (load_target_locate(target, buffer_cstr(&url), why))
        return command_failed("%s", why);
    return COMMAND_OK;
}

static int load_bodies(const struct load_options *o, struct load_target *target)
{
    const char *path = o->body ? o->body : o->body_lines;
    char *bytes = NULL;
    size_t size = 0;
    int r;

    target->method = path ? "POST" : "GET";
    if (!path)
        return COMMAND_OK;
    r = read_file(path, &bytes, &size);
    if (r)
        return r;
    r = load_target_set_bodies(target, bytes, size, o->body_lines != NULL);
    if (r)
        return command_failed("%s: %s", path, r == -EINVAL ? "no lines" : strerror(-r));
    return COMMAND_OK;
}

int load_options_target(const struct load_options *o, struct load_target *target)
{
    char why[ACCESS_WHY_BYTES];
    int r;

    if ((o->endpoint || o->state) && access_find(o->state, &target->access, why))
        return command_failed("%s", why);
    r = locate(o, target);
    if (r)
        return r;
    target->content_type = strdup(o->content_type);
    if (!target->content_type)
        return command_failed("%s", strerror(ENOMEM));
    return load_bodies(o, target);
}
