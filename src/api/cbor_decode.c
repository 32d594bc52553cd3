#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "api/rpc_cbor.h"
#include "base/error.h"

enum major { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP_OF_ITEMS, TAG, SIMPLE };
enum { INDEFINITE = 31, BREAK = 0xff, TEXT_BYTES_MAX = 16 << 20 };

struct reader {
    const unsigned char *at, *end;
    unsigned depth;
    const char *why;
};

/* the initial byte of an item and the number that follows it */
struct head {
    enum major major;
    unsigned info;     /* the low 5 bits: 24..27 say how wide the number is, 31 indefinite */
    uint64_t argument; /* 0 if indefinite */
};

static int read_item(struct reader *r, json_t **ret_value);

static int malformed(struct reader *r, const char *why)
{
    r->why = why;
    return CBOR_E_MALFORMED;
}

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

static int read_head(struct reader *r, struct head *ret)
{
    unsigned info, width;

    if (left(r) == 0)
        return malformed(r, "The body ends inside an item");
    info = *r->at & 0x1f;
    *ret = (struct head){ .major = (enum major)(*r->at >> 5), .info = info };
    r->at++;
    if (info == INDEFINITE)
        return 0;
    if (info < 24) {
        ret->argument = info;
        return 0;
    }
    if (info > 27)
        return malformed(r, "An item's first byte has no meaning");
    width = 1u << (info - 24);
    if (left(r) < width)
        return malformed(r, "The body ends inside an item");
    while (width-- > 0)
        ret->argument = ret->argument << 8 | *r->at++;
    return 0;
}

/* Whether an indefinite item ends here; takes the break if so. */
static bool take_break(struct reader *r)
{
    if (left(r) == 0 || *r->at != BREAK)
        return false;
    r->at++;
    return true;
}

static json_t *make_real(double d)
{
    if (isnan(d))
        return json_string("NaN");
    if (isinf(d))
        return json_string(d > 0 ? "Infinity" : "-Infinity");
    return json_real(d);
}

/* IEEE 754 binary16; RFC 8949, appendix D */
static double from_half(unsigned half)
{
    int exponent = (int)(half >> 10) & 0x1f;
    int mantissa = (int)half & 0x3ff;
    double value;

    if (exponent == 0)
        value = ldexp(mantissa, -24);
    else if (exponent != 31)
        value = ldexp(mantissa + 1024, exponent - 25);
    else
        value = mantissa == 0 ? INFINITY : NAN;
    return half & 0x8000 ? -value : value;
}

static int read_simple(struct reader *r, const struct head *h, json_t **ret_value)
{
    uint32_t bits = (uint32_t)h->argument;
    float single;
    double d;

    switch (h->info) {
    case 20:
    case 21:
        *ret_value = json_boolean(h->info == 21);
        return 0;
    case 22: /* null */
    case 23: /* undefined */
        *ret_value = json_null();
        return 0;
    case 25:
        d = from_half((unsigned)h->argument);
        break;
    case 26:
        memcpy(&single, &bits, sizeof(single));
        d = single;
        break;
    case 27:
        memcpy(&d, &h->argument, sizeof(d));
        break;
    default:
        return malformed(r, "A simple value has no meaning");
    }
    *ret_value = make_real(d);
    return 0;
}

static json_t *make_integer(const struct head *h)
{
    if (h->argument <= INT64_MAX)
        return json_integer(h->major == UNSIGNED ? (json_int_t)h->argument
                                                 : -1 - (json_int_t)h->argument);
    return json_real(h->major == UNSIGNED ? (double)h->argument : -1.0 - (double)h->argument);
}

static int read_chunk(struct reader *r, uint64_t size, struct buffer *out)
{
    int n;

    if (size > left(r))
        return malformed(r, "The body ends inside a string");
    n = buffer_append(out, r->at, (size_t)size);
    r->at += size;
    return n == -ENOBUFS ? malformed(r, "A string is too long") : fault(n);
}

/* Text or bytes into @out, whether in one piece or in chunks of the same kind. */
static int read_string(struct reader *r, const struct head *h, struct buffer *out)
{
    if (h->info != INDEFINITE)
        return read_chunk(r, h->argument, out);
    while (!take_break(r)) {
        struct head chunk;
        int e = read_head(r, &chunk);

        if (!e && (chunk.major != h->major || chunk.info == INDEFINITE))
            e = malformed(r, "A string's chunk is not a string");
        if (!e)
            e = read_chunk(r, chunk.argument, out);
        if (e)
            return e;
    }
    return 0;
}

static int read_text(struct reader *r, const struct head *h, struct buffer *out)
{
    int e = read_string(r, h, out);

    if (e)
        return e;
    /* strings are NUL-terminated from here on */
    if (buffer_size(out) > 0 && memchr(buffer_data(out), '\0', buffer_size(out)))
        return malformed(r, "A string holds a NUL character");
    return buffer_cstr(out) ? 0 : fault(-ENOMEM);
}

static int read_strings(struct reader *r, const struct head *h, json_t **ret_value)
{
    autobuffer struct buffer text = BUFFER_INIT(TEXT_BYTES_MAX);
    int e;

    if (h->major == BYTES) {
        *ret_value = json_null();
        return read_string(r, h, &text);
    }
    e = read_text(r, h, &text);
    if (e)
        return e;
    *ret_value = json_string(buffer_cstr(&text));
    return *ret_value ? 0 : malformed(r, "A string is not UTF-8");
}

static int read_array(struct reader *r, const struct head *h, json_t *array)
{
    for (uint64_t i = 0; h->info == INDEFINITE ? !take_break(r) : i < h->argument; i++) {
        json_t *item = NULL;
        int e = read_item(r, &item);

        if (e)
            return e;
        if (json_array_append_new(array, item))
            return fault(-ENOMEM);
    }
    return 0;
}

static int read_entry(struct reader *r, json_t *map)
{
    autobuffer struct buffer key = BUFFER_INIT(TEXT_BYTES_MAX);
    struct head h;
    json_t *value = NULL;
    int e = read_head(r, &h);

    if (!e && h.major != TEXT)
        e = malformed(r, "A map's key is not text");
    if (!e)
        e = read_text(r, &h, &key);
    if (!e && json_object_get(map, buffer_cstr(&key)))
        e = malformed(r, "A map has a key twice");
    if (!e)
        e = read_item(r, &value);
    if (e)
        return e;
    return json_object_set_new(map, buffer_cstr(&key), value)
               ? malformed(r, "A map's key is not UTF-8")
               : 0;
}

static int read_map(struct reader *r, const struct head *h, json_t *map)
{
    for (uint64_t i = 0; h->info == INDEFINITE ? !take_break(r) : i < h->argument; i++) {
        int e = read_entry(r, map);

        if (e)
            return e;
    }
    return 0;
}

static int read_container(struct reader *r, const struct head *h, json_t **ret_value)
{
    json_t *container = h->major == ARRAY ? json_array() : json_object();
    int e;

    if (!container)
        return fault(-ENOMEM);
    e = h->major == ARRAY ? read_array(r, h, container) : read_map(r, h, container);
    if (e) {
        json_decref(container);
        return e;
    }
    *ret_value = container;
    return 0;
}

static int read_value(struct reader *r, const struct head *h, json_t **ret_value)
{
    bool whole = h->major == UNSIGNED || h->major == NEGATIVE || h->major == TAG;

    if (h->info == INDEFINITE && (whole || h->major == SIMPLE))
        return malformed(r, "An item cannot have an indefinite length");
    switch (h->major) {
    case BYTES:
    case TEXT:
        return read_strings(r, h, ret_value);
    case ARRAY:
    case MAP_OF_ITEMS:
        return read_container(r, h, ret_value);
    case TAG:
        return read_item(r, ret_value);
    case SIMPLE:
        return read_simple(r, h, ret_value);
    default:
        *ret_value = make_integer(h);
        return 0;
    }
}

static int read_item(struct reader *r, json_t **ret_value)
{
    struct head h;
    int e = read_head(r, &h);

    if (e)
        return e;
    if (r->depth == SHAPE_DEPTH_MAX)
        return malformed(r, "The body is nested too deeply");
    r->depth++;
    e = read_value(r, &h, ret_value);
    r->depth--;
    if (e)
        return e;
    return *ret_value ? 0 : fault(-ENOMEM);
}

int cbor_decode(struct slice body, json_t **ret_value, const char **ret_why)
{
    struct reader r = { .at = (const unsigned char *)body.data };
    json_t *value = NULL;
    int e;

    r.end = r.at + body.size;
    if (body.size == 0) {
        *ret_value = json_object();
        return *ret_value ? 0 : fault(-ENOMEM);
    }
    e = read_item(&r, &value);
    if (!e && left(&r) > 0)
        e = malformed(&r, "Something stands behind the body's item");
    if (e) {
        json_decref(value);
        *ret_why = r.why;
        return e;
    }
    *ret_value = value;
    return 0;
}
