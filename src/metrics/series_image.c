/* A series as bytes: for each tier that is in use its number + 1, its blocks, its tail; then a 0. */
#include <errno.h>
#include <stdlib.h>

#include "metrics/series.h"

enum { BLOCKS_MAX = 4096 /* of one tier: more than 455 days in the longest-lived */ };

/* --- writing ---------------------------------------------------------------------------------- */

static int write_block(const struct block *b, struct buffer *out)
{
    uint8_t *start, *at;
    int r = buffer_reserve(out, 3 * CODEC_VARINT_BYTES_MAX + b->size);

    if (r)
        return r;
    start = at = (uint8_t *)buffer_tail(out);
    at = codec_put_signed(at, b->number);
    at = codec_put_varint(at, (uint64_t)b->last);
    at = codec_put_varint(at, b->size);
    buffer_commit(out, (size_t)(at - start));
    return buffer_append(out, b->bytes, b->size);
}

/* how many equal ones, the slot of the first, the bucket; 0: none */
static int write_tail(const struct tier *t, struct buffer *out)
{
    uint8_t *start, *at;
    int r = buffer_reserve(out, 2 * CODEC_VARINT_BYTES_MAX + codec_bucket_bytes(&t->tail));

    if (r)
        return r;
    start = at = (uint8_t *)buffer_tail(out);
    if (t->tail.count == 0) {
        at = codec_put_varint(at, 0);
    } else {
        at = codec_put_varint(at, (uint64_t)(t->tail_last - t->tail_first + 1));
        at = codec_put_signed(at, t->tail_first);
        at = codec_put_bucket(at, 0, &t->tail);
    }
    buffer_commit(out, (size_t)(at - start));
    return 0;
}

static int write_number(struct buffer *out, uint64_t v)
{
    uint8_t bytes[CODEC_VARINT_BYTES_MAX];

    return buffer_append(out, bytes, (size_t)(codec_put_varint(bytes, v) - bytes));
}

static int write_tier(const struct tier *t, unsigned k, struct buffer *out)
{
    int r = write_number(out, k + 1);

    if (!r)
        r = write_number(out, t->n_blocks);
    for (uint32_t i = 0; !r && i < t->n_blocks; i++)
        r = write_block(t->blocks[i], out);
    return r ? r : write_tail(t, out);
}

int series_write(const struct series *s, struct buffer *out)
{
    int r = 0;

    for (unsigned k = 0; !r && k < SERIES_TIERS; k++)
        if (s->tiers[k])
            r = write_tier(s->tiers[k], k, out);
    return r ? r : write_number(out, 0);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_block(struct codec_reader *from, struct tier *t, unsigned k)
{
    int64_t number = codec_signed(from), slots = series_slots_per_block(k);
    unsigned last = (unsigned)codec_size(from, BLOCK_SLOTS_MAX - 1);
    size_t n = codec_size(from, (uint64_t)(from->end - from->at));
    int r;

    if (from->bad || n > (size_t)(from->end - from->at) || number > SERIES_SLOT_MAX / slots ||
        number < -SERIES_SLOT_MAX / slots ||
        (t->n_blocks > 0 && t->blocks[t->n_blocks - 1]->number >= number))
        return METRICS_E_INVALID;
    r = block_restore(number, last, (unsigned)slots, from->at, n, &t->blocks[t->n_blocks]);
    if (r)
        return r;
    from->at += n;
    t->block_bytes += sizeof(struct block) + n;
    t->n_blocks++;
    return 0;
}

/* Return: whether the tail lies behind the blocks and within one block's stretch. */
static bool tail_fits(const struct tier *t, unsigned k)
{
    int64_t slots = series_slots_per_block(k);
    const struct block *newest = t->n_blocks > 0 ? t->blocks[t->n_blocks - 1] : NULL;

    if (newest && t->tail_first <= newest->number * slots + newest->last)
        return false;
    return series_block_number(k, t->tail_first) == series_block_number(k, t->tail_last);
}

static int read_tail(struct codec_reader *from, struct tier *t, unsigned k)
{
    uint64_t n = codec_size(from, BLOCK_SLOTS_MAX), head;
    struct sketch_fixed storage;
    struct bucket b = { .sketch = *sketch_fixed_init(&storage) };

    if (n == 0)
        return from->bad ? METRICS_E_INVALID : 0;
    t->tail_first = codec_signed(from);
    if (from->bad || t->tail_first < -SERIES_SLOT_MAX || t->tail_first > SERIES_SLOT_MAX)
        return METRICS_E_INVALID;
    t->tail_last = t->tail_first + (int64_t)n - 1;
    head = codec_varint(from);
    if (head >> CODEC_FORM_BITS != 0 || !codec_bucket(from, (enum codec_form)head, &b) ||
        !tail_fits(t, k))
        return METRICS_E_INVALID;
    return bucket_merge(&t->tail, &b);
}

static int read_tier(struct codec_reader *from, unsigned k, struct tier **ret)
{
    autofree(series_tier_free) struct tier *t = calloc(1, sizeof(*t));
    uint64_t n = codec_size(from, BLOCKS_MAX);
    int r = 0;

    if (!t || (n > 0 && !(t->blocks = calloc(n, sizeof(struct block *)))))
        return -ENOMEM;
    t->capacity = (uint32_t)n;
    for (uint64_t i = 0; !r && i < n; i++)
        r = read_block(from, t, k);
    if (!r)
        r = read_tail(from, t, k);
    if (r)
        return r;
    *ret = steal(t);
    return 0;
}

static int read_tiers(struct codec_reader *from, struct tier *tiers[SERIES_TIERS])
{
    uint64_t k;
    int r = 0;

    while (!r && (k = codec_size(from, SERIES_TIERS)) > 0)
        r = tiers[k - 1] ? METRICS_E_INVALID : read_tier(from, (unsigned)k - 1, &tiers[k - 1]);
    if (!r && from->bad)
        return METRICS_E_INVALID;
    return r;
}

int series_restore(struct series *s, struct codec_reader *from)
{
    struct tier *tiers[SERIES_TIERS] = { NULL };
    int r = read_tiers(from, tiers);

    for (unsigned k = 0; k < SERIES_TIERS; k++) {
        struct tier *goes = r ? tiers[k] : s->tiers[k];

        if (!r)
            s->tiers[k] = tiers[k];
        series_tier_free(goes);
    }
    return r;
}
