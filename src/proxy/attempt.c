/* Sending a request upstream, and what it means when that does not work. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "http/writer.h"
#include "proxy/exchange.h"

enum { READ_PART_BYTES = 16 << 10 };

/* --- beginning and ending --------------------------------------------------------------------- */

int exchange_attempt(struct exchange *x, struct upstream *pool)
{
    struct worker *w = x->worker;
    int r;

    assert(!x->upstream);
    x->attempts++;
    /* What cannot be sent twice must not meet a connection that may be stale. */
    if (pool)
        r = upstream_lend(pool, x, x->retried || !x->body_done, &x->upstream);
    else
        r = upstream_dial(w, &w->settings->api, x, &x->upstream);
    if (r)
        return r;
    if (pool) {
        x->target = target_ref(pool->target);
        target_begin(x->target);
    }
    x->state = EXCHANGE_UPSTREAM;
    x->sent = 0;
    x->giving_up = false;
    /* Not the turn's instant: what was done for the request before, in this turn, is our
     * overhead. */
    x->attempt_us = loop_clock(w->loop)->mono_us(loop_clock(w->loop));
    client_expect(x->client, exchange_now(x) + w->settings->connect_timeout_ms);
    exchange_push(x);
    return 0;
}

void exchange_end_attempt(struct exchange *x, bool reusable, bool complete)
{
    struct upstream_connection *u = steal(x->upstream);
    us_t us = loop_now_us(x->worker->loop) - x->attempt_us;

    if (us < 0)
        us = 0; /* it failed in the turn that began it */
    if (reusable)
        upstream_give_back(u);
    else
        upstream_close(u);
    if (x->target)
        target_end(x->target);
    x->target = target_unref(x->target);
    x->spent_us += us;
    x->kind->ended(x, us, complete);
}

void exchange_fail(struct exchange *x, enum exchange_failure why, int error)
{
    bool untouched = x->state == EXCHANGE_UPSTREAM && x->upstream->reused &&
                     buffer_size(&x->upstream->in) == 0 && !x->partly_gone;

    if (why == EXCHANGE_BROKEN && untouched)
        why = EXCHANGE_STALE;
    if (x->state == EXCHANGE_ANSWERING) {
        x->broken = true;
        exchange_die(
            x); /* too late for an error: the client must see that the answer is not whole */
        return;
    }
    if (x->target) {
        target_unref(x->avoid);
        x->avoid = target_ref(x->target);
    }
    if (x->state == EXCHANGE_COLLECTING) {
        x->collected_cut = true;
        exchange_end_attempt(x, false, false);
        x->kind->collected(x);
        return;
    }
    exchange_end_attempt(x, false, false);
    x->kind->failed(x, why, error);
}

void exchange_cut(struct exchange *x)
{
    exchange_fail(x, EXCHANGE_CUT, 0);
}

/* --- sending ---------------------------------------------------------------------------------- */

static size_t unsent(const struct exchange *x)
{
    return buffer_size(&x->head_out) + buffer_size(&x->body_out) - x->sent;
}

static size_t unsent_parts(const struct exchange *x, struct iovec parts[2])
{
    size_t head = buffer_size(&x->head_out), n = 0;

    if (x->sent < head)
        parts[n++] = (struct iovec){ buffer_data(&x->head_out) + x->sent, head - x->sent };
    if (buffer_size(&x->body_out)) {
        size_t skip = x->sent > head ? x->sent - head : 0;

        parts[n++] =
            (struct iovec){ buffer_data(&x->body_out) + skip, buffer_size(&x->body_out) - skip };
    }
    return n;
}

/* Everything kept has been sent. A body that streams is forgotten as it goes; when the request is
 * complete, the time that the target has begins to run. */
static void sent_all(struct exchange *x)
{
    const struct worker_settings *s = x->worker->settings;

    if (x->streams && !x->body_done) {
        x->partly_gone = true;
        x->sent = 0;
        buffer_clear(&x->head_out);
        buffer_clear(&x->body_out);
        client_expect(x->client, exchange_now(x) + s->body_timeout_ms);
    } else {
        client_expect(x->client, exchange_now(x) + x->timeout_ms);
    }
    client_update(x->client);
}

/* Return: bytes sent, 0 if the socket is full. Failures are dealt with: then -1, and x may be
 * over. */
static ssize_t send_upstream(struct exchange *x, struct iovec *parts, size_t n)
{
    const struct msghdr m = { .msg_iov = parts, .msg_iovlen = n };
    ssize_t sent = sendmsg(x->upstream->fd, &m, MSG_NOSIGNAL);

    if (sent >= 0) {
        x->upstream->connected = true; /* the first successful send is how we know */
        return sent;
    }
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    if (!x->upstream->connected) {
        exchange_fail(x, EXCHANGE_CONNECT, -errno);
        return -1;
    }
    /* The target may have answered before it closed: what it said is still to be read, and if it
     * said nothing, reading will tell. */
    x->giving_up = true;
    if (upstream_watch(x->upstream, LOOP_READ))
        exchange_fail(x, EXCHANGE_BROKEN, -ENOMEM);
    return -1;
}

static void watch_for_more(struct exchange *x)
{
    unsigned events = unsent(x) && !x->giving_up ? LOOP_READ | LOOP_WRITE : LOOP_READ;

    if (upstream_watch(x->upstream, events))
        exchange_fail(x, EXCHANGE_BROKEN, -ENOMEM);
}

void exchange_push(struct exchange *x)
{
    struct iovec parts[2];
    ssize_t sent = 0;

    if (unsent(x) && !x->giving_up) {
        sent = send_upstream(x, parts, unsent_parts(x, parts));
        if (sent < 0)
            return;
        x->sent += (size_t)sent;
        if (sent > 0 && !unsent(x))
            sent_all(x);
        else if (sent > 0)
            client_expect(x->client, exchange_now(x) + x->worker->settings->body_timeout_ms);
    }
    if (x->upstream)
        watch_for_more(x);
}

int exchange_write_first_chunk(struct exchange *x)
{
    size_t size = buffer_size(&x->body_out);
    struct buffer *out = &x->body_out;
    int r = 0;

    if (size > 0)
        r = buffer_printf(&x->head_out, "%zx\r\n", size);
    if (!r && size > 0)
        r = buffer_append(out, "\r\n", 2);
    if (!r && x->body_done)
        r = buffer_append(out, "0\r\n", 3);
    if (!r && x->body_done)
        r = buffer_append(out, buffer_data(&x->trailers), buffer_size(&x->trailers));
    if (!r && x->body_done)
        r = buffer_append(out, "\r\n", 2);
    return r;
}

/* The pieces of a content on the wire: its chunk's frame, if it goes in chunks, around it. */
static size_t frame_content(const struct exchange *x, struct slice content, char line[24],
                            struct iovec parts[6])
{
    size_t n = 0;

    if (!x->chunked_out) {
        if (content.size)
            parts[n++] = (struct iovec){ (char *)content.data, content.size };
        return n;
    }
    if (content.size) {
        int length = snprintf(line, 24, "%zx\r\n", content.size);

        parts[n++] = (struct iovec){ line, (size_t)length };
        parts[n++] = (struct iovec){ (char *)content.data, content.size };
        parts[n++] = (struct iovec){ (char *)"\r\n", 2 };
    }
    if (!x->body_done)
        return n;
    parts[n++] = (struct iovec){ (char *)"0\r\n", 3 };
    if (buffer_size(&x->trailers))
        parts[n++] = (struct iovec){ buffer_data(&x->trailers), buffer_size(&x->trailers) };
    parts[n++] = (struct iovec){ (char *)"\r\n", 2 };
    return n;
}

void exchange_push_content(struct exchange *x, struct slice content)
{
    struct iovec parts[6];
    char line[24];
    size_t n = frame_content(x, content, line, parts), skip;
    ssize_t sent = 0;

    if (x->giving_up)
        return;
    if (n && !unsent(x)) {
        sent = send_upstream(x, parts, n);
        if (sent < 0)
            return;
    }
    skip = (size_t)sent;
    for (size_t i = 0; i < n; i++) {
        size_t gone = skip < parts[i].iov_len ? skip : parts[i].iov_len;

        skip -= gone;
        if (gone < parts[i].iov_len && buffer_append(&x->body_out, (char *)parts[i].iov_base + gone,
                                                     parts[i].iov_len - gone)) {
            exchange_die(x);
            return;
        }
    }
    if (!unsent(x))
        sent_all(x);
    if (x->upstream)
        watch_for_more(x);
}

/* --- receiving -------------------------------------------------------------------------------- */

static ssize_t receive(struct exchange *x)
{
    struct upstream_connection *u = x->upstream;
    char *scratch = x->worker->scratch;
    bool direct = buffer_size(&u->in) == 0;
    size_t used;
    ssize_t n;

    if (!direct && buffer_reserve(&u->in, READ_PART_BYTES))
        return -ENOMEM;
    n = recv(u->fd, direct ? scratch : buffer_tail(&u->in),
             direct ? WORKER_SCRATCH_BYTES : READ_PART_BYTES, 0);
    if (n <= 0)
        return n < 0 ? -errno : 0;
    if (!direct)
        buffer_commit(&u->in, (size_t)n);
    used = direct ? exchange_take_answer(x, scratch, (size_t)n)
                  : exchange_take_answer(x, buffer_data(&u->in), buffer_size(&u->in));
    if (x->upstream != u)
        return n; /* it has ended, one way or another */
    if (!direct)
        buffer_consume(&u->in, used);
    else if (used < (size_t)n && buffer_append(&u->in, scratch + used, (size_t)n - used))
        return -ENOMEM;
    return n;
}

/* When a target closes and then finds our request there, its reset comes after the end of the
 * stream, and only the socket's error tells that nobody has read it. */
static int pending_error(int fd)
{
    socklen_t size = sizeof(int);
    int error = 0;

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) ? 0 : -error;
}

void exchange_upstream_ready(struct exchange *x, unsigned events)
{
    struct upstream_connection *u = x->upstream;
    ssize_t n;

    if (events & LOOP_WRITE || !u->connected)
        exchange_push(x);
    if (x->upstream != u || !u->connected || !(events & (LOOP_READ | LOOP_HANGUP)))
        return;
    n = receive(x);
    if (n == 0 && !exchange_answer_ended(x))
        exchange_fail(x, EXCHANGE_BROKEN, pending_error(u->fd));
    else if (n < 0 && n != -EAGAIN && n != -EINTR)
        exchange_fail(x, EXCHANGE_BROKEN, (int)n);
}
