/* metrics/metrics.h: CloudWatch's data model: series of numbers over time.
 *
 * A series is named by namespace, metric name and the exact set of dimensions; data of different
 * units are kept apart. Data are held in buckets of one second, and rolled up as they age: 1 s for
 * 3 hours, 60 s for 15 days, 300 s for 63 days, 3600 s for 455 days. A bucket keeps count, sum,
 * least and greatest, and, where the values were given one by one, a log-linear sketch for
 * percentiles. Coarse buckets turn coarse as a whole: when the start of a minute is 3 hours old, so
 * is that minute. Pure: no clock (callers pass now; ages are counted from the latest that a put told
 * since metrics_age() was), no I/O.
 * Bounded: max_series, then METRICS_E_FULL; and metrics_limit(). Source: CloudWatch User Guide,
 * "Metrics concepts".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct metrics;

enum { METRICS_DIMENSIONS_MAX = 30, METRICS_NAME_CHARS_MAX = 255, METRICS_VALUE_CHARS_MAX = 1024 };

#define METRICS_PAST_MAX   ((ms_t)14 * 86400 * MS_PER_S) /* how old a datum may be when it is put */
#define METRICS_FUTURE_MAX ((ms_t)2 * 3600 * MS_PER_S)   /* how far ahead of now it may be */
#define METRICS_VALUE_MAX  0x1p360                       /* numbers lie within +- this */

enum {
    METRICS_E_FULL = 1, /* max_series are in use */
    METRICS_E_INVALID,  /* not finite, outside the time window, unknown statistic ... */
};

struct metric_dimension {
    const char *name, *value;
};

/* Names a series. Order of dimensions does not matter. Strings are borrowed for the call; they are
 * not empty and hold no control characters. */
struct metric_name {
    const char *namespace, *name;
    struct metric_dimension dimensions[METRICS_DIMENSIONS_MAX];
    size_t n_dimensions;
};

enum metric_unit {
    METRIC_UNIT_NONE,
#define METRIC_UNIT(symbol, text) METRIC_UNIT_##symbol,
#include "metrics/units.def"
#undef METRIC_UNIT
    METRIC_UNIT_ANY, /* when reading: whatever is there */
};
const char *metric_unit_text(enum metric_unit unit); /* "Count/Second" ...; "None" */
/** metric_unit_parse() - Return: 0 or METRICS_E_INVALID */
int metric_unit_parse(const char *text, enum metric_unit *ret_unit);

/* What happened at one instant: a statistic set, or values with their counts, or both: then the set
 * states the exact totals of values that are rounded, as a histogram's are. */
struct metric_datum {
    wall_ms_t at;
    enum metric_unit unit;
    unsigned resolution_s; /* 1, or 60: then @at is cut to the minute */
    /* a statistic set; count 0: none */
    double count, sum, min, max;
    /* values; counts may be NULL for all 1 */
    const double *values, *counts;
    size_t n_values;
};

int metrics_new(size_t max_series, struct metrics **ret);
struct metrics *metrics_free(struct metrics *m);
DEFINE_AUTOFREE(struct metrics *, metrics_free)

/** metrics_put() - add to what is known of that instant.
 * Return: 0, METRICS_E_FULL, METRICS_E_INVALID or -ENOMEM; then nothing was stored. */
int metrics_put(struct metrics *m, const struct metric_name *name, const struct metric_datum *d,
                wall_ms_t now);

/** metrics_put_value() - one value at @now, one-second resolution */
int metrics_put_value(struct metrics *m, const struct metric_name *name, double value,
                      enum metric_unit unit, wall_ms_t now);

/* A statistic: "Sum", "Average", "Minimum", "Maximum", "SampleCount", "p99.9", "TM(10%:90%)" ... */
struct metric_statistic {
    enum {
        STATISTIC_COUNT,
        STATISTIC_SUM,
        STATISTIC_AVERAGE,
        STATISTIC_MINIMUM,
        STATISTIC_MAXIMUM,
        STATISTIC_PERCENTILE, /* from here on: of the distribution of values */
        STATISTIC_TRIMMED_MEAN,
        STATISTIC_WINSORIZED_MEAN,
        STATISTIC_TRIMMED_COUNT,
        STATISTIC_TRIMMED_SUM,
        STATISTIC_PERCENTILE_RANK,
    } kind;
    double percent; /* with STATISTIC_PERCENTILE */
    /* of those after it (trimmed.h): percent from 0 to 100, or values */
    bool by_value;
    double lower, upper;
};
/** metric_statistic_parse() - Return: 0 or METRICS_E_INVALID */
int metric_statistic_parse(const char *text, struct metric_statistic *ret);
/** metric_statistic_grows() - with the length of a period: Sum, SampleCount and their trimmed kin */
bool metric_statistic_grows(const struct metric_statistic *statistic);

/**
 * metrics_read() - one statistic per period
 * @unit:   METRIC_UNIT_ANY takes, period by period, the first unit of the enum that has a value
 * @start, @period_s: buckets are [start + i * period, start + (i + 1) * period). Data are left out
 *          when @period_s is no multiple of their resolution: a minute is not shown by the second.
 * @ret_values: @n results, oldest first; NAN where there are no data, or for a percentile where all
 *          is known only as statistic sets or a value is negative
 * @ret_counts: SampleCount of each; may be NULL
 *
 * Return: how many periods have a value; 0 also when the series does not exist.
 */
size_t metrics_read(const struct metrics *m, const struct metric_name *name, enum metric_unit unit,
                    wall_ms_t start, unsigned period_s, size_t n,
                    const struct metric_statistic *statistic, double *ret_values,
                    double *ret_counts);

/** metrics_units() - the units that data of @name came in. Return: how many. */
size_t metrics_units(const struct metrics *m, const struct metric_name *name,
                     enum metric_unit ret_units[METRIC_UNIT_ANY]);

/** metrics_resolution() - the finest period in seconds (1, 60, 300, 3600) that data of the second
 * @at are kept in at @now; 0: they are gone */
unsigned metrics_resolution(wall_ms_t at, wall_ms_t now);

/* --- listing ---------------------------------------------------------------------------------- */

struct metrics_filter {
    const char *namespace, *name;              /* NULL: any */
    const struct metric_dimension *dimensions; /* a value of NULL matches any value of that name */
    size_t n_dimensions;
    wall_ms_t active_since;          /* series without data since then are left out */
    const struct metric_name *after; /* only those that come later in the order; NULL: all */
};
/** metrics_list() - each matching name, sorted by namespace, name, dimensions
 * @each: borrows the name; may stop the walk with a non-zero result, which is returned
 *
 * Return: 0, what @each returned, or -ENOMEM. */
int metrics_list(struct metrics *m, const struct metrics_filter *filter,
                 int (*each)(const struct metric_name *name, void *context), void *context);

/** metrics_limit() - hold about so many bytes; 0: whatever it takes. Where all that is promised
 * above does not fit, the finest data that take most room are rolled up, or dropped, earlier. */
void metrics_limit(struct metrics *m, size_t bytes_max);

/** metrics_age() - roll up and drop what is old, in a bounded number of series; call each second.
 * Reads do not depend on how far it got.
 * @now: may be before the last one, where the clock was set back */
void metrics_age(struct metrics *m, wall_ms_t now);
size_t metrics_series(const struct metrics *m);     /* different units of one name count apart */
size_t metrics_room(const struct metrics *m);       /* how many more there may be */
size_t metrics_bytes(const struct metrics *m);      /* memory held; looks at every series */
size_t metrics_bytes_seen(const struct metrics *m); /* the same when metrics_age() last was round */
