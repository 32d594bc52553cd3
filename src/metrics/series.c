#include "metrics/series.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOURS(n) ((ms_t)(n)*3600 * MS_PER_S)
#define DAYS(n)  HOURS((n)*24)

/* A block's stretch is a whole number of the next tier's buckets. */
static const struct tier_kind {
    unsigned resolution_s, slots_per_block;
    unsigned next_resolution_s; /* the last tier's buckets go one by one */
} kinds[SERIES_TIERS] = {
    { 1, 300, 60 },
    { 60, 300, 300 },
    { 300, 288, 3600 },
    { 3600, 240, 3600 },
};

const ms_t series_keep[SERIES_TIERS] = { HOURS(3), DAYS(15), DAYS(63), DAYS(455) };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static wall_ms_t cut(wall_ms_t at, unsigned resolution_s)
{
    return floor_div(at, resolution_s * MS_PER_S) * resolution_s * MS_PER_S;
}

/* the tier that data of that age belong in; SERIES_TIERS: none */
static unsigned tier_of(wall_ms_t at, wall_ms_t now, const ms_t keep[SERIES_TIERS])
{
    unsigned k = 0;

    while (k < SERIES_TIERS && now - cut(at, kinds[k].next_resolution_s) > keep[k])
        k++;
    return k;
}

unsigned metrics_resolution(wall_ms_t at, wall_ms_t now)
{
    unsigned k = tier_of(at, now, series_keep);
    return k < SERIES_TIERS ? kinds[k].resolution_s : 0;
}

unsigned series_slots_per_block(unsigned tier)
{
    return kinds[tier].slots_per_block;
}

int64_t series_block_number(unsigned tier, int64_t slot)
{
    return floor_div(slot, kinds[tier].slots_per_block);
}

/* --- a tier ----------------------------------------------------------------------------------- */

struct tier *series_tier_free(struct tier *t)
{
    if (!t)
        return NULL;
    for (uint32_t i = 0; i < t->n_blocks; i++)
        free(t->blocks[i]);
    free(t->blocks);
    bucket_deinit(&t->tail);
    free(t);
    return NULL;
}

/* the first block that is not before @number */
static uint32_t find_block(const struct tier *t, int64_t number)
{
    uint32_t low = 0, high = t->n_blocks;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (t->blocks[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t bytes_of(const struct block *b)
{
    return sizeof(*b) + b->capacity;
}

static void seal(struct tier *t, uint32_t at)
{
    t->block_bytes -= bytes_of(t->blocks[at]);
    block_seal(&t->blocks[at]);
    t->block_bytes += bytes_of(t->blocks[at]);
}

static int insert_block(struct tier *t, uint32_t at, struct block *block)
{
    if (t->n_blocks == t->capacity) {
        uint32_t capacity = t->capacity ? t->capacity + t->capacity / 2 + 1 : 2;
        struct block **blocks = realloc(t->blocks, capacity * sizeof(struct block *));

        if (!blocks)
            return -ENOMEM;
        t->blocks = blocks;
        t->capacity = capacity;
    }
    memmove(t->blocks + at + 1, t->blocks + at, (t->n_blocks - at) * sizeof(struct block *));
    t->blocks[at] = block;
    t->n_blocks++;
    t->block_bytes += bytes_of(block);
    return 0;
}

/* the newest block, made if it is not that of @number */
static int last_block(struct tier *t, int64_t number, struct block ***ret_block)
{
    autofree(mem_free) struct block *block = NULL;

    if (t->n_blocks == 0 || t->blocks[t->n_blocks - 1]->number != number) {
        assert(t->n_blocks == 0 || t->blocks[t->n_blocks - 1]->number < number);
        block = block_new(number);
        if (!block || insert_block(t, t->n_blocks, block) != 0)
            return -ENOMEM;
        block = NULL;
        if (t->n_blocks > 1)
            seal(t, t->n_blocks - 2);
    }
    *ret_block = &t->blocks[t->n_blocks - 1];
    return 0;
}

/* Writes the tail up to slot @last into its block; what is left of it starts behind that. */
static int flush(struct tier *t, const struct tier_kind *kind, int64_t last)
{
    int64_t number, n_blocks = t->n_blocks;
    struct block **block;
    int r;

    if (t->tail.count == 0 || last < t->tail_first)
        return 0;
    number = floor_div(t->tail_first, kind->slots_per_block);
    r = last_block(t, number, &block);
    if (r)
        return r;
    t->block_bytes -= bytes_of(*block);
    r = block_append(block, (unsigned)(t->tail_first - number * kind->slots_per_block),
                     (unsigned)(last - t->tail_first), &t->tail);
    if (r && t->n_blocks > n_blocks) {
        free(t->blocks[--t->n_blocks]);
        return r;
    }
    t->block_bytes += bytes_of(*block);
    if (r)
        return r;
    t->tail_first = last + 1;
    if (last == t->tail_last)
        t->tail.count = 0;
    return 0;
}

/* @b at a slot later than all others */
static int push(struct tier *t, const struct tier_kind *kind, int64_t slot, const struct bucket *b)
{
    int r;

    if (t->tail.count > 0 && slot == t->tail_last + 1 && slot % kind->slots_per_block != 0 &&
        bucket_same(&t->tail, b)) {
        t->tail_last = slot;
        return 0;
    }
    r = flush(t, kind, t->tail_last);
    if (r)
        return r;
    bucket_empty(&t->tail);
    r = bucket_merge(&t->tail, b);
    if (r)
        return r;
    t->tail_first = t->tail_last = slot;
    return 0;
}

static int merge_into_tail(struct tier *t, const struct tier_kind *kind, const struct bucket *b)
{
    int r = flush(t, kind, t->tail_last - 1); /* the equal ones before stay as they are */

    return r ? r : bucket_merge(&t->tail, b);
}

/* Writes a block anew with @b merged in at @slot, which is within its stretch. */
static int rewrite(struct tier *t, const struct tier_kind *kind, int64_t number, int64_t slot,
                   const struct bucket *b)
{
    autofree(series_tier_free) struct tier *anew = calloc(1, sizeof(*anew));
    uint32_t at = find_block(t, number);
    bool exists = at < t->n_blocks && t->blocks[at]->number == number, merged = false;
    struct block_reader reader;
    int r = anew ? 0 : -ENOMEM;

    if (exists)
        block_reader_init(&reader, t->blocks[at]);
    while (r == 0 && exists && block_read(&reader)) {
        int64_t here = number * kind->slots_per_block + reader.slot;

        if (!merged && here >= slot) {
            r = push(anew, kind, slot, b);
            merged = true;
        }
        if (r == 0)
            r = here == slot ? merge_into_tail(anew, kind, &reader.bucket)
                             : push(anew, kind, here, &reader.bucket);
    }
    if (r == 0 && !merged)
        r = push(anew, kind, slot, b);
    if (r == 0)
        r = flush(anew, kind, anew->tail_last);
    if (r)
        return r;

    assert(anew->n_blocks == 1);
    seal(anew, 0);
    if (exists) {
        t->block_bytes += anew->block_bytes - bytes_of(t->blocks[at]);
        free(t->blocks[at]);
        t->blocks[at] = anew->blocks[0];
    } else if (insert_block(t, at, anew->blocks[0]) != 0) {
        return -ENOMEM;
    }
    anew->n_blocks = 0; /* it is the other's now */
    return 0;
}

static int tier_add(struct tier *t, const struct tier_kind *kind, int64_t slot,
                    const struct bucket *b)
{
    int64_t number = floor_div(slot, kind->slots_per_block);
    const struct block *newest = t->n_blocks > 0 ? t->blocks[t->n_blocks - 1] : NULL;
    int r;

    if (t->tail.count > 0 && slot == t->tail_last)
        return merge_into_tail(t, kind, b);
    if (t->tail.count > 0 ? slot > t->tail_last
                          : !newest || slot > newest->number * kind->slots_per_block + newest->last)
        return push(t, kind, slot, b);

    r = flush(t, kind, t->tail_last);
    return r ? r : rewrite(t, kind, number, slot, b);
}

/* --- a series --------------------------------------------------------------------------------- */

struct series *series_new(enum metric_unit unit)
{
    struct series *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->unit = unit;
    list_link_init(&s->journal);
    return s;
}

struct series *series_free(struct series *s)
{
    if (!s)
        return NULL;
    list_remove(&s->journal);
    for (unsigned k = 0; k < SERIES_TIERS; k++)
        s->tiers[k] = series_tier_free(s->tiers[k]);
    free(s);
    return NULL;
}

static int add_to_tier(struct series *s, unsigned k, wall_ms_t at, const struct bucket *b)
{
    if (!s->tiers[k] && !(s->tiers[k] = calloc(1, sizeof(struct tier))))
        return -ENOMEM;
    return tier_add(s->tiers[k], &kinds[k], floor_div(at, kinds[k].resolution_s * MS_PER_S), b);
}

int series_add(struct series *s, wall_ms_t at, unsigned resolution_s, const struct bucket *b,
               const struct horizon *horizon)
{
    unsigned k = tier_of(at, horizon->now, horizon->keep);

    while (k < SERIES_TIERS && kinds[k].resolution_s < resolution_s)
        k++;
    if (k == SERIES_TIERS)
        k--; /* too old where memory is short: ageing drops it */
    return add_to_tier(s, k, at, b);
}

/* the oldest block that is due, or NULL; the tail becomes one when it is due itself */
static struct block *due(struct tier *t, unsigned k, const struct horizon *h)
{
    const struct tier_kind *kind = &kinds[k];
    ms_t block_ms = (ms_t)kind->slots_per_block * kind->resolution_s * MS_PER_S;
    int64_t number;

    if (t->n_blocks == 0 && t->tail.count == 0)
        return NULL;
    number =
        t->n_blocks > 0 ? t->blocks[0]->number : floor_div(t->tail_last, kind->slots_per_block);
    if (h->now - ((number + 1) * block_ms - kind->next_resolution_s * MS_PER_S) <= h->keep[k])
        return NULL;
    if (t->tail.count > 0 && floor_div(t->tail_last, kind->slots_per_block) == number &&
        flush(t, kind, t->tail_last) != 0)
        return NULL;
    return t->blocks[0];
}

static void roll_up(struct series *s, unsigned k, const struct block *block)
{
    const struct tier_kind *kind = &kinds[k];
    struct block_reader reader;

    block_reader_init(&reader, block);
    while (block_read(&reader)) {
        int64_t slot = block->number * kind->slots_per_block + reader.slot;

        add_to_tier(s, k + 1, slot * kind->resolution_s * MS_PER_S, &reader.bucket);
    }
}

static bool age_tier(struct series *s, unsigned k, const struct horizon *horizon)
{
    struct tier *t = s->tiers[k];
    struct block *block;

    if (!t)
        return false;
    while ((block = due(t, k, horizon))) {
        t->n_blocks--;
        t->block_bytes -= bytes_of(block);
        memmove(t->blocks, t->blocks + 1, t->n_blocks * sizeof(struct block *));
        if (k + 1 < SERIES_TIERS)
            roll_up(s, k, block);
        free(block);
    }
    if (t->n_blocks == 0 && t->tail.count == 0)
        s->tiers[k] = series_tier_free(t);
    return s->tiers[k];
}

bool series_age(struct series *s, const struct horizon *horizon)
{
    bool any = false;

    for (unsigned k = 0; k < SERIES_TIERS; k++)
        any |= age_tier(s, k, horizon);
    return any;
}

size_t series_tier_bytes(const struct series *s, unsigned tier)
{
    const struct tier *t = s->tiers[tier];

    if (!t)
        return 0;
    return sizeof(*t) + t->capacity * sizeof(struct block *) + t->block_bytes +
           t->tail.sketch.capacity * sizeof(struct sketch_bin);
}

size_t series_bytes(const struct series *s)
{
    size_t bytes = sizeof(*s);

    for (unsigned k = 0; k < SERIES_TIERS; k++)
        bytes += series_tier_bytes(s, k);
    return bytes;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Where a bucket at @at counts that is due for a coarser tier. */
static bool place_due(struct tier_reader *r, const struct series_reader *all, wall_ms_t at)
{
    unsigned k = tier_of(at, all->horizon->now, all->horizon->keep);

    if (k < r->kind)
        k = r->kind;
    if (k >= SERIES_TIERS || all->period_s % kinds[k].resolution_s != 0)
        return false;
    r->at = cut(at, kinds[k].resolution_s);
    return true;
}

/* Where a bucket at @slot counts now, if it does in periods of @period_s. */
static bool place(struct tier_reader *r, const struct series_reader *all, int64_t slot,
                  const struct bucket *b)
{
    wall_ms_t at = slot * kinds[r->kind].resolution_s * MS_PER_S;

    r->bucket = b;
    if (at < r->fresh)
        return place_due(r, all, at);
    r->at = at;
    return r->counts;
}

/* the first instant whose bucket of the tier is not due for the next */
static wall_ms_t fresh_from(unsigned k, const struct horizon *h)
{
    ms_t step = kinds[k].next_resolution_s * MS_PER_S;

    return -floor_div(h->keep[k] - h->now, step) * step;
}

static void begin_block(struct tier_reader *r, const struct block *block)
{
    int64_t slot = block->number * kinds[r->kind].slots_per_block;

    block_reader_init(&r->block, block);
    r->block_slot = r->first_slot > slot ? (unsigned)(r->first_slot - slot) : 0;
}

static bool next_slot(struct tier_reader *r, int64_t *ret_slot, const struct bucket **ret_bucket)
{
    const struct tier *t = r->tier;

    while (!r->in_tail) {
        if (r->in_block && block_seek(&r->block, r->block_slot)) {
            *ret_slot = t->blocks[r->next_block - 1]->number * kinds[r->kind].slots_per_block +
                        r->block.slot;
            *ret_bucket = &r->block.bucket;
            return true;
        }
        r->in_block = r->next_block < t->n_blocks;
        r->in_tail = !r->in_block;
        if (r->in_block)
            begin_block(r, t->blocks[r->next_block++]);
    }
    if (t->tail.count == 0 || r->tail_slot > t->tail_last)
        return false;
    *ret_slot = r->tail_slot++;
    *ret_bucket = &t->tail;
    return true;
}

static void advance(struct tier_reader *r, const struct series_reader *all)
{
    const struct bucket *bucket;
    int64_t slot;

    do
        r->ended = !next_slot(r, &slot, &bucket);
    while (!r->ended && !place(r, all, slot, bucket));
}

static void begin_tier(struct tier_reader *t, const struct series_reader *all, wall_ms_t start)
{
    const struct tier_kind *kind = &kinds[t->kind];
    int64_t slot = floor_div(start, kind->resolution_s * MS_PER_S);

    t->fresh = fresh_from(t->kind, all->horizon);
    t->counts = all->period_s % kind->resolution_s == 0;
    t->first_slot = slot;
    t->next_block = find_block(t->tier, floor_div(slot, kind->slots_per_block));
    t->tail_slot = t->tier->tail_first > slot ? t->tier->tail_first : slot;
    do
        advance(t, all);
    while (!t->ended && t->at < start);
}

void series_reader_init(struct series_reader *r, const struct series *s, wall_ms_t start,
                        unsigned period_s, const struct horizon *horizon)
{
    r->horizon = horizon;
    r->period_s = period_s;
    r->current = NULL;
    for (unsigned k = 0; k < SERIES_TIERS; k++) {
        struct tier_reader *t = &r->tiers[k];

        t->tier = s->tiers[k];
        t->kind = k;
        t->in_block = t->in_tail = false;
        t->ended = !t->tier;
        if (!t->ended)
            begin_tier(t, r, start);
    }
}

const struct bucket *series_read(struct series_reader *r, wall_ms_t *ret_at)
{
    struct tier_reader *first = NULL;

    if (r->current)
        advance(r->current, r);
    for (unsigned k = 0; k < SERIES_TIERS; k++) {
        struct tier_reader *t = &r->tiers[k];

        if (!t->ended && (!first || t->at < first->at))
            first = t;
    }
    r->current = first;
    if (!first)
        return NULL;
    *ret_at = first->at;
    return first->bucket;
}
