#include "health/h2_ask.h"

#include <assert.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"

enum {
    FIELD_BYTES_MAX = 64 << 10, /* of an answer: more is nonsense */
    RECEIVED_BYTES_MAX = 1 << 20,
    GRPC_MESSAGE_BYTES = 5, /* an empty message: not compressed, no bytes */
};

struct h2_ask {
    struct loop *loop;
    struct address address;
    struct loop_io io; /* of the connection that asks; fd -1: nothing is asked */
    struct loop_timer timer;
    nghttp2_session *ng;
    const char *path;
    bool is_grpc;
    size_t unsent; /* of the message */
    size_t field_bytes, received_bytes;
    bool ended; /* the answer is complete */
    struct h2_ask_answer answer;
    void (*answered)(const struct h2_ask_answer *answer, void *context);
    void *context;
};

/* --- ending ----------------------------------------------------------------------------------- */

static void hang_up(struct h2_ask *a)
{
    loop_timer_cancel(&a->timer);
    loop_io_close(&a->io);
    nghttp2_session_del(a->ng);
    a->ng = NULL;
}

static void finish(struct h2_ask *a, int error)
{
    struct h2_ask_answer answer = a->answer;

    hang_up(a);
    answer.error = error;
    a->answered(&answer, a->context);
}

static void expired(struct loop_timer *timer)
{
    finish(container_of(timer, struct h2_ask, timer), -ETIMEDOUT);
}

/* --- what nghttp2 tells ----------------------------------------------------------------------- */

static int take_field(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                      size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                      void *context)
{
    struct h2_ask *a = context;
    struct slice n = { (const char *)name, name_size }, v = { (const char *)value, value_size };
    uint64_t code;
    (void)ng;
    (void)frame;
    (void)flags;

    a->field_bytes += name_size + value_size;
    if (a->field_bytes > FIELD_BYTES_MAX)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (slice_is(n, ":status") && text_to_u64(v, 999, &code) == 0)
        a->answer.status = (unsigned)code;
    if (slice_is(n, "grpc-status") && text_to_u64(v, 999, &code) == 0)
        a->answer.grpc_status = (int)code;
    return 0;
}

static int frame_received(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_ask *a = context;
    (void)ng;

    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        a->ended = true;
    return 0;
}

static ssize_t read_message(nghttp2_session *ng, int32_t id, uint8_t *to, size_t size,
                            uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct h2_ask *a = context;
    size_t n = a->unsent < size ? a->unsent : size;
    (void)ng;
    (void)id;
    (void)source;

    memset(to, 0, n);
    a->unsent -= n;
    if (a->unsent == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* --- the connection --------------------------------------------------------------------------- */

static ssize_t send_bytes(nghttp2_session *ng, const uint8_t *data, size_t size, int flags,
                          void *context)
{
    struct h2_ask *a = context;
    ssize_t n = send(a->io.fd, data, size, MSG_NOSIGNAL);
    (void)ng;
    (void)flags;

    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? NGHTTP2_ERR_WOULDBLOCK
                                             : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Return: 0, or why nothing more comes. */
static int receive(struct h2_ask *a)
{
    uint8_t data[16384];
    ssize_t n = recv(a->io.fd, data, sizeof(data), 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n == 0)
        return -ECONNRESET;
    a->received_bytes += (size_t)n;
    if (a->received_bytes > RECEIVED_BYTES_MAX ||
        nghttp2_session_mem_recv(a->ng, data, (size_t)n) < 0)
        return -EBADMSG;
    return 0;
}

static void ready(struct loop_io *io, unsigned events)
{
    struct h2_ask *a = container_of(io, struct h2_ask, io);
    int r = events & (LOOP_READ | LOOP_HANGUP) ? receive(a) : 0;

    if (a->ended) {
        finish(a, 0);
        return;
    }
    if (!r && nghttp2_session_send(a->ng))
        r = -ECONNRESET;
    if (!r && !nghttp2_session_want_read(a->ng))
        r = -EBADMSG; /* it has broken the rules, or does not answer */
    if (r)
        finish(a, r);
    else
        loop_io_change(&a->io,
                       nghttp2_session_want_write(a->ng) ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* --- asking ----------------------------------------------------------------------------------- */

static int make_session(struct h2_ask *a)
{
    nghttp2_session_callbacks *callbacks;
    int r;

    if (nghttp2_session_callbacks_new(&callbacks))
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, take_field);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_received);
    nghttp2_session_callbacks_set_send_callback(callbacks, send_bytes);
    r = nghttp2_session_client_new(&a->ng, callbacks, a);
    nghttp2_session_callbacks_del(callbacks);
    return r ? -ENOMEM : 0;
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
                         NGHTTP2_NV_FLAG_NONE };
}

static int submit(struct h2_ask *a)
{
    const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 } };
    const nghttp2_data_provider message = { .read_callback = read_message };
    const nghttp2_nv fields[] = {
        field(":method", a->is_grpc ? "POST" : "GET"),
        field(":scheme", "http"),
        field(":authority", "localhost"),
        field(":path", a->path),
        field("user-agent", "weir"),
        field("content-type", "application/grpc"),
        field("te", "trailers"),
    };
    size_t n = sizeof(fields) / sizeof(*fields) - (a->is_grpc ? 0 : 2);

    return nghttp2_submit_settings(a->ng, NGHTTP2_FLAG_NONE, settings, 1) ||
                   nghttp2_submit_request(a->ng, NULL, fields, n, a->is_grpc ? &message : NULL,
                                          NULL) < 0
               ? -ENOMEM
               : 0;
}

int h2_ask(struct h2_ask *a, const char *path, bool is_grpc, ms_t timeout,
           void (*answered)(const struct h2_ask_answer *answer, void *context), void *context)
{
    int fd, r = address_connect(&a->address, &fd);

    assert(a->io.fd < 0);
    if (r)
        return r;
    a->path = path;
    a->is_grpc = is_grpc;
    a->unsent = GRPC_MESSAGE_BYTES;
    a->field_bytes = a->received_bytes = 0;
    a->ended = false;
    a->answer = (struct h2_ask_answer){ .grpc_status = -1 };
    a->answered = answered;
    a->context = context;
    r = loop_io_add(a->loop, &a->io, fd, LOOP_READ | LOOP_WRITE, ready);
    if (r) {
        fd_close(fd);
        a->io.fd = -1;
        return r;
    }
    r = make_session(a);
    if (!r)
        r = submit(a);
    if (r)
        hang_up(a);
    else
        loop_timer_after(&a->timer, timeout);
    return r;
}

struct h2_ask *h2_ask_new(struct loop *loop, const struct address *address)
{
    struct h2_ask *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->loop = loop;
    a->address = *address;
    a->io.fd = -1;
    loop_timer_init(loop, &a->timer, expired);
    return a;
}

struct h2_ask *h2_ask_free(struct h2_ask *a)
{
    if (a)
        hang_up(a);
    free(a);
    return NULL;
}
