/* api/cloudwatch_label.h: how a metric is called beside others: by its name, and by what of it is
 * not the same in all of them. */
#pragma once
#include <jansson.h>

#include "metrics/metrics.h"

struct cloudwatch_differences {
    bool namespaces, dimensions, statistics, periods;
};

/** cloudwatch_differ() - note in what @a and @b differ */
void cloudwatch_differ(struct cloudwatch_differences *d, const struct metric_name *a,
                       const struct metric_name *b);
/** cloudwatch_label() - NULL if no memory */
json_t *cloudwatch_label(const struct metric_name *name, const char *statistic, unsigned period_s,
                         struct cloudwatch_differences d);
