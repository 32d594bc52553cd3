/* A connection of HTTP/2: nghttp2's callbacks, sending, limits and endings. */
#include <stdlib.h>
#include <string.h>

#include "proxy/h2_common.h"
#include "proxy/h2_internal.h"
#include "proxy/worker.h"

enum {
    GOODBYE_MS = 1000,         /* for requests that were on their way when we said that we end */
    FIELD_BYTES_MAX = 1 << 20, /* of all fields in a request: more is an attack, less an error */
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum h2_preface h2_preface(const char *data, size_t size)
{
    size_t n = size < sizeof(preface) - 1 ? size : sizeof(preface) - 1;

    if (memcmp(data, preface, n) != 0)
        return H2_PREFACE_NO;
    return n == sizeof(preface) - 1 ? H2_PREFACE_YES : H2_PREFACE_MAYBE;
}

static ms_t now(const struct h2_session *h)
{
    return loop_now(h->worker->loop);
}

/* --- patience --------------------------------------------------------------------------------- */

bool h2_strike(struct h2_session *h, unsigned weight)
{
    if (!h2_patience_ends(&h->patience, weight, now(h)))
        return false;
    nghttp2_session_terminate_session(h->ng, NGHTTP2_ENHANCE_YOUR_CALM);
    return true;
}

/* --- what nghttp2 tells ----------------------------------------------------------------------- */

static struct h2_stream *find(const struct h2_session *h, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h->ng, id);
}

static int begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_session *h = context;
    struct h2_stream *s;

    if (h->dead)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    s = h2_stream_new(h, frame->hd.stream_id);
    if (!s)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    nghttp2_session_set_stream_user_data(ng, s->id, s);
    return 0;
}

static int take_field(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                      size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                      void *context)
{
    struct h2_session *h = context;
    struct h2_stream *s = h->dead ? NULL : find(h, frame->hd.stream_id);
    struct slice n = { (const char *)name, name_size }, v = { (const char *)value, value_size };
    (void)ng;
    (void)flags;

    if (!s)
        return 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        h2_stream_trailer(s, n, v);
        return 0;
    }
    h2_stream_field(s, n, v);
    /* A refused head is read on, since HPACK's state is the connection's; but not for ever. */
    return s->field_bytes > FIELD_BYTES_MAX ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* What nghttp2 would rather drop: a request must not go on as another one. */
static int bad_field(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context)
{
    struct h2_session *h = context;
    struct h2_stream *s = find(h, frame->hd.stream_id);
    (void)ng;
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;

    if (s && !s->refused && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        s->refused = HTTP_E_MALFORMED;
        s->why = "a header field is malformed";
        return 0;
    }
    return frame->headers.cat == NGHTTP2_HCAT_REQUEST ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void hungry(struct h2_stream *s)
{
    if (!list_linked(&s->starving))
        list_push_back(&s->session->starving, &s->starving);
}

static int frame_received(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_session *h = context;
    struct h2_stream *s = frame->hd.stream_id ? find(h, frame->hd.stream_id) : NULL;
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    (void)ng;

    if (h->dead)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (!s)
            return 0;
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            h2_stream_head(s, ends);
        else if (ends)
            h2_stream_ended(s);
        hungry(s);
        return 0;
    case NGHTTP2_DATA:
        if (frame->hd.length == 0 && !ends)
            h2_strike(h, H2_STRIKE);
        if (s && ends)
            h2_stream_ended(s);
        return 0;
    case NGHTTP2_RST_STREAM:
        h2_strike(h, s && s->exchange ? H2_STRIKE_REQUEST : H2_STRIKE);
        return 0;
    case NGHTTP2_PING:
        if (h2_patience_pinged(&h->patience))
            h2_strike(h, H2_STRIKE);
        return 0;
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PRIORITY:
        h2_strike(h, H2_STRIKE);
        return 0;
    }
    return 0;
}

static int content_received(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
                            size_t size, void *context)
{
    struct h2_session *h = context;
    struct h2_stream *s = h->dead ? NULL : find(h, id);
    (void)flags;

    if (!s) {
        nghttp2_session_consume(ng, id, size);
        return 0;
    }
    hungry(s);
    return h2_stream_content(s, (struct slice){ (const char *)data, size })
               ? NGHTTP2_ERR_CALLBACK_FAILURE
               : 0;
}

static int frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_session *h = context;
    struct h2_stream *s = frame->hd.stream_id ? find(h, frame->hd.stream_id) : NULL;
    (void)ng;

    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0)
        h2_patience_content(&h->patience);
    if (s && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        h2_stream_answered(s);
    return 0;
}

static int invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *context)
{
    (void)ng;
    (void)frame;
    (void)error;
    h2_strike(context, H2_STRIKE_REQUEST);
    return 0;
}

static int stream_closed(nghttp2_session *ng, int32_t id, uint32_t error, void *context)
{
    struct h2_session *h = context;
    struct h2_stream *s = h->dead ? NULL : find(h, id);
    (void)ng;
    (void)error;

    if (s)
        h2_stream_gone(s);
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

static const struct h2_callbacks callbacks = { .begin_headers = begin_headers,
                                               .take_field = take_field,
                                               .bad_field = bad_field,
                                               .frame_received = frame_received,
                                               .invalid_frame = invalid_frame,
                                               .content_received = content_received,
                                               .frame_sent = frame_sent,
                                               .stream_closed = stream_closed };

/* Exchanges have room for what was kept. */
static void wake(struct loop_task *task)
{
    struct h2_session *h = container_of(task, struct h2_session, wake);
    struct h2_stream *s;

    h->inside = true;
    while (!h->dead && (s = list_first_entry(&h->waking, struct h2_stream, waking))) {
        list_remove(&s->waking);
        h2_stream_wake(s);
        h2_stream_starved(s);
    }
    h->inside = false;
    h2_flush(h);
}

static int greet(struct h2_session *h)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->worker->settings->limits.head_bytes },
    };
    int r = nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, settings,
                                    sizeof(settings) / sizeof(*settings));

    return r ? r
             : nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0,
                                                     H2_CONNECTION_WINDOW);
}

struct h2_session *h2_open(struct downstream *c)
{
    struct h2_session *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->connection = c;
    h->worker = worker_of(&c->stream);
    list_init(&h->streams);
    list_init(&h->starving);
    list_init(&h->waking);
    list_init(&h->relieved);
    loop_task_init(&h->wake, wake);
    h->patience.at = now(h);
    if (h2_new(H2_SERVER, &callbacks, h, &h->ng) || greet(h)) {
        nghttp2_session_del(h->ng);
        free(h);
        return NULL;
    }
    downstream_expect(c, now(h) + h->worker->settings->idle_timeout_ms);
    return h;
}

static void bury(struct corpse *corpse)
{
    struct h2_session *h = container_of(corpse, struct h2_session, corpse);

    nghttp2_session_del(h->ng);
    free(h);
}

void h2_close(struct h2_session *h)
{
    struct h2_stream *s;

    h->dead = true;
    loop_task_cancel(&h->wake);
    while ((s = list_first_entry(&h->streams, struct h2_stream, link)))
        h2_stream_close(s);
    morgue_take(&h->worker->morgue, &h->corpse, bury);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Return: false if the connection is no more. */
static bool send_frames(struct h2_session *h)
{
    struct stream *stream = &h->connection->stream;
    const uint8_t *data;
    ssize_t n = 0;

    h->inside = true;
    while (!stream_congested(stream) && (n = nghttp2_session_mem_send(h->ng, &data)) > 0)
        if (stream_send(stream, (const char *)data, (size_t)n)) {
            n = -1;
            break;
        }
    h->inside = false;
    if (n < 0)
        downstream_kill(h->connection);
    return !h->dead;
}

/* Streams that have got rid of their output may have more at once. */
static bool relieve(struct h2_session *h)
{
    struct h2_stream *s;
    bool any = false;

    h->inside = true;
    while (!h->dead && (s = list_first_entry(&h->relieved, struct h2_stream, relieved))) {
        list_remove(&s->relieved);
        h2_stream_relieved(s);
        any = true;
    }
    h->inside = false;
    return any && !h->dead;
}

static bool is_done(const struct h2_session *h)
{
    return !nghttp2_session_want_read(h->ng) && !nghttp2_session_want_write(h->ng);
}

void h2_flush(struct h2_session *h)
{
    struct h2_stream *s;

    if (h->inside || h->dead)
        return;
    do {
        if (!send_frames(h))
            return;
    } while (relieve(h));
    if (h->dead || (!is_done(h) && !(h->said_goodbye && h->n_streams == 0)))
        return;
    while ((s = list_first_entry(&h->streams, struct h2_stream, link)))
        h2_stream_close(s); /* of a connection that ends for the client's misbehaviour */
    downstream_close(h->connection);
}

/* --- receiving -------------------------------------------------------------------------------- */

static void feed_starving(struct h2_session *h)
{
    struct h2_stream *s;

    h->inside = true;
    while (!h->dead && (s = list_first_entry(&h->starving, struct h2_stream, starving))) {
        list_remove(&s->starving);
        h2_stream_starved(s);
    }
    h->inside = false;
}

void h2_received(struct h2_session *h, const char *data, size_t size)
{
    ssize_t n;

    h->inside = true;
    n = nghttp2_session_mem_recv(h->ng, (const uint8_t *)data, size);
    h->inside = false;
    if (h->dead)
        return;
    feed_starving(h);
    if (h->dead)
        return;
    if (n < 0 && n != NGHTTP2_ERR_FLOODED && n != NGHTTP2_ERR_CALLBACK_FAILURE)
        nghttp2_session_terminate_session(h->ng, NGHTTP2_PROTOCOL_ERROR);
    else if (n < 0)
        nghttp2_session_terminate_session(h->ng, NGHTTP2_ENHANCE_YOUR_CALM);
    h2_flush(h);
}

/* --- ending ----------------------------------------------------------------------------------- */

/* First a warning that refuses nothing; when all that was sent before it was read must have come,
 * the last word. */
void h2_drain(struct h2_session *h)
{
    if (h->draining)
        return;
    h->draining = true;
    if (nghttp2_submit_shutdown_notice(h->ng)) {
        downstream_kill(h->connection);
        return;
    }
    downstream_expect(h->connection, now(h) + GOODBYE_MS);
    h2_flush(h);
}

static void say_goodbye(struct h2_session *h)
{
    h->said_goodbye = true;
    if (nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(h->ng), NGHTTP2_NO_ERROR,
                              NULL, 0)) {
        downstream_kill(h->connection);
        return;
    }
    downstream_expect(h->connection, now(h) + h->worker->settings->idle_timeout_ms);
    h2_flush(h);
}

void h2_expired(struct h2_session *h)
{
    if (!h->said_goodbye && (h->draining || h->n_streams == 0))
        say_goodbye(h);
    else if (h->n_streams == 0 || downstream_congested(h->connection))
        downstream_kill(h->connection);
    else
        downstream_expect(h->connection, now(h) + h->worker->settings->idle_timeout_ms);
}
