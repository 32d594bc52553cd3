/* weir proxy: the data plane as a program. `weir serve` starts it, with a listening socket for each
 * of its threads already open, so that no connect is refused while it is away. With a route file it
 * runs alone, as a plain load balancer. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "cli/command.h"
#include "cli/front_options.h"
#include "cli/options.h"
#include "cli/proxy_routes.h"
#include "cli/tls_options.h"
#include "proxy/proxy.h"
#include "supervisor/front.h"
#include "supervisor/ready.h"

enum {
    WORKERS_MAX = 256,
    OWN_FDS = 256, /* loops, mailboxes, health checks, the link */
};

struct options {
    int listen_fds[WORKERS_MAX];
    size_t n_listen_fds;
    int tls_listen_fds[WORKERS_MAX];
    size_t n_tls_listen_fds; /* 0, or as many as n_listen_fds */
    struct tls_options tls;
    struct front_options front;
    const char *api_address, *link_address;
    const char *routes; /* a file; NULL: control says what to serve */
    const char *listen; /* with routes: NULL for the default */
    size_t threads;     /* with routes: 0 for one each core */
    int ready_fd;
    ms_t drain_timeout_ms, hand_over_timeout_ms;
    enum log_level level;
    enum log_format format;
};

struct program {
    struct options options;
    struct log log;
    struct loop *loop;
    struct proxy *proxy;
    struct access_log *access_log;
    json_t *file_options; /* of the route file; front options point into it */
    struct loop_signal term, interrupt, hangup, hand_over, reopen;
    uint64_t revision; /* of the route file: how often it was read */
    bool uses_uring;
    bool draining;
};

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

/* --- options ---------------------------------------------------------------------------------- */

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
    struct options *o = context;

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
        return option_number(value, 1, WORKERS_MAX, &o->threads);
    case OPTION_LISTEN_FDS:
        return option_descriptors(value, WORKERS_MAX, o->listen_fds, &o->n_listen_fds);
    case OPTION_TLS_LISTEN_FDS:
        return option_descriptors(value, WORKERS_MAX, o->tls_listen_fds, &o->n_tls_listen_fds);
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

static int check_options(const struct options *o)
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

/* Return: COMMAND_OK, COMMAND_USAGE, or -1 after --help. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option_reader reader = { "proxy", usage, option_table, OPTION_HELP, take };
    int r = options_read(&reader, argc, argv, o);

    if (!r)
        r = tls_options_check(&o->tls, "proxy");
    return r ? r : check_options(o);
}

/* --- running ---------------------------------------------------------------------------------- */

static void drained(void *context)
{
    loop_stop(((struct program *)context)->loop);
}

static void served(void *context)
{
    struct program *p = context;

    p->options.ready_fd = ready_tell(p->options.ready_fd);
}

static void end(struct program *p)
{
    if (p->draining) { /* asked twice: at once, then */
        loop_stop(p->loop);
        return;
    }
    p->draining = true;
    log_info(&p->log, "draining", "timeout_ms=%" PRId64, p->options.drain_timeout_ms);
    proxy_drain(p->proxy, false, p->options.drain_timeout_ms, drained, p);
}

/* Another proxy serves the same sockets now: ours end when their clients have heard of it. */
static void handed_over(struct loop_signal *signal)
{
    struct program *p = container_of(signal, struct program, hand_over);

    if (p->draining)
        return;
    log_info(&p->log, "handing over", "timeout_ms=%" PRId64, p->options.hand_over_timeout_ms);
    proxy_drain(p->proxy, true, p->options.hand_over_timeout_ms, drained, p);
}

static void terminated(struct loop_signal *signal)
{
    end(container_of(signal, struct program, term));
}

static void interrupted(struct loop_signal *signal)
{
    end(container_of(signal, struct program, interrupt));
}

/* As many connections as there are descriptors for: each may need one upstream, too. */
static unsigned connections_max(size_t n_workers)
{
    struct rlimit files;

    assert(n_workers > 0);

    if (getrlimit(RLIMIT_NOFILE, &files))
        return WORKER_SETTINGS_DEFAULT.connections_max;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur < 2 * OWN_FDS)
        return 64;
    if (files.rlim_cur > 1 << 20)
        files.rlim_cur = 1 << 20;
    return (unsigned)((files.rlim_cur - OWN_FDS) / 2 / n_workers);
}

/* --- alone ------------------------------------------------------------------------------------ */

/* Return: 0, or why the file is not served, which is logged. */
static int read_routes(struct program *p, const char *then)
{
    char why[PROXY_ROUTES_WHY_BYTES];
    struct link_snapshot s;
    int r = proxy_routes_read(p->options.routes, p->revision + 1, &s, why);

    if (r) {
        log_error(&p->log, "routes not read", "file=%s why=\"%s\" then=\"%s\"", p->options.routes,
                  why, then);
        return r;
    }
    log_info(&p->log, "routes read", "file=%s routes=%zu endpoints=%zu target_groups=%zu",
             p->options.routes, s.n_routes, s.n_endpoints, s.n_target_groups);
    p->revision++;
    proxy_serve(p->proxy, &s);
    return 0;
}

/* Return: 0, or why not, which is logged. */
static int listen_on(struct program *p, const char *text, int *ret_fds, const char *event)
{
    struct address address;
    char bound[ADDRESS_TEXT_BYTES];
    int r = address_parse(text, &address);

    if (!r)
        r = front_open(&address, p->options.n_listen_fds, ret_fds, &address);
    if (r) {
        log_error(&p->log, "cannot listen", "address=%s why=\"%s\"", text, strerror(-r));
        return r;
    }
    address_text(&address, bound);
    log_info(&p->log, event, "address=%s", bound);
    return 0;
}

static int listen_for_clients(struct program *p)
{
    struct options *o = &p->options;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int r;

    o->n_listen_fds = o->threads ? o->threads : cores > 0 ? (size_t)cores : 1;
    if (o->n_listen_fds > WORKERS_MAX)
        o->n_listen_fds = WORKERS_MAX;
    if (o->tls.listen) {
        r = listen_on(p, o->tls.listen, o->tls_listen_fds, "listening with TLS");
        if (r)
            return r;
        o->n_tls_listen_fds = o->n_listen_fds;
    }
    return listen_on(p, o->listen ? o->listen : "127.0.0.1:8080", o->listen_fds, "listening");
}

/* Without a supervisor an interrupt at the terminal is for us. */
static int start_alone(struct program *p)
{
    return loop_signal_add(p->loop, &p->interrupt, SIGINT, interrupted);
}

/* --- life ------------------------------------------------------------------------------------- */

/* Look at the files again. */
static void hung_up(struct loop_signal *signal)
{
    struct program *p = container_of(signal, struct program, hangup);

    if (p->options.routes)
        read_routes(p, "the old routes stay");
    proxy_reload(p->proxy);
}

static void reopen_caught(struct loop_signal *signal)
{
    struct program *p = container_of(signal, struct program, reopen);

    if (p->access_log)
        access_log_reopen(p->access_log);
}

static int find_control(const struct options *o, struct proxy_settings *settings)
{
    int r = address_parse(o->api_address, &settings->worker.api);

    if (!r)
        r = address_parse(o->link_address, &settings->link);
    for (size_t i = 0; i < o->n_listen_fds && !r; i++)
        r = option_inherit(o->listen_fds[i]);
    for (size_t i = 0; i < o->n_tls_listen_fds && !r; i++)
        r = option_inherit(o->tls_listen_fds[i]);
    /* An interrupt at the terminal reaches the whole group; the supervisor decides what ends
     * when. */
    signal(SIGINT, SIG_IGN);
    return r;
}

/* What the route file says of options, but for those that were given. */
static int read_file_options(struct program *p)
{
    char why[PROXY_ROUTES_WHY_BYTES];
    int r = proxy_routes_options(p->options.routes, &p->file_options, why);

    if (!r)
        r = front_options_take_json(&p->options.front, p->file_options, why);
    if (r)
        log_error(&p->log, "routes not read", "file=%s why=\"%s\" then=stopping", p->options.routes,
                  why);
    return r;
}

static int open_access_log(struct program *p)
{
    const struct front_options *f = &p->options.front;
    const struct access_log_settings settings = { .path = f->access_path,
                                                  .fd = f->access_fd,
                                                  .format = f->access_format,
                                                  .slow_ms = f->slow_ms,
                                                  .n_workers = p->options.n_listen_fds,
                                                  .log = &p->log };
    int r;

    if (!f->access_path && f->access_fd < 0 && f->slow_ms == 0)
        return 0;
    r = access_log_new(&settings, &p->access_log);
    if (r)
        log_error(&p->log, "access log not opened", "file=\"%s\" why=\"%s\"",
                  f->access_path ? f->access_path : "", strerror(-r));
    return r;
}

static int choose_io(struct program *p)
{
    const char *why;
    int r = front_options_check_io(&p->options.front, &p->uses_uring, &why);

    if (r)
        log_error(&p->log, "no --io uring", "why=\"%s\"", why);
    return r;
}

static int start(struct program *p)
{
    struct options *o = &p->options;
    int r = o->routes ? read_file_options(p) : 0;
    struct proxy_settings settings = { .listen_fds = o->listen_fds,
                                       .tls = o->tls.settings,
                                       .served = served,
                                       .context = p,
                                       .worker = WORKER_SETTINGS_DEFAULT };

    if (!r)
        r = choose_io(p);
    if (!r && o->routes)
        r = listen_for_clients(p);
    settings.n_workers = o->n_listen_fds;
    settings.tls_listen_fds = o->n_tls_listen_fds ? o->tls_listen_fds : NULL;
    if (r)
        return r;
    settings.worker.log = &p->log;
    settings.worker.uses_uring = p->uses_uring;
    settings.worker.connections_max = connections_max(o->n_listen_fds);
    settings.worker.standalone = o->routes;
    settings.worker.peer_style = o->tls.style;
    settings.guard = o->front.guard;
    front_options_apply(&o->front, &settings.worker);
    if (!o->routes)
        r = find_control(o, &settings);
    if (!r)
        r = loop_new(clock_real(), &p->loop);
    signal(SIGPIPE, SIG_IGN);
    if (!r)
        r = loop_signal_add(p->loop, &p->term, SIGTERM, terminated);
    if (!r)
        r = loop_signal_add(p->loop, &p->hand_over, SIGUSR2, handed_over);
    if (!r)
        r = loop_signal_add(p->loop, &p->hangup, SIGHUP, hung_up);
    if (!r)
        r = loop_signal_add(p->loop, &p->reopen, SIGUSR1, reopen_caught);
    if (!r && o->routes)
        r = start_alone(p);
    if (!r)
        r = open_access_log(p);
    settings.worker.access_log = p->access_log;
    if (!r)
        r = proxy_new(p->loop, &settings, &p->proxy);
    if (r)
        return fault(r);
    return o->routes ? read_routes(p, "stopping") : 0;
}

int command_proxy(int argc, char **argv)
{
    struct program p = { .options = { .ready_fd = -1,
                                      .drain_timeout_ms = 30 * MS_PER_S,
                                      .hand_over_timeout_ms = 600 * MS_PER_S,
                                      .level = LOG_INFO } };
    int r;

    front_options_init(&p.options.front);
    r = read_options(argc, argv, &p.options);
    if (r)
        return r < 0 ? COMMAND_OK : r;
    p.log = (struct log){ .fd = STDERR_FILENO,
                          .level = p.options.level,
                          .format = p.options.format,
                          .program = "proxy",
                          .clock = clock_real() };
    r = start(&p);
    if (!r) {
        log_info(&p.log, "serving", "threads=%zu io=%s", p.options.n_listen_fds,
                 p.uses_uring ? "uring" : "epoll");
        r = loop_run(p.loop);
    }
    if (r)
        log_error(&p.log, "cannot go on", "why=\"%s\"", strerror(-r));
    else
        log_info(&p.log, "stopped", "");
    proxy_free(p.proxy);
    access_log_free(p.access_log);
    json_decref(p.file_options);
    for (size_t i = 0; p.options.routes && i < p.options.n_listen_fds; i++)
        close(p.options.listen_fds[i]);
    for (size_t i = 0; p.options.routes && i < p.options.n_tls_listen_fds; i++)
        close(p.options.tls_listen_fds[i]);
    if (p.loop) {
        loop_signal_remove(&p.term);
        loop_signal_remove(&p.interrupt);
        loop_signal_remove(&p.hangup);
        loop_signal_remove(&p.hand_over);
        loop_signal_remove(&p.reopen);
    }
    loop_free(p.loop);
    return r ? COMMAND_FAILED : COMMAND_OK;
}
