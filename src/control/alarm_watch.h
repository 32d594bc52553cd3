/* control/alarm_watch.h: what a metric alarm looks at: one metric, or metric math.
 *
 * Read from the members of PutMetricAlarm: MetricName, Namespace, Dimensions, Statistic ..., or
 * Metrics, a list of metrics and expressions of which one is returned. All metrics of a list have
 * the same period, which is the alarm's. Reading has no effects.
 */
#pragma once
#include <jansson.h>

#include "control/query_series.h"

enum { ALARM_WATCH_WHY_BYTES = QUERY_SERIES_WHY_BYTES };

enum {
    ALARM_WATCH_E_REFUSED = 1, /* *ret_why says what is wrong with it */
    ALARM_WATCH_E_FAILED,      /* it cannot be computed, say because it is too large */
};

struct alarm_watch;

/** alarm_watch_new() - @configuration: of the right shape; a reference is kept for its strings
 * Return: 0, ALARM_WATCH_E_REFUSED or -errno. */
int alarm_watch_new(json_t *configuration, struct alarm_watch **ret,
                    char ret_why[ALARM_WATCH_WHY_BYTES]);
struct alarm_watch *alarm_watch_free(struct alarm_watch *w);
DEFINE_AUTOFREE(struct alarm_watch *, alarm_watch_free)

unsigned alarm_watch_period_s(const struct alarm_watch *w);
/** alarm_watch_statistic() - of the metric; NULL with metric math */
const char *alarm_watch_statistic(const struct alarm_watch *w);
const char *alarm_watch_unit(const struct alarm_watch *w); /* NULL: none was given */
/** alarm_watch_percentile() - whether it is a percentile, and which */
bool alarm_watch_percentile(const struct alarm_watch *w, double *ret_percent);
/** alarm_watch_name() - the metric; NULL with metric math */
const struct metric_name *alarm_watch_name(const struct alarm_watch *w);

/**
 * alarm_watch_read() - the last @n periods up to @end
 * @ret_values, @ret_counts: @n each, oldest first; NAN: no data. Counts are 0 with metric math.
 *
 * Return: 0, ALARM_WATCH_E_FAILED or -ENOMEM.
 */
int alarm_watch_read(const struct alarm_watch *w, const struct metrics *metrics, wall_ms_t end,
                     size_t n, double *ret_values, double *ret_counts);
