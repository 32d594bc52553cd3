/* Sending a request upstream, and what it means when that does not work. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http/writer.h"
#include "proxy/exchange.h"
#include "proxy/tunnel.h"

enum {
    REPLAY_BYTES = 64 << 10, /* of a streaming body that are kept to be sent again */
};

/* --- beginning and ending --------------------------------------------------------------------- */

/* The request stays with us until it is answered: it may have to be sent again. */
static int send_request(struct exchange *x)
{
    struct stream *s = &x->upstream->stream;
    int r = stream_send_kept(s, buffer_data(&x->head_out), buffer_size(&x->head_out));

    if (!r)
        r = stream_send_kept(s, buffer_data(&x->body_out), buffer_size(&x->body_out));
    if (r)
        upstream_close(steal(x->upstream));
    return r;
}

/* A body that streams can be sent again only as long as all that has left of it is kept, too. That a
 * connection from the pool has died shows at once, or after a round trip: so long REPLAY_BYTES
 * last. */
static enum upstream_trust trust_needed(const struct exchange *x)
{
    if (x->retried)
        return UPSTREAM_NEW;
    return x->body_done ? UPSTREAM_ANY : UPSTREAM_PROVEN;
}

int exchange_attempt(struct exchange *x, struct upstream *pool)
{
    struct worker *w = x->worker;
    int r;

    assert(!x->upstream);
    x->attempts++;
    if (pool)
        r = upstream_lend(pool, x, trust_needed(x), &x->upstream);
    else
        r = upstream_dial(w, &w->settings->api, x, &x->upstream);
    if (!r)
        r = send_request(x);
    if (r)
        return r;
    x->state = EXCHANGE_UPSTREAM;
    x->giving_up = x->replays = false;
    /* Not the turn's instant: what was done for the request before, in this turn, is our
     * overhead. */
    x->attempt_us = loop_clock(w->loop)->mono_us(loop_clock(w->loop));
    phases_attempt(&x->phases, x->attempt_us);
    access_note_attempt(x);
    client_expect(x->client, exchange_now(x) + w->settings->connect_timeout_ms);
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
    x->spent_us += us;
    x->kind->ended(x, us, complete);
}

void exchange_fail(struct exchange *x, enum exchange_failure why, int error)
{
    bool untouched = x->state == EXCHANGE_UPSTREAM && x->upstream->reused && !x->upstream->heard &&
                     !x->partly_gone;

    if (why == EXCHANGE_BROKEN && untouched)
        why = EXCHANGE_STALE;
    if (x->state == EXCHANGE_TUNNEL) {
        exchange_die(x);
        return;
    }
    if (why == EXCHANGE_STALE && !x->upstream->asked)
        error = -ECONNRESET; /* nobody has seen a byte of it: as good as a reset */
    if (x->state == EXCHANGE_ANSWERING) {
        exchange_break_off(x, why);
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

static void forget_sent(struct exchange *x)
{
    x->partly_gone = true;
    buffer_clear(&x->head_out);
    buffer_clear(&x->body_out);
}

/* When the answer has begun, it is bounded as a whole, or by what moves either way. */
void exchange_body_moved(struct exchange *x)
{
    ms_t ms = x->state == EXCHANGE_ANSWERING ? x->idle_ms : x->worker->settings->body_timeout_ms;

    if (ms)
        client_expect(x->client, exchange_now(x) + ms);
}

/* Everything kept has been sent. A body that streams is forgotten as it goes; when the request is
 * complete, the time that the target has begins to run. */
static void sent_all(struct exchange *x)
{
    x->replays = x->upstream->reused && !x->upstream->heard && !x->partly_gone &&
                 buffer_size(&x->body_out) <= REPLAY_BYTES;
    if (x->streams && !x->body_done && !x->replays)
        forget_sent(x);
    if ((x->streams && !x->body_done) || x->state == EXCHANGE_ANSWERING)
        exchange_body_moved(x);
    else
        client_expect(x->client, exchange_now(x) + x->timeout_ms);
    client_update(x->client);
}

void exchange_sent(struct exchange *x)
{
    if (!x->upstream->reused && !x->phases.connected)
        x->phases.connected = loop_now_us(x->worker->loop);
    if (x->state == EXCHANGE_TUNNEL)
        tunnel_sent(x);
    else if (stream_unsent(&x->upstream->stream))
        exchange_body_moved(x);
    else
        sent_all(x);
}

void exchange_cannot_send(struct exchange *x, int error)
{
    if (!x->upstream->stream.connected)
        exchange_fail(x, EXCHANGE_CONNECT, error);
    else if (error == -ENOMEM)
        exchange_fail(x, EXCHANGE_BROKEN, error);
    else /* It may have answered before it closed: what it said is still to be read, and if it said
          * nothing, reading will tell. */
        x->giving_up = true;
}

void exchange_give_up_sending(struct exchange *x)
{
    x->giving_up = true;
    stream_drop_output(&x->upstream->stream);
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

/* Send a piece of a streaming body, and keep it as well if it may have to be sent again. */
static int send_piece(struct exchange *x, const char *data, size_t size)
{
    x->replays = x->replays && buffer_size(&x->body_out) + size <= REPLAY_BYTES &&
                 buffer_append(&x->body_out, data, size) == 0;
    if (!x->replays)
        x->partly_gone = true;
    return stream_send(&x->upstream->stream, data, size);
}

/* Send content of a streaming body, in its chunk's frame if it goes in chunks. */
static int send_content(struct exchange *x, struct slice content)
{
    char line[24];
    int r = 0;

    if (!x->chunked_out)
        return send_piece(x, content.data, content.size);
    if (content.size)
        r = send_piece(x, line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", content.size));
    if (!r)
        r = send_piece(x, content.data, content.size);
    if (!r && content.size)
        r = send_piece(x, "\r\n", 2);
    if (!r && x->body_done)
        r = send_piece(x, "0\r\n", 3);
    if (!r && x->body_done)
        r = send_piece(x, buffer_data(&x->trailers), buffer_size(&x->trailers));
    return r || !x->body_done ? r : send_piece(x, "\r\n", 2);
}

void exchange_push_content(struct exchange *x, struct slice content)
{
    if (x->giving_up)
        return;
    if (send_content(x, content))
        exchange_die(x);
    else if (!stream_unsent(&x->upstream->stream))
        sent_all(x); /* there was nothing more */
}

/* --- receiving -------------------------------------------------------------------------------- */

/* Return: 0 when that is not known any more. */
static size_t bytes_sent(const struct exchange *x)
{
    return x->partly_gone ? 0 : buffer_size(&x->head_out) + buffer_size(&x->body_out);
}

void exchange_upstream_ended(struct exchange *x, int error)
{
    if (error == 0 && x->state == EXCHANGE_TUNNEL) {
        tunnel_target_ended(x);
        return;
    }
    if (error == 0 && exchange_answer_ended(x))
        return;
    if (error == 0)
        error = stream_fate(&x->upstream->stream, bytes_sent(x));
    exchange_fail(x, EXCHANGE_BROKEN, error);
}
