#include "proxy/downstream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "proxy/aws_error.h"
#include "proxy/exchange.h"
#include "proxy/h2.h"
#include "proxy/peer.h"
#include "proxy/worker.h"
#include "stream/tls_stream.h"

static ms_t now(const struct downstream *c)
{
    return loop_now(worker_of(&c->stream)->loop);
}

/* --- ending ----------------------------------------------------------------------------------- */

static void bury(struct corpse *corpse)
{
    struct downstream *c = container_of(corpse, struct downstream, corpse);

    free(c->forwarded);
    free(c);
}

void downstream_kill(struct downstream *c)
{
    if (c->state == DOWNSTREAM_DEAD)
        return;
    c->state = DOWNSTREAM_DEAD;
    stream_flush(&c->stream); /* of an answer that is cut, the client shall see what there is */
    stream_close(&c->stream);
    wheel_cancel(&c->expiry);
    list_remove(&c->link);
    if (c->is_h2)
        h2_close(steal(c->h2));
    else if (c->exchange)
        exchange_abandon(steal(c->exchange));
    morgue_take(&worker_of(&c->stream)->morgue, &c->corpse, bury);
    guard_leave(worker_of(&c->stream)->settings->guard, &c->pass);
    worker_connection_closed(worker_of(&c->stream));
}

/* A long request on a slow line takes its time, and a client looks for its answer only then. */
static void linger_on(struct downstream *c)
{
    ms_t until = now(c) + worker_of(&c->stream)->settings->linger_ms;
    ms_t end = (ms_t)c->lingers_until_s * MS_PER_S;

    downstream_expect(c, until < end ? until : end);
}

/* Closing a socket with unread input makes the kernel reset the connection, which can take the last
 * answer away from the client. So: say that we are done, then read until the client is, too. */
static void linger(struct downstream *c)
{
    if (stream_shut(&c->stream)) {
        downstream_kill(c);
        return;
    }
    c->state = DOWNSTREAM_LINGERING;
    c->lingers_until_s =
        (uint32_t)((now(c) + worker_of(&c->stream)->settings->linger_max_ms + MS_PER_S - 1) /
                   MS_PER_S);
    linger_on(c);
}

static void close_after_output(struct downstream *c)
{
    c->state = DOWNSTREAM_CLOSING;
    if (stream_unsent(&c->stream))
        downstream_expect(c, now(c) + worker_of(&c->stream)->settings->body_timeout_ms);
    else
        linger(c);
}

/* --- what to wait for ------------------------------------------------------------------------- */

void downstream_expect(struct downstream *c, ms_t deadline)
{
    if (c->state != DOWNSTREAM_DEAD)
        wheel_set(&worker_of(&c->stream)->deadlines, &c->expiry, deadline);
}

static bool wants_input(const struct downstream *c)
{
    switch (c->state) {
    case DOWNSTREAM_READY:
        return !downstream_congested(c);
    case DOWNSTREAM_BUSY:
        return exchange_takes_body(c->exchange);
    case DOWNSTREAM_LINGERING:
        return true;
    case DOWNSTREAM_CLOSING:
    case DOWNSTREAM_DEAD:
        break;
    }
    return false;
}

void downstream_update(struct downstream *c)
{
    struct stream *way;

    if (c->state == DOWNSTREAM_DEAD || c->taking)
        return;
    stream_want(&c->stream, wants_input(c));
    way = c->state == DOWNSTREAM_BUSY ? exchange_body_way(c->exchange) : NULL;
    if (way)
        stream_splice(&c->stream, way, c->exchange->body.left); /* else it is read as before */
}

void downstream_close(struct downstream *c)
{
    if (c->state == DOWNSTREAM_READY || c->state == DOWNSTREAM_BUSY)
        close_after_output(c);
    downstream_update(c);
}

/* --- output ----------------------------------------------------------------------------------- */

void downstream_send(struct downstream *c, const char *data, size_t size)
{
    if (c->state != DOWNSTREAM_DEAD && stream_send(&c->stream, data, size))
        downstream_kill(c);
}

/* The last answer, to what is no request. */
static void send_error(struct downstream *c, const struct aws_error *e)
{
    struct buffer *text = &worker_of(&c->stream)->text;

    buffer_clear(text);
    if (aws_error_write(text, e, loop_wall(worker_of(&c->stream)->loop))) {
        downstream_kill(c);
        return;
    }
    downstream_send(c, buffer_data(text), buffer_size(text));
}

/* Some output has left, not all: who reads, however slowly, has new time for the rest. */
static void wait_on(struct downstream *c)
{
    const struct worker_settings *settings = worker_of(&c->stream)->settings;

    if (c->state == DOWNSTREAM_CLOSING)
        downstream_expect(c, now(c) + settings->body_timeout_ms);
    else if (c->state == DOWNSTREAM_READY && !c->is_h2)
        downstream_expect(c, now(c) + settings->idle_timeout_ms);
    else if (c->state == DOWNSTREAM_BUSY)
        exchange_client_took(c->exchange);
}

static void sent(struct stream *s)
{
    struct downstream *c = container_of(s, struct downstream, stream);

    if (stream_unsent(s))
        wait_on(c);
    if (c->state == DOWNSTREAM_CLOSING && !stream_unsent(s))
        linger(c);
    else if (c->says_no_more && !stream_unsent(s))
        stream_shut(s); /* should it fail, so will reading */
    else if (c->state == DOWNSTREAM_BUSY && !downstream_congested(c))
        exchange_client_reads(c->exchange);
    else if (c->state == DOWNSTREAM_READY && c->is_h2)
        h2_flush(c->h2);
    downstream_update(c);
}

static void failed(struct stream *s, int error)
{
    (void)error;
    downstream_kill(container_of(s, struct downstream, stream));
}

/* --- input ------------------------------------------------------------------------------------ */

static void refuse(struct downstream *c, int outcome, const char *why)
{
    const struct aws_error e = aws_error_of_parser(outcome, why);

    send_error(c, &e);
    if (c->state != DOWNSTREAM_DEAD)
        close_after_output(c);
}

static size_t take_head(struct downstream *c, const char *data, size_t size)
{
    struct worker *w = worker_of(&c->stream);
    struct exchange *x = exchange_new(w, &c->client);
    const char *why = NULL;
    size_t head_size = 0, scanned = c->scanned;
    int r;

    if (!x) {
        downstream_kill(c);
        return size;
    }
    r = http_parse_request(data, size, &w->settings->limits, &scanned, &x->head, &head_size, &why);
    if (r) {
        exchange_unused(x);
        c->scanned = (uint32_t)scanned;
        if (r == HTTP_AGAIN)
            return 0;
        refuse(c, r, why);
        return size;
    }
    c->scanned = 0;
    c->head_begun = false;
    c->exchange = x;
    c->state = DOWNSTREAM_BUSY;
    http_body_init(&x->body, &x->head);
    x->body.trailers = &x->trailers;
    exchange_begin(x);
    return head_size;
}

/* Return: how much of the input was used. */
static size_t take_body(struct downstream *c, const char *data, size_t size)
{
    struct exchange *x = c->exchange;
    size_t used = 0;

    if (c->tunnels) {
        exchange_body(x, (struct slice){ data, size });
        return size;
    }
    while (exchange_takes_body(x)) {
        struct slice content = { 0 };
        const char *why = NULL;
        size_t n = 0;
        int r = http_body_next(&x->body, data + used, size - used, &n, &content, &why);

        used += n;
        if (r != 0 && r != HTTP_AGAIN) {
            exchange_bad_body(x, why);
            return size;
        }
        if (content.size)
            exchange_body(x, content);
        if (x->state == EXCHANGE_OVER)
            break;
        if (r == 0)
            exchange_body_ended(x);
        if (r == 0 || n == 0)
            break;
    }
    return used;
}

static void wait_for_head(struct downstream *c)
{
    if (c->head_begun)
        return;
    c->head_begun = true;
    downstream_expect(c, now(c) + worker_of(&c->stream)->settings->head_timeout_ms);
}

/* Use as much input as can be used now. Return: how much that is. */
static size_t take_input(struct downstream *c, const char *data, size_t size)
{
    size_t used = 0;

    c->taking = true;
    while (used < size) {
        size_t n = 0;

        if (c->state == DOWNSTREAM_READY && !downstream_congested(c))
            n = take_head(c, data + used, size - used);
        else if (c->state == DOWNSTREAM_BUSY && exchange_takes_body(c->exchange))
            n = take_body(c, data + used, size - used);
        if (n == 0)
            break;
        used += n;
    }
    if (c->state == DOWNSTREAM_BUSY && used == size && !exchange_has_body(c->exchange))
        exchange_starved(c->exchange);
    c->taking = false;
    if (c->state == DOWNSTREAM_READY && used < size && !downstream_congested(c))
        wait_for_head(c);
    return used;
}

/* With TLS both sides have agreed on it before; else the client just begins. */
static enum h2_preface speaks_h2(const struct downstream *c, const char *data, size_t size)
{
    const struct tls_stream *t = tls_stream_of(&c->stream);

    if (t)
        return tls_stream_is_h2(t) ? H2_PREFACE_YES : H2_PREFACE_NO;
    return h2_preface(data, size);
}

static size_t take_first(struct downstream *c, const char *data, size_t size)
{
    enum h2_preface h2 = speaks_h2(c, data, size);

    if (h2 == H2_PREFACE_MAYBE) {
        wait_for_head(c);
        return 0;
    }
    c->is_new = false;
    if (h2 == H2_PREFACE_NO)
        return take_input(c, data, size);
    c->h2 = h2_open(c);
    c->is_h2 = c->h2;
    if (!c->is_h2) {
        downstream_kill(c);
        return size;
    }
    h2_received(c->h2, data, size);
    if (c->state == DOWNSTREAM_READY && worker_of(&c->stream)->draining)
        h2_drain(c->h2); /* it was accepted before that began */
    return size;
}

static size_t received(struct stream *s, const char *data, size_t size)
{
    struct downstream *c = container_of(s, struct downstream, stream);
    size_t used = size;

    c->shakes_hands = false;
    if (c->state == DOWNSTREAM_LINGERING) {
        if (!worker_of(&c->stream)->draining)
            linger_on(c);
        return size;
    }
    if (c->is_new)
        used = take_first(c, data, size);
    else if (!c->is_h2)
        used = take_input(c, data, size);
    else if (c->state == DOWNSTREAM_READY)
        h2_received(c->h2, data, size);
    downstream_update(c);
    return used;
}

static void ended(struct stream *s, int error)
{
    struct downstream *c = container_of(s, struct downstream, stream);

    if (c->tunnels && c->state == DOWNSTREAM_BUSY && error == 0)
        exchange_body_ended(c->exchange);
    else if (c->state == DOWNSTREAM_READY && stream_unsent(s) && error == 0)
        close_after_output(c);
    else
        downstream_kill(c);
}

/* Whether a client that sends no more has left cannot be seen from here, nor whether the rest of its
 * request is still to be read. When we send no more either, both ends together look like a reset. */
static void hung_up(struct stream *s, bool reset)
{
    struct downstream *c = container_of(s, struct downstream, stream);

    if (reset && !c->says_no_more)
        downstream_kill(c);
    else if (c->state == DOWNSTREAM_BUSY)
        exchange_client_hung_up(c->exchange);
}

static void spliced(struct stream *s, size_t n)
{
    struct downstream *c = container_of(s, struct downstream, stream);

    exchange_body_passed(c->exchange, n);
    downstream_update(c);
}

static const struct stream_owner owner = { .received = received,
                                           .sent = sent,
                                           .failed = failed,
                                           .ended = ended,
                                           .hung_up = hung_up,
                                           .spliced = spliced };

/* --- life ------------------------------------------------------------------------------------- */

/* Nothing is under way: with TLS the client shall not take it for an attack. */
static void close_idle(struct downstream *c)
{
    stream_shut(&c->stream);
    downstream_kill(c);
}

void downstream_due(struct wheel_entry *entry)
{
    struct downstream *c = container_of(entry, struct downstream, expiry);
    static const struct aws_error slow = { .status = 408,
                                           .type = "RequestTimeoutException",
                                           .message = "The request's head took too long." };

    if (c->shakes_hands && tls_stream_is_ready(tls_stream_of(&c->stream))) {
        c->shakes_hands = false; /* from now on a client like any other */
        downstream_expect(c, entry->deadline + worker_of(&c->stream)->settings->idle_timeout_ms);
    } else if (c->state == DOWNSTREAM_READY && c->is_h2) {
        h2_expired(c->h2);
    } else if (c->state == DOWNSTREAM_BUSY) {
        exchange_expired(c->exchange);
    } else if (c->state == DOWNSTREAM_READY && c->head_begun && !downstream_congested(c)) {
        send_error(c, &slow);
        if (c->state != DOWNSTREAM_DEAD)
            close_after_output(c);
        downstream_update(c);
    } else if (c->state == DOWNSTREAM_READY && !c->shakes_hands) {
        close_idle(c);
    } else {
        downstream_kill(c);
    }
}

/* A client that was told that its connection stays may be sending its next request just now: as long
 * as we have patience, that one's answer says that it is the last. */
void downstream_finish(struct downstream *c, bool keep_alive)
{
    c->exchange = NULL;
    if (c->state == DOWNSTREAM_DEAD)
        return;
    if (!keep_alive || worker_of(&c->stream)->impatient) {
        close_after_output(c);
    } else {
        c->state = DOWNSTREAM_READY;
        downstream_expect(c, now(c) + worker_of(&c->stream)->settings->idle_timeout_ms);
    }
    downstream_update(c);
}

void downstream_drain(struct downstream *c)
{
    if (c->state != DOWNSTREAM_READY)
        return;
    if (c->is_h2) {
        h2_drain(c->h2);
        return;
    }
    if (stream_unsent(&c->stream))
        close_after_output(c);
    else
        close_idle(c);
    downstream_update(c);
}

/* @tls: NULL for a plain connection. */
static int open_stream(struct downstream *c, struct worker *w, int fd, struct tls_server *tls)
{
    struct tls_stream *t = NULL;
    int r = tls ? tls_stream_new(&w->tls_io, tls, &t) : 0;

    if (!r)
        r = stream_open(&c->stream, &w->streams, fd, w->listens_locally && !tls,
                        tls ? &stream_tls : &stream_plain, t, &owner);
    if (r)
        tls_stream_free(t);
    return r;
}

int downstream_new(struct worker *w, int fd, struct tls_server *tls, const struct guard_pass *pass)
{
    struct downstream *c = calloc(1, sizeof(*c));
    int r;

    if (!c)
        return -ENOMEM;
    r = open_stream(c, w, fd, tls);
    if (r) {
        free(c);
        return fault(r);
    }
    c->pass = *pass;
    c->client = (struct client){ .ops = &downstream_ops };
    c->stream.connected = true;
    wheel_entry_init(&c->expiry);
    c->is_new = true;
    c->shakes_hands = tls;
    downstream_expect(
        c, now(c) + (tls ? w->settings->handshake_timeout_ms : w->settings->idle_timeout_ms));
    list_push_back(&w->connections, &c->link);
    w->n_connections++;
    return 0;
}

void downstream_peer(const struct downstream *c, char ret_text[ADDRESS_TEXT_BYTES])
{
    peer_address(&c->stream, ret_text);
}

const char *downstream_forwarded(struct downstream *c)
{
    if (!tls_stream_of(&c->stream))
        return worker_forwarded(worker_of(&c->stream), &c->pass);
    if (!c->forwarded)
        c->forwarded = peer_forwarded(&c->stream, worker_of(&c->stream)->settings->peer_style);
    return c->forwarded;
}
