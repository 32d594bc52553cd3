#include "metrics/metrics.h"

#include <string.h>

#include "metrics/trimmed.h"

static const char *const names[] = {
    [STATISTIC_COUNT] = "SampleCount", [STATISTIC_SUM] = "Sum",
    [STATISTIC_AVERAGE] = "Average",   [STATISTIC_MINIMUM] = "Minimum",
    [STATISTIC_MAXIMUM] = "Maximum",
};

int metric_statistic_parse(const char *text, struct metric_statistic *ret)
{
    double percent;

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (struct metric_statistic){ .kind = i };
            return 0;
        }
    }
    if (*text == 'p' && statistic_percentage(text + 1, strlen(text + 1), &percent)) {
        *ret = (struct metric_statistic){ .kind = STATISTIC_PERCENTILE, .percent = percent };
        return 0;
    }
    return trimmed_parse(text, ret);
}

bool metric_statistic_grows(const struct metric_statistic *statistic)
{
    switch (statistic->kind) {
    case STATISTIC_COUNT:
    case STATISTIC_SUM:
    case STATISTIC_TRIMMED_COUNT:
    case STATISTIC_TRIMMED_SUM:
        return true;
    default:
        return false;
    }
}
