#include <cbor.h>
#include <errno.h>
#include <string.h>

#include "api/rpc_cbor.h"
#include "base/error.h"

enum { HEAD_BYTES_MAX = 9, TAG_EPOCH_SECONDS = 1 };

/* One of libcbor's writers of heads, into @out. */
#define WRITE(out, writer, ...)                                                                    \
    ({                                                                                             \
        unsigned char head_[HEAD_BYTES_MAX];                                                       \
        buffer_append((out), head_, writer(__VA_ARGS__, head_, sizeof(head_)));                    \
    })

static int encode_text(const char *text, struct buffer *out)
{
    size_t n = strlen(text);
    int r = WRITE(out, cbor_encode_string_start, n);

    return r ? fault(r) : fault(buffer_append(out, text, n));
}

static int encode_integer(json_int_t n, struct buffer *out)
{
    if (n >= 0)
        return fault(WRITE(out, cbor_encode_uint, (uint64_t)n));
    return fault(WRITE(out, cbor_encode_negint, (uint64_t)(-1 - n)));
}

static int encode_scalar(const struct shape *shape, json_t *value, struct buffer *out)
{
    int r = 0;

    switch (shape->type) {
    case SHAPE_STRING:
        return fault(encode_text(json_string_value(value) ? json_string_value(value) : "", out));
    case SHAPE_BOOLEAN:
        return fault(WRITE(out, cbor_encode_bool, json_is_true(value)));
    case SHAPE_INTEGER:
    case SHAPE_LONG:
        return fault(encode_integer(json_is_integer(value) ? json_integer_value(value)
                                                           : (json_int_t)json_real_value(value),
                                    out));
    case SHAPE_TIMESTAMP:
        r = WRITE(out, cbor_encode_tag, TAG_EPOCH_SECONDS);
        break;
    default:
        break;
    }
    return r ? fault(r) : fault(WRITE(out, cbor_encode_double, json_number_value(value)));
}

static int encode_structure(const struct shape *shape, json_t *value, struct buffer *out)
{
    size_t n = 0;
    int r;

    for (const struct member *m = shape->members; m->name; m++) {
        json_t *item = json_object_get(value, m->name);

        n += item && !json_is_null(item);
    }
    r = WRITE(out, cbor_encode_map_start, n);
    for (const struct member *m = shape->members; !r && m->name; m++) {
        json_t *item = json_object_get(value, m->name);

        if (!item || json_is_null(item))
            continue;
        r = encode_text(m->name, out);
        if (!r)
            r = cbor_encode(m->shape, item, out);
    }
    return fault(r);
}

static int encode_list(const struct shape *shape, json_t *value, struct buffer *out)
{
    size_t i;
    json_t *item;
    int r = WRITE(out, cbor_encode_array_start, json_array_size(value));

    json_array_foreach (value, i, item)
        if (!r)
            r = cbor_encode(shape->element, item, out);
    return fault(r);
}

static int encode_map(const struct shape *shape, json_t *value, struct buffer *out)
{
    const char *key;
    json_t *item;
    int r = WRITE(out, cbor_encode_map_start, json_object_size(value));

    json_object_foreach (value, key, item) {
        if (!r)
            r = encode_text(key, out);
        if (!r)
            r = cbor_encode(shape->element, item, out);
    }
    return fault(r);
}

int cbor_encode(const struct shape *shape, json_t *value, struct buffer *out)
{
    switch (shape->type) {
    case SHAPE_STRUCTURE:
        return fault(encode_structure(shape, value, out));
    case SHAPE_LIST:
        return fault(encode_list(shape, value, out));
    case SHAPE_MAP:
        return fault(encode_map(shape, value, out));
    default:
        return fault(encode_scalar(shape, value, out));
    }
}

int cbor_encode_error(const char *type, const char *message, struct buffer *out)
{
    int r = WRITE(out, cbor_encode_map_start, 2);

    if (!r)
        r = encode_text("__type", out);
    if (!r)
        r = encode_text(type, out);
    if (!r)
        r = encode_text("message", out);
    return r ? fault(r) : fault(encode_text(message, out));
}
