/* Passing an answer on while it comes in: nothing is held back, nothing is copied that can be
 * sent. */
#include <assert.h>
#include <errno.h>

#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/tunnel.h"

enum { INTERIMS_MAX = 32 };

/* --- heads ------------------------------------------------------------------------------------ */

/* A body's length as the client may be told, body or none. */
static uint64_t length_of(const struct exchange *x, const struct http_head *answer)
{
    uint64_t length = CLIENT_LENGTH_UNKNOWN;

    if (answer->framing == HTTP_BODY_LENGTH)
        return answer->content_length;
    if (answer->framing == HTTP_BODY_NONE && x->head_only)
        return text_to_u64(http_header_value(answer, "Content-Length"), UINT64_MAX - 1, &length)
                   ? CLIENT_LENGTH_UNKNOWN
                   : length;
    if (answer->framing == HTTP_BODY_NONE && answer->status != 204 && answer->status != 304)
        return 0;
    return CLIENT_LENGTH_UNKNOWN;
}

void exchange_relay(struct exchange *x, const struct http_head *answer)
{
    exchange_relay_as(x, length_of(x, answer), answer->framing == HTTP_BODY_NONE);
}

void exchange_relay_as(struct exchange *x, uint64_t length, bool empty)
{
    bool draining = x->worker->draining;

    x->keep_alive = x->keep_alive && !draining && exchange_can_stay(x, length);
    x->note.status = x->note.target_status;
    x->note.sent_bytes += buffer_size(&x->worker->text);
    if (!x->body_done && !x->idle_ms)
        client_expect(x->client, exchange_now(x) + x->timeout_ms);
    client_begin(x->client, length, empty);
    if (x->state != EXCHANGE_OVER)
        x->state = EXCHANGE_ANSWERING; /* the head leaves with the first of the body: take_body() */
}

void exchange_collect(struct exchange *x)
{
    x->state = EXCHANGE_COLLECTING;
    if (!x->body_done)
        exchange_give_up_sending(x); /* what comes is an error, whatever else it would hear */
}

/* --- bodies ----------------------------------------------------------------------------------- */

static struct slice trailers(struct exchange *x)
{
    struct buffer *lines = &x->answer_trailers;

    if (!x->passes_trailers || !x->takes_trailers)
        return (struct slice){ 0 };
    fields_keep_trailers(lines);
    return (struct slice){ buffer_data(lines), buffer_size(lines) };
}

/* Let go what the client was given of the answer, the last of it if @complete. */
static void pass_on(struct exchange *x, bool complete)
{
    if (x->idle_ms && !client_is_congested(x->client))
        client_expect(x->client, exchange_now(x) + x->idle_ms);
    if (complete)
        client_end(x->client, trailers(x));
    if (x->state != EXCHANGE_OVER)
        client_flush(x->client);
}

static void collect(struct exchange *x, struct slice content)
{
    size_t room = x->collected.max_bytes - buffer_size(&x->collected);

    if (content.size > room)
        x->collected_cut = true;
    if (buffer_append(&x->collected, content.data, content.size < room ? content.size : room))
        x->collected_cut = true;
}

void exchange_answer_content(struct exchange *x, struct slice content)
{
    if (x->state == EXCHANGE_COLLECTING)
        collect(x, content);
    else if (x->kind->content)
        x->kind->content(x, content);
    else
        client_content(x->client, content);
    if (x->state == EXCHANGE_ANSWERING)
        x->note.sent_bytes += content.size;
}

/* The attempt is over, and has gone well. */
static void finish(struct exchange *x, bool reusable)
{
    enum exchange_state state = x->state;

    exchange_end_attempt(x, reusable, true);
    if (state == EXCHANGE_COLLECTING)
        x->kind->collected(x);
    else
        exchange_settle(x);
}

void exchange_answer_flush(struct exchange *x)
{
    if (x->state == EXCHANGE_ANSWERING)
        pass_on(x, false);
    if (x->state == EXCHANGE_COLLECTING && x->collected_cut)
        finish(x, false); /* enough of it */
    else if (x->state == EXCHANGE_ANSWERING && client_is_congested(x->client))
        call_want(x->call, false);
}

/* A target that answers before it has the whole request cannot be asked anything else in the same
 * place. */
void exchange_answer_complete(struct exchange *x)
{
    if (x->state == EXCHANGE_ANSWERING)
        pass_on(x, true);
    if (x->state != EXCHANGE_OVER)
        finish(x, x->body_done && !x->giving_up);
}

/* 100 Continue is between the target and us; the others are for the client, who may be told so
 * often. */
static void take_interim(struct exchange *x, const struct http_head *head)
{
    if (++x->interims > INTERIMS_MAX)
        exchange_nonsense(x, "there are too many interim answers");
    else if (head->status != 100 && x->kind->interim)
        x->kind->interim(x, head);
}

void exchange_answer_head(struct exchange *x, const struct http_head *head)
{
    if (head->status == 101) {
        x->kind->answered(x, head);
        return;
    }
    if (head->status < 200) {
        take_interim(x, head);
        return;
    }
    if (!x->body_done && !head->keep_alive && head->status >= 300)
        exchange_give_up_sending(x); /* it has made up its mind: RFC 9112 §9.5 */
    x->phases.first_byte = loop_now_us(x->worker->loop);
    x->note.target_status = head->status;
    if (x->is_grpc)
        access_note_answer(x, head);
    x->kind->answered(x, head);
}

/* Time that a client lets pass, because it does not read its answer or does not send on, is no fault of
 * the target. */
static bool waits_for_client(const struct exchange *x, enum exchange_failure why)
{
    return why == EXCHANGE_TIMEOUT && (client_is_congested(x->client) || exchange_takes_body(x));
}

void exchange_break_off(struct exchange *x, enum exchange_failure why)
{
    x->broken = !waits_for_client(x, why);
    x->keep_alive = x->keep_alive && !client_is_congested(x->client);
    if (!x->kind->broken_off || !x->kind->broken_off(x, why)) {
        if (x->state != EXCHANGE_OVER)
            exchange_die(x); /* too late for an error: the client must see that it is not whole */
        return;
    }
    client_end(x->client, trailers(x));
    if (x->state != EXCHANGE_OVER)
        client_flush(x->client);
    if (x->state != EXCHANGE_OVER)
        exchange_settle(x); /* ends the attempt, too */
}

/* The rest of a long answer need not be seen if it goes on as it is. */
static void make_way(struct exchange *x)
{
    struct stream *way = client_way(x->client);

    if (way && x->state == EXCHANGE_ANSWERING && !x->kind->content)
        call_splice(x->call, way); /* else it is copied */
}

static bool gives_answer(const struct exchange *x)
{
    return x->state == EXCHANGE_ANSWERING || x->state == EXCHANGE_TUNNEL;
}

static void moved(struct exchange *x)
{
    if (x->idle_ms)
        client_expect(x->client, exchange_now(x) + x->idle_ms);
}

void exchange_answer_passed(struct exchange *x, size_t n)
{
    x->note.sent_bytes += n;
    moved(x);
}

void exchange_client_took(struct exchange *x)
{
    if (gives_answer(x))
        moved(x);
}

void exchange_client_reads(struct exchange *x)
{
    if (!gives_answer(x))
        return;
    moved(x);
    make_way(x);
    call_want(x->call, true);
}
