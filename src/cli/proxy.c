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
#include "cli/proxy_options.h"
#include "cli/proxy_routes.h"
#include "proxy/proxy.h"
#include "supervisor/front.h"
#include "supervisor/ready.h"

enum { OWN_FDS = 256 /* loops, mailboxes, health checks, the link */ };

struct program {
    struct proxy_options options;
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
static int listen_on(struct program *p, const char *text, size_t n, int *ret_fds, const char *event)
{
    struct address address;
    char bound[ADDRESS_TEXT_BYTES];
    int r = address_parse(text, &address);

    if (!r)
        r = front_open(&address, n, ret_fds, &address);
    if (r) {
        log_error(&p->log, "cannot listen", "address=%s why=\"%s\"", text, strerror(-r));
        return r;
    }
    address_text(&address, bound);
    log_info(&p->log, event, "address=%s", bound);
    return 0;
}

static size_t choose_threads(const struct proxy_options *o)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (o->threads)
        return o->threads;
    if (cores < 1)
        return 1;
    return cores < PROXY_THREADS_MAX ? (size_t)cores : PROXY_THREADS_MAX;
}

static int listen_for_clients(struct program *p)
{
    struct proxy_options *o = &p->options;
    size_t n = choose_threads(o);
    int r = 0;

    if (o->tls.listen) {
        r = listen_on(p, o->tls.listen, n, o->tls_listen_fds, "listening with TLS");
        if (r)
            return r;
        o->n_tls_listen_fds = n;
    }
    r = listen_on(p, o->listen ? o->listen : "127.0.0.1:8080", n, o->listen_fds, "listening");
    if (r)
        return r;
    o->n_listen_fds = n;
    return 0;
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

static int find_control(const struct proxy_options *o, struct proxy_settings *settings)
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

/* Without a supervisor an interrupt at the terminal is for us. */
static int watch_signals(struct program *p)
{
    const struct {
        struct loop_signal *signal;
        int number;
        void (*caught)(struct loop_signal *signal);
    } watched[] = {
        { &p->term, SIGTERM, terminated },      { &p->hand_over, SIGUSR2, handed_over },
        { &p->hangup, SIGHUP, hung_up },        { &p->reopen, SIGUSR1, reopen_caught },
        { &p->interrupt, SIGINT, interrupted },
    };
    size_t n = sizeof(watched) / sizeof(*watched) - (p->options.routes ? 0 : 1);
    int r = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < n && !r; i++)
        r = loop_signal_add(p->loop, watched[i].signal, watched[i].number, watched[i].caught);
    return r;
}

/* Those of the command line and, alone, of the route file. */
static int use_options(struct program *p, struct proxy_settings *settings)
{
    struct proxy_options *o = &p->options;
    int r = o->routes ? read_file_options(p) : 0;

    if (!r)
        r = choose_io(p);
    if (!r)
        r = o->routes ? listen_for_clients(p) : find_control(o, settings);
    if (r)
        return r;
    settings->listen_fds = o->listen_fds;
    settings->n_workers = o->n_listen_fds;
    settings->tls_listen_fds = o->n_tls_listen_fds ? o->tls_listen_fds : NULL;
    settings->tls = o->tls.settings;
    settings->guard = o->front.guard;
    settings->worker.log = &p->log;
    settings->worker.uses_uring = p->uses_uring;
    settings->worker.connections_max = connections_max(o->n_listen_fds);
    settings->worker.standalone = o->routes;
    settings->worker.peer_style = o->tls.style;
    front_options_apply(&o->front, &settings->worker);
    return 0;
}

static int start(struct program *p)
{
    struct proxy_settings settings = { .served = served,
                                       .context = p,
                                       .worker = WORKER_SETTINGS_DEFAULT };
    int r = use_options(p, &settings);

    if (!r)
        r = loop_new(clock_real(), &p->loop);
    if (!r)
        r = watch_signals(p);
    if (!r)
        r = open_access_log(p);
    settings.worker.access_log = p->access_log;
    if (!r)
        r = proxy_new(p->loop, &settings, &p->proxy);
    if (!r && p->options.routes)
        r = read_routes(p, "stopping");
    return r;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

static void stop(struct program *p)
{
    proxy_free(p->proxy);
    access_log_free(p->access_log);
    json_decref(p->file_options);
    if (p->options.routes) {
        close_all(p->options.listen_fds, p->options.n_listen_fds);
        close_all(p->options.tls_listen_fds, p->options.n_tls_listen_fds);
    }
    if (p->loop) {
        loop_signal_remove(&p->term);
        loop_signal_remove(&p->interrupt);
        loop_signal_remove(&p->hangup);
        loop_signal_remove(&p->hand_over);
        loop_signal_remove(&p->reopen);
    }
    loop_free(p->loop);
}

int command_proxy(int argc, char **argv)
{
    struct program p = { 0 };
    int r = proxy_options_read(argc, argv, &p.options);

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
    stop(&p);
    return r ? COMMAND_FAILED : COMMAND_OK;
}
