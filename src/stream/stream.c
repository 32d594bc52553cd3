#include "stream/stream.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error.h"
#include "stream/batch.h"
#include "stream/internal.h"
#include "stream/out.h"
#include "stream/splice.h"

/* --- the engine ------------------------------------------------------------------------------- */

static void run_turn(struct loop_task *task);
static void hear(struct loop_task *task);

int stream_engine_init(struct stream_engine *e, struct loop *loop)
{
    *e = (struct stream_engine){ .loop = loop };
    list_init(&e->reads);
    list_init(&e->sends);
    list_init(&e->spare);
    list_init(&e->splices);
    list_init(&e->spare_splices);
    loop_task_init(&e->hear, hear);
    loop_task_init(&e->turn, run_turn);
    e->lent = malloc(STREAM_LENT_BYTES);
    return e->lent ? 0 : -ENOMEM;
}

int stream_engine_use_batches(struct stream_engine *e)
{
    return stream_batch_new(&e->batch);
}

void stream_engine_deinit(struct stream_engine *e)
{
    if (!e->loop)
        return;
    assert(list_empty(&e->reads) && list_empty(&e->sends) && list_empty(&e->splices));
    loop_task_cancel(&e->hear);
    loop_task_cancel(&e->turn);
    e->batch = stream_batch_free(e->batch);
    stream_out_free_spare(e);
    stream_splice_free_spare(e);
    free(e->lent);
    e->lent = NULL;
}

void stream_read_on(struct stream *s)
{
    if (!list_linked(&s->read))
        list_push_back(&s->engine->reads, &s->read);
    if (s->engine->batch)
        loop_soon(s->engine->loop, &s->engine->hear);
    else
        loop_defer(s->engine->loop, &s->engine->turn);
}

static void send_later(struct stream *s)
{
    if (!list_linked(&s->send))
        list_push_back(&s->engine->sends, &s->send);
    loop_defer(s->engine->loop, &s->engine->turn);
}

/* --- output ----------------------------------------------------------------------------------- */

bool stream_congested(const struct stream *s)
{
    return s->blocked || (s->out && stream_out_size(s->out) > STREAM_OUT_HIGH);
}

/* A Unix socket wakes its writer whenever its reader takes something: look only when it matters. */
static void watch(struct stream *s)
{
    unsigned events = LOOP_EDGE | LOOP_READ;

    if (!s->local || s->blocked)
        events |= LOOP_WRITE;
    loop_io_change(&s->io, events); /* an epoll that forgot us will make us time out */
}

void stream_drop_output(struct stream *s)
{
    s->failed = true;
    s->blocked = false;
    if (s->takes)
        stream_splice_drop(s);
    list_remove(&s->send);
    s->out = stream_out_free(s->engine, s->out);
}

void stream_note_blocked(struct stream *s)
{
    if (s->blocked != stream_unsent(s) || s->local) {
        s->blocked = stream_unsent(s);
        watch(s);
    }
}

int stream_account(struct stream *s, ssize_t sent, bool *ret_progress)
{
    struct stream_out *o = s->out;
    int r = 0;

    *ret_progress = *ret_progress || sent > 0;
    if (sent == -EAGAIN)
        sent = 0;
    if (sent < 0)
        return (int)sent;
    s->connected = s->connected || sent > 0;
    if (o && stream_out_consume(o, (size_t)sent))
        s->out = stream_out_free(s->engine, o);
    else if (o)
        r = stream_out_settle(o);
    stream_note_blocked(s);
    return r;
}

/* One attempt to send all there is. Return: 0, also if the socket is full, or a negative errno. */
static int push(struct stream *s, bool *ret_progress)
{
    struct stream_out *o = s->out;
    struct iovec one;
    size_t n = 0;
    const struct iovec *parts = o ? stream_out_parts(o, &one, &n) : NULL;
    int r;

    if (s->takes) {
        r = stream_splice_push(s, ret_progress);
        if (r || s->takes || !o)
            return r;
    }
    return stream_account(s, s->ops->send(s, parts, n), ret_progress);
}

static void send_now(struct stream *s)
{
    bool progress = false;
    int r;

    list_remove(&s->send);
    r = push(s, &progress);
    if (r) {
        stream_drop_output(s);
        s->owner->failed(s, r);
    } else if (progress || !stream_unsent(s)) {
        s->owner->sent(s);
    }
}

void stream_send_all(struct stream_engine *e)
{
    struct stream *s;

    /* who sends more from its callback is sent again: that ends when sockets are full */
    while ((s = list_first_entry(&e->sends, struct stream, send)))
        if (!e->batch || !stream_batch_send(e))
            send_now(s);
    e->lending = false;
    e->lent_used = 0;
}

void stream_flush(struct stream *s)
{
    bool progress = false;

    if (s->out && !s->blocked && !s->failed)
        push(s, &progress);
}

/* Return: 1 dropped, 0 there is a place for output, or -ENOMEM. */
static int open_output(struct stream *s)
{
    assert(!s->takes || !stream_splice_to(s)->from);
    if (s->failed)
        return 1;
    if (!s->out) {
        s->out = stream_out_new(s->engine);
        if (!s->out)
            return -ENOMEM;
    }
    if (!s->blocked)
        send_later(s);
    return 0;
}

static bool is_lent(const struct stream_engine *e, const char *data)
{
    return data >= e->lent && data < e->lent + STREAM_LENT_BYTES;
}

int stream_send(struct stream *s, const char *data, size_t size)
{
    int r = size ? open_output(s) : 1;

    if (r)
        return r < 0 ? r : 0;
    if (s->blocked || !is_lent(s->engine, data)) /* it leaves later, or would not stay */
        return stream_out_copy(s->out, data, size);
    s->engine->lending = true;
    return stream_out_lend(s->out, data, size);
}

int stream_send_kept(struct stream *s, const char *data, size_t size)
{
    int r = size ? open_output(s) : 1;

    if (r)
        return r < 0 ? r : 0;
    return stream_out_refer(s->out, data, size);
}

int stream_shut(struct stream *s)
{
    return s->ops->shut(s);
}

/* When a peer closes and then finds our words there, its reset comes after the end of the stream, and
 * only the socket's error tells. From another machine it has not come yet: but what was not even
 * acknowledged when the peer ended had not reached it. */
int stream_fate(const struct stream *s, size_t bytes)
{
    socklen_t size = sizeof(int);
    int error = 0, queued = 0;

    if (getsockopt(s->io.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error)
        return -error;
    if (bytes == 0 || s->local || stream_unsent(s) || ioctl(s->io.fd, SIOCOUTQ, &queued) ||
        queued < 0 || (size_t)queued < bytes)
        return 0;
    return -ECONNRESET;
}

/* --- input ------------------------------------------------------------------------------------ */

int stream_keep_rest(struct stream *s, const char *data, size_t size)
{
    struct stream_rest *rest = NULL;

    if (size > 0) {
        rest = malloc(sizeof(*rest) + size);
        if (!rest)
            return -ENOMEM;
        rest->size = size;
        memcpy(rest->data, data, size);
    }
    free(s->rest);
    s->rest = rest;
    return 0;
}

void stream_end(struct stream *s, int error)
{
    s->wants = s->readable = false;
    s->owner->ended(s, error);
}

/* Show the owner what came, behind what was kept. The lent bytes stay in use if something was sent
 * from there: then the next read goes behind them. */
static void deliver(struct stream *s, char *data, size_t size)
{
    struct stream_engine *e = s->engine;
    size_t used = s->owner->received(s, data, size);

    if (e->lending)
        e->lent_used = (size_t)(data + size - e->lent);
    if (!stream_is_open(s))
        return;
    assert(used <= size);
    if (s->gives && used < size)
        stream_splice_end(stream_splice_from(s)); /* there is other input before that */
    if ((used < size || s->rest) && stream_keep_rest(s, data + used, size - used))
        stream_end(s, -ENOMEM);
    else if (s->wants && s->readable)
        stream_read_on(s);
    else if (!s->wants && s->ending && s->owner->hung_up)
        s->owner->hung_up(s, false); /* told while there was input left, and never again */
}

void stream_take(struct stream *s, char *data, size_t kept, ssize_t n, bool retake)
{
    if (n < 0 && (n != -EAGAIN || !retake)) {
        if (n != -EAGAIN)
            stream_end(s, (int)n);
        return;
    }
    if (n == 0 && retake) {
        s->readable = true; /* the end is told when the owner has seen what came before it */
    } else if (n == 0) {
        stream_end(s, 0);
        return;
    }
    if (kept)
        memcpy(data, s->rest->data, kept);
    deliver(s, data, kept + (n > 0 ? (size_t)n : 0));
}

static ssize_t receive(struct stream *s, char *data, size_t size)
{
    ssize_t error = s->error;

    s->error = 0;
    return error ? error : s->ops->receive(s, data, size);
}

void stream_read_now(struct stream *s)
{
    struct stream_engine *e = s->engine;
    size_t kept = s->rest ? s->rest->size : 0, room;
    bool retake = s->retake && kept > 0;
    ssize_t n = -EAGAIN;
    char *data;

    s->retake = false;
    if (STREAM_LENT_BYTES - e->lent_used < kept + STREAM_READ_MIN)
        stream_send_all(e);
    if (!stream_is_open(s) || !s->wants)
        return;
    if (s->gives) { /* maybe since everything was sent, a moment ago */
        stream_splice_pull(s);
        return;
    }
    data = e->lent + e->lent_used;
    room = STREAM_LENT_BYTES - e->lent_used;
    if (s->readable && kept < room)
        n = receive(s, data + kept, room - kept);
    stream_take(s, data, kept, n, retake);
}

void stream_want(struct stream *s, bool input)
{
    if (input && !s->wants && (s->readable || s->rest)) {
        s->retake = true;
        stream_read_on(s);
    }
    s->wants = input;
}

/* --- the turn --------------------------------------------------------------------------------- */

/* Those that have more to read say so again, and wait for their next turn. */
static void read_all(struct stream_engine *e)
{
    struct list reads;
    struct stream *s;

    list_init(&reads);
    list_move(&e->reads, &reads);
    while ((s = list_first_entry(&reads, struct stream, read))) {
        if (e->batch && stream_batch_read(e, &reads))
            continue;
        list_remove(&s->read);
        stream_read_now(s);
    }
}

static void hear(struct loop_task *task)
{
    read_all(container_of(task, struct stream_engine, hear));
}

static void run_turn(struct loop_task *task)
{
    struct stream_engine *e = container_of(task, struct stream_engine, turn);

    if (!e->batch)
        read_all(e);
    stream_send_all(e);
}

static void ready(struct loop_io *io, unsigned events)
{
    struct stream *s = container_of(io, struct stream, io);

    s->readable = s->readable || events & (LOOP_READ | LOOP_END | LOOP_HANGUP);
    s->ending = s->ending || events & (LOOP_END | LOOP_HANGUP);
    if (!s->connected && stream_unsent(s)) {
        /* whether there is a connection is what sending tells */
        send_now(s);
        if (!stream_is_open(s) || !s->connected)
            return;
    } else if (events & (LOOP_WRITE | LOOP_HANGUP) && s->blocked) {
        send_later(s);
    }
    if (s->wants && s->readable && s->engine->batch)
        stream_read_on(s);
    else if (s->wants && s->readable)
        stream_read_now(s);
    else if (!s->wants && s->ending && s->owner->hung_up)
        s->owner->hung_up(s, events & LOOP_HANGUP);
}

/* --- life ------------------------------------------------------------------------------------- */

int stream_open(struct stream *s, struct stream_engine *e, int fd, bool local,
                const struct stream_ops *ops, void *transport, const struct stream_owner *owner)
{
    unsigned events = LOOP_EDGE | LOOP_READ | (local ? 0 : LOOP_WRITE);
    int r;

    *s = (struct stream){ .engine = e,
                          .ops = ops,
                          .owner = owner,
                          .transport = transport,
                          .wants = true,
                          .local = local };
    list_link_init(&s->read);
    list_link_init(&s->send);
    r = loop_io_add(e->loop, &s->io, fd, events, ready);
    if (r)
        s->io.fd = -1;
    return fault(r);
}

void stream_close(struct stream *s)
{
    if (!stream_is_open(s))
        return;
    list_remove(&s->read);
    if (s->gives)
        stream_splice_break(s);
    stream_drop_output(s);
    free(s->rest);
    s->rest = NULL;
    s->ops->deinit(s);
    loop_io_close(&s->io);
}

/* --- plain sockets ---------------------------------------------------------------------------- */

static ssize_t plain_receive(struct stream *s, char *data, size_t size)
{
    ssize_t n = recv(s->io.fd, data, size, 0);

    if (n < 0 && errno == EINTR)
        return -EAGAIN; /* readable as before */
    s->readable = stream_may_have_more(s, n, size);
    return n < 0 ? -errno : n;
}

static ssize_t plain_send(struct stream *s, const struct iovec *parts, size_t n)
{
    const struct msghdr m = { .msg_iov = (struct iovec *)parts, .msg_iovlen = n };
    ssize_t sent = n == 1 ? send(s->io.fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                          : sendmsg(s->io.fd, &m, MSG_NOSIGNAL);

    if (sent >= 0)
        return sent;
    return errno == EINTR ? -EAGAIN : -errno;
}

static int plain_shut(struct stream *s)
{
    return shutdown(s->io.fd, SHUT_WR) ? -errno : 0;
}

static void plain_deinit(struct stream *s)
{
    (void)s;
}

const struct stream_ops stream_plain = {
    .receive = plain_receive,
    .send = plain_send,
    .shut = plain_shut,
    .deinit = plain_deinit,
};
