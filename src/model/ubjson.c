#include "model/ubjson.h"

/* What is left to read; `ok` goes false at the first thing that does not fit, and stays so. */
struct reader {
    const char *at, *end;
    bool ok;
};

static char next(struct reader *r)
{
    if (r->at == r->end)
        r->ok = false;
    return r->ok ? *r->at++ : '\0';
}

static bool take(struct reader *r, char marker)
{
    if (!r->ok || r->at == r->end || *r->at != marker)
        return false;
    r->at++;
    return true;
}

static void skip(struct reader *r, uint64_t n)
{
    if (n > (uint64_t)(r->end - r->at))
        r->ok = false;
    if (r->ok)
        r->at += n;
}

/* Bytes of a value that always has as many; -1 for markers of other values. */
static int fixed_size(char marker)
{
    switch (marker) {
    case 'Z': /* null */
    case 'N': /* no-op */
    case 'T':
    case 'F':
        return 0;
    case 'i': /* int8 */
    case 'U': /* uint8 */
    case 'C': /* char */
        return 1;
    case 'I': /* int16 */
        return 2;
    case 'l': /* int32 */
    case 'd': /* float32 */
        return 4;
    case 'L': /* int64 */
    case 'D': /* float64 */
        return 8;
    }
    return -1;
}

/* An integer of the type that @marker names, big-endian; negative ones make no length. */
static uint64_t read_length(struct reader *r, char marker)
{
    int size = fixed_size(marker);
    uint64_t value = 0;

    if (size < 1 || marker == 'C' || marker == 'd' || marker == 'D')
        r->ok = false;
    for (int i = 0; i < size && r->ok; i++)
        value = value << 8 | (unsigned char)next(r);
    if (size > 0 && marker != 'U' && value >> (8 * size - 1))
        r->ok = false;
    return value;
}

static void skip_string(struct reader *r)
{
    skip(r, read_length(r, next(r)));
}

static void skip_value(struct reader *r, char marker, unsigned depth);

/* "$" type and "#" count, then values without markers */
static void skip_counted(struct reader *r, bool object, unsigned depth)
{
    char type = '\0';
    uint64_t n;

    if (take(r, '$')) {
        type = next(r);
        if (!take(r, '#'))
            r->ok = false;
    } else {
        skip(r, 1);
    }
    n = read_length(r, next(r));
    /* Values of no bytes, as many as one likes, make no model. */
    if (type && fixed_size(type) == 0)
        r->ok = false;
    if (type && fixed_size(type) > 0 && !object) {
        skip(r, n > UINT64_MAX / 8 ? UINT64_MAX : n * (uint64_t)fixed_size(type));
        return;
    }
    for (; n > 0 && r->ok && r->at < r->end; n--) {
        if (object)
            skip_string(r);
        skip_value(r, type ? type : next(r), depth);
    }
    if (n > 0)
        r->ok = false;
}

static void skip_container(struct reader *r, char close, unsigned depth)
{
    bool object = close == '}';

    if (depth > UBJSON_DEPTH_MAX)
        r->ok = false;
    if (r->ok && r->at < r->end && (*r->at == '$' || *r->at == '#')) {
        skip_counted(r, object, depth);
        return;
    }
    while (r->ok && !take(r, close)) {
        if (object)
            skip_string(r);
        skip_value(r, next(r), depth);
    }
}

static void skip_value(struct reader *r, char marker, unsigned depth)
{
    int size = fixed_size(marker);

    if (!r->ok)
        return;
    if (size >= 0)
        skip(r, (uint64_t)size);
    else if (marker == 'S' || marker == 'H')
        skip_string(r);
    else if (marker == '{')
        skip_container(r, '}', depth + 1);
    else if (marker == '[')
        skip_container(r, ']', depth + 1);
    else
        r->ok = false;
}

bool ubjson_is_whole(struct slice text)
{
    struct reader r = { text.data, text.data + text.size, text.size > 0 };

    skip_value(&r, next(&r), 0);
    return r.ok && r.at == r.end;
}
