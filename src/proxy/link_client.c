#include "proxy/link_client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "wire/frame.h"

enum {
    BACKOFF_FIRST_MS = 20,
    BACKOFF_MAX_MS = 1000,
    OUT_BYTES_MAX = 16 << 20,
    READ_BYTES = 64 << 10,
};

struct link_client {
    struct loop *loop;
    struct log *log;
    struct address address;
    struct link_client_events events;
    int fd; /* -1: not connected */
    struct loop_io io;
    struct loop_timer again;
    ms_t backoff_ms;
    bool said_lost; /* one line for each outage, not for each attempt */
    struct buffer in, out;
};

static void lose(struct link_client *c, const char *why)
{
    if (!c->said_lost)
        log_warn(c->log, "no link to control", "why=\"%s\" serving=\"what is known\"", why);
    c->said_lost = true;
    loop_io_remove(&c->io);
    c->fd = fd_close(c->fd);
    buffer_clear(&c->in);
    buffer_clear(&c->out);
    loop_timer_after(&c->again, c->backoff_ms);
    c->backoff_ms = c->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : c->backoff_ms * 2;
}

static int flush(struct link_client *c)
{
    while (buffer_size(&c->out)) {
        ssize_t n = send(c->fd, buffer_data(&c->out), buffer_size(&c->out), MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return loop_io_change(&c->io, LOOP_READ | LOOP_WRITE);
        if (n < 0)
            return -errno;
        buffer_consume(&c->out, (size_t)n);
    }
    return loop_io_change(&c->io, LOOP_READ);
}

int link_client_send(struct link_client *c, const struct link_message *m)
{
    json_t *json;
    int r;

    if (c->fd < 0)
        return LINK_CLIENT_E_DOWN;
    json = link_message_to_json(m);
    if (!json)
        return -ENOMEM;
    r = frame_write(&c->out, json);
    json_decref(json);
    if (r == -ENOMEM)
        return r;
    if (!r)
        r = flush(c);
    if (!r)
        return 0;
    lose(c, r == -ENOBUFS ? "control does not read" : strerror(-r));
    return LINK_CLIENT_E_DOWN;
}

/* Return: false when the connection is not good for anything any more. */
static bool handle(struct link_client *c, json_t *json)
{
    struct link_message m;
    int r = link_message_from_json(json, &m);

    if (r == LINK_E_UNKNOWN) {
        log_info(c->log, "message of another version skipped", "");
        return true;
    }
    if (r) {
        lose(c, r > 0 ? "control sent a malformed message" : strerror(-r));
        return false;
    }
    c->events.message(&m, c->events.context);
    link_message_deinit(&m);
    return c->fd >= 0; /* answering may have failed */
}

static void take_frames(struct link_client *c)
{
    json_t *json;
    bool good;
    int r;

    while ((r = frame_read(&c->in, &json)) == 0) {
        good = handle(c, json);
        json_decref(json);
        if (!good)
            return;
    }
    if (r != FRAME_AGAIN)
        lose(c, r > 0 ? "control sent what is no message" : strerror(-r));
    else if (buffer_size(&c->in) == 0)
        buffer_deinit(&c->in);
}

static void ready(struct loop_io *io, unsigned events)
{
    struct link_client *c = container_of(io, struct link_client, io);
    ssize_t n;
    int r = events & LOOP_WRITE ? flush(c) : 0;

    if (!r && events & (LOOP_READ | LOOP_HANGUP)) {
        r = buffer_reserve(&c->in, READ_BYTES);
        n = r ? -1 : recv(c->fd, buffer_tail(&c->in), READ_BYTES, 0);
        if (n > 0) {
            buffer_commit(&c->in, (size_t)n);
            take_frames(c);
            return;
        }
        if (n == 0)
            r = -ECONNRESET;
        else if (!r && errno != EAGAIN && errno != EINTR)
            r = -errno;
    }
    if (r)
        lose(c, strerror(-r));
}

static void dial(struct loop_timer *timer)
{
    struct link_client *c = container_of(timer, struct link_client, again);
    const struct link_message hello = { .type = LINK_HELLO,
                                        .hello = { .version = LINK_VERSION, .pid = getpid() } };
    int r = address_connect(&c->address, &c->fd);

    if (r) {
        c->fd = -1;
        lose(c, strerror(-r));
        return;
    }
    r = loop_io_add(c->loop, &c->io, c->fd, LOOP_READ, ready);
    if (r) {
        lose(c, strerror(-r));
        return;
    }
    if (link_client_send(c, &hello))
        return;
    log_info(c->log, "linked to control", "");
    c->said_lost = false;
    c->backoff_ms = BACKOFF_FIRST_MS;
    c->events.connected(c->events.context);
}

int link_client_new(struct loop *loop, struct log *log, const struct address *address,
                    const struct link_client_events *events, struct link_client **ret_client)
{
    struct link_client *c = calloc(1, sizeof(*c));

    if (!c)
        return -ENOMEM;
    c->loop = loop;
    c->log = log;
    c->address = *address;
    c->events = *events;
    c->fd = -1;
    c->backoff_ms = BACKOFF_FIRST_MS;
    c->in = BUFFER_INIT(FRAME_BYTES_MAX + 2 * READ_BYTES);
    c->out = BUFFER_INIT(OUT_BYTES_MAX);
    loop_timer_init(loop, &c->again, dial);
    loop_timer_after(&c->again, 0);
    *ret_client = c;
    return 0;
}

struct link_client *link_client_free(struct link_client *c)
{
    if (!c)
        return NULL;
    loop_timer_cancel(&c->again);
    loop_io_remove(&c->io);
    fd_close(c->fd);
    buffer_deinit(&c->in);
    buffer_deinit(&c->out);
    free(c);
    return NULL;
}
