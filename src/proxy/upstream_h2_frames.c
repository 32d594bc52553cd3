/* What nghttp2 tells of a connection to a target. Heads and content are passed on; whatever else may end a
 * call is noted, and told when nghttp2 has returned. */
#include <stdio.h>

#include "proxy/h2_common.h"
#include "proxy/upstream_h2_internal.h"
#include "proxy/worker.h"

static struct h2_call *find(const struct h2_upstream *h, int32_t id)
{
    return id ? nghttp2_session_get_stream_user_data(h->ng, id) : NULL;
}

static void strike(struct h2_upstream *h, unsigned weight)
{
    if (h2_patience_ends(&h->patience, weight, loop_now(h->worker->loop)))
        nghttp2_session_terminate_session(h->ng, NGHTTP2_ENHANCE_YOUR_CALM);
}

static int begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_upstream *h = context;
    struct h2_call *c = find(h, frame->hd.stream_id);
    (void)ng;

    h->block_bytes = 0;
    if (c)
        h2_call_head_begins(c);
    return 0;
}

static int take_field(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                      size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                      void *context)
{
    struct h2_upstream *h = context;
    struct h2_call *c = find(h, frame->hd.stream_id);
    (void)ng;
    (void)flags;

    h->block_bytes += name_size + value_size;
    if (h->block_bytes > H2_UPSTREAM_FIELD_BYTES_MAX)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return c ? h2_call_field(c, (struct slice){ (const char *)name, name_size },
                             (struct slice){ (const char *)value, value_size })
             : 0;
}

/* nghttp2 is about to reset it. */
static void refuse(struct h2_call *c, const char *why)
{
    c->closed = true;
    h2_call_refuse(c, why);
}

/* What nghttp2 would rather drop: an answer must not go on as another one. */
static int bad_field(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context)
{
    struct h2_call *c = find(context, frame->hd.stream_id);
    (void)ng;
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;

    if (c)
        refuse(c, "a field is not valid in HTTP/2");
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void take_settings(struct h2_upstream *h)
{
    uint32_t max =
        nghttp2_session_get_remote_settings(h->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    h->ready = true;
    h->streams_max = max < H2_UPSTREAM_STREAMS_MAX ? max : H2_UPSTREAM_STREAMS_MAX;
    h->pool->streams_max = h->streams_max ? h->streams_max : 1;
    h->leaving = h->leaving || max == 0;
    h2_upstream_flush_later(h);
}

static int frame_received(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_upstream *h = context;
    struct h2_call *c = find(h, frame->hd.stream_id);
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    (void)ng;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (c)
            h2_call_head(c, ends);
        break;
    case NGHTTP2_DATA:
        if (frame->hd.length == 0 && !ends)
            strike(h, H2_STRIKE);
        if (c && ends)
            h2_call_ended(c);
        break;
    case NGHTTP2_RST_STREAM:
        if (c)
            h2_call_fail(c, frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM ? H2_CALL_REFUSED
                                                                                   : H2_CALL_RESET);
        else
            strike(h, H2_STRIKE);
        break;
    case NGHTTP2_GOAWAY: /* streams that it does not name are closed as refused */
        h->leaving = true;
        strike(h, H2_STRIKE);
        break;
    case NGHTTP2_SETTINGS:
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
            take_settings(h);
        strike(h, H2_STRIKE);
        break;
    case NGHTTP2_PING:
        if (h2_patience_pinged(&h->patience))
            strike(h, H2_STRIKE);
        break;
    case NGHTTP2_PRIORITY:
        strike(h, H2_STRIKE);
        break;
    }
    return 0;
}

static int content_received(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
                            size_t size, void *context)
{
    struct h2_call *c = find(context, id);
    (void)flags;

    nghttp2_session_consume_connection(ng, size);
    if (c)
        h2_call_content(c, (struct slice){ (const char *)data, size });
    return 0;
}

/* With an error, and mostly in words, nghttp2 says why it ends the connection. */
static void note_end(struct h2_upstream *h, const nghttp2_goaway *goaway)
{
    if (goaway->error_code == NGHTTP2_NO_ERROR || h->why[0])
        return;
    snprintf(h->why, sizeof(h->why), "%s%s%.*s", nghttp2_http2_strerror(goaway->error_code),
             goaway->opaque_data_len ? ": " : "", (int)goaway->opaque_data_len,
             goaway->opaque_data_len ? (const char *)goaway->opaque_data : "");
}

static int frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_upstream *h = context;
    struct h2_call *c = find(h, frame->hd.stream_id);
    (void)ng;

    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0)
        h2_patience_content(&h->patience);
    if (frame->hd.type == NGHTTP2_GOAWAY)
        note_end(h, &frame->goaway);
    if (c && frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        c->head_sent = c->call.asked = c->progressed = true;
        h2_call_touch(c);
    }
    return 0;
}

/* Of a request that was on its way when the target said that it takes no more. */
static int frame_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *context)
{
    struct h2_call *c = find(context, frame->hd.stream_id);
    (void)ng;
    (void)error;

    if (c && frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        h2_call_fail(c, H2_CALL_REFUSED);
    return 0;
}

static int invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *context)
{
    struct h2_call *c = find(context, frame->hd.stream_id);
    (void)ng;

    if (c)
        refuse(c, nghttp2_strerror(error));
    strike(context, H2_STRIKE_REQUEST);
    return 0;
}

static int stream_closed(nghttp2_session *ng, int32_t id, uint32_t error, void *context)
{
    struct h2_call *c = find(context, id);
    (void)ng;

    if (c) {
        c->closed = true;
        if (error == NGHTTP2_REFUSED_STREAM)
            h2_call_fail(c, H2_CALL_REFUSED);
        else
            h2_call_refuse(c, "the stream was closed before the answer was complete");
    }
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

int h2_upstream_make_session(struct h2_upstream *h)
{
    static const struct h2_callbacks callbacks = { .begin_headers = begin_headers,
                                                   .take_field = take_field,
                                                   .bad_field = bad_field,
                                                   .frame_received = frame_received,
                                                   .invalid_frame = invalid_frame,
                                                   .content_received = content_received,
                                                   .frame_sent = frame_sent,
                                                   .frame_not_sent = frame_not_sent,
                                                   .stream_closed = stream_closed };

    return h2_new(H2_CLIENT, &callbacks, h, &h->ng);
}
