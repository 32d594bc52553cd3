/* Trimmed statistics: what their names mean, and what is computed, on values whose answers are known
 * by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "metrics/trimmed.h"

static void names_are_read(void **state)
{
    static const struct {
        const char *text;
        int r;
        unsigned kind;
        bool by_value;
        double lower, upper;
    } cases[] = {
        { "tm90", 0, STATISTIC_TRIMMED_MEAN, false, 0, 90 },
        { "TM(10%:90%)", 0, STATISTIC_TRIMMED_MEAN, false, 10, 90 },
        { "TM(:90%)", 0, STATISTIC_TRIMMED_MEAN, false, 0, 90 },
        { "WM(10%:)", 0, STATISTIC_WINSORIZED_MEAN, false, 10, 100 },
        { "TC(0.5:10)", 0, STATISTIC_TRIMMED_COUNT, true, 0.5, 10 },
        { "ts99.9", 0, STATISTIC_TRIMMED_SUM, false, 0, 99.9 },
        { "PR(:300)", 0, STATISTIC_PERCENTILE_RANK, true, -INFINITY, 300 },
        { "PR(100:)", 0, STATISTIC_PERCENTILE_RANK, true, 100, INFINITY },
        { "IQM", 0, STATISTIC_TRIMMED_MEAN, false, 25, 75 },
        { "PR(10%:90%)", METRICS_E_INVALID, 0, false, 0, 0 },
        { "pr90", METRICS_E_INVALID, 0, false, 0, 0 },
        { "TM(10%:90)", METRICS_E_INVALID, 0, false, 0, 0 },
        { "TM(90%:10%)", METRICS_E_INVALID, 0, false, 0, 0 },
        { "TM(:)", METRICS_E_INVALID, 0, false, 0, 0 },
        { "TM()", METRICS_E_INVALID, 0, false, 0, 0 },
        { "TM(:101%)", METRICS_E_INVALID, 0, false, 0, 0 },
        { "TM(a:b)", METRICS_E_INVALID, 0, false, 0, 0 },
        { "TM(1:2", METRICS_E_INVALID, 0, false, 0, 0 },
        { "tm", METRICS_E_INVALID, 0, false, 0, 0 },
        { "TM90", METRICS_E_INVALID, 0, false, 0, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct metric_statistic s = { 0 };

        if (trimmed_parse(cases[i].text, &s) != cases[i].r)
            fail_msg("%s", cases[i].text);
        assert_int_equal(s.kind, cases[i].kind);
        assert_int_equal(s.by_value, cases[i].by_value);
        assert_true(s.lower == cases[i].lower && s.upper == cases[i].upper);
    }
}

/* 1, 2 ... 10, once each */
static double of_ten(const char *text)
{
    struct trimmed_bin bins[10];
    struct metric_statistic s;

    for (int i = 0; i < 10; i++)
        bins[i] = (struct trimmed_bin){ i + 1, i + 1, 1 };
    assert_int_equal(trimmed_parse(text, &s), 0);
    return trimmed_statistic(bins, 10, 10, &s);
}

static void ten_values_are_trimmed(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        { "tm90", 5 },          { "TM(10%:90%)", 5.5 }, { "TM(20%:)", 6.5 }, { "IQM", 5.5 },
        { "tc50", 5 },          { "ts50", 15 },         { "TC(2:5)", 3 },    { "TS(2:5)", 12 },
        { "TM(2:5)", 4 },       { "PR(:3)", 30 },       { "PR(3:)", 70 },    { "PR(2:5)", 30 },
        { "WM(20%:80%)", 5.5 }, { "wm50", 4 },          { "WM(3:6)", 4.8 },  { "tc100", 10 },
        { "TC(10:)", 0 },       { "TM(5%:95%)", 5.5 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (fabs(of_ten(cases[i].text) - cases[i].value) > 1e-9)
            fail_msg("%s is %g, not %g", cases[i].text, of_ten(cases[i].text), cases[i].value);
    assert_true(isnan(of_ten("TM(10:)")));
}

static void a_bin_is_spread_evenly(void **state)
{
    const struct trimmed_bin bin = { 10, 20, 4 };
    struct metric_statistic s;

    assert_int_equal(trimmed_parse("tm50", &s), 0);
    assert_true(trimmed_statistic(&bin, 1, 4, &s) == 12.5);
    assert_int_equal(trimmed_parse("wm50", &s), 0);
    assert_true(trimmed_statistic(&bin, 1, 4, &s) == 13.75);
}

/* what metrics keep of many values is close to what they were */
static void metrics_trim_what_they_keep(void **state)
{
    const struct metric_name name = { .namespace = "N", .name = "m" };
    const wall_ms_t now = 1767322800000;
    struct metric_statistic s;
    struct metrics *m = NULL;
    double value;

    assert_int_equal(metrics_new(4, &m), 0);
    for (int i = 1; i <= 1000; i++)
        assert_int_equal(metrics_put_value(m, &name, i, METRIC_UNIT_NONE, now), 0);
    assert_int_equal(metric_statistic_parse("TM(10%:90%)", &s), 0);
    assert_int_equal(metrics_read(m, &name, METRIC_UNIT_ANY, now, 60, 1, &s, &value, NULL), 1);
    assert_true(fabs(value - 500.5) < 500.5 / 32);
    assert_int_equal(metric_statistic_parse("PR(:250)", &s), 0);
    assert_int_equal(metrics_read(m, &name, METRIC_UNIT_ANY, now, 60, 1, &s, &value, NULL), 1);
    assert_true(fabs(value - 25) < 1);
    metrics_free(m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(ten_values_are_trimmed),
        cmocka_unit_test(a_bin_is_spread_evenly),
        cmocka_unit_test(metrics_trim_what_they_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
