#include <string.h>

#include "metrics/math_tree.h"

static const struct math_function functions[] = {
    { "ABS", "m", math_abs },
    { "AVG", "m", math_avg },
    { "CEIL", "m", math_ceil },
    { "DATAPOINT_COUNT", "m", math_datapoint_count },
    { "DATE", "t", math_date },
    { "DAY", "t", math_day },
    { "DIFF", "m", math_diff, true },
    { "DIFF_TIME", "m", math_diff_time, true },
    { "EPOCH", "t", math_epoch },
    { "FILL", "mF", math_fill },
    { "FIRST", "a", math_first },
    { "FLOOR", "m", math_floor },
    { "HOUR", "t", math_hour },
    { "IF", "xx?x", math_if },
    { "LAST", "a", math_last },
    { "LOG", "m", math_log },
    { "LOG10", "m", math_log10 },
    { "MAX", "m", math_max },
    { "METRICS", "?q", math_metrics },
    { "METRIC_COUNT", "a", math_metric_count },
    { "MIN", "m", math_min },
    { "MINUTE", "t", math_minute },
    { "MONTH", "t", math_month },
    { "PERIOD", "p", math_period },
    { "RATE", "m", math_rate, true },
    { "REMOVE_EMPTY", "a", math_remove_empty, true },
    { "RUNNING_SUM", "m", math_running_sum, true },
    { "SEARCH", "qq?n", math_search },
    { "SLICE", "as?s", math_slice },
    { "SORT", "afo?s", math_sort, true },
    { "STDDEV", "m", math_stddev },
    { "SUM", "m", math_sum },
    { "TIME_SERIES", "s", math_time_series },
    { "YEAR", "t", math_year },
};

const struct math_function *math_function_find(const char *name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}

bool math_function_elsewhere(const char *name)
{
    static const char *const names[] = { "ANOMALY_DETECTION_BAND", "DB_PERF_INSIGHTS",
                                         "INSIGHT_RULE_METRIC", "LAMBDA", "SERVICE_QUOTA" };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}
