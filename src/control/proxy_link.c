#include "control/proxy_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/error.h"
#include "control/instance.h"
#include "control/key.h"
#include "control/link_objects.h"
#include "control/link_report.h"
#include "control/reconcile.h"
#include "wire/frame.h"
#include "wire/link.h"

/* Two proxies are linked while one hands over to the other; more when several upgrades come one
 * after another and old connections last. */
enum { READ_BYTES = 64 << 10, BACKLOG_BYTES_MAX = 1 << 20, PEERS_MAX = 10 };

/* One proxy. */
struct peer {
    struct proxy_link *link;
    unsigned index;
    int fd; /* -1: none is connected */
    struct loop_io io;
    struct buffer in, out;
    bool greeted;   /* it said hello and has the snapshot */
    uint64_t since; /* counts connections: the newest has the greatest */
    uint64_t acked;
    wall_ms_t second; /* that its last report was of; 0: none yet */
};

struct proxy_link {
    struct control *control;
    struct loop_io listener;
    uint64_t revision;
    uint64_t connections; /* so far */
    struct peer peers[PEERS_MAX];
};

#define for_each_peer(p, l) for (struct peer *p = (l)->peers; p < (l)->peers + PEERS_MAX; p++)

/* --- the connection --------------------------------------------------------------------------- */

/* An instance that drains is done when every proxy has said so. */
static void judge_drained(struct proxy_link *l, struct instance *i)
{
    if (!i->drained_by)
        return;
    for_each_peer(p, l) if (p->greeted && !(i->drained_by & 1U << p->index)) return;
    reconcile_drained(l->control, i->id);
}

static void forget_drained(struct proxy_link *l, const struct peer *peer)
{
    map_for_each (slot, &l->control->instances) {
        struct instance *i = slot->value;

        i->drained_by &= ~(1U << peer->index);
        judge_drained(l, i);
    }
}

static void drop(struct peer *peer, const char *why)
{
    struct control *c = peer->link->control;

    if (peer->fd < 0)
        return;
    log_info(c->log, "proxy disconnected", "why=\"%s\"", why);
    loop_io_remove(&peer->io);
    peer->fd = fd_close(peer->fd);
    buffer_deinit(&peer->in);
    buffer_deinit(&peer->out);
    peer->greeted = false;
    peer->acked = 0;
    peer->second = 0;
    forget_drained(peer->link, peer);
    reconcile_wake(c); /* it is not waited for any more */
}

static void flush(struct peer *peer)
{
    while (buffer_size(&peer->out) > 0) {
        ssize_t n = send(peer->fd, buffer_data(&peer->out), buffer_size(&peer->out),
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            drop(peer, strerror(errno));
            return;
        }
        if (n < 0)
            break;
        buffer_consume(&peer->out, (size_t)n);
    }
    if (loop_io_change(&peer->io, LOOP_READ | (buffer_size(&peer->out) > 0 ? LOOP_WRITE : 0)))
        drop(peer, "cannot watch the connection");
}

static void say(struct peer *peer, const struct link_message *message)
{
    json_t *json = link_message_to_json(message);
    int r = json ? frame_write(&peer->out, json) : -ENOMEM;

    json_decref(json);
    /* A proxy that missed a change must not go on as if it had not: it comes back for all. */
    if (r)
        drop(peer, r == -ENOBUFS ? "it does not read" : strerror(-r));
    else
        flush(peer);
}

static void say_snapshot(struct peer *peer)
{
    struct link_message message = { .type = LINK_SNAPSHOT };
    struct proxy_link *l = peer->link;

    if (link_objects_snapshot(l->control, l->revision, &message.snapshot)) {
        drop(peer, "no memory for a snapshot");
        return;
    }
    peer->greeted = true;
    /* A snapshot may be as long as a frame; beyond it, only so much waits for a slow reader. */
    peer->out.max_bytes = buffer_size(&peer->out) + FRAME_BYTES_MAX + sizeof(uint32_t);
    say(peer, &message);
    peer->out.max_bytes = buffer_size(&peer->out) + BACKLOG_BYTES_MAX;
    link_snapshot_deinit(&message.snapshot);
}

/* --- what the proxies say --------------------------------------------------------------------- */

/* The one that serves what comes: the others are on their way out. */
static bool is_newest(const struct peer *peer)
{
    for_each_peer(p, peer->link) if (p->greeted && p->since > peer->since) return false;
    return true;
}

static void hear_hello(struct peer *peer, const struct link_hello *hello)
{
    struct control *c = peer->link->control;

    if (hello->version != LINK_VERSION) {
        log_error(c->log, "proxy speaks another version", "version=%u ours=%d", hello->version,
                  LINK_VERSION);
        drop(peer, "another version");
        return;
    }
    log_info(c->log, "proxy connected", "pid=%" PRId64, hello->pid);
    /* It tells anew who is unhealthy. */
    map_for_each (slot, &c->instances)
        reconcile_health(c, slot->key, true);
    say_snapshot(peer);
}

static void hear_report(struct peer *peer, struct link_report *report)
{
    struct control *c = peer->link->control;

    peer->second = link_report_second(report, loop_wall(c->loop), peer->second);
    link_report_hear(c, report, peer->second, is_newest(peer));
}

static void hear_drained(struct peer *peer, const char *id)
{
    struct instance *i = instance_find(peer->link->control, id);

    if (!i || i->state != INSTANCE_DRAINING)
        return;
    i->drained_by |= 1U << peer->index;
    judge_drained(peer->link, i);
}

static void hear_event(struct peer *peer, const struct link_event *event)
{
    struct control *c = peer->link->control;

    switch (event->event) {
    case LINK_TARGET_HEALTH:
        if (is_newest(peer))
            reconcile_health(c, event->target, strcmp(event->state, "unhealthy") != 0);
        break;
    case LINK_DRAINED:
        hear_drained(peer, event->target);
        break;
    case LINK_QUEUE_WAITING:
        link_report_waiting(c, event);
        break;
    }
}

static void hear(struct peer *peer, struct link_message *message)
{
    if (message->type != LINK_HELLO && !peer->greeted) {
        drop(peer, "it did not say hello");
        return;
    }
    switch (message->type) {
    case LINK_HELLO:
        hear_hello(peer, &message->hello);
        break;
    case LINK_ACK:
        if (message->ack.revision > peer->acked)
            peer->acked = message->ack.revision;
        reconcile_wake(peer->link->control);
        break;
    case LINK_REPORT:
        hear_report(peer, &message->report);
        break;
    case LINK_EVENT:
        hear_event(peer, &message->event);
        break;
    case LINK_SNAPSHOT:
    case LINK_UPDATE:
        drop(peer, "it said what only control may say");
        break;
    }
}

static void hear_json(struct peer *peer, json_t *json)
{
    autofree(mem_free) struct link_message *message = calloc(1, sizeof(*message));
    int r = message ? link_message_from_json(json, message) : -ENOMEM;

    if (r == LINK_E_UNKNOWN)
        return;
    if (r) {
        drop(peer, r == LINK_E_MALFORMED ? "malformed message" : strerror(-r));
        return;
    }
    hear(peer, message);
    link_message_deinit(message);
}

static void hear_all(struct peer *peer)
{
    json_t *json;
    int r;

    while (peer->fd >= 0) {
        r = frame_read(&peer->in, &json);
        if (r == FRAME_AGAIN)
            return;
        if (r) {
            drop(peer, r == FRAME_E_MALFORMED ? "malformed frame" : strerror(-r));
            return;
        }
        hear_json(peer, json);
        json_decref(json);
    }
}

static void read_some(struct peer *peer)
{
    ssize_t n;

    if (buffer_reserve(&peer->in, READ_BYTES)) {
        drop(peer, "message too long");
        return;
    }
    n = recv(peer->fd, buffer_tail(&peer->in), READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(peer, n == 0 ? "it closed" : strerror(errno));
        return;
    }
    buffer_commit(&peer->in, (size_t)n);
    hear_all(peer);
}

static void peer_ready(struct loop_io *io, unsigned events)
{
    struct peer *peer = container_of(io, struct peer, io);

    if (events & LOOP_WRITE)
        flush(peer);
    if (peer->fd >= 0 && events & (LOOP_READ | LOOP_HANGUP))
        read_some(peer);
}

/* A place for one more: with all taken, that of the oldest. */
static struct peer *free_place(struct proxy_link *l)
{
    struct peer *oldest = l->peers;

    for_each_peer(p, l)
    {
        if (p->fd < 0)
            return p;
        if (p->since < oldest->since)
            oldest = p;
    }
    drop(oldest, "too many others connected");
    return oldest;
}

static void accept_peer(struct loop_io *io, unsigned events)
{
    struct proxy_link *l = container_of(io, struct proxy_link, listener);
    autofree(fd_close) int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct peer *peer;

    (void)events;
    if (fd < 0)
        return;
    peer = free_place(l);
    peer->in = BUFFER_INIT(FRAME_BYTES_MAX + READ_BYTES);
    peer->out = BUFFER_INIT(BACKLOG_BYTES_MAX);
    peer->since = ++l->connections;
    if (loop_io_add(l->control->loop, &peer->io, fd, LOOP_READ, peer_ready)) {
        log_error(l->control->log, "cannot watch the proxy's connection");
        return;
    }
    peer->fd = fd_steal(&fd);
}

/* --- what control says ------------------------------------------------------------------------ */

static uint64_t say_update(struct proxy_link *l, struct link_message *message)
{
    message->update.revision = l->revision;
    for_each_peer(p, l) if (p->greeted) say(p, message);
    return l->revision;
}

static void drop_all(struct proxy_link *l, const char *why)
{
    for_each_peer(p, l) drop(p, why);
}

uint64_t proxy_link_endpoint(struct proxy_link *l, const struct endpoint *e)
{
    struct link_message message = { .type = LINK_UPDATE, .update.kind = LINK_ENDPOINT };

    l->revision++;
    snprintf(message.update.id, sizeof(message.update.id), "%s", e->name);
    if (link_objects_endpoint(e, &message.update.endpoint)) {
        drop_all(l, "no memory for an update");
        return l->revision;
    }
    say_update(l, &message);
    link_endpoint_deinit(&message.update.endpoint);
    return l->revision;
}

uint64_t proxy_link_target_group(struct proxy_link *l, const struct variant *v)
{
    struct link_message message = { .type = LINK_UPDATE, .update.kind = LINK_TARGET_GROUP };

    l->revision++;
    variant_group(v, message.update.id);
    if (link_objects_target_group(l->control, v, &message.update.target_group)) {
        drop_all(l, "no memory for an update");
        return l->revision;
    }
    say_update(l, &message);
    link_target_group_deinit(&message.update.target_group);
    return l->revision;
}

uint64_t proxy_link_key(struct proxy_link *l, const struct key *k)
{
    struct link_message message = { .type = LINK_UPDATE, .update.kind = LINK_CREDENTIAL };

    l->revision++;
    snprintf(message.update.id, sizeof(message.update.id), "%s", k->id);
    link_objects_key(k, &message.update.credential);
    say_update(l, &message);
    explicit_bzero(&message.update.credential, sizeof(message.update.credential));
    return l->revision;
}

static uint64_t say_removed(struct proxy_link *l, enum link_kind kind, const char *id)
{
    struct link_message message = {
        .type = LINK_UPDATE,
        .update = { .kind = kind, .removed = true },
    };

    l->revision++;
    snprintf(message.update.id, sizeof(message.update.id), "%s", id);
    return say_update(l, &message);
}

uint64_t proxy_link_no_key(struct proxy_link *l, const char *id)
{
    return say_removed(l, LINK_CREDENTIAL, id);
}

uint64_t proxy_link_no_endpoint(struct proxy_link *l, const char *name)
{
    return say_removed(l, LINK_ENDPOINT, name);
}

uint64_t proxy_link_no_target_group(struct proxy_link *l, const char *group)
{
    return say_removed(l, LINK_TARGET_GROUP, group);
}

bool proxy_link_connected(const struct proxy_link *l)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (l->peers[i].fd >= 0)
            return true;
    return false;
}

bool proxy_link_serves(const struct proxy_link *l, uint64_t revision)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (l->peers[i].greeted && l->peers[i].acked < revision)
            return false;
    return true;
}

/* --- life ------------------------------------------------------------------------------------- */

int proxy_link_new(struct control *c, struct proxy_link **ret)
{
    struct proxy_link *l = calloc(1, sizeof(*l));

    if (!l)
        return fault(-ENOMEM);
    l->control = c;
    /* Counting on from the calendar, revisions grow across restarts too. */
    l->revision = (uint64_t)loop_wall(c->loop);
    for (unsigned i = 0; i < PEERS_MAX; i++)
        l->peers[i] = (struct peer){ .link = l, .index = i, .fd = -1 };
    *ret = l;
    return 0;
}

int proxy_link_open(struct proxy_link *l, int listen_fd)
{
    return fault(loop_io_add(l->control->loop, &l->listener, listen_fd, LOOP_READ, accept_peer));
}

struct proxy_link *proxy_link_free(struct proxy_link *l)
{
    if (!l)
        return NULL;
    loop_io_remove(&l->listener);
    for_each_peer(p, l)
    {
        if (p->fd < 0)
            continue;
        loop_io_remove(&p->io);
        fd_close(p->fd);
        buffer_deinit(&p->in);
        buffer_deinit(&p->out);
    }
    free(l);
    return NULL;
}
