#include "net/intake.h"

#include <errno.h>
#include <sys/socket.h>

enum {
    RECEIVE_BYTES = 16384,
    KEPT_BYTES = 65536, /* larger buffers are given back between messages */
};

void intake_init(struct intake *i, const struct http_limits *limits, size_t body_bytes_max)
{
    *i = (struct intake){ .limits = *limits, .body_bytes_max = body_bytes_max };
    i->received = BUFFER_INIT(limits->head_bytes + RECEIVE_BYTES);
    i->head_bytes = BUFFER_INIT(limits->head_bytes);
    i->body = BUFFER_INIT(body_bytes_max);
}

void intake_deinit(struct intake *i)
{
    buffer_deinit(&i->received);
    buffer_deinit(&i->head_bytes);
    buffer_deinit(&i->body);
}

static void empty(struct buffer *b)
{
    if (b->capacity > KEPT_BYTES)
        buffer_deinit(b);
    else
        buffer_clear(b);
}

void intake_next(struct intake *i)
{
    empty(&i->head_bytes);
    empty(&i->body);
    i->scanned = 0;
}

int intake_receive(struct intake *i, int fd)
{
    ssize_t n;
    int r = buffer_reserve(&i->received, RECEIVE_BYTES);

    if (r)
        return r;
    do
        n = recv(fd, buffer_tail(&i->received), RECEIVE_BYTES, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (n == 0)
        return INTAKE_E_EOF;
    buffer_commit(&i->received, (size_t)n);
    return 0;
}

/* @method: NULL to read a request */
static int parse(struct intake *i, const struct slice *method, const struct buffer *from,
                 size_t *ret_size, const char **ret_why)
{
    const char *data = buffer_data(from);
    size_t size = buffer_size(from);

    return method ? http_parse_response(data, size, *method, &i->limits, &i->scanned, &i->head,
                                        ret_size, ret_why)
                  : http_parse_request(data, size, &i->limits, &i->scanned, &i->head, ret_size,
                                       ret_why);
}

static int take_head(struct intake *i, const struct slice *method, const char **ret_why)
{
    size_t size;
    int r;

    if (buffer_size(&i->received) == 0)
        return HTTP_AGAIN;
    r = parse(i, method, &i->received, &size, ret_why);
    if (r)
        return r;
    buffer_clear(&i->head_bytes);
    r = buffer_append(&i->head_bytes, buffer_data(&i->received), size);
    if (r)
        return r;
    i->scanned = 0;
    r = parse(i, method, &i->head_bytes, &size, ret_why);
    if (r)
        return r;
    buffer_consume(&i->received, size);
    i->scanned = 0;
    http_body_init(&i->framing, &i->head);
    return 0;
}

int intake_request(struct intake *i, const char **ret_why)
{
    return take_head(i, NULL, ret_why);
}

int intake_response(struct intake *i, struct slice method, const char **ret_why)
{
    return take_head(i, &method, ret_why);
}

int intake_body(struct intake *i, const char **ret_why)
{
    if (i->framing.framing == HTTP_BODY_LENGTH && i->framing.left > i->body_bytes_max)
        return INTAKE_E_BODY_TOO_LARGE;
    while (!http_body_done(&i->framing)) {
        struct slice content;
        size_t consumed;
        int r = http_body_next(&i->framing, buffer_data(&i->received), buffer_size(&i->received),
                               &consumed, &content, ret_why);

        if (r != 0 && r != HTTP_AGAIN)
            return r;
        if (content.size > 0) {
            int added = buffer_append(&i->body, content.data, content.size);

            if (added)
                return added == -ENOBUFS ? INTAKE_E_BODY_TOO_LARGE : added;
        }
        buffer_consume(&i->received, consumed);
        if (r == HTTP_AGAIN && consumed == 0)
            return HTTP_AGAIN;
    }
    return 0;
}
