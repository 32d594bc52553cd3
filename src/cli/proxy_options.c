#include "cli/proxy_options.h"

#include "cli/command.h"

static const char usage[] =
    "usage: weir proxy --routes FILE [--listen ADDR:PORT] [--threads N] [OPTION...]\n"
    "       weir proxy --listen-fds N,N,.. --api-address ADDRESS --link-address ADDRESS "
    "[OPTION...]\n"
    "\n"
    "With --routes a load balancer on its own, which serves what the file says and reads it again\n"
    "on SIGHUP. Else the data plane of 'weir serve', which starts it: it serves clients on the\n"
    "inherited sockets, one thread each, sends invocations to instances and everything else to\n"
    "the control plane.\n"
    "\n"
    "  --routes FILE          what to serve (JSON)\n"
    "  --listen ADDR:PORT     with --routes: where clients connect (default 127.0.0.1:8080)\n"
    "  --threads N            with --routes: default one for each core\n" TLS_OPTION_USAGE
    "  --tls-listen-fds N,..  listening sockets for TLS, one for each thread\n"
    "  --listen-fds N,N,..    listening sockets, one for each thread\n"
    "  --api-address ADDRESS  the control plane's API, unix:/path\n"
    "  --link-address ADDRESS where the control plane says what to serve, unix:/path\n" FRONT_USAGE
    "  --drain-timeout S      after SIGTERM, seconds for requests to end (default 30)\n"
    "  --hand-over-timeout S  after SIGUSR2, seconds for connections to end (default 600)\n"
    "  --ready-fd N           write a byte there when it serves\n"
    "  --log-level LEVEL      debug, info, warn or error (default info)\n"
    "  --log-format FORMAT    text or json (default text)\n"
    "  --help                 this\n";

enum option_id {
    OPTION_LISTEN_FDS = 256,
    OPTION_TLS_LISTEN_FDS,
    OPTION_ROUTES,
    OPTION_LISTEN,
    OPTION_THREADS,
    OPTION_API_ADDRESS,
    OPTION_LINK_ADDRESS,
    OPTION_DRAIN_TIMEOUT,
    OPTION_HAND_OVER_TIMEOUT,
    OPTION_READY_FD,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
    OPTION_HELP,
};

static const struct option option_table[] = {
    { "listen-fds", required_argument, NULL, OPTION_LISTEN_FDS },
    { "tls-listen-fds", required_argument, NULL, OPTION_TLS_LISTEN_FDS },
    TLS_OPTION_TABLE,
    { "routes", required_argument, NULL, OPTION_ROUTES },
    { "listen", required_argument, NULL, OPTION_LISTEN },
    { "threads", required_argument, NULL, OPTION_THREADS },
    { "api-address", required_argument, NULL, OPTION_API_ADDRESS },
    { "link-address", required_argument, NULL, OPTION_LINK_ADDRESS },
    FRONT_OPTION_ROWS{ "drain-timeout", required_argument, NULL, OPTION_DRAIN_TIMEOUT },
    { "hand-over-timeout", required_argument, NULL, OPTION_HAND_OVER_TIMEOUT },
    { "ready-fd", required_argument, NULL, OPTION_READY_FD },
    { "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
    { "log-format", required_argument, NULL, OPTION_LOG_FORMAT },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static int take(void *context, int id, const char *value)
{
    struct proxy_options *o = context;

    if (front_options_has(id))
        return front_options_take(&o->front, id, value);
    switch (id) {
    case OPTION_ROUTES:
        o->routes = value;
        return 0;
    case OPTION_LISTEN:
        o->listen = value;
        return option_address(value);
    case OPTION_THREADS:
        return option_number(value, 1, PROXY_THREADS_MAX, &o->threads);
    case OPTION_LISTEN_FDS:
        return option_descriptors(value, PROXY_THREADS_MAX, o->listen_fds, &o->n_listen_fds);
    case OPTION_TLS_LISTEN_FDS:
        return option_descriptors(value, PROXY_THREADS_MAX, o->tls_listen_fds,
                                  &o->n_tls_listen_fds);
    case OPTION_API_ADDRESS:
        o->api_address = value;
        return 0;
    case OPTION_LINK_ADDRESS:
        o->link_address = value;
        return 0;
    case OPTION_DRAIN_TIMEOUT:
        return option_seconds(value, 86400, &o->drain_timeout_ms);
    case OPTION_HAND_OVER_TIMEOUT:
        return option_seconds(value, 86400, &o->hand_over_timeout_ms);
    case OPTION_READY_FD:
        return option_descriptor(value, &o->ready_fd);
    case OPTION_LOG_LEVEL:
        return log_level_parse(value, &o->level);
    case OPTION_LOG_FORMAT:
        return option_log_format(value, &o->format);
    }
    return tls_options_take(&o->tls, id, value);
}

static int check_options(const struct proxy_options *o)
{
    bool inherits = o->n_listen_fds || o->n_tls_listen_fds || o->api_address || o->link_address;

    if (o->routes && inherits)
        return command_misused("proxy", "--routes and --listen-fds, --tls-listen-fds, "
                                        "--api-address or --link-address exclude each other");
    if (o->routes)
        return COMMAND_OK;
    if (o->n_tls_listen_fds && o->n_tls_listen_fds != o->n_listen_fds)
        return command_misused("proxy", "--tls-listen-fds and --listen-fds differ in number");
    if (o->tls.listen)
        return command_misused("proxy", "--tls-listen needs --routes");
    if (o->listen || o->threads)
        return command_misused("proxy", "--listen and --threads need --routes");
    if (!o->n_listen_fds || !o->api_address || !o->link_address)
        return command_misused("proxy", "--routes, or --listen-fds, --api-address and "
                                        "--link-address are needed");
    return COMMAND_OK;
}

int proxy_options_read(int argc, char **argv, struct proxy_options *ret)
{
    static const struct option_reader reader = { "proxy", usage, option_table, OPTION_HELP, take };
    int r;

    *ret = (struct proxy_options){ .ready_fd = -1,
                                   .drain_timeout_ms = 30 * MS_PER_S,
                                   .hand_over_timeout_ms = 600 * MS_PER_S,
                                   .level = LOG_INFO };
    front_options_init(&ret->front);
    r = options_read(&reader, argc, argv, ret);
    if (!r)
        r = tls_options_check(&ret->tls, "proxy");
    return r ? r : check_options(ret);
}
