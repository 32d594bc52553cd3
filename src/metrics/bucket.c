#include "metrics/bucket.h"

#include <assert.h>
#include <errno.h>
#include <math.h>

#include "metrics/trimmed.h"

struct bucket bucket_value(double value, double count)
{
    return (struct bucket){ .count = count, .sum = value * count, .min = value, .max = value };
}

struct bucket bucket_set(double count, double sum, double min, double max)
{
    struct bucket b = { .count = count, .sum = sum, .min = min, .max = max };

    if (min < max || sum != min * count)
        b.kind = BUCKET_OPAQUE;
    return b;
}

void bucket_deinit(struct bucket *b)
{
    sketch_deinit(&b->sketch);
    *b = (struct bucket){ 0 };
}

void bucket_empty(struct bucket *b)
{
    struct sketch keep = b->sketch;

    keep.n = 0;
    keep.shift = 0;
    *b = (struct bucket){ .sketch = keep };
}

bool bucket_same(const struct bucket *a, const struct bucket *b)
{
    return a->kind == b->kind && a->kind != BUCKET_SKETCHED && a->count == b->count &&
           a->sum == b->sum && a->min == b->min && a->max == b->max;
}

/* how many bins the values that @b knows need */
static size_t bins_of(const struct bucket *b)
{
    if (b->kind == BUCKET_SKETCHED)
        return b->sketch.n;
    return b->kind == BUCKET_UNIFORM ? 1 : 0;
}

static void add_totals(struct bucket *into, const struct bucket *from)
{
    into->count += from->count;
    into->sum += from->sum;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
}

void bucket_add_totals(struct bucket *into, const struct bucket *from)
{
    if (into->count == 0) {
        into->min = from->min;
        into->max = from->max;
    }
    into->kind = BUCKET_OPAQUE;
    add_totals(into, from);
}

/* Makes the sketch hold what @b and @from know of their values. */
static int join_values(struct bucket *b, const struct bucket *from)
{
    size_t own = b->kind == BUCKET_UNIFORM ? 1 : 0;

    if (sketch_reserve(&b->sketch, own + bins_of(from)) != 0)
        return -ENOMEM;
    if (own)
        sketch_add(&b->sketch, b->min, b->count);
    if (from->kind == BUCKET_SKETCHED)
        sketch_merge(&b->sketch, &from->sketch);
    else if (from->kind == BUCKET_UNIFORM)
        sketch_add(&b->sketch, from->min, from->count);
    b->kind = BUCKET_SKETCHED;
    return 0;
}

int bucket_merge(struct bucket *into, const struct bucket *from)
{
    if (from->count == 0)
        return 0;
    if (into->count == 0) {
        into->kind = from->kind;
        into->min = from->min;
        into->max = from->max;
        if (from->kind == BUCKET_SKETCHED && join_values(into, from) != 0)
            return -ENOMEM;
    } else if (into->kind == BUCKET_UNIFORM && from->kind == BUCKET_UNIFORM &&
               into->min == from->min) {
        into->count += from->count;
        into->sum = into->min * into->count;
        return 0;
    } else if (into->min < 0 || from->min < 0 || bins_of(into) + bins_of(from) == 0) {
        /* percentiles are not to be had where a value is negative */
        into->sketch.n = 0;
        into->kind = BUCKET_OPAQUE;
    } else if (join_values(into, from) != 0) {
        return -ENOMEM;
    }
    add_totals(into, from);
    return 0;
}

struct bucket bucket_from(const struct metric_datum *d, struct sketch_fixed *storage)
{
    struct bucket b = { .sketch = *sketch_fixed_init(storage) };

    for (size_t i = 0; i < d->n_values; i++) {
        struct bucket one = bucket_value(d->values[i], d->counts ? d->counts[i] : 1);
        int r = bucket_merge(&b, &one);
        assert(r == 0); /* the sketch has its full size */
    }
    if (d->count > 0) {
        struct bucket set = bucket_set(d->count, d->sum, d->min, d->max);

        if (set.kind == BUCKET_OPAQUE && d->min >= 0 && b.count > 0) {
            struct bucket nothing = { .kind = BUCKET_OPAQUE };
            int r = b.kind == BUCKET_UNIFORM ? join_values(&b, &nothing) : 0;
            assert(r == 0);
            set.kind = b.kind;
        }
        set.sketch = b.sketch;
        b = set;
    }
    return b;
}

static double percentile(const struct bucket *b, double percent)
{
    if (b->min < 0 || b->kind == BUCKET_OPAQUE)
        return NAN;
    if (b->kind == BUCKET_UNIFORM)
        return b->min;
    return fmin(fmax(sketch_percentile(&b->sketch, percent), b->min), b->max);
}

static double trimmed(const struct bucket *b, const struct metric_statistic *statistic)
{
    struct trimmed_bin bins[SKETCH_BINS_MAX] = { { b->min, b->max, b->count } };
    double total = 0;

    if (b->min < 0 || b->kind == BUCKET_OPAQUE)
        return NAN;
    if (b->kind == BUCKET_UNIFORM)
        return trimmed_statistic(bins, 1, b->count, statistic);
    for (size_t i = 0; i < b->sketch.n; i++) {
        sketch_bin_bounds(&b->sketch, i, &bins[i].least, &bins[i].greatest);
        bins[i].least = fmax(bins[i].least, b->min);
        bins[i].greatest = fmin(bins[i].greatest, b->max);
        bins[i].count = b->sketch.bins[i].count;
        total += bins[i].count;
    }
    return trimmed_statistic(bins, b->sketch.n, total, statistic);
}

double bucket_statistic(const struct bucket *b, const struct metric_statistic *statistic)
{
    if (b->count == 0)
        return NAN;
    switch (statistic->kind) {
    case STATISTIC_COUNT:
        return b->count;
    case STATISTIC_SUM:
        return b->sum;
    case STATISTIC_AVERAGE:
        return b->sum / b->count;
    case STATISTIC_MINIMUM:
        return b->min;
    case STATISTIC_MAXIMUM:
        return b->max;
    case STATISTIC_PERCENTILE:
        return percentile(b, statistic->percent);
    case STATISTIC_TRIMMED_MEAN:
    case STATISTIC_WINSORIZED_MEAN:
    case STATISTIC_TRIMMED_COUNT:
    case STATISTIC_TRIMMED_SUM:
    case STATISTIC_PERCENTILE_RANK:
        return trimmed(b, statistic);
    }
    return NAN;
}
