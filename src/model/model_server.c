#include "model/model_server.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mailbox.h"
#include "model/service.h"
#include "net/server.h"

struct model_server;

struct worker {
    struct model_server *owner;
    struct loop *loop;
    struct server *server;
    struct mailbox box;
    struct mail model_mail, drain_mail; /* posted to @box, each at most once */
    struct service service;
    struct ensemble *ensemble; /* loaded by the loader, used after model_mail came */
    int listen_fd;
    pthread_t thread;
    bool started;
    int r; /* of the loop; read after the thread was joined */
};

struct model_server {
    const struct model_server_settings *settings;
    struct log *log;
    struct loop *loop; /* of the main thread: signals and the loader's news */
    struct loop_signal terminate, interrupt;
    struct loop_io local; /* the Unix socket */
    int local_fd;
    unsigned next_worker; /* to get what connects there */
    struct mailbox box;
    struct mail loaded;
    pthread_t loader;
    bool loader_started, loader_done;
    int load_result; /* written by the loader before it posts @loaded */
    struct worker *workers;
    unsigned n_workers;
    atomic_uint n_loaded; /* workers that have the model */
};

/* A connection that a worker is to serve. */
struct newcomer {
    struct mail mail;
    int fd;
};

/* --- requests, on a worker's thread ----------------------------------------------------------- */

static void reply(struct worker *w, struct server_request *request)
{
    struct server_header headers[2];
    struct service_answer answer;
    size_t n = 0;

    w->service.ready = atomic_load(&w->owner->n_loaded) == w->owner->n_workers;
    service_answer(&w->service, server_request_head(request), server_request_body(request),
                   &answer);
    if (answer.content_type)
        headers[n++] = (struct server_header){ "Content-Type", answer.content_type };
    if (answer.allow)
        headers[n++] = (struct server_header){ "Allow", answer.allow };
    server_reply(request, answer.status, headers, n, answer.body);
}

/* A request that waits for --delay to pass. */
struct delayed {
    struct loop_timer timer;
    struct worker *worker;
    struct server_request *request;
};

static void delay_passed(struct loop_timer *timer)
{
    struct delayed *d = container_of(timer, struct delayed, timer);

    reply(d->worker, d->request);
    free(d);
}

static void client_left(void *context)
{
    struct delayed *d = context;

    loop_timer_cancel(&d->timer);
    free(d);
}

static void handle(struct server_request *request, void *context)
{
    struct worker *w = context;
    ms_t delay = w->owner->settings->delay_ms;
    struct delayed *d = NULL;

    if (delay > 0 && slice_is(server_request_head(request)->method, "POST"))
        d = calloc(1, sizeof(*d));
    if (!d) {
        reply(w, request);
        return;
    }
    d->worker = w;
    d->request = request;
    loop_timer_init(w->loop, &d->timer, delay_passed);
    loop_timer_after(&d->timer, delay);
    server_request_on_cancel(request, client_left, d);
}

/* --- workers ---------------------------------------------------------------------------------- */

static void drained(void *context)
{
    struct worker *w = context;

    loop_stop(w->loop);
}

static void worker_news(struct mailbox *box, struct mail *mail)
{
    struct worker *w = container_of(box, struct worker, box);

    if (mail == &w->model_mail) {
        w->service.ensemble = w->ensemble;
        atomic_fetch_add(&w->owner->n_loaded, 1);
    } else if (mail == &w->drain_mail) {
        server_drain(w->server, drained, w);
    } else {
        struct newcomer *n = container_of(mail, struct newcomer, mail);

        server_adopt(w->server, n->fd);
        free(n);
    }
}

static void *work(void *context)
{
    struct worker *w = context;

    w->r = loop_run(w->loop);
    return NULL;
}

static int worker_open(struct model_server *m, struct worker *w, const struct address *address)
{
    const struct model_server_settings *s = m->settings;
    struct server_settings settings = SERVER_SETTINGS_DEFAULT;
    int r;

    w->owner = m;
    settings.body_bytes_max = s->body_bytes_max;
    settings.server_name = "weir-model-server";
    service_init(&w->service, s->standard_answer, s->n_threads, s->body_bytes_max);
    r = address_listen(address, s->n_threads > 1, &w->listen_fd);
    if (!r)
        r = loop_new(clock_real(), &w->loop);
    if (!r)
        r = mailbox_init(&w->box, w->loop, worker_news);
    if (r)
        return r;
    return server_new(w->loop, m->log, w->listen_fd, &settings, handle, w, &w->server);
}

static void worker_close(struct worker *w)
{
    server_free(w->server);
    if (w->box.deliver)
        mailbox_deinit(&w->box);
    loop_free(w->loop);
    ensemble_free(w->ensemble);
    service_deinit(&w->service);
    fd_close(w->listen_fd);
}

static int open_workers(struct model_server *m)
{
    struct address address = m->settings->listen;
    char text[ADDRESS_TEXT_BYTES];
    int r;

    for (unsigned i = 0; i < m->settings->n_threads; i++) {
        m->workers[i].listen_fd = -1;
        m->n_workers++;
        r = worker_open(m, &m->workers[i], &address);
        if (!r && i == 0) /* port 0 has become a real one, for all of them */
            r = address_of(m->workers[0].listen_fd, &address);
        if (r) {
            address_text(&address, text);
            log_error(m->log, "cannot listen", "address=%s why=\"%s\"", text, strerror(-r));
            return r;
        }
    }
    address_text(&address, text);
    log_info(m->log, "listening", "address=%s threads=%u", text, m->n_workers);
    return 0;
}

static int start_workers(struct model_server *m)
{
    for (unsigned i = 0; i < m->n_workers; i++) {
        int r = pthread_create(&m->workers[i].thread, NULL, work, &m->workers[i]);

        if (r) {
            log_error(m->log, "cannot start a thread", "why=\"%s\"", strerror(r));
            return -r;
        }
        m->workers[i].started = true;
    }
    return 0;
}

/* Return: 0, or the first failure among the loops. */
static int stop_workers(struct model_server *m)
{
    int r = 0;

    for (unsigned i = 0; i < m->n_workers; i++) {
        if (m->workers[i].started)
            mailbox_post(&m->workers[i].box, &m->workers[i].drain_mail);
    }
    for (unsigned i = 0; i < m->n_workers; i++) {
        if (!m->workers[i].started)
            continue;
        pthread_join(m->workers[i].thread, NULL);
        r = r ? r : m->workers[i].r;
    }
    return r;
}

/* --- loading, on a thread of its own ---------------------------------------------------------- */

static int load_all(struct model_server *m)
{
    autofree(model_files_free) struct model_files *files = NULL;
    char why[ENSEMBLE_WHY_BYTES] = "out of memory";
    int r;

    r = model_files_read(m->settings->model, m->settings->ensemble, &files, why);
    for (unsigned i = 0; i < m->n_workers && !r; i++)
        r = ensemble_new(files, &m->workers[i].ensemble, why);
    if (r) {
        log_error(m->log, "the model will not load", "why=\"%s\"", why);
        return r > 0 ? -EINVAL : r;
    }
    log_info(m->log, "model loaded", "path=%s files=%zu features=%zu", m->settings->model,
             model_files_count(files), ensemble_features(m->workers[0].ensemble));
    return 0;
}

static void *load(void *context)
{
    struct model_server *m = context;

    m->load_result = load_all(m);
    mailbox_post(&m->box, &m->loaded);
    return NULL;
}

static void loader_news(struct mailbox *box, struct mail *mail)
{
    struct model_server *m = container_of(box, struct model_server, box);

    m->loader_done = true;
    if (m->load_result)
        loop_stop(m->loop);
    for (unsigned i = 0; i < m->n_workers && !m->load_result; i++)
        mailbox_post(&m->workers[i].box, &m->workers[i].model_mail);
}

/* --- the Unix socket, on the main thread ------------------------------------------------------ */

static void hand_over(struct model_server *m, int fd)
{
    struct newcomer *n = malloc(sizeof(*n));

    if (!n) {
        fd_close(fd);
        return;
    }
    n->fd = fd;
    mailbox_post(&m->workers[m->next_worker].box, &n->mail);
    m->next_worker = (m->next_worker + 1) % m->n_workers;
}

static void local_ready(struct loop_io *io, unsigned events)
{
    struct model_server *m = container_of(io, struct model_server, local);
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd >= 0) {
        hand_over(m, fd);
    } else if (errno == EMFILE || errno == ENFILE) {
        /* The socket would stay readable. Whoever wants us there can still take the port. */
        log_warn(m->log, "no longer listening on the Unix socket", "why=\"%s\"", strerror(errno));
        loop_io_remove(io);
        m->local_fd = fd_close(m->local_fd);
    }
}

/* The port is what counts: without the socket the server does its work, too. */
static void open_local(struct model_server *m)
{
    const struct address *address = &m->settings->listen_local;
    char text[ADDRESS_TEXT_BYTES];
    int r;

    if (address->size == 0)
        return;
    address_text(address, text);
    r = address_listen(address, false, &m->local_fd);
    if (!r)
        r = loop_io_add(m->loop, &m->local, m->local_fd, LOOP_READ, local_ready);
    if (r)
        log_warn(m->log, "cannot listen on the Unix socket", "address=%s why=\"%s\"", text,
                 strerror(-r));
    else
        log_info(m->log, "listening as well", "address=%s", text);
}

static void close_local(struct model_server *m)
{
    loop_io_remove(&m->local);
    m->local_fd = fd_close(m->local_fd);
}

/* --- the main thread -------------------------------------------------------------------------- */

static void told_to_terminate(struct loop_signal *signal)
{
    loop_stop(container_of(signal, struct model_server, terminate)->loop);
}

static void told_to_interrupt(struct loop_signal *signal)
{
    loop_stop(container_of(signal, struct model_server, interrupt)->loop);
}

/* Signals are blocked here first, so that every thread started later has them blocked too. */
static int open_main(struct model_server *m)
{
    int r;

    r = loop_new(clock_real(), &m->loop);
    if (!r)
        r = mailbox_init(&m->box, m->loop, loader_news);
    if (!r)
        r = loop_signal_add(m->loop, &m->terminate, SIGTERM, told_to_terminate);
    if (!r)
        r = loop_signal_add(m->loop, &m->interrupt, SIGINT, told_to_interrupt);
    if (r)
        log_error(m->log, "cannot start", "why=\"%s\"", strerror(-r));
    return r;
}

static int start_loader(struct model_server *m)
{
    int r = pthread_create(&m->loader, NULL, load, m);

    if (r) {
        log_error(m->log, "cannot start a thread", "why=\"%s\"", strerror(r));
        return -r;
    }
    m->loader_started = true;
    return 0;
}

static int serve(struct model_server *m)
{
    int r, stopped;

    r = open_workers(m);
    if (!r)
        r = start_workers(m);
    if (!r)
        r = start_loader(m);
    if (!r) {
        open_local(m);
        r = loop_run(m->loop);
        close_local(m);
    }
    stopped = stop_workers(m);
    return r ? r : stopped;
}

static void close_main(struct model_server *m)
{
    if (m->loader_started)
        pthread_join(m->loader, NULL);
    for (unsigned i = 0; i < m->n_workers; i++)
        worker_close(&m->workers[i]);
    free(m->workers);
    if (m->loop) {
        loop_signal_remove(&m->interrupt);
        loop_signal_remove(&m->terminate);
    }
    if (m->box.deliver)
        mailbox_deinit(&m->box);
    loop_free(m->loop);
}

int model_server_run(const struct model_server_settings *settings, struct log *log)
{
    struct model_server m = { .settings = settings, .log = log, .local_fd = -1 };
    int r;

    assert(settings->n_threads >= 1 && settings->n_threads <= MODEL_SERVER_THREADS_MAX);
    m.workers = calloc(settings->n_threads, sizeof(*m.workers));
    if (!m.workers)
        return fault(-ENOMEM);
    r = open_main(&m);
    if (!r)
        r = serve(&m);
    /* A large model cannot be stopped while it loads, and nobody waits for it any more. */
    if (m.loader_started && !m.loader_done)
        _exit(r ? 1 : 0);
    close_main(&m);
    if (!r && m.loader_done)
        r = m.load_result;
    if (!r)
        log_info(log, "stopped", "");
    return r;
}
