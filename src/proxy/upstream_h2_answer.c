/* What comes back on a stream to a target that speaks HTTP/2, and what the exchange is told of it. */
#include <errno.h>

#include "proxy/upstream_h2_internal.h"
#include "proxy/worker.h"

/* --- receiving -------------------------------------------------------------------------------- */

void h2_call_fail(struct h2_call *c, enum h2_call_failure why)
{
    if (c->failure == H2_CALL_WELL && !c->in_ended)
        c->failure = why;
    h2_call_touch(c);
}

void h2_call_refuse(struct h2_call *c, const char *why)
{
    if (c->failure == H2_CALL_WELL)
        c->why = why;
    h2_call_fail(c, H2_CALL_NONSENSE);
}

void h2_call_head_begins(struct h2_call *c)
{
    c->call.heard = true;
    if (!c->head_done)
        h2_answer_reset(&c->head);
}

/* Refused fields are read on, since HPACK's state is the connection's; but not for ever. */
int h2_call_field(struct h2_call *c, struct slice name, struct slice value)
{
    const struct http_limits *limits = &c->session->worker->settings->limits;
    const char *why;
    int r;

    if (c->head_done)
        r = h2_trailer_field(&c->call.exchange->answer_trailers, name, value, &why);
    else
        r = h2_answer_field(&c->head, name, value, limits, &why);
    if (!r)
        return 0;
    h2_call_refuse(c, why);
    c->closed = true; /* nghttp2 resets it */
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void take_head(struct h2_call *c, const struct http_head *head, bool ends)
{
    if (head->status >= 200) {
        c->head_done = c->fed = true; /* the head is to leave even if nothing follows */
        c->framing = head->framing;
        c->left = head->framing == HTTP_BODY_LENGTH ? head->content_length : 0;
        c->in_ended = ends;
    }
    h2_call_touch(c);
    exchange_answer_head(c->call.exchange, head);
}

void h2_call_head(struct h2_call *c, bool ends)
{
    struct worker *w = c->session->worker;
    struct slice method = c->call.exchange->head_only ? SLICE("HEAD") : SLICE("POST");
    const char *why;

    if (c->failure)
        return;
    if (c->head_done) {
        if (ends)
            h2_call_ended(c);
        return;
    }
    if (h2_answer_finish(&c->head, ends, method, &w->settings->limits, &w->answer_head, &why))
        h2_call_refuse(c, why);
    else
        take_head(c, &w->answer_head, ends);
}

static void used(struct h2_call *c, size_t size)
{
    if (!c->closed && !c->session->dead)
        nghttp2_session_consume_stream(c->session->ng, c->id, size);
}

/* No more than was announced goes to a client that was told so. */
static bool is_too_much(struct h2_call *c, size_t size)
{
    if (c->framing == HTTP_BODY_CHUNKED)
        return false;
    if (size > c->left)
        return true;
    c->left -= size;
    return false;
}

void h2_call_content(struct h2_call *c, struct slice content)
{
    bool keeps = !c->wants || buffer_size(&c->in) > 0;

    if (c->failure)
        return;
    if (!c->head_done)
        h2_call_refuse(c, "there is content before a head");
    else if (is_too_much(c, content.size))
        h2_call_refuse(c, "there is more content than Content-Length says");
    else if (keeps && buffer_append(&c->in, content.data, content.size))
        h2_call_refuse(c, "there is more content than fits in its window");
    if (c->failure)
        return;
    h2_call_touch(c);
    if (keeps)
        return;
    c->fed = true;
    exchange_answer_content(c->call.exchange, content);
    used(c, content.size);
}

void h2_call_ended(struct h2_call *c)
{
    if (c->framing == HTTP_BODY_LENGTH && c->left > 0)
        h2_call_refuse(c, "there is less content than Content-Length says");
    else if (c->failure == H2_CALL_WELL)
        c->in_ended = true;
    h2_call_touch(c);
}

void h2_call_want(struct h2_call *c, bool input)
{
    if (input && !c->wants && (buffer_size(&c->in) || c->in_ended)) {
        h2_call_touch(c);
        h2_upstream_flush_later(c->session);
    }
    c->wants = input;
}

/* --- telling ---------------------------------------------------------------------------------- */

/* What was kept while it was not wanted. Return: whether the call goes on. */
static bool deliver(struct h2_call *c)
{
    struct exchange *x = c->call.exchange;
    size_t size = buffer_size(&c->in);

    if (!c->wants || (size == 0 && !c->fed))
        return true;
    if (size)
        exchange_answer_content(x, (struct slice){ buffer_data(&c->in), size });
    c->fed = false;
    if (c->call.exchange)
        exchange_answer_flush(x);
    buffer_deinit(&c->in);
    if (c->call.exchange && size)
        used(c, size);
    return c->call.exchange;
}

/* What comes back unread a second time is the target's fault. */
void h2_call_end(struct h2_call *c, enum exchange_failure why, int error)
{
    struct exchange *x = c->call.exchange;

    c->call.heard = c->call.heard || x->retried;
    exchange_fail(x, why, error);
}

static void tell_failure(struct h2_call *c)
{
    switch (c->failure) {
    case H2_CALL_REFUSED: /* as good as a connection that was reset before it was read */
        h2_call_end(c, EXCHANGE_STALE, -ECONNRESET);
        break;
    case H2_CALL_RESET:
        c->call.heard = true; /* somebody has looked at it, and made up his mind */
        h2_call_end(c, EXCHANGE_BROKEN, 0);
        break;
    case H2_CALL_NONSENSE:
        exchange_nonsense(c->call.exchange, c->why);
        break;
    case H2_CALL_WELL:
        break;
    }
}

void h2_call_settle(struct h2_call *c)
{
    struct exchange *x = c->call.exchange;

    if (c->progressed) {
        c->progressed = false;
        exchange_sent(x);
    }
    if (!c->call.exchange || !deliver(c))
        return;
    if (c->failure)
        tell_failure(c);
    else if (c->in_ended && buffer_size(&c->in) == 0)
        exchange_answer_complete(x);
}
