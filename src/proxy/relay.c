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

    x->keep_alive = x->keep_alive && x->body_done && !draining;
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

static void answer_complete(struct exchange *x, bool surplus)
{
    /* A target that answers before it has the whole request, or says more than it announced, cannot
     * be asked anything else on this connection. */
    bool reusable = x->upstream_keeps && !surplus && x->body_done && !x->giving_up &&
                    !stream_unsent(&x->upstream->stream);
    enum exchange_state state = x->state;

    exchange_end_attempt(x, reusable, true);
    if (state == EXCHANGE_COLLECTING)
        x->kind->collected(x);
    else
        exchange_over(x, x->keep_alive);
}

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

/* Return: how many bytes belong to the body. */
static size_t take_body(struct exchange *x, const char *data, size_t size)
{
    size_t used = 0;
    int r = HTTP_AGAIN;

    while (r == HTTP_AGAIN) {
        struct slice content = { 0 };
        const char *why = NULL;
        size_t n = 0;

        r = http_body_next(&x->upstream->body, data + used, size - used, &n, &content, &why);
        used += n;
        if (x->state == EXCHANGE_COLLECTING)
            collect(x, content);
        else if (x->kind->content)
            x->kind->content(x, content);
        else
            client_content(x->client, content);
        if (x->state == EXCHANGE_ANSWERING)
            x->note.sent_bytes += content.size;
        if (x->state == EXCHANGE_OVER)
            return used;
        if (n == 0)
            break;
    }
    if (x->state == EXCHANGE_ANSWERING)
        pass_on(x, r == 0);
    if (x->state == EXCHANGE_OVER)
        return used;
    if (r == 0)
        answer_complete(x, used < size);
    else if (r != HTTP_AGAIN)
        exchange_fail(x, EXCHANGE_NONSENSE, 0);
    else if (x->collected_cut)
        answer_complete(x, true); /* enough of it */
    else if (x->state == EXCHANGE_ANSWERING && client_is_congested(x->client))
        stream_want(&x->upstream->stream, false);
    return used;
}

/* 100 Continue is between the target and us; the others are for the client, who may be told so
 * often. */
static void take_interim(struct exchange *x, const struct http_head *head)
{
    if (++x->interims > INTERIMS_MAX)
        exchange_fail(x, EXCHANGE_NONSENSE, 0);
    else if (head->status != 100 && x->kind->interim)
        x->kind->interim(x, head);
}

static size_t take_head(struct exchange *x, const char *data, size_t size)
{
    struct upstream_connection *u = x->upstream;
    struct http_head *head = &x->worker->answer_head;
    struct slice method = x->head_only ? SLICE("HEAD") : SLICE("POST");
    const char *why = NULL;
    size_t n = 0;
    int r = http_parse_response(data, size, method, &x->worker->settings->limits, &u->scanned, head,
                                &n, &why);

    if (r == HTTP_AGAIN)
        return 0;
    u->scanned = 0;
    if (r || (head->status == 101 && !tunnel_is_granted(x, head))) {
        exchange_fail(x, EXCHANGE_NONSENSE, 0);
        return size;
    }
    if (head->status == 101) {
        x->kind->answered(x, head);
        return n;
    }
    if (head->status < 200) {
        take_interim(x, head);
        return n;
    }
    http_body_init(&u->body, head);
    u->body.trailers = &x->answer_trailers;
    x->upstream_keeps = head->keep_alive;
    if (!x->body_done && !head->keep_alive && head->status >= 300)
        exchange_give_up_sending(x); /* it has made up its mind: RFC 9112 §9.5 */
    x->phases.first_byte = loop_now_us(x->worker->loop);
    x->note.target_status = head->status;
    x->kind->answered(x, head);
    return n;
}

size_t exchange_take_answer(struct exchange *x, const char *data, size_t size)
{
    struct upstream_connection *u = x->upstream;
    size_t used = 0;

    while (x->state == EXCHANGE_UPSTREAM && x->upstream == u && used < size) {
        size_t n = take_head(x, data + used, size - used);

        if (n == 0)
            return used;
        used += n;
    }
    if (x->upstream == u && (x->state == EXCHANGE_ANSWERING || x->state == EXCHANGE_COLLECTING))
        used += take_body(x, data + used, size - used);
    if (x->upstream == u && x->state == EXCHANGE_TUNNEL && used < size) {
        tunnel_pull(x, (struct slice){ data + used, size - used });
        used = size;
    }
    return used;
}

void exchange_break_off(struct exchange *x, enum exchange_failure why)
{
    x->broken = true;
    x->keep_alive = x->keep_alive && !client_is_congested(x->client);
    if (!x->kind->broken_off || !x->kind->broken_off(x, why)) {
        if (x->state != EXCHANGE_OVER)
            exchange_die(x); /* too late for an error: the client must see that it is not whole */
        return;
    }
    client_end(x->client, (struct slice){ 0 });
    if (x->state != EXCHANGE_OVER)
        client_flush(x->client);
    if (x->state != EXCHANGE_OVER)
        exchange_over(x, x->keep_alive); /* ends the attempt, too */
}

bool exchange_answer_ended(struct exchange *x)
{
    if ((x->state != EXCHANGE_ANSWERING && x->state != EXCHANGE_COLLECTING) ||
        http_body_eof(&x->upstream->body))
        return false;
    if (x->state == EXCHANGE_ANSWERING)
        pass_on(x, true);
    if (x->state != EXCHANGE_OVER)
        answer_complete(x, true);
    return true;
}

/* The rest of a long answer need not be seen if it goes on as it is. */
static void make_way(struct exchange *x)
{
    const struct http_body *body = &x->upstream->body;
    struct stream *way = client_way(x->client);

    if (way && x->state == EXCHANGE_ANSWERING && !x->kind->content &&
        body->framing == HTTP_BODY_LENGTH && body->left >= EXCHANGE_SPLICE_MIN)
        stream_splice(&x->upstream->stream, way, body->left); /* else it is copied */
}

void exchange_answer_passed(struct exchange *x, size_t n)
{
    struct http_body *body = &x->upstream->body;

    x->note.sent_bytes += n;
    body->left -= n;
    if (x->idle_ms)
        client_expect(x->client, exchange_now(x) + x->idle_ms);
    if (body->left > 0)
        return;
    pass_on(x, true);
    if (x->state != EXCHANGE_OVER)
        answer_complete(x, false);
}

void exchange_client_reads(struct exchange *x)
{
    if (x->state != EXCHANGE_ANSWERING && x->state != EXCHANGE_TUNNEL)
        return;
    if (x->idle_ms)
        client_expect(x->client, exchange_now(x) + x->idle_ms);
    make_way(x);
    stream_want(&x->upstream->stream, true);
}
