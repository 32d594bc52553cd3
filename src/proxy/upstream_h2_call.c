/* One request at a target that speaks HTTP/2: a stream. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/h2_common.h"
#include "proxy/upstream_h2_internal.h"
#include "proxy/worker.h"

enum {
    OUT_BYTES_MAX = 1 << 20, /* exchanges wait until `out` is empty, so that this is not reached */
    DOUBT_MS = 1000,         /* a session that says nothing to a request for so long may be dead */
};

static const struct call_ops ops;

static struct h2_call *of(const struct call *call)
{
    return container_of((struct call *)call, struct h2_call, call);
}

static ms_t now(const struct h2_call *c)
{
    return loop_now(c->session->worker->loop);
}

/* --- life ------------------------------------------------------------------------------------- */

static void enter(struct h2_call *c, struct h2_upstream *h)
{
    c->session = h;
    c->alone = h->n_calls == 0;
    c->begun_at = loop_now(h->worker->loop);
    c->call.reused = h->ready;
    list_push_back(&h->calls, &c->link);
    h->n_calls++;
}

int h2_call_new(struct h2_upstream *h, struct exchange *x, struct call **ret_call)
{
    struct h2_call *c = calloc(1, sizeof(*c));

    if (!c)
        return -ENOMEM;
    c->call = (struct call){ .ops = &ops, .exchange = x };
    c->wants = true;
    c->out = BUFFER_INIT(OUT_BYTES_MAX);
    c->in = BUFFER_INIT(2 * H2_UPSTREAM_WINDOW);
    h2_answer_init(&c->head, &h->worker->settings->limits);
    list_link_init(&c->fresh);
    list_link_init(&c->touched);
    list_push_back(&h->pool->busy, &c->call.link);
    enter(c, h);
    *ret_call = &c->call;
    return 0;
}

void h2_call_move(struct h2_call *c, struct h2_upstream *to)
{
    struct h2_upstream *from = c->session;

    assert(c->id == 0);
    list_remove(&c->link);
    list_remove(&c->fresh);
    from->n_calls--;
    enter(c, to);
    list_push_back(&to->fresh, &c->fresh);
    h2_upstream_flush_later(to);
    h2_upstream_left(from);
}

static void bury(struct corpse *corpse)
{
    struct h2_call *c = container_of(corpse, struct h2_call, corpse);

    h2_answer_deinit(&c->head);
    buffer_deinit(&c->out);
    buffer_deinit(&c->in);
    free(c);
}

/* Nothing was heard on the whole connection since it was asked: others need not wait as long. */
static bool casts_doubt(const struct h2_call *c)
{
    const struct h2_upstream *h = c->session;

    return c->call.asked && h->heard_at <= c->begun_at && now(c) - c->begun_at >= DOUBT_MS;
}

static void release(struct call *call, bool reusable)
{
    struct h2_call *c = of(call);
    struct h2_upstream *h = c->session;

    call->exchange = NULL;
    list_remove(&call->link);
    list_remove(&c->link);
    list_remove(&c->fresh);
    list_remove(&c->touched);
    h->leaving = h->leaving || (!reusable && casts_doubt(c));
    if (c->id && !h->dead) {
        nghttp2_session_set_stream_user_data(h->ng, c->id, NULL);
        if (!c->closed && !(c->in_ended && c->end_sent))
            nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, c->id, NGHTTP2_CANCEL);
    }
    h->n_calls--;
    h2_upstream_left(h);
    morgue_take(&h->worker->morgue, &c->corpse, bury);
}

void h2_call_touch(struct h2_call *c)
{
    if (!list_linked(&c->touched))
        list_push_back(&c->session->touched, &c->touched);
}

/* --- sending ---------------------------------------------------------------------------------- */

static int begin(struct call *call)
{
    struct h2_call *c = of(call);

    c->kept_end = buffer_size(&call->exchange->body_out);
    c->out_ended = call->exchange->body_done;
    list_push_back(&c->session->fresh, &c->fresh);
    h2_upstream_flush_later(c->session);
    return 0;
}

static size_t take(struct h2_call *c, uint8_t *to, size_t size)
{
    size_t kept = c->kept_end - c->kept_at, n = kept < size ? kept : size, more;

    if (n)
        memcpy(to, buffer_data(&c->call.exchange->body_out) + c->kept_at, n);
    c->kept_at += n;
    more = buffer_size(&c->out) < size - n ? buffer_size(&c->out) : size - n;
    if (more)
        memcpy(to + n, buffer_data(&c->out), more);
    buffer_consume(&c->out, more);
    return n + more;
}

static bool has_content(const struct h2_call *c)
{
    return c->kept_at < c->kept_end || buffer_size(&c->out) > 0;
}

/* Return: whether trailers come last, and end the stream. */
static bool submit_trailers(struct h2_call *c)
{
    struct buffer *lines = &c->call.exchange->trailers;
    nghttp2_nv nv[H2_FIELDS_MAX];
    struct h2_fields f;

    return buffer_size(lines) > 0 &&
           h2_fields_read(buffer_data(lines), buffer_size(lines), true, &f) == 0 && f.n > 0 &&
           nghttp2_submit_trailer(c->session->ng, c->id, nv, h2_name_values(&f, nv)) == 0;
}

/* The next content of the request, for nghttp2. */
static ssize_t read_content(nghttp2_session *ng, int32_t id, uint8_t *to, size_t size,
                            uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct h2_call *c = nghttp2_session_get_stream_user_data(ng, id);
    size_t n;
    (void)source;
    (void)context;

    if (!c)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    n = take(c, to, size);
    c->progressed = true;
    h2_call_touch(c);
    if (has_content(c))
        return (ssize_t)n;
    if (c->out_ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (submit_trailers(c))
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        c->end_sent = true;
        return (ssize_t)n;
    }
    c->deferred = n == 0;
    return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

int h2_call_submit(struct h2_call *c)
{
    struct exchange *x = c->call.exchange;
    const nghttp2_data_provider content = { .read_callback = read_content };
    bool bare = c->out_ended && !has_content(c) && buffer_size(&x->trailers) == 0;
    nghttp2_nv nv[H2_FIELDS_MAX];
    struct h2_fields f;
    int32_t id;

    list_remove(&c->fresh);
    if (h2_fields_read_request(buffer_data(&x->head_out), buffer_size(&x->head_out), &f))
        return NGHTTP2_ERR_INVALID_ARGUMENT;
    id = nghttp2_submit_request(c->session->ng, NULL, nv, h2_name_values(&f, nv),
                                bare ? NULL : &content, c);
    if (id < 0)
        return id;
    c->id = id;
    c->end_sent = bare;
    return 0;
}

/* nghttp2 is to ask for more. */
static int resume(struct h2_call *c)
{
    if (c->deferred) {
        c->deferred = false;
        nghttp2_session_resume_data(c->session->ng, c->id);
    }
    h2_upstream_flush_later(c->session);
    return 0;
}

static int content(struct call *call, struct slice content)
{
    struct h2_call *c = of(call);
    int r = c->given_up ? 0 : buffer_append(&c->out, content.data, content.size);

    return r ? r : resume(c);
}

static int end(struct call *call)
{
    struct h2_call *c = of(call);

    c->out_ended = true;
    return resume(c);
}

static void give_up(struct call *call)
{
    struct h2_call *c = of(call);

    c->given_up = true;
    c->kept_at = c->kept_end;
    buffer_clear(&c->out);
}

static bool is_connected(const struct call *call)
{
    return of(call)->session->ready;
}

static bool is_congested(const struct call *call)
{
    return !of(call)->head_sent || has_content(of(call));
}

static bool is_unsent(const struct call *call)
{
    const struct h2_call *c = of(call);

    return is_congested(call) || (c->out_ended && !c->end_sent && !c->given_up);
}

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

static void want(struct call *call, bool input)
{
    struct h2_call *c = of(call);

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

static const struct call_ops ops = {
    .shares = true,
    .begin = begin,
    .content = content,
    .end = end,
    .give_up = give_up,
    .is_connected = is_connected,
    .is_congested = is_congested,
    .is_unsent = is_unsent,
    .want = want,
    .release = release,
};
