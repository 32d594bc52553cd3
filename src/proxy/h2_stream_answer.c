/* An exchange's answer in HTTP/2: its head, and its body as the windows open. */
#include <string.h>

#include "proxy/h2_common.h"
#include "proxy/h2_internal.h"
#include "proxy/worker.h"

static struct h2_stream *of(struct client *client)
{
    return container_of(client, struct h2_stream, client);
}

static ms_t now(const struct h2_stream *s)
{
    return loop_now(s->session->worker->loop);
}

/* --- the answer's head ------------------------------------------------------------------------ */

static void interim(struct client *client)
{
    struct h2_stream *s = of(client);
    struct buffer *head = &s->session->worker->text;
    nghttp2_nv nv[H2_FIELDS_MAX];
    struct h2_fields f;

    if (h2_fields_read(buffer_data(head), buffer_size(head), false, &f) ||
        nghttp2_submit_headers(s->session->ng, NGHTTP2_FLAG_NONE, s->id, NULL, nv,
                               h2_name_values(&f, nv), NULL))
        client_die(client);
    else
        h2_flush(s->session);
}

/* The next content of the answer, for nghttp2. */
static ssize_t read_content(nghttp2_session *ng, int32_t id, uint8_t *to, size_t size,
                            uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct h2_stream *s = source->ptr;
    size_t there = buffer_size(&s->out), n = there < size ? there : size;
    nghttp2_nv nv[H2_FIELDS_MAX];
    struct h2_fields f;
    (void)context;

    if (n) {
        memcpy(to, buffer_data(&s->out), n);
        buffer_consume(&s->out, n);
        if (!s->exchange)
            h2_stream_expect(s, now(s) + s->session->worker->settings->body_timeout_ms);
        else if (s->congested)
            exchange_client_took(s->exchange);
    }
    if (buffer_size(&s->out))
        return (ssize_t)n;
    if (s->congested && !list_linked(&s->relieved))
        list_push_back(&s->session->relieved, &s->relieved);
    if (s->out_ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (buffer_size(&s->trailers) &&
            h2_fields_read(buffer_data(&s->trailers), buffer_size(&s->trailers), true, &f) == 0 &&
            nghttp2_submit_trailer(ng, id, nv, h2_name_values(&f, nv)) == 0)
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        return (ssize_t)n;
    }
    s->deferred = n == 0;
    return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

static int write_length(struct buffer *head, uint64_t length)
{
    return length == CLIENT_LENGTH_UNKNOWN
               ? 0
               : buffer_printf(head, "content-length: %llu\r\n", (unsigned long long)length);
}

static void begin(struct client *client, uint64_t length, bool empty)
{
    struct h2_stream *s = of(client);
    struct buffer *head = &s->session->worker->text;
    nghttp2_data_provider content = { .source.ptr = s, .read_callback = read_content };
    nghttp2_nv nv[H2_FIELDS_MAX];
    struct h2_fields f;

    if (s->over)
        return;
    if (empty && length == 0)
        length = CLIENT_LENGTH_UNKNOWN; /* the end of the stream says it */
    empty = empty || length == 0;
    if (write_length(head, length) ||
        h2_fields_read(buffer_data(head), buffer_size(head), false, &f) ||
        nghttp2_submit_response(s->session->ng, s->id, nv, h2_name_values(&f, nv),
                                empty ? NULL : &content))
        client_die(client);
}

/* --- the answer's body ------------------------------------------------------------------------ */

static void content(struct client *client, struct slice content)
{
    struct h2_stream *s = of(client);

    if (content.size && !s->over && buffer_append(&s->out, content.data, content.size))
        client_die(client);
}

static void end(struct client *client, struct slice trailers)
{
    struct h2_stream *s = of(client);

    s->out_ended = true;
    if (trailers.size && buffer_append(&s->trailers, trailers.data, trailers.size))
        client_die(client);
}

static void flush(struct client *client)
{
    struct h2_stream *s = of(client);

    if (s->over)
        return;
    if (s->deferred && (buffer_size(&s->out) || s->out_ended)) {
        s->deferred = false;
        nghttp2_session_resume_data(s->session->ng, s->id);
    }
    h2_flush(s->session);
    s->congested = buffer_size(&s->out) > 0;
}

static bool is_congested(const struct client *client)
{
    return buffer_size(&container_of(client, const struct h2_stream, client)->out) > 0;
}

void h2_stream_relieved(struct h2_stream *s)
{
    s->congested = false;
    if (s->exchange)
        exchange_client_reads(s->exchange);
}

/* RFC 9113 §8.1: the rest of a request that has its answer need not come. */
void h2_stream_answered(struct h2_stream *s)
{
    if (!s->in_ended && !s->over)
        nghttp2_submit_rst_stream(s->session->ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

/* --- the rest of what an exchange asks of its client ------------------------------------------ */

static void finish(struct client *client, bool keep_alive)
{
    struct h2_stream *s = of(client);
    (void)keep_alive; /* one request is all there is */

    s->exchange = NULL;
    if (s->gone) {
        h2_stream_close(s);
        h2_flush(s->session); /* it may have been the last one */
        return;
    }
    h2_stream_expect(s, now(s) + s->session->worker->settings->body_timeout_ms);
    h2_stream_drop_kept(s);
    if (!s->out_ended)
        h2_stream_reset(s, NGHTTP2_INTERNAL_ERROR); /* there was no answer */
}

static void die(struct client *client)
{
    struct h2_stream *s = of(client);
    struct exchange *x = steal(s->exchange);

    if (x)
        exchange_abandon(x);
    h2_stream_expect(s, now(s) + s->session->worker->settings->body_timeout_ms);
    h2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
}

static void expect(struct client *client, ms_t deadline)
{
    h2_stream_expect(of(client), deadline);
}

static void update(struct client *client)
{
    struct h2_stream *s = of(client);
    struct h2_session *h = s->session;

    if (!s->exchange || exchange_has_body(s->exchange) || list_linked(&s->waking) ||
        (buffer_size(&s->in) == 0 && !s->in_ended))
        return;
    list_push_back(&h->waking, &s->waking); /* never from inside this call */
    loop_defer(h->worker->loop, &h->wake);
}

static const char *forwarded(struct client *client)
{
    return downstream_forwarded(of(client)->session->connection);
}

static const struct guard_pass *pass(const struct client *client)
{
    return &container_of(client, const struct h2_stream, client)->session->connection->pass;
}

static void peer(const struct client *client, char ret_text[ADDRESS_TEXT_BYTES])
{
    downstream_peer(container_of(client, const struct h2_stream, client)->session->connection,
                    ret_text);
}

const struct client_ops h2_stream_ops = {
    .in_line = false,
    .interim = interim,
    .begin = begin,
    .content = content,
    .end = end,
    .flush = flush,
    .is_congested = is_congested,
    .finish = finish,
    .die = die,
    .expect = expect,
    .update = update,
    .forwarded = forwarded,
    .pass = pass,
    .peer = peer,
};
