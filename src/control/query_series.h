/* control/query_series.h: a list of metrics and expressions of which one is the result.
 *
 * Alarms and scaling policies are given such a list as Metrics: entries with an Id, and either a
 * MetricStat or an Expression. One has ReturnData, and is a single time series. Reading has no
 * effects.
 */
#pragma once
#include <jansson.h>

#include "metrics/queries.h"

enum {
    QUERY_SERIES_MAX = 20,           /* entries of a list ... */
    QUERY_SERIES_OF_A_KIND_MAX = 10, /* ... of which so many are metrics, and expressions */
    QUERY_SERIES_WHY_BYTES = 320,
};

enum { QUERY_SERIES_E_REFUSED = 1 }; /* *ret_why says what is wrong with it */

struct query_series {
    struct queries *queries; /* its strings are the list's */
    size_t result;
    unsigned period_s; /* of all metrics */
};

/**
 * query_series_read() - check and keep
 * @list:     of the right shape; borrowed as long as @ret lives
 * @period_s: of all metrics; 0: each says it, and all say the same
 *
 * Return: 0, QUERY_SERIES_E_REFUSED or -errno.
 */
int query_series_read(json_t *list, unsigned period_s, struct query_series *ret,
                      char ret_why[QUERY_SERIES_WHY_BYTES]);
void query_series_deinit(struct query_series *s);

/** query_series_name() - a metric's name from Namespace, MetricName and Dimensions in @value, which
 * it borrows; what is missing is empty */
void query_series_name(json_t *value, struct metric_name *ret);
