#include "metrics/sketch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MANTISSA_BITS = 52 };

static uint32_t index_of(double value)
{
    uint64_t bits;

    assert(value >= 0);
    value += 0.0; /* -0.0 has its sign bit set */
    memcpy(&bits, &value, sizeof(bits));
    return (uint32_t)(bits >> (MANTISSA_BITS - SKETCH_SUB_BITS));
}

/* the least value of bin @index; the one of the next bin bounds it above */
static double floor_of(uint64_t index, unsigned shift)
{
    uint64_t bits = (index << shift) << (MANTISSA_BITS - SKETCH_SUB_BITS);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

struct sketch *sketch_fixed_init(struct sketch_fixed *f)
{
    f->sketch = (struct sketch){ .bins = f->bins, .capacity = SKETCH_BINS_MAX };
    return &f->sketch;
}

void sketch_deinit(struct sketch *s)
{
    free(s->bins);
    *s = (struct sketch){ 0 };
}

int sketch_reserve(struct sketch *s, size_t n_bins)
{
    size_t wanted = s->n + n_bins, capacity = s->capacity ? s->capacity : 4;
    struct sketch_bin *bins;

    if (wanted > SKETCH_BINS_MAX)
        wanted = SKETCH_BINS_MAX;
    if (wanted <= s->capacity)
        return 0;
    while (capacity < wanted)
        capacity *= 2;

    bins = realloc(s->bins, capacity * sizeof(*bins));
    if (!bins)
        return -ENOMEM;
    s->bins = bins;
    s->capacity = (uint16_t)capacity;
    return 0;
}

/* Makes neighbours one: half as many bins per power of two. */
static void coarsen(struct sketch *s)
{
    uint16_t n = 0;

    assert(s->shift < SKETCH_SHIFT_MAX);
    s->shift++;
    for (uint16_t i = 0; i < s->n; i++) {
        struct sketch_bin bin = { s->bins[i].index >> 1, s->bins[i].count };

        if (n > 0 && s->bins[n - 1].index == bin.index)
            s->bins[n - 1].count += bin.count;
        else
            s->bins[n++] = bin;
    }
    s->n = n;
}

/* the first bin whose index is not below @index */
static uint16_t position(const struct sketch *s, uint32_t index)
{
    uint16_t low = 0, high = s->n;

    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);

        if (s->bins[middle].index < index)
            low = (uint16_t)(middle + 1);
        else
            high = middle;
    }
    return low;
}

void sketch_add_bin(struct sketch *s, struct sketch_bin bin, unsigned shift)
{
    uint16_t at;

    while (s->shift < shift)
        coarsen(s);
    bin.index >>= s->shift - shift;

    at = position(s, bin.index);
    while (s->n == SKETCH_BINS_MAX && (at == s->n || s->bins[at].index != bin.index)) {
        coarsen(s);
        bin.index >>= 1;
        at = position(s, bin.index);
    }
    if (at < s->n && s->bins[at].index == bin.index) {
        s->bins[at].count += bin.count;
        return;
    }
    assert(s->n < s->capacity);
    memmove(s->bins + at + 1, s->bins + at, (size_t)(s->n - at) * sizeof(*s->bins));
    s->bins[at] = bin;
    s->n++;
}

void sketch_add(struct sketch *s, double value, double count)
{
    sketch_add_bin(s, (struct sketch_bin){ index_of(value), count }, 0);
}

void sketch_merge(struct sketch *s, const struct sketch *from)
{
    for (uint16_t i = 0; i < from->n; i++)
        sketch_add_bin(s, from->bins[i], from->shift);
}

double sketch_percentile(const struct sketch *s, double percent)
{
    double total = 0, below = 0, rank;
    uint16_t i = 0;

    assert(s->n > 0);
    for (uint16_t k = 0; k < s->n; k++)
        total += s->bins[k].count;
    rank = total * percent / 100;

    while (i + 1 < s->n && below + s->bins[i].count < rank)
        below += s->bins[i++].count;

    double least = floor_of(s->bins[i].index, s->shift);
    double bound = floor_of((uint64_t)s->bins[i].index + 1, s->shift);
    double share = (rank - below) / s->bins[i].count;
    return least + (bound - least) * (share < 1 ? share : 1);
}

void sketch_bin_bounds(const struct sketch *s, size_t i, double *ret_least, double *ret_bound)
{
    *ret_least = floor_of(s->bins[i].index, s->shift);
    *ret_bound = floor_of((uint64_t)s->bins[i].index + 1, s->shift);
}
