#include "auth/canonical.h"

#include <assert.h>
#include <string.h>

static void put(struct sha256 *h, const char *data, size_t size)
{
    sha256_update(h, (struct slice){ data, size });
}

/* --- percent-coding, one byte at a time ------------------------------------------------------- */

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void put_encoded(struct sha256 *h, char c)
{
    static const char hex[] = "0123456789ABCDEF";
    unsigned char byte = (unsigned char)c;

    if (is_unreserved(c))
        put(h, &c, 1);
    else
        put(h, (char[]){ '%', hex[byte >> 4], hex[byte & 15] }, 3);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte of @rest decoded; a "%" that starts no escape stands for itself. */
static bool next_decoded(struct slice *rest, char *ret)
{
    size_t n = 1;

    if (rest->size == 0)
        return false;
    *ret = rest->data[0];
    if (*ret == '%' && rest->size >= 3 && digit(rest->data[1]) >= 0 && digit(rest->data[2]) >= 0) {
        *ret = (char)((unsigned)digit(rest->data[1]) << 4 | (unsigned)digit(rest->data[2]));
        n = 3;
    }
    rest->data += n;
    rest->size -= n;
    return true;
}

/* --- path ------------------------------------------------------------------------------------- */

static void put_path(struct sha256 *h, struct slice path)
{
    size_t run = 0; /* bytes that stand for themselves, put together */

    for (size_t i = 0; i < path.size; i++) {
        if (is_unreserved(path.data[i]) || path.data[i] == '/')
            continue;
        put(h, path.data + run, i - run);
        put_encoded(h, path.data[i]);
        run = i + 1;
    }
    put(h, path.data + run, path.size - run);
}

static bool is_normal(struct slice path)
{
    for (size_t i = 0; i + 1 < path.size; i++) {
        if (path.data[i] == '/' && (path.data[i + 1] == '/' || path.data[i + 1] == '.'))
            return false; /* or a name that starts with a dot, which does no harm */
    }
    return path.size > 0 && path.data[0] == '/';
}

/* RFC 3986 §5.2.4, and empty segments are dropped too, as clients do it. */
static struct slice normalise(struct slice path, char *out)
{
    size_t n = 0, i = 0;

    while (i < path.size) {
        const char *segment = path.data + i;
        size_t size = 0;

        while (i + size < path.size && segment[size] != '/')
            size++;
        i += size + 1;
        if (size == 0 || (size == 1 && segment[0] == '.'))
            continue;
        if (size == 2 && memcmp(segment, "..", 2) == 0) {
            while (n > 0 && out[--n] != '/')
                ;
            continue;
        }
        out[n++] = '/';
        memcpy(out + n, segment, size);
        n += size;
    }
    if (n == 0 || path.data[path.size - 1] == '/')
        out[n++] = '/';
    return (struct slice){ out, n };
}

static int put_normal_path(struct sha256 *h, struct slice path)
{
    char normal[CANONICAL_PATH_BYTES_MAX + 2];

    if (is_normal(path)) {
        put_path(h, path);
        return 0;
    }
    if (path.size > CANONICAL_PATH_BYTES_MAX)
        return CANONICAL_E_TOO_LARGE;
    put_path(h, normalise(path, normal));
    return 0;
}

/* --- query ------------------------------------------------------------------------------------ */

struct parameter {
    struct slice name, value;
};

/* Compares as the encoded forms would: "%" sorts before every unreserved byte. */
static int rank(char c)
{
    return (unsigned char)c + (is_unreserved(c) ? 256 : 0);
}

static int compare_encoded(struct slice a, struct slice b)
{
    char ca, cb;

    for (;;) {
        bool more_a = next_decoded(&a, &ca), more_b = next_decoded(&b, &cb);

        if (!more_a || !more_b)
            return (int)more_a - (int)more_b;
        if (ca != cb)
            return rank(ca) - rank(cb);
    }
}

static int compare(const struct parameter *a, const struct parameter *b)
{
    int c = compare_encoded(a->name, b->name);

    return c ? c : compare_encoded(a->value, b->value);
}

static bool next_parameter(struct slice *rest, struct parameter *ret)
{
    while (rest->size > 0) {
        const char *end = memchr(rest->data, '&', rest->size), *equals;
        size_t size = end ? (size_t)(end - rest->data) : rest->size;
        struct slice pair = { rest->data, size };

        size += end != NULL;
        rest->data += size;
        rest->size -= size;
        if (pair.size == 0)
            continue;
        equals = memchr(pair.data, '=', pair.size);
        size = equals ? (size_t)(equals - pair.data) : pair.size;
        ret->name = (struct slice){ pair.data, size };
        size += equals != NULL;
        ret->value = (struct slice){ pair.data + size, pair.size - size };
        return true;
    }
    return false;
}

static void put_text(struct sha256 *h, struct slice s)
{
    char c;

    while (next_decoded(&s, &c))
        put_encoded(h, c);
}

/* Behind its equals. Halving: comparisons cost more than moving. */
static size_t place_of(const struct parameter *p, const struct parameter *sorted, size_t n)
{
    size_t from = 0, to = n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (compare(&sorted[middle], p) > 0)
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

static int put_query(struct sha256 *h, struct slice query)
{
    struct parameter sorted[CANONICAL_PARAMETERS_MAX], p;
    size_t n = 0;

    while (next_parameter(&query, &p)) {
        size_t i;

        if (compare_encoded(p.name, SLICE("X-Amz-Signature")) == 0)
            continue;
        if (n == CANONICAL_PARAMETERS_MAX)
            return CANONICAL_E_TOO_LARGE;
        i = place_of(&p, sorted, n);
        memmove(&sorted[i + 1], &sorted[i], (n - i) * sizeof(*sorted));
        sorted[i] = p;
        n++;
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            put(h, "&", 1);
        put_text(h, sorted[i].name);
        put(h, "=", 1);
        put_text(h, sorted[i].value);
    }
    return 0;
}

/* --- headers ---------------------------------------------------------------------------------- */

bool canonical_next_name(struct slice *rest, struct slice *ret_name)
{
    size_t n = 0, separator = 0;

    if (rest->size == 0)
        return false;
    for (; n < rest->size; n++) {
        if (rest->data[n] == ';')
            separator = 1;
        else if (rest->size - n >= 3 && rest->data[n] == '%' && rest->data[n + 1] == '3' &&
                 (rest->data[n + 2] | 0x20) == 'b')
            separator = 3;
        if (separator > 0)
            break;
    }
    *ret_name = (struct slice){ rest->data, n };
    rest->data += n + separator;
    rest->size -= n + separator;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* @value trimmed, and each run of white space as one space */
static void put_value(struct sha256 *h, struct slice value)
{
    size_t i = 0;

    value = slice_trim(value);
    while (i < value.size) {
        size_t start = i;

        while (i < value.size && !is_blank(value.data[i]))
            i++;
        put(h, value.data + start, i - start);
        if (i == value.size)
            break;
        put(h, " ", 1);
        while (is_blank(value.data[i]))
            i++;
    }
}

static void put_header(struct sha256 *h, const struct canonical_request *request, struct slice name)
{
    bool again = false;

    sha256_update(h, name);
    put(h, ":", 1);
    for (size_t i = 0; i < request->n_headers; i++) {
        const struct http_header *header = &request->headers[i];

        if (header->name.size != name.size || !slice_equal_nocase(header->name, name))
            continue;
        if (again)
            put(h, ",", 1);
        put_value(h, header->value);
        again = true;
    }
    put(h, "\n", 1);
}

static void put_headers(struct sha256 *h, const struct canonical_request *request)
{
    struct slice rest = request->signed_headers, name;
    bool again = false;

    while (canonical_next_name(&rest, &name))
        put_header(h, request, name);
    put(h, "\n", 1);
    rest = request->signed_headers;
    while (canonical_next_name(&rest, &name)) {
        if (again)
            put(h, ";", 1);
        sha256_update(h, name);
        again = true;
    }
    put(h, "\n", 1);
}

/* --- the whole -------------------------------------------------------------------------------- */

int canonical_hash(const struct canonical_request *request, uint8_t ret_digest[SHA256_BYTES])
{
    struct sha256 h;
    int r = 0;

    sha256_init(&h);
    sha256_update(&h, request->method);
    put(&h, "\n", 1);
    if (request->verbatim_path)
        sha256_update(&h, request->path);
    else
        r = put_normal_path(&h, request->path);
    if (r)
        return r;
    put(&h, "\n", 1);
    r = put_query(&h, request->query);
    if (r)
        return r;
    put(&h, "\n", 1);
    put_headers(&h, request);
    sha256_update(&h, request->payload);
    sha256_final(&h, ret_digest);
    return 0;
}
