/* One request at a target that speaks HTTP/2: a stream, and what is sent on it. */
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

static void want(struct call *call, bool input)
{
    h2_call_want(of(call), input);
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
