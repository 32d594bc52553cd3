#include "base/histogram.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const uint64_t value_max = (uint64_t)1 << HISTOGRAM_VALUE_BITS;

void histogram_reset(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

size_t histogram_bucket_index(uint64_t value)
{
    unsigned top, shift;

    if (value >= value_max)
        value = value_max - 1;
    if (value < (1u << HISTOGRAM_SUB_BITS))
        return (size_t)value;
    top = 63u - (unsigned)__builtin_clzll(value);
    shift = top - HISTOGRAM_SUB_BITS;
    /* value >> shift is 64..127: one more than shift whole rows, and the place in the last */
    return ((size_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
}

double histogram_bucket_value(size_t index)
{
    size_t row = index >> HISTOGRAM_SUB_BITS;
    uint64_t low, width;

    assert(index < HISTOGRAM_BUCKETS);
    if (row == 0)
        return (double)index;
    width = (uint64_t)1 << (row - 1);
    low = (index - ((row - 1) << HISTOGRAM_SUB_BITS)) * width;
    return (double)low + (double)(width - 1) / 2;
}

static void count(uint32_t *bucket, uint32_t n)
{
    *bucket = *bucket > UINT32_MAX - n ? UINT32_MAX : *bucket + n;
}

void histogram_record(struct histogram *h, uint64_t value)
{
    histogram_record_n(h, value, 1);
}

void histogram_record_n(struct histogram *h, uint64_t value, uint32_t n)
{
    if (n == 0)
        return;
    if (value > value_max)
        value = value_max;
    if (h->count == 0 || value < h->min)
        h->min = value;
    if (h->count == 0 || value > h->max)
        h->max = value;
    h->count += n;
    h->sum += value * n;
    count(&h->bucket[histogram_bucket_index(value)], n);
}

void histogram_add(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->min < into->min)
        into->min = from->min;
    if (into->count == 0 || from->max > into->max)
        into->max = from->max;
    into->count += from->count;
    into->sum += from->sum;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        count(&into->bucket[i], from->bucket[i]);
}

double histogram_percentile(const struct histogram *h, double p)
{
    uint64_t rank, seen = 0;

    assert(p >= 0 && p <= 100);
    if (h->count == 0)
        return 0;
    rank = (uint64_t)ceil(p / 100 * (double)h->count);
    if (rank == 0)
        return (double)h->min;
    if (rank >= h->count)
        return (double)h->max;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= rank)
            return fmin(fmax(histogram_bucket_value(i), (double)h->min), (double)h->max);
    }
    return (double)h->max;
}

double histogram_mean(const struct histogram *h)
{
    return h->count ? (double)h->sum / (double)h->count : 0;
}
