/* metrics/series.h: one series in one unit: four tiers of buckets, of 1, 60, 300 and 3600 seconds.
 *
 * A datum goes to the tier of its age, and is in one tier only, so whoever reads a stretch of time
 * adds up the tiers. Ageing moves whole blocks to the next tier a little after they are due;
 * readers do not see that delay, because they treat each bucket by its age and not by where it is.
 *
 * The newest bucket of a tier, with a count of equal ones before it, is kept outside the blocks:
 * that is where data arrive. Data that come late rewrite their block.
 */
#pragma once
#include "metrics/block.h"
#include "metrics/metrics.h"

enum { SERIES_TIERS = 4 };

struct tier {
    struct block **blocks; /* by time, none of them empty */
    uint32_t n_blocks, capacity;
    /* the newest buckets: `tail` at slot tail_first .. tail_last; tail.count 0: none */
    int64_t tail_first, tail_last;
    struct bucket tail;
};

struct series {
    struct series *next; /* the same name in another unit */
    enum metric_unit unit;
    struct tier *tiers[SERIES_TIERS]; /* NULL: never used */
};

struct series *series_new(enum metric_unit unit); /* NULL if no memory */
struct series *series_free(struct series *s);
DEFINE_AUTOFREE(struct series *, series_free)

/** series_add() - @b at @at, in the tier of that age and no finer than @resolution_s
 * Return: 0, or -ENOMEM: then nothing was stored */
int series_add(struct series *s, wall_ms_t at, unsigned resolution_s, const struct bucket *b,
               wall_ms_t now);

/** series_age() - move what is due to the next tier, drop what is too old. Without memory data are
 * lost rather than counted twice. Return: whether any data are left. */
bool series_age(struct series *s, wall_ms_t now);

size_t series_bytes(const struct series *s);

/* Walks all buckets of a series from an instant on, by time. */
struct series_reader {
    wall_ms_t now;
    unsigned period_s;
    struct tier_reader *current; /* where the bucket given last came from */
    struct tier_reader {
        const struct tier *tier;
        unsigned kind; /* which tier */
        uint32_t next_block;
        bool in_block, in_tail, ended;
        int64_t tail_slot;
        wall_ms_t at; /* of the bucket at hand, as coarse as its age makes it */
        const struct bucket *bucket;
        struct block_reader block;
    } tiers[SERIES_TIERS];
};

/** series_reader_init() - buckets from @start on that count in periods of @period_s at @now */
void series_reader_init(struct series_reader *r, const struct series *s, wall_ms_t start,
                        unsigned period_s, wall_ms_t now);
/** series_read() - Return: the next bucket, valid until the next call; NULL at the end */
const struct bucket *series_read(struct series_reader *r, wall_ms_t *ret_at);
