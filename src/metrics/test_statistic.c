#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "metrics/metrics.h"

static void statistics_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        int r;
        unsigned kind;
        double percent;
    } cases[] = {
        { "SampleCount", 0, STATISTIC_COUNT, 0 },
        { "Sum", 0, STATISTIC_SUM, 0 },
        { "Average", 0, STATISTIC_AVERAGE, 0 },
        { "Minimum", 0, STATISTIC_MINIMUM, 0 },
        { "Maximum", 0, STATISTIC_MAXIMUM, 0 },
        { "p0", 0, STATISTIC_PERCENTILE, 0 },
        { "p99.9", 0, STATISTIC_PERCENTILE, 99.9 },
        { "p100", 0, STATISTIC_PERCENTILE, 100 },
        { "p99.0123456789", 0, STATISTIC_PERCENTILE, 99.0123456789 },
        { "p99.01234567890", METRICS_E_INVALID, 0, 0 },
        { "p100.1", METRICS_E_INVALID, 0, 0 },
        { "p-1", METRICS_E_INVALID, 0, 0 },
        { "p9e1", METRICS_E_INVALID, 0, 0 },
        { "p99.", METRICS_E_INVALID, 0, 0 },
        { "P99", METRICS_E_INVALID, 0, 0 },
        { "p", METRICS_E_INVALID, 0, 0 },
        { "sum", METRICS_E_INVALID, 0, 0 },
        { "", METRICS_E_INVALID, 0, 0 },
        { "wm99.9", 0, STATISTIC_WINSORIZED_MEAN, 0 },
        { "IQM", 0, STATISTIC_TRIMMED_MEAN, 0 },
        { "TM(", METRICS_E_INVALID, 0, 0 },
        { "tmx", METRICS_E_INVALID, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct metric_statistic s = { 0 };

        assert_int_equal(metric_statistic_parse(cases[i].text, &s), cases[i].r);
        assert_int_equal(s.kind, cases[i].kind);
        assert_true(s.percent == cases[i].percent);
    }
}

static void every_unit_reads_back(void **state)
{
    enum metric_unit unit;

    (void)state;
    for (unsigned i = 0; i < METRIC_UNIT_ANY; i++) {
        assert_int_equal(metric_unit_parse(metric_unit_text(i), &unit), 0);
        assert_int_equal(unit, i);
    }
    assert_int_equal(metric_unit_parse("seconds", &unit), METRICS_E_INVALID);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_are_told_apart),
        cmocka_unit_test(every_unit_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
