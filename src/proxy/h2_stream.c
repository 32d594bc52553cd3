/* A stream of HTTP/2 as the client of an exchange: its life, and its request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/h2_internal.h"
#include "proxy/worker.h"

static ms_t now(const struct h2_stream *s)
{
    return loop_now(s->session->worker->loop);
}

/* --- life ------------------------------------------------------------------------------------- */

static void expired(struct loop_timer *timer);

struct h2_stream *h2_stream_new(struct h2_session *h, int32_t id)
{
    const struct worker_settings *settings = h->worker->settings;
    struct h2_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->client = (struct client){ .ops = &h2_stream_ops };
    s->session = h;
    s->id = id;
    s->in = BUFFER_INIT(2 * H2_STREAM_WINDOW);
    s->out = BUFFER_INIT(H2_OUT_BYTES_MAX);
    s->trailers = BUFFER_INIT(HTTP_TRAILER_BYTES_MAX);
    h2_head_init(&s->head, &settings->limits);
    list_link_init(&s->starving);
    list_link_init(&s->waking);
    list_link_init(&s->relieved);
    loop_timer_init(h->worker->loop, &s->timer, expired);
    s->deadline = now(s) + settings->head_timeout_ms;
    loop_timer_set(&s->timer, s->deadline);
    list_push_back(&h->streams, &s->link);
    h->n_streams++;
    return s;
}

static void bury(struct corpse *corpse)
{
    struct h2_stream *s = container_of(corpse, struct h2_stream, corpse);

    h2_head_deinit(&s->head);
    buffer_deinit(&s->in);
    buffer_deinit(&s->out);
    buffer_deinit(&s->trailers);
    free(s);
}

static void consumed(struct h2_stream *s, size_t size)
{
    nghttp2_session_consume(s->session->ng, s->id, size);
}

/* Nobody takes it any more. What is not called consumed would be missing from the connection's window
 * for ever, also when the stream is gone. */
void h2_stream_drop_kept(struct h2_stream *s)
{
    size_t size = buffer_size(&s->in);

    buffer_deinit(&s->in);
    if (size && !s->session->dead)
        consumed(s, size);
}

void h2_stream_close(struct h2_stream *s)
{
    struct h2_session *h = s->session;

    h2_stream_drop_kept(s);
    loop_timer_cancel(&s->timer);
    list_remove(&s->link);
    list_remove(&s->starving);
    list_remove(&s->waking);
    list_remove(&s->relieved);
    s->over = true;
    if (s->exchange)
        exchange_abandon(steal(s->exchange));
    if (--h->n_streams == 0 && !h->dead && !h->draining)
        downstream_expect(h->connection, now(s) + h->worker->settings->idle_timeout_ms);
    morgue_take(&h->worker->morgue, &s->corpse, bury);
}

void h2_stream_gone(struct h2_stream *s)
{
    s->over = true;
    if (s->exchange && s->out_ended)
        s->gone = true; /* its last words have left before it could say goodbye: see finish() */
    else
        h2_stream_close(s);
}

void h2_stream_reset(struct h2_stream *s, uint32_t code)
{
    struct h2_session *h = s->session;

    if (s->over)
        return;
    s->over = true;
    if (nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, s->id, code))
        downstream_kill(h->connection);
    else
        h2_flush(h);
}

/* --- deadlines -------------------------------------------------------------------------------- */

void h2_stream_expect(struct h2_stream *s, ms_t deadline)
{
    s->deadline = deadline;
    if (!s->over && (!loop_timer_is_set(&s->timer) || s->timer.at > deadline))
        loop_timer_set(&s->timer, deadline);
}

/* Fields that do not end hold up the whole connection; so does a socket that takes nothing. Else
 * only the stream is lost. */
static void expired(struct loop_timer *timer)
{
    struct h2_stream *s = container_of(timer, struct h2_stream, timer);
    struct downstream *c = s->session->connection;

    if (now(s) < s->deadline)
        loop_timer_set(&s->timer, s->deadline);
    else if (s->exchange)
        exchange_expired(s->exchange);
    else if (!s->head_done || downstream_congested(c) || s->over)
        downstream_kill(c);
    else
        h2_stream_reset(s, NGHTTP2_CANCEL);
}

/* --- the request ------------------------------------------------------------------------------ */

void h2_stream_field(struct h2_stream *s, struct slice name, struct slice value)
{
    s->field_bytes += name.size + value.size;
    if (!s->refused)
        s->refused =
            h2_head_field(&s->head, name, value, &s->session->worker->settings->limits, &s->why);
}

/* An answer to what is no request, or none that we can keep. */
static void refuse(struct h2_stream *s, int outcome)
{
    struct worker *w = s->session->worker;
    struct aws_error e = aws_error_of_parser(outcome, s->why);
    char *body = aws_error_body(&e);

    buffer_clear(&w->text);
    if (!body || aws_error_write_head(&w->text, &e, NULL, loop_wall(w->loop))) {
        h2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
    } else {
        client_begin(&s->client, strlen(body), false);
        client_content(&s->client, slice_from(body));
        client_end(&s->client, (struct slice){ 0 });
        client_flush(&s->client);
        h2_stream_expect(s, now(s) + w->settings->body_timeout_ms);
    }
    free(body);
}

void h2_stream_head(struct h2_stream *s, bool ends)
{
    struct worker *w = s->session->worker;
    struct exchange *x;
    int r = s->refused;

    s->head_done = true;
    s->in_ended = ends;
    x = exchange_new(w, &s->client);
    if (!x) {
        h2_stream_reset(s, NGHTTP2_REFUSED_STREAM);
        return;
    }
    if (!r)
        r = h2_head_finish(&s->head, ends, &w->settings->limits, &x->head, &s->why);
    if (r) {
        exchange_unused(x);
        if (r < 0)
            h2_stream_reset(s, NGHTTP2_REFUSED_STREAM);
        else if (!h2_strike(s->session, H2_STRIKE_REQUEST))
            refuse(s, r);
        return;
    }
    s->exchange = x;
    exchange_begin(x);
}

void h2_stream_trailer(struct h2_stream *s, struct slice name, struct slice value)
{
    if (s->exchange && !s->in_ended &&
        h2_trailer_field(&s->exchange->trailers, name, value, &s->why)) {
        s->why = s->why ? s->why : "the trailers are too large";
        exchange_bad_body(s->exchange, s->why);
    }
}

int h2_stream_content(struct h2_stream *s, struct slice content)
{
    struct exchange *x = s->exchange;

    if (!x) {
        consumed(s, content.size); /* of a request that has had its answer */
        return 0;
    }
    if (!exchange_takes_body(x) || buffer_size(&s->in) || s->taking)
        return buffer_append(&s->in, content.data, content.size) ? -ENOMEM : 0;
    s->taking = true;
    exchange_body(x, content);
    s->taking = false;
    consumed(s, content.size);
    return 0;
}

/* What has come and could not be used then. The exchange may end the stream amid it. */
static void take_kept(struct h2_stream *s)
{
    if (s->taking)
        return;
    s->taking = true;
    while (s->exchange && exchange_takes_body(s->exchange)) {
        autobuffer struct buffer kept = s->in;
        size_t size = buffer_size(&kept);

        s->in = BUFFER_INIT(kept.max_bytes);
        if (size == 0) {
            if (s->in_ended)
                exchange_body_ended(s->exchange);
            break;
        }
        exchange_body(s->exchange, (struct slice){ buffer_data(&kept), size });
        consumed(s, size);
    }
    s->taking = false;
}

void h2_stream_wake(struct h2_stream *s)
{
    take_kept(s);
}

void h2_stream_ended(struct h2_stream *s)
{
    s->in_ended = true;
    take_kept(s);
}

void h2_stream_starved(struct h2_stream *s)
{
    if (s->exchange && !s->in_ended && buffer_size(&s->in) == 0 && !exchange_has_body(s->exchange))
        exchange_starved(s->exchange);
}
