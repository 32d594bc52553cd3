#include "metrics/metrics.h"

#include <string.h>

#include "base/text.h"

enum { DECIMALS_MAX = 10 };

static const char *const names[] = {
    [STATISTIC_COUNT] = "SampleCount", [STATISTIC_SUM] = "Sum",
    [STATISTIC_AVERAGE] = "Average",   [STATISTIC_MINIMUM] = "Minimum",
    [STATISTIC_MAXIMUM] = "Maximum",
};

/* digits, and a point with at most ten more */
static bool percentage(struct slice s, double *ret_percent)
{
    size_t whole = 0;
    double percent;

    while (whole < s.size && s.data[whole] >= '0' && s.data[whole] <= '9')
        whole++;
    if (whole == 0 || whole > 3)
        return false;
    if (whole < s.size) {
        if (s.data[whole] != '.' || s.size - whole - 1 > DECIMALS_MAX || s.size == whole + 1)
            return false;
        for (size_t i = whole + 1; i < s.size; i++)
            if (s.data[i] < '0' || s.data[i] > '9')
                return false;
    }
    if (text_to_double(s, &percent) != 0 || percent > 100)
        return false;
    *ret_percent = percent;
    return true;
}

/* tm90, TM(10%:90%), PR(:5), IQM and their like, which CloudWatch has and this has not */
static bool known_elsewhere(const char *text)
{
    static const char *const families[] = { "tm", "wm", "tc", "ts" };
    static const char *const ranges[] = { "TM(", "WM(", "TC(", "TS(", "PR(" };
    size_t n = strlen(text);
    double unused;

    if (strcmp(text, "IQM") == 0)
        return true;
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
        if (strncmp(text, families[i], 2) == 0 && percentage(slice_from(text + 2), &unused))
            return true;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (strncmp(text, ranges[i], 3) == 0 && text[n - 1] == ')' && strchr(text, ':'))
            return true;
    return false;
}

int metric_statistic_parse(const char *text, struct metric_statistic *ret)
{
    double percent;

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (struct metric_statistic){ .kind = i };
            return 0;
        }
    }
    if (*text == 'p' && percentage(slice_from(text + 1), &percent)) {
        *ret = (struct metric_statistic){ .kind = STATISTIC_PERCENTILE, .percent = percent };
        return 0;
    }
    return known_elsewhere(text) ? METRICS_E_UNSUPPORTED : METRICS_E_INVALID;
}
