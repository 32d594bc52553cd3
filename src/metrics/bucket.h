/* metrics/bucket.h: what is known of one stretch of a series: a second, a minute, a period read.
 *
 * Count, sum, least and greatest are exact. Of the values themselves a bucket knows that all are
 * the same, or a sketch of those that came one by one, or nothing.
 */
#pragma once
#include <stdbool.h>

#include "metrics/metrics.h"
#include "metrics/sketch.h"

enum bucket_kind {
    BUCKET_UNIFORM,  /* every value is min, which is max */
    BUCKET_SKETCHED, /* the values known are in the sketch; min >= 0 */
    BUCKET_OPAQUE,   /* only statistics */
};

struct bucket {
    double count, sum, min, max; /* count 0: empty; the others mean nothing then */
    enum bucket_kind kind;
    struct sketch sketch;
};

/** bucket_value() - @count times the same value */
struct bucket bucket_value(double value, double count);
/** bucket_set() - a statistic set: uniform where the numbers leave no doubt, else opaque */
struct bucket bucket_set(double count, double sum, double min, double max);
void bucket_deinit(struct bucket *b); /* frees the sketch; the bucket is empty */
void bucket_empty(struct bucket *b);  /* the bucket is empty, and keeps its sketch's memory */

/** bucket_merge() - Return: 0, or -ENOMEM: then @into is as it was */
int bucket_merge(struct bucket *into, const struct bucket *from);

/** bucket_add_totals() - count, sum, least and greatest alone; of its values @into knows nothing then
 */
void bucket_add_totals(struct bucket *into, const struct bucket *from);

/** bucket_from() - of a datum that was found valid; @storage: where its sketch lives */
struct bucket bucket_from(const struct metric_datum *d, struct sketch_fixed *storage);

/** bucket_same() - equal, and without a sketch */
bool bucket_same(const struct bucket *a, const struct bucket *b);

/** bucket_statistic() - NAN where it cannot be told */
double bucket_statistic(const struct bucket *b, const struct metric_statistic *statistic);
