#include "scaling/time_zone.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "scaling/civil.h"
#include "scaling/zone_rule.h"

enum {
    HEADER_BYTES = 44,
    TYPE_BYTES = 6,
    TYPES_MAX = 256,
    OFFSET_MAX_S = 26 * S_PER_HOUR, /* RFC 8536, 3.2: an offset is below that */
};

struct time_zone {
    size_t n_times, n_types;
    bool has_rule;
    struct zone_rule rule; /* from the last of the times on */
    int32_t offsets_s[TYPES_MAX];
    struct zone_time {
        int64_t at; /* UTC, ascending */
        uint8_t type;
    } times[];
};

/* --- reading TZif ----------------------------------------------------------------------------- */

struct header {
    uint8_t version; /* 0, or '2' and up: a second block with 64-bit times follows */
    uint32_t n_isut, n_isstd, n_leap, n_times, n_types, n_chars;
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be_time(const uint8_t *p, size_t size)
{
    return size == 4 ? (int32_t)be32(p) : (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static int read_header(const uint8_t *p, size_t n, struct header *ret)
{
    if (n < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
        return -EINVAL;
    *ret = (struct header){ p[4],         be32(p + 20), be32(p + 24), be32(p + 28),
                            be32(p + 32), be32(p + 36), be32(p + 40) };
    if (ret->n_leap != 0 || ret->n_types == 0 || ret->n_types > TYPES_MAX ||
        ret->n_times > TIME_ZONE_BYTES_MAX || ret->n_chars > TIME_ZONE_BYTES_MAX ||
        (ret->n_isut != 0 && ret->n_isut != ret->n_types) ||
        (ret->n_isstd != 0 && ret->n_isstd != ret->n_types))
        return -EINVAL;
    return 0;
}

/* bytes of the block after @h, whose times have @time_size bytes */
static size_t block_bytes(const struct header *h, size_t time_size)
{
    return (size_t)h->n_times * (time_size + 1) + (size_t)h->n_types * TYPE_BYTES + h->n_chars +
           h->n_isstd + h->n_isut;
}

static int read_types(struct time_zone *z, const uint8_t *p)
{
    for (size_t i = 0; i < z->n_types; i++) {
        int32_t offset = (int32_t)be32(p + i * TYPE_BYTES);
        if (offset <= -OFFSET_MAX_S || offset >= OFFSET_MAX_S)
            return -EINVAL;
        z->offsets_s[i] = offset;
    }
    return 0;
}

static int read_block(struct time_zone *z, const struct header *h, const uint8_t *p,
                      size_t time_size)
{
    const uint8_t *types = p + (size_t)h->n_times * time_size;

    z->n_times = h->n_times;
    z->n_types = h->n_types;
    for (size_t i = 0; i < z->n_times; i++) {
        z->times[i] = (struct zone_time){ be_time(p + i * time_size, time_size), types[i] };
        if (types[i] >= z->n_types || (i > 0 && z->times[i].at <= z->times[i - 1].at))
            return -EINVAL;
    }
    return read_types(z, types + h->n_times);
}

/* "\nTZ\n"; nothing between the lines: no rule is known */
static int read_footer(struct time_zone *z, const uint8_t *p, size_t n)
{
    const uint8_t *end = n > 1 ? memchr(p + 1, '\n', n - 1) : NULL;
    struct slice text;

    if (!end || p[0] != '\n')
        return -EINVAL;
    text = (struct slice){ (const char *)p + 1, (size_t)(end - p) - 1 };
    z->has_rule = text.size > 0;
    return z->has_rule ? zone_rule_parse(text, &z->rule) : 0;
}

int time_zone_parse(const uint8_t *bytes, size_t n, struct time_zone **ret)
{
    autofree(time_zone_free) struct time_zone *z = NULL;
    size_t at = HEADER_BYTES, time_size = 4;
    struct header h;
    int r = n <= TIME_ZONE_BYTES_MAX ? read_header(bytes, n, &h) : -EINVAL;

    if (!r && h.version >= '2') {
        /* the first block is for old programs */
        size_t skipped = HEADER_BYTES + block_bytes(&h, 4);
        r = skipped <= n ? read_header(bytes + skipped, n - skipped, &h) : -EINVAL;
        at += skipped;
        time_size = 8;
    }
    if (r || block_bytes(&h, time_size) > n - at)
        return -EINVAL;
    z = calloc(1, sizeof(*z) + h.n_times * sizeof(*z->times));
    if (!z)
        return fault(-ENOMEM);
    r = read_block(z, &h, bytes + at, time_size);
    at += block_bytes(&h, time_size);
    if (!r && time_size == 8)
        r = read_footer(z, bytes + at, n - at);
    if (r)
        return r;
    *ret = steal(z);
    return 0;
}

struct time_zone *time_zone_free(struct time_zone *z)
{
    free(z);
    return NULL;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* how many of the times are at or before @utc_s */
static size_t n_before(const struct time_zone *z, int64_t utc_s)
{
    size_t low = 0, high = z->n_times;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->times[middle].at <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* @ret_next: until when, at least, the offset stays; INT64_MAX: for ever */
static int32_t offset_until(const struct time_zone *z, int64_t utc_s, int64_t *ret_next)
{
    size_t n;

    *ret_next = INT64_MAX;
    if (!z)
        return 0;
    n = n_before(z, utc_s);
    if (n == z->n_times && z->has_rule)
        return zone_rule_offset(&z->rule, utc_s, ret_next);
    if (n < z->n_times)
        *ret_next = z->times[n].at;
    /* before the first of the times the first type holds (RFC 8536, 3.2) */
    return z->offsets_s[n > 0 ? z->times[n - 1].type : 0];
}

int32_t time_zone_offset(const struct time_zone *z, int64_t utc_s)
{
    int64_t next;

    return offset_until(z, utc_s, &next);
}

/* Walks through the stretches of equal offset that may hold an answer, from the earliest on. */
int time_zone_to_utc(const struct time_zone *z, int64_t local_s, int64_t *ret_utc_s)
{
    int64_t t = local_s - OFFSET_MAX_S, next;

    for (; t <= local_s + OFFSET_MAX_S; t = next) {
        int64_t utc = local_s - offset_until(z, t, &next);
        if (utc >= t && utc < next) {
            *ret_utc_s = utc;
            return 0;
        }
    }
    return TIME_ZONE_E_SKIPPED;
}
