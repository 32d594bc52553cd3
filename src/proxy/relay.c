/* Passing an answer on while it comes in: nothing is held back, nothing is copied that can be
 * sent. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/uio.h>

#include "http/writer.h"
#include "proxy/downstream.h"
#include "proxy/exchange.h"

/* Pieces of one send: they lie in the worker's scratch and in `lines`. */
struct gather {
    struct exchange *x;
    size_t n, n_lines;
    struct iovec parts[64];
    char lines[24][24]; /* sizes of chunks */
};

static void flush(struct gather *g)
{
    if (g->n)
        downstream_send(g->x->client, g->parts, g->n);
    g->n = g->n_lines = 0;
}

static void add(struct gather *g, const char *data, size_t size)
{
    g->parts[g->n++] = (struct iovec){ (char *)data, size };
}

static void add_content(struct gather *g, struct slice content)
{
    char *line;

    if (content.size == 0)
        return;
    if (g->n + 4 > 64 || g->n_lines == 24) {
        flush(g);
        if (g->x->state == EXCHANGE_OVER)
            return;
    }
    if (g->x->framing != HTTP_BODY_CHUNKED) {
        add(g, content.data, content.size);
        return;
    }
    line = g->lines[g->n_lines++];
    add(g, line, (size_t)snprintf(line, 24, "%zx\r\n", content.size));
    add(g, content.data, content.size);
    add(g, "\r\n", 2);
}

/* --- heads ------------------------------------------------------------------------------------ */

static enum http_framing framing_for(const struct exchange *x, const struct http_head *answer)
{
    if (x->head_only || answer->framing == HTTP_BODY_NONE || answer->framing == HTTP_BODY_LENGTH)
        return answer->framing;
    return x->http10 ? HTTP_BODY_CLOSE : HTTP_BODY_CHUNKED;
}

static int write_framing(struct exchange *x, const struct http_head *answer, struct buffer *head)
{
    struct slice length = http_header_value(answer, "Content-Length");

    if (x->head_only)
        return length.size ? http_write_header(head, "Content-Length", length) : 0;
    switch (x->framing) {
    case HTTP_BODY_LENGTH:
        return http_write_header_number(head, "Content-Length", answer->content_length);
    case HTTP_BODY_CHUNKED:
        return http_write_header_text(head, "Transfer-Encoding", "chunked");
    case HTTP_BODY_NONE:
        if (answer->status == 204 || answer->status == 304)
            return 0;
        return http_write_header_number(head, "Content-Length", 0);
    case HTTP_BODY_CLOSE:
        break;
    }
    return 0;
}

/* What still makes the client's connection unfit for another request. */
static bool must_close(const struct exchange *x)
{
    return x->framing == HTTP_BODY_CLOSE || !x->body_done || x->worker->draining;
}

void exchange_relay(struct exchange *x, const struct http_head *answer)
{
    struct buffer *head = &x->worker->text;
    int r;

    x->framing = framing_for(x, answer);
    x->keep_alive = x->keep_alive && !must_close(x);
    r = write_framing(x, answer, head);
    if (!r && !x->keep_alive)
        r = http_write_header_text(head, "Connection", "close");
    else if (!r && x->http10)
        r = http_write_header_text(head, "Connection", "keep-alive");
    if (!r)
        r = http_write_end(head);
    if (r) {
        exchange_die(x);
        return;
    }
    x->state = EXCHANGE_ANSWERING; /* the head leaves with the first of the body: take_body() */
}

void exchange_collect(struct exchange *x)
{
    x->state = EXCHANGE_COLLECTING;
}

/* --- bodies ----------------------------------------------------------------------------------- */

static void answer_complete(struct exchange *x, bool surplus)
{
    /* A target that answers before it has the whole request, or says more than it announced, cannot
     * be asked anything else on this connection. */
    bool reusable = x->upstream_keeps && !surplus && x->body_done && !x->giving_up &&
                    x->sent == buffer_size(&x->head_out) + buffer_size(&x->body_out);
    enum exchange_state state = x->state;

    exchange_end_attempt(x, reusable, true);
    if (state == EXCHANGE_COLLECTING)
        x->kind->collected(x);
    else
        exchange_over(x, x->keep_alive);
}

static void collect(struct exchange *x, struct slice content)
{
    size_t room = x->collected.max_bytes - buffer_size(&x->collected);

    if (content.size > room)
        x->collected_cut = true;
    if (buffer_append(&x->collected, content.data, content.size < room ? content.size : room))
        x->collected_cut = true;
}

/* @begins: the head has just come. Return: how many bytes belong to the body. */
static size_t take_body(struct exchange *x, bool begins, const char *data, size_t size)
{
    struct gather g;
    size_t used = 0;
    int r = HTTP_AGAIN;

    g.x = x;
    g.n = g.n_lines = 0;
    if (begins && x->state == EXCHANGE_ANSWERING)
        add(&g, buffer_data(&x->worker->text), buffer_size(&x->worker->text));
    while (r == HTTP_AGAIN) {
        struct slice content = { 0 };
        const char *why = NULL;
        size_t n = 0;

        r = http_body_next(&x->upstream->body, data + used, size - used, &n, &content, &why);
        used += n;
        if (x->state == EXCHANGE_COLLECTING)
            collect(x, content);
        else
            add_content(&g, content);
        if (x->state == EXCHANGE_OVER)
            return used;
        if (n == 0)
            break;
    }
    if (r == 0 && x->framing == HTTP_BODY_CHUNKED && x->state == EXCHANGE_ANSWERING)
        add(&g, "0\r\n\r\n", 5);
    flush(&g);
    if (x->state == EXCHANGE_OVER)
        return used;
    if (r == 0)
        answer_complete(x, used < size);
    else if (r != HTTP_AGAIN)
        exchange_fail(x, EXCHANGE_NONSENSE, 0);
    else if (x->collected_cut)
        answer_complete(x, true); /* enough of it */
    else if (x->state == EXCHANGE_ANSWERING && downstream_congested(x->client) &&
             upstream_watch(x->upstream, 0))
        exchange_fail(x, EXCHANGE_BROKEN, -ENOMEM);
    return used;
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
    if (r || head->status == 101) {
        exchange_fail(x, EXCHANGE_NONSENSE, 0);
        return size;
    }
    if (head->status < 200)
        return n; /* 100 Continue and the like are between the target and us */
    http_body_init(&u->body, head);
    x->upstream_keeps = head->keep_alive;
    if (!x->body_done)
        x->giving_up = true; /* it has made up its mind before it heard everything */
    x->kind->answered(x, head);
    return n;
}

size_t exchange_take_answer(struct exchange *x, const char *data, size_t size)
{
    struct upstream_connection *u = x->upstream;
    bool begins = x->state == EXCHANGE_UPSTREAM;
    size_t used = 0;

    while (x->state == EXCHANGE_UPSTREAM && x->upstream == u && used < size) {
        size_t n = take_head(x, data + used, size - used);

        if (n == 0)
            return used;
        used += n;
    }
    if (x->upstream == u && (x->state == EXCHANGE_ANSWERING || x->state == EXCHANGE_COLLECTING))
        used += take_body(x, begins, data + used, size - used);
    return used;
}

bool exchange_answer_ended(struct exchange *x)
{
    struct iovec end = { (char *)"0\r\n\r\n", 5 };

    if ((x->state != EXCHANGE_ANSWERING && x->state != EXCHANGE_COLLECTING) ||
        http_body_eof(&x->upstream->body))
        return false;
    if (x->state == EXCHANGE_ANSWERING && x->framing == HTTP_BODY_CHUNKED)
        downstream_send(x->client, &end, 1);
    if (x->state != EXCHANGE_OVER)
        answer_complete(x, true);
    return true;
}

void exchange_client_reads(struct exchange *x)
{
    if (x->state == EXCHANGE_ANSWERING && upstream_watch(x->upstream, LOOP_READ))
        exchange_fail(x, EXCHANGE_BROKEN, -ENOMEM);
}
