/* Sending a request upstream, and what it means when that does not work. */
#include <assert.h>
#include <errno.h>

#include "proxy/exchange.h"
#include "proxy/tunnel.h"

enum {
    REPLAY_BYTES = 64 << 10, /* of a streaming body that are kept to be sent again */
};

/* --- beginning and ending --------------------------------------------------------------------- */

/* A body that streams can be sent again only as long as all that has left of it is kept, too. That a
 * connection from the pool has died shows at once, or after a round trip: so long REPLAY_BYTES
 * last. */
static enum upstream_trust trust_needed(const struct exchange *x)
{
    if (x->retried)
        return UPSTREAM_NEW;
    return x->body_done ? UPSTREAM_ANY : UPSTREAM_PROVEN;
}

/* Until something of it has left: a connection that is shared may be full for a while. */
static ms_t first_wait_ms(const struct exchange *x)
{
    const struct worker_settings *s = x->worker->settings;

    return call_is_connected(x->call) ? s->body_timeout_ms : s->connect_timeout_ms;
}

int exchange_attempt(struct exchange *x, struct upstream *pool)
{
    struct worker *w = x->worker;
    int r;

    assert(!x->call);
    x->attempts++;
    if (pool)
        r = upstream_lend(pool, x, trust_needed(x), &x->call);
    else
        r = upstream_dial(w, &w->settings->api, x, &x->call);
    if (!r)
        r = call_begin(x->call);
    if (r && x->call)
        call_release(steal(x->call), false);
    if (r)
        return r;
    x->state = EXCHANGE_UPSTREAM;
    x->giving_up = x->replays = false;
    /* Not the turn's instant: what was done for the request before, in this turn, is our
     * overhead. */
    x->attempt_us = loop_clock(w->loop)->mono_us(loop_clock(w->loop));
    phases_attempt(&x->phases, x->attempt_us);
    access_note_attempt(x);
    client_expect(x->client, exchange_now(x) + first_wait_ms(x));
    return 0;
}

void exchange_end_attempt(struct exchange *x, bool reusable, bool complete)
{
    struct call *call = steal(x->call);
    us_t us = loop_now_us(x->worker->loop) - x->attempt_us;

    if (us < 0)
        us = 0; /* it failed in the turn that began it */
    call_release(call, reusable);
    x->spent_us += us;
    x->kind->ended(x, us, complete);
}

void exchange_fail(struct exchange *x, enum exchange_failure why, int error)
{
    bool untouched =
        x->state == EXCHANGE_UPSTREAM && call_may_come_back(x->call) && !x->partly_gone;

    if (why == EXCHANGE_BROKEN || why == EXCHANGE_STALE)
        why = untouched ? EXCHANGE_STALE : EXCHANGE_BROKEN;
    if (x->state == EXCHANGE_TUNNEL) {
        exchange_die(x);
        return;
    }
    if (why == EXCHANGE_STALE && !x->call->asked)
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

void exchange_nonsense(struct exchange *x, const char *why)
{
    nonsense_add(&x->worker->nonsense, x->target, why);
    exchange_fail(x, EXCHANGE_NONSENSE, 0);
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

/* When the answer has begun, it is bounded as a whole, or by what moves either way. A call of gRPC may
 * be a conversation, in which nobody has anything to say for a while. */
void exchange_body_moved(struct exchange *x)
{
    const struct route_group *g = x->place.group;
    ms_t ms = x->state == EXCHANGE_ANSWERING ? x->idle_ms : x->worker->settings->body_timeout_ms;

    if (x->state != EXCHANGE_ANSWERING && x->is_grpc && g)
        ms = g->config.idle_timeout_ms;

    if (ms)
        client_expect(x->client, exchange_now(x) + ms);
}

/* Everything kept has been sent. A body that streams is forgotten as it goes; when the request is
 * complete, the time that the target has begins to run. */
static void sent_all(struct exchange *x)
{
    x->replays =
        call_may_come_back(x->call) && !x->partly_gone && buffer_size(&x->body_out) <= REPLAY_BYTES;
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
    if (!x->call->reused && !x->phases.connected)
        x->phases.connected = loop_now_us(x->worker->loop);
    if (x->state == EXCHANGE_TUNNEL)
        tunnel_sent(x);
    else if (call_is_unsent(x->call))
        exchange_body_moved(x);
    else
        sent_all(x);
}

void exchange_cannot_send(struct exchange *x, int error)
{
    if (!call_is_connected(x->call))
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
    call_give_up(x->call);
}

/* Keep what is sent of a streaming body as well, if it may have to be sent again. */
static void keep_piece(struct exchange *x, struct slice content)
{
    x->replays = x->replays && buffer_size(&x->body_out) + content.size <= REPLAY_BYTES &&
                 buffer_append(&x->body_out, content.data, content.size) == 0;
    if (!x->replays)
        x->partly_gone = true;
}

void exchange_push_content(struct exchange *x, struct slice content)
{
    int r = 0;

    if (x->giving_up)
        return;
    keep_piece(x, content);
    if (content.size)
        r = call_content(x->call, content);
    if (!r && x->body_done)
        r = call_end(x->call);
    if (r)
        exchange_die(x);
    else if (!call_is_unsent(x->call))
        sent_all(x); /* there was nothing more */
}
