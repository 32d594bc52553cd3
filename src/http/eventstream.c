#include "http/eventstream.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum { PRELUDE_BYTES = 12, CRC_BYTES = 4, AROUND_BYTES = PRELUDE_BYTES + CRC_BYTES };

static void put32(char *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (char)(value >> (24 - 8 * i));
}

static uint32_t get(const char *from, unsigned n)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < n; i++)
        value = value << 8 | (unsigned char)from[i];
    return value;
}

static uint32_t crc_of(uint32_t crc, const char *data, size_t size)
{
    return (uint32_t)crc32_z(crc, (const unsigned char *)data, size);
}

/* --- writing ---------------------------------------------------------------------------------- */

static char *put(char *to, struct slice s)
{
    if (s.size)
        memcpy(to, s.data, s.size);
    return to + s.size;
}

/* Return: how many bytes the headers take, or 0 if they do not fit. */
static size_t headers_size(const struct eventstream_header *headers, unsigned n)
{
    size_t size = 0;

    for (unsigned i = 0; i < n; i++) {
        const struct eventstream_header *h = &headers[i];

        if (h->name.size < 1 || h->name.size > 255 || h->value.size > EVENTSTREAM_FRAME_MAX)
            return 0;
        size += 1 + h->name.size + 1 + 2 + h->value.size;
    }
    return size <= EVENTSTREAM_FRAME_MAX - PRELUDE_BYTES ? size : 0;
}

int eventstream_frame(const struct eventstream_header *headers, unsigned n, struct slice payload,
                      struct eventstream_frame *ret)
{
    size_t size = headers_size(headers, n);
    char *to = ret->before + PRELUDE_BYTES;
    uint32_t crc;

    if ((n > 0 && size == 0) || payload.size > EVENTSTREAM_PAYLOAD_MAX)
        return -EINVAL;
    put32(ret->before, (uint32_t)(AROUND_BYTES + size + payload.size));
    put32(ret->before + 4, (uint32_t)size);
    put32(ret->before + 8, crc_of(0, ret->before, 8));
    for (unsigned i = 0; i < n; i++) {
        const struct eventstream_header *h = &headers[i];

        *to++ = (char)h->name.size;
        to = put(to, h->name);
        *to++ = EVENTSTREAM_STRING;
        *to++ = (char)(h->value.size >> 8);
        *to++ = (char)h->value.size;
        to = put(to, h->value);
    }
    ret->before_size = PRELUDE_BYTES + size;
    crc = crc_of(0, ret->before, ret->before_size);
    put32(ret->after, crc_of(crc, payload.data, payload.size));
    return 0;
}

int eventstream_write(struct buffer *out, const struct eventstream_header *headers, unsigned n,
                      struct slice payload)
{
    struct eventstream_frame frame;
    int r = eventstream_frame(headers, n, payload, &frame);

    if (!r)
        r = buffer_reserve(out, frame.before_size + payload.size + CRC_BYTES);
    if (!r)
        r = buffer_append(out, frame.before, frame.before_size);
    if (!r && payload.size)
        r = buffer_append(out, payload.data, payload.size);
    return r ? r : buffer_append(out, frame.after, CRC_BYTES);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int malformed(const char **ret_why, const char *why)
{
    *ret_why = why;
    return EVENTSTREAM_E_MALFORMED;
}

/* Take @n bytes off @rest. */
static bool take(struct slice *rest, size_t n, struct slice *ret)
{
    if (rest->size < n)
        return false;
    *ret = (struct slice){ rest->data, n };
    rest->data += n;
    rest->size -= n;
    return true;
}

/* Take a length of @width bytes, and as many bytes as it says. */
static bool take_sized(struct slice *rest, unsigned width, struct slice *ret)
{
    struct slice length;

    return take(rest, width, &length) && take(rest, get(length.data, width), ret);
}

static bool take_value(struct slice *rest, enum eventstream_type type, struct slice *ret)
{
    static const unsigned char sizes[] = {
        [EVENTSTREAM_TRUE] = 0,  [EVENTSTREAM_FALSE] = 0,     [EVENTSTREAM_I8] = 1,
        [EVENTSTREAM_I16] = 2,   [EVENTSTREAM_I32] = 4,       [EVENTSTREAM_I64] = 8,
        [EVENTSTREAM_UUID] = 16, [EVENTSTREAM_TIMESTAMP] = 8,
    };

    if (type == EVENTSTREAM_BYTES || type == EVENTSTREAM_STRING)
        return take_sized(rest, 2, ret);
    return take(rest, sizes[type], ret);
}

static int read_header(struct slice *rest, struct eventstream_header *ret, const char **ret_why)
{
    struct slice type;

    if (!take_sized(rest, 1, &ret->name) || !take(rest, 1, &type))
        return malformed(ret_why, "a header ends too early");
    if (ret->name.size == 0)
        return malformed(ret_why, "a header has no name");
    if ((unsigned char)type.data[0] > EVENTSTREAM_UUID)
        return malformed(ret_why, "a header is of an unknown type");
    ret->type = (enum eventstream_type)type.data[0];
    if (!take_value(rest, ret->type, &ret->value))
        return malformed(ret_why, "a header's value ends too early");
    return 0;
}

static int read_headers(struct slice rest, struct eventstream_message *m, const char **ret_why)
{
    m->n_headers = 0;
    while (rest.size > 0) {
        int r;

        if (m->n_headers == EVENTSTREAM_HEADERS_MAX)
            return malformed(ret_why, "there are too many headers");
        r = read_header(&rest, &m->headers[m->n_headers], ret_why);
        if (r)
            return r;
        m->n_headers++;
    }
    return 0;
}

static int read_prelude(const char *data, size_t *ret_total, size_t *ret_headers,
                        const char **ret_why)
{
    size_t total = get(data, 4), headers = get(data + 4, 4);

    if (get(data + 8, 4) != crc_of(0, data, 8))
        return malformed(ret_why, "the CRC of a prelude is wrong");
    if (total < AROUND_BYTES || headers > total - AROUND_BYTES ||
        headers > EVENTSTREAM_HEADER_BYTES_MAX ||
        total - AROUND_BYTES - headers > EVENTSTREAM_PAYLOAD_MAX)
        return malformed(ret_why, "the lengths of a message are not possible");
    *ret_total = total;
    *ret_headers = headers;
    return 0;
}

int eventstream_read(const char *data, size_t size, struct eventstream_message *ret_message,
                     size_t *ret_size, const char **ret_why)
{
    size_t total, headers;
    int r;

    if (size < PRELUDE_BYTES)
        return EVENTSTREAM_AGAIN;
    r = read_prelude(data, &total, &headers, ret_why);
    if (r)
        return r;
    if (size < total)
        return EVENTSTREAM_AGAIN;
    if (get(data + total - CRC_BYTES, CRC_BYTES) != crc_of(0, data, total - CRC_BYTES))
        return malformed(ret_why, "the CRC of a message is wrong");
    r = read_headers((struct slice){ data + PRELUDE_BYTES, headers }, ret_message, ret_why);
    if (r)
        return r;
    ret_message->payload =
        (struct slice){ data + PRELUDE_BYTES + headers, total - AROUND_BYTES - headers };
    *ret_size = total;
    return 0;
}

struct slice eventstream_find(const struct eventstream_message *m, const char *name)
{
    for (unsigned i = 0; i < m->n_headers; i++)
        if (m->headers[i].type == EVENTSTREAM_STRING && slice_is(m->headers[i].name, name))
            return m->headers[i].value;
    return (struct slice){ 0 };
}
