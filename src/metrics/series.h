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
#include "base/buffer.h"
#include "base/list.h"
#include "metrics/block.h"
#include "metrics/metrics.h"

enum { SERIES_TIERS = 4 };

/* What age is counted from, and how old a tier's data may become. */
struct horizon {
    wall_ms_t now;
    ms_t keep[SERIES_TIERS];
};
extern const ms_t series_keep[SERIES_TIERS]; /* what is promised where memory allows it */

struct tier {
    struct block **blocks; /* by time, none of them empty */
    uint32_t n_blocks, capacity;
    size_t block_bytes; /* what they hold */
    /* the newest buckets: `tail` at slot tail_first .. tail_last; tail.count 0: none */
    int64_t tail_first, tail_last;
    struct bucket tail;
};

struct series {
    struct series *next; /* the same name in another unit */
    enum metric_unit unit;
    struct tier *tiers[SERIES_TIERS]; /* NULL: never used */

    struct metric_entry *entry; /* whose it is */
    struct list_link journal;   /* in turn for the journal; journal.h */
    uint32_t journal_segment, journal_id, journal_round;
};

struct series *series_new(enum metric_unit unit); /* NULL if no memory */
struct series *series_free(struct series *s);
DEFINE_AUTOFREE(struct series *, series_free)
struct tier *series_tier_free(struct tier *t);
DEFINE_AUTOFREE(struct tier *, series_tier_free)

#define SERIES_SLOT_MAX ((int64_t)1 << 40) /* counted from 1970; either way, no slot is beyond */
unsigned series_slots_per_block(unsigned tier);
int64_t series_block_number(unsigned tier, int64_t slot); /* of the block that has that slot */

/** series_add() - @b at @at, in the tier of that age and no finer than @resolution_s
 * Return: 0, or -ENOMEM: then nothing was stored */
int series_add(struct series *s, wall_ms_t at, unsigned resolution_s, const struct bucket *b,
               const struct horizon *horizon);

/** series_age() - move what is due to the next tier, drop what is too old. Without memory data are
 * lost rather than counted twice. Return: whether any data are left. */
bool series_age(struct series *s, const struct horizon *horizon);

/** series_tier_bytes() - memory of a tier */
size_t series_tier_bytes(const struct series *s, unsigned tier);
size_t series_bytes(const struct series *s);

/** series_write() - all that the series holds. Return: 0, -ENOBUFS or -ENOMEM. */
int series_write(const struct series *s, struct buffer *out);
/** series_restore() - what series_write() wrote, in place of what the series holds
 * Return: 0, METRICS_E_INVALID or -ENOMEM: then the series is as it was. */
int series_restore(struct series *s, struct codec_reader *from);

/* Walks all buckets of a series from an instant on, by time. */
struct series_reader {
    const struct horizon *horizon;
    unsigned period_s;
    struct tier_reader *current; /* where the bucket given last came from */
    struct tier_reader {
        const struct tier *tier;
        unsigned kind;   /* which tier */
        wall_ms_t fresh; /* buckets from here on are not due for the next tier */
        bool counts;     /* and fine enough for the period */
        uint32_t next_block;
        bool in_block, in_tail, ended;
        unsigned block_slot; /* in the block at hand, what comes before is skipped */
        int64_t first_slot;  /* nothing before it is read */
        int64_t tail_slot;
        wall_ms_t at; /* of the bucket at hand, as coarse as its age makes it */
        const struct bucket *bucket;
        struct block_reader block;
    } tiers[SERIES_TIERS];
};

/** series_reader_init() - buckets from @start on that count in periods of @period_s
 * @horizon: borrowed while reading */
void series_reader_init(struct series_reader *r, const struct series *s, wall_ms_t start,
                        unsigned period_s, const struct horizon *horizon);
/** series_read() - Return: the next bucket, valid until the next call; NULL at the end */
const struct bucket *series_read(struct series_reader *r, wall_ms_t *ret_at);
