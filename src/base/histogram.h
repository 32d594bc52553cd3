/* base/histogram.h: the distribution of a quantity in a few kilobytes.
 *
 * Log-linear buckets: each power of two is cut into 64 equal parts, so that any value read back
 * is within 1/128 (0.8 %) of the one recorded. Values are whole numbers (microseconds, bytes) from
 * 0 to 2^40; larger ones count as 2^40. Count, sum, least and greatest are exact. Histograms add
 * up.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 6,
    HISTOGRAM_VALUE_BITS = 40,
    HISTOGRAM_BUCKETS = ((HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS) + 1) << HISTOGRAM_SUB_BITS,
};

struct histogram {
    uint64_t count, sum, min, max; /* min and max mean nothing while count == 0 */
    uint32_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_reset(struct histogram *h);
void histogram_record(struct histogram *h, uint64_t value);
void histogram_record_n(struct histogram *h, uint64_t value, uint32_t n);
void histogram_add(struct histogram *into, const struct histogram *from);

/** histogram_percentile() - the value below which @p percent (0..100) of the values lie; 0 if
 * empty */
double histogram_percentile(const struct histogram *h, double p);
double histogram_mean(const struct histogram *h); /* 0 if empty */

/** histogram_bucket_value() - the middle of bucket @index, the value it stands for */
double histogram_bucket_value(size_t index);
size_t histogram_bucket_index(uint64_t value);
