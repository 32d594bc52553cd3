#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "access/log.h"
#include "base/error.h"
#include "proxy/downstream.h"
#include "proxy/exchange.h"
#include "proxy/lease.h"
#include "proxy/leaving.h"
#include "proxy/place.h"
#include "proxy/upstream_h2.h"

enum {
    ACCEPTS_MAX = 64, /* in one turn, so that running requests get their share */
    TICK_MS = 1000,
};

/* --- accepting -------------------------------------------------------------------------------- */

static void shed(int fd, const char *why)
{
    char answer[512], request[4096];
    int n = snprintf(answer, sizeof(answer),
                     "HTTP/1.1 503 Service Unavailable\r\n"
                     "x-amzn-ErrorType: ServiceUnavailable\r\n"
                     "Content-Type: application/json\r\n"
                     "Content-Length: %zu\r\n"
                     "Retry-After: 1\r\n"
                     "Connection: close\r\n\r\n"
                     "{\"message\":\"%s\"}",
                     strlen("{\"message\":\"\"}") + strlen(why), why);

    /* Closing over an unread request would take the answer back: see linger() in downstream.c. */
    recv(fd, request, sizeof(request), 0);
    if (send(fd, answer, (size_t)n, MSG_NOSIGNAL) > 0)
        shutdown(fd, SHUT_WR);
    fd_close(fd);
}

/* Return: NULL, or why the client cannot be served, and then @fd is still open. */
static const char *admit(struct worker *w, int fd, const struct address *peer,
                         struct tls_server *tls)
{
    struct guard *guard = w->settings->guard;
    struct guard_pass pass;

    if (w->n_connections >= w->settings->connections_max) {
        guard_note_full(guard);
        return "Too many connections.";
    }
    switch (guard_admit(guard, peer, loop_now_us(w->loop), &pass)) {
    case 0:
        break;
    case GUARD_E_CLIENT_FULL:
        return "Too many connections from your address.";
    case GUARD_E_MEMORY:
        return "The server is short of memory.";
    default:
        return "Too many connections.";
    }
    if (!downstream_new(w, fd, tls, &pass))
        return NULL;
    guard_leave(guard, &pass);
    return "The server is short of memory.";
}

/* @tls: NULL for plain connections. */
static void accept_clients(struct worker *w, struct loop_io *io, struct tls_server *tls)
{
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct address peer = { .size = sizeof(peer.storage) };
        int fd = accept4(io->fd, &peer.any, &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        const char *why;

        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
            continue;
        if (fd < 0) {
            /* Out of descriptors or memory: the socket stays readable, so look away until the next
             * tick instead of spinning. */
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                loop_io_remove(io);
            return;
        }
        why = admit(w, fd, &peer, tls);
        if (why && tls)
            fd_close(fd); /* we have not agreed how to say so */
        else if (why)
            shed(fd, why);
    }
}

static void listen_ready(struct loop_io *io, unsigned events)
{
    (void)events;
    accept_clients(container_of(io, struct worker, listen), io, NULL);
}

static void tls_listen_ready(struct loop_io *io, unsigned events)
{
    struct worker *w = container_of(io, struct worker, tls_listen);
    (void)events;

    accept_clients(w, io, w->tls);
}

/* Before there is a route, clients wait in the kernel's queue: a proxy that was just started has no
 * answer for them, and control will tell it what to serve in a moment. But not for ever. */
static bool has_answers(const struct worker *w)
{
    return w->lease || loop_now(w->loop) - w->begun >= w->settings->first_route_ms;
}

static void listen_if_due(struct worker *w)
{
    if (w->draining || !has_answers(w))
        return;
    if (!w->listen.loop)
        loop_io_add(w->loop, &w->listen, w->listen_fd, LOOP_READ, listen_ready);
    if (!w->tls_listen.loop && w->tls)
        loop_io_add(w->loop, &w->tls_listen, w->tls_listen_fd, LOOP_READ, tls_listen_ready);
}

static void tick(struct loop_timer *timer)
{
    struct worker *w = container_of(timer, struct worker, tick);

    map_for_each (slot, &w->pools) {
        upstream_evict(slot->value, loop_now(w->loop) - w->settings->upstream_idle_ms);
    }
    listen_if_due(w);
    loop_timer_after(&w->tick, TICK_MS);
}

/* --- mail ------------------------------------------------------------------------------------- */

static void finish_draining(struct worker *w)
{
    if (w->draining && w->n_connections == 0 && w->drained.worker) {
        w->drained.worker = NULL; /* said once */
        mailbox_post(w->main, &w->drained.mail);
    }
}

/* Idle connections of a patient drain stay: a client may be sending its next request just now, and
 * closing would lose that. They end with its answer, or when they have been idle for too long. */
static void start_draining(struct worker *w, bool patient)
{
    w->draining = true;
    w->impatient = w->impatient || !patient;
    loop_io_remove(&w->listen);
    loop_io_remove(&w->tls_listen);
    list_for_each_safe (c, &w->connections, struct downstream, link) {
        if (!patient || c->is_h2) /* HTTP/2 has words for it that lose nothing */
            downstream_drain(c);
    }
    finish_draining(w);
}

void worker_connection_closed(struct worker *w)
{
    assert(w->n_connections > 0);
    w->n_connections--;
    finish_draining(w);
}

/* A load balancer before us is one client: its fields are the same each time. */
const char *worker_forwarded(struct worker *w, const struct guard_pass *pass)
{
    const struct network_address *client = pass->is_ip ? &pass->address : NULL;

    if (buffer_size(&w->forwarded) > 0 && client &&
        memcmp(&w->forwarded_for, client, sizeof(*client)) == 0)
        return buffer_data(&w->forwarded);
    buffer_clear(&w->forwarded);
    if (peer_write_forwarded(client, w->listen_port, &w->forwarded))
        return NULL;
    w->forwarded_for = client ? *client : (struct network_address){ 0 };
    return buffer_cstr(&w->forwarded);
}

static void collect(struct worker *w, struct message *m)
{
    nonsense_move(&w->nonsense_told, &w->nonsense);
    map_for_each (slot, &w->groups) {
        struct worker_group *g = slot->value;
        struct stats *empty = list_first_entry(&m->empty, struct stats, link);

        if (!g->stats->touched)
            continue;
        if (!empty && !(empty = stats_new()))
            continue; /* no memory: the counts go out with a later report */
        list_remove(&empty->link);
        stats_reset(empty, g->id);
        list_push_back(&m->full, &g->stats->link);
        g->stats = empty;
    }
    mailbox_post(w->main, &m->mail);
}

/* --- those who waited ------------------------------------------------------------------------- */

/* Any thread. */
static void wake_for_granted(struct queue_port *port)
{
    struct worker *w = container_of(port, struct worker, port);

    if (!atomic_exchange(&w->granting, true))
        mailbox_post(&w->box, &w->granted.mail);
}

static void take_granted(struct loop_task *task)
{
    struct worker *w = container_of(task, struct worker, take_granted);
    struct queue_entry *e;

    while ((e = queue_granted(&w->port)))
        place_granted(container_of(e, struct exchange, queued));
}

/* What is granted to our own requests is taken at the end of the turn: whoever frees a slot is in
 * the middle of something. */
void worker_dispatch(struct worker *w, const struct route_group *group)
{
    if (queue_dispatch(group, &w->port, &w->random, loop_now(w->loop)))
        loop_defer(w->loop, &w->take_granted);
}

void worker_tell_waiting(struct worker *w)
{
    if (!atomic_exchange(&w->telling, true))
        mailbox_post(w->main, &w->waiting.mail);
}

/* --- mail, on both sides ---------------------------------------------------------------------- */

static void serve(struct worker *w, struct message *m)
{
    struct route *route = steal(m->route);
    int r = lease_install(w, route);

    if (r) {
        /* Serving the old route is better than none; control hears no ack for this one. */
        log_error(w->settings->log, "route not installed", "worker=%u error=\"%s\"", w->index,
                  strerror(-r));
        m->serial = 0;
    }
    route_unref(route);
    listen_if_due(w);
    mailbox_post(w->main, &m->mail);
}

static void deliver(struct mailbox *box, struct mail *mail)
{
    struct worker *w = container_of(box, struct worker, box);
    struct message *m = container_of(mail, struct message, mail);

    if (w->stopping) { /* too late for anything but to let go of what it carries */
        if (m->kind == MESSAGE_ROUTE || m->kind == MESSAGE_TLS) {
            route_unref(m->route);
            tls_server_unref(m->tls);
            free(m);
        }
        return;
    }
    switch (m->kind) {
    case MESSAGE_TLS:
        tls_server_unref(w->tls);
        w->tls = steal(m->tls);
        free(m);
        break;
    case MESSAGE_ROUTE:
        serve(w, m);
        break;
    case MESSAGE_COLLECT:
        collect(w, m);
        break;
    case MESSAGE_WAKE:
        atomic_store(&w->woken, false);
        lease_cut(w);
        break;
    case MESSAGE_GRANTED:
        atomic_store(&w->granting, false);
        take_granted(&w->take_granted);
        break;
    case MESSAGE_WAITING: /* never sent to us */
        break;
    case MESSAGE_HAND_OVER:
    case MESSAGE_DRAIN:
        start_draining(w, m->kind == MESSAGE_HAND_OVER);
        break;
    case MESSAGE_DRAINED:
        break; /* never comes here */
    case MESSAGE_STOP:
        w->stopping = true;
        loop_stop(w->loop);
        break;
    }
}

int worker_serve(struct worker *w, struct route *route)
{
    struct message *m = calloc(1, sizeof(*m));

    if (!m)
        return -ENOMEM;
    m->kind = MESSAGE_ROUTE;
    m->worker = w;
    m->serial = route->serial;
    m->revision = route->revision;
    m->route = route_ref(route);
    mailbox_post(&w->box, &m->mail);
    return 0;
}

int worker_show(struct worker *w, struct tls_server *tls)
{
    struct message *m = calloc(1, sizeof(*m));

    if (!m)
        return -ENOMEM;
    m->kind = MESSAGE_TLS;
    m->tls = tls_server_ref(tls);
    mailbox_post(&w->box, &m->mail);
    return 0;
}

void worker_wake(struct worker *w)
{
    if (!atomic_exchange(&w->woken, true))
        mailbox_post(&w->box, &w->wake.mail);
}

void worker_drain(struct worker *w, bool patient)
{
    mailbox_post(&w->box, patient ? &w->hand_over.mail : &w->drain.mail);
}

/* --- life ------------------------------------------------------------------------------------- */

static void close_everything(struct worker *w)
{
    w->stopping = true; /* also when its loop has failed: nobody goes on without a client */
    loop_io_remove(&w->listen);
    loop_io_remove(&w->tls_listen);
    list_for_each_safe (c, &w->connections, struct downstream, link) {
        downstream_kill(c);
    }
    leaving_end_all(w);
    lease_drop_all(w);
    h2_upstream_close_all(w);
    morgue_deinit(&w->morgue);
    wheel_deinit(&w->deadlines);
}

/* Without it a worker does the same work, at more cost. */
static void choose_io(struct worker *w)
{
    int r = w->settings->uses_uring ? stream_engine_use_batches(&w->streams) : 0;

    if (r)
        log_warn(w->settings->log, "no io_uring", "worker=%u error=\"%s\" then=epoll", w->index,
                 strerror(-r));
}

static void *run(void *context)
{
    struct worker *w = context;
    int r;

    choose_io(w);
    do {
        r = loop_run(w->loop);
    } while (r == 0 && !w->stopping);
    if (r)
        log_error(w->settings->log, "worker ended", "worker=%u error=\"%s\"", w->index,
                  strerror(-r));
    close_everything(w);
    return NULL;
}

static void message_init(struct message *m, struct worker *w, enum message_kind kind)
{
    *m = (struct message){ .kind = kind, .worker = w };
    list_init(&m->empty);
    list_init(&m->full);
}

static void free_stats(struct list *list)
{
    struct stats *s;

    while ((s = list_first_entry(list, struct stats, link))) {
        list_remove(&s->link);
        free(s);
    }
}

struct worker *worker_free(struct worker *w)
{
    if (!w)
        return NULL;
    w->stopping = true;
    mailbox_deinit(&w->box);
    free_stats(&w->collect.empty);
    free_stats(&w->collect.full);
    loop_timer_cancel(&w->tick);
    loop_task_cancel(&w->take_granted);
    queue_port_deinit(&w->port);
    exchange_free_unused(w);
    map_deinit(&w->groups);
    map_deinit(&w->pools);
    buffer_deinit(&w->text);
    buffer_deinit(&w->forwarded);
    explicit_bzero(&w->keys, sizeof(w->keys));
    stream_engine_deinit(&w->streams);
    tls_io_deinit(&w->tls_io);
    tls_server_unref(w->tls);
    loop_free(w->loop);
    free(w);
    return NULL;
}

static void read_own_address(struct worker *w)
{
    struct address a;

    if (address_of(w->listen_fd, &a))
        return;
    w->listens_locally = a.any.sa_family == AF_UNIX;
    w->listen_port = address_port(&a);
}

static int worker_new(unsigned index, const struct worker_sockets *sockets,
                      const struct worker_settings *settings, struct mailbox *main,
                      struct worker **ret_worker)
{
    autofree(worker_free) struct worker *w = calloc(1, sizeof(*w));
    uint64_t seed;
    int r;

    if (!w)
        return -ENOMEM;
    random_secret(&seed, sizeof(seed));
    random_init(&w->random, seed);
    map_init(&w->groups, seed);
    map_init(&w->pools, seed);
    w->index = index;
    w->settings = settings;
    w->main = main;
    w->listen_fd = sockets->plain;
    read_own_address(w);
    w->tls_listen_fd = sockets->tls;
    if (sockets->tls >= 0)
        w->tls = tls_server_ref(sockets->server);
    if (settings->access_log)
        w->access = access_log_ring(settings->access_log, index);
    w->text = BUFFER_INIT(1 << 20);
    w->forwarded = BUFFER_INIT(1024);
    list_init(&w->sessions);
    list_init(&w->connections);
    list_init(&w->exchanges);
    list_init(&w->leavers);
    message_init(&w->wake, w, MESSAGE_WAKE);
    message_init(&w->granted, w, MESSAGE_GRANTED);
    message_init(&w->waiting, w, MESSAGE_WAITING);
    queue_port_init(&w->port, wake_for_granted);
    loop_task_init(&w->take_granted, take_granted);
    message_init(&w->collect, w, MESSAGE_COLLECT);
    message_init(&w->hand_over, w, MESSAGE_HAND_OVER);
    message_init(&w->drain, w, MESSAGE_DRAIN);
    message_init(&w->drained, w, MESSAGE_DRAINED);
    message_init(&w->stop, w, MESSAGE_STOP);
    r = loop_new(clock_real(), &w->loop);
    if (!r)
        r = stream_engine_init(&w->streams, w->loop);
    if (!r && w->tls)
        r = tls_io_init(&w->tls_io);
    if (!r)
        r = mailbox_init(&w->box, w->loop, deliver);
    if (r)
        return r;
    w->begun = loop_now(w->loop);
    morgue_init(&w->morgue, w->loop);
    wheel_init(&w->deadlines, w->loop, downstream_due);
    loop_timer_init(w->loop, &w->tick, tick);
    loop_timer_after(&w->tick, TICK_MS);
    *ret_worker = steal(w);
    return 0;
}

int worker_start(unsigned index, const struct worker_sockets *sockets,
                 const struct worker_settings *settings, struct mailbox *main,
                 struct worker **ret_worker)
{
    autofree(worker_free) struct worker *w = NULL;
    int r;

    r = worker_new(index, sockets, settings, main, &w);
    if (r)
        return r;
    r = pthread_create(&w->thread, NULL, run, w);
    if (r)
        return fault(-r);
    *ret_worker = steal(w);
    return 0;
}

void worker_stop(struct worker *w)
{
    mailbox_post(&w->box, &w->stop.mail);
    pthread_join(w->thread, NULL);
}
