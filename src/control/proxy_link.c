#include "control/proxy_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/error.h"
#include "control/link_objects.h"
#include "control/reconcile.h"
#include "control/telemetry.h"
#include "wire/frame.h"
#include "wire/link.h"

enum { READ_BYTES = 64 << 10, BACKLOG_BYTES_MAX = 1 << 20 };

/* One proxy. */
struct peer {
    int fd; /* -1: none is connected */
    struct loop_io io;
    struct buffer in, out;
    bool greeted; /* it said hello and has the snapshot */
    uint64_t acked;
};

struct proxy_link {
    struct control *control;
    struct loop_io listener;
    uint64_t revision;
    struct peer peer;
};

/* --- the connection --------------------------------------------------------------------------- */

static void drop(struct proxy_link *l, const char *why)
{
    struct peer *peer = &l->peer;

    if (peer->fd < 0)
        return;
    log_info(l->control->log, "proxy disconnected", "why=\"%s\"", why);
    loop_io_remove(&peer->io);
    peer->fd = fd_close(peer->fd);
    buffer_deinit(&peer->in);
    buffer_deinit(&peer->out);
    peer->greeted = false;
    peer->acked = 0;
    reconcile_wake(l->control); /* nobody is waited for any more */
}

static void flush(struct proxy_link *l)
{
    struct peer *peer = &l->peer;

    while (buffer_size(&peer->out) > 0) {
        ssize_t n = send(peer->fd, buffer_data(&peer->out), buffer_size(&peer->out),
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            drop(l, strerror(errno));
            return;
        }
        if (n < 0)
            break;
        buffer_consume(&peer->out, (size_t)n);
    }
    if (loop_io_change(&peer->io, LOOP_READ | (buffer_size(&peer->out) > 0 ? LOOP_WRITE : 0)))
        drop(l, "cannot watch the connection");
}

static void say(struct proxy_link *l, const struct link_message *message)
{
    json_t *json = link_message_to_json(message);
    int r = json ? frame_write(&l->peer.out, json) : -ENOMEM;

    json_decref(json);
    /* A proxy that missed a change must not go on as if it had not: it comes back for all. */
    if (r)
        drop(l, r == -ENOBUFS ? "it does not read" : strerror(-r));
    else
        flush(l);
}

static void say_snapshot(struct proxy_link *l)
{
    struct link_message message = { .type = LINK_SNAPSHOT };

    if (link_objects_snapshot(l->control, l->revision, &message.snapshot)) {
        drop(l, "no memory for a snapshot");
        return;
    }
    l->peer.greeted = true;
    /* A snapshot may be as long as a frame; beyond it, only so much waits for a slow reader. */
    l->peer.out.max_bytes = buffer_size(&l->peer.out) + FRAME_BYTES_MAX + sizeof(uint32_t);
    say(l, &message);
    l->peer.out.max_bytes = buffer_size(&l->peer.out) + BACKLOG_BYTES_MAX;
    link_snapshot_deinit(&message.snapshot);
}

/* --- what the proxy says ---------------------------------------------------------------------- */

static void hear_hello(struct proxy_link *l, const struct link_hello *hello)
{
    struct control *c = l->control;

    if (hello->version != LINK_VERSION) {
        log_error(c->log, "proxy speaks another version", "version=%u ours=%d", hello->version,
                  LINK_VERSION);
        drop(l, "another version");
        return;
    }
    log_info(c->log, "proxy connected", "pid=%" PRId64, hello->pid);
    /* It tells anew who is unhealthy. */
    map_for_each (slot, &c->instances)
        reconcile_health(c, slot->key, true);
    say_snapshot(l);
}

static const struct variant *group_variant(const struct control *c, const char *group)
{
    char name[LINK_NAME_BYTES];
    char *slash;
    const struct endpoint *e;

    snprintf(name, sizeof(name), "%s", group);
    slash = strchr(name, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    e = endpoint_find(c, name);
    return e ? endpoint_variant(e, slash + 1) : NULL;
}

static void hear_report(struct proxy_link *l, const struct link_report *report)
{
    struct control *c = l->control;

    for (size_t i = 0; i < report->n_groups && c->telemetry; i++) {
        const struct variant *v = group_variant(c, report->groups[i].id);

        if (v)
            telemetry_report(c->telemetry, v->endpoint->name, v->name, variant_counts(v).in_service,
                             &report->groups[i], loop_wall(c->loop));
    }
}

static void hear_event(struct proxy_link *l, const struct link_event *event)
{
    struct control *c = l->control;

    switch (event->event) {
    case LINK_TARGET_HEALTH:
        reconcile_health(c, event->target, strcmp(event->state, "unhealthy") != 0);
        break;
    case LINK_DRAINED:
        reconcile_drained(c, event->target);
        break;
    case LINK_QUEUE_WAITING:
        log_debug(c->log, "requests wait for capacity", "group=%s", event->group);
        reconcile_wake(c);
        break;
    }
}

static void hear(struct proxy_link *l, const struct link_message *message)
{
    if (message->type != LINK_HELLO && !l->peer.greeted) {
        drop(l, "it did not say hello");
        return;
    }
    switch (message->type) {
    case LINK_HELLO:
        hear_hello(l, &message->hello);
        break;
    case LINK_ACK:
        if (message->ack.revision > l->peer.acked)
            l->peer.acked = message->ack.revision;
        reconcile_wake(l->control);
        break;
    case LINK_REPORT:
        hear_report(l, &message->report);
        break;
    case LINK_EVENT:
        hear_event(l, &message->event);
        break;
    case LINK_SNAPSHOT:
    case LINK_UPDATE:
        drop(l, "it said what only control may say");
        break;
    }
}

static void hear_json(struct proxy_link *l, json_t *json)
{
    autofree(mem_free) struct link_message *message = calloc(1, sizeof(*message));
    int r = message ? link_message_from_json(json, message) : -ENOMEM;

    if (r == LINK_E_UNKNOWN)
        return;
    if (r) {
        drop(l, r == LINK_E_MALFORMED ? "malformed message" : strerror(-r));
        return;
    }
    hear(l, message);
    link_message_deinit(message);
}

static void hear_all(struct proxy_link *l)
{
    json_t *json;
    int r;

    while (l->peer.fd >= 0) {
        r = frame_read(&l->peer.in, &json);
        if (r == FRAME_AGAIN)
            return;
        if (r) {
            drop(l, r == FRAME_E_MALFORMED ? "malformed frame" : strerror(-r));
            return;
        }
        hear_json(l, json);
        json_decref(json);
    }
}

static void read_some(struct proxy_link *l)
{
    struct peer *peer = &l->peer;
    ssize_t n;

    if (buffer_reserve(&peer->in, READ_BYTES)) {
        drop(l, "message too long");
        return;
    }
    n = recv(peer->fd, buffer_tail(&peer->in), READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(l, n == 0 ? "it closed" : strerror(errno));
        return;
    }
    buffer_commit(&peer->in, (size_t)n);
    hear_all(l);
}

static void peer_ready(struct loop_io *io, unsigned events)
{
    struct proxy_link *l = container_of(io, struct proxy_link, peer.io);

    if (events & LOOP_WRITE)
        flush(l);
    if (l->peer.fd >= 0 && events & (LOOP_READ | LOOP_HANGUP))
        read_some(l);
}

static void accept_peer(struct loop_io *io, unsigned events)
{
    struct proxy_link *l = container_of(io, struct proxy_link, listener);
    autofree(fd_close) int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    drop(l, "another one connected");
    l->peer.in = BUFFER_INIT(FRAME_BYTES_MAX + READ_BYTES);
    l->peer.out = BUFFER_INIT(BACKLOG_BYTES_MAX);
    if (loop_io_add(l->control->loop, &l->peer.io, fd, LOOP_READ, peer_ready)) {
        log_error(l->control->log, "cannot watch the proxy's connection");
        return;
    }
    l->peer.fd = fd_steal(&fd);
}

/* --- what control says ------------------------------------------------------------------------ */

static uint64_t say_update(struct proxy_link *l, struct link_message *message)
{
    message->update.revision = l->revision;
    if (l->peer.greeted)
        say(l, message);
    return l->revision;
}

uint64_t proxy_link_endpoint(struct proxy_link *l, const struct endpoint *e)
{
    struct link_message message = { .type = LINK_UPDATE, .update.kind = LINK_ENDPOINT };

    l->revision++;
    snprintf(message.update.id, sizeof(message.update.id), "%s", e->name);
    if (link_objects_endpoint(e, &message.update.endpoint)) {
        drop(l, "no memory for an update");
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
    if (link_objects_target_group(v, &message.update.target_group)) {
        drop(l, "no memory for an update");
        return l->revision;
    }
    say_update(l, &message);
    link_target_group_deinit(&message.update.target_group);
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
    return l->peer.fd >= 0;
}

bool proxy_link_serves(const struct proxy_link *l, uint64_t revision)
{
    return l->peer.fd < 0 || l->peer.acked >= revision;
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
    l->peer.fd = -1;
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
    if (l->peer.fd >= 0) {
        loop_io_remove(&l->peer.io);
        fd_close(l->peer.fd);
    }
    buffer_deinit(&l->peer.in);
    buffer_deinit(&l->peer.out);
    free(l);
    return NULL;
}
