/* Alarms against CloudWatch's own tables of missing data, and the texts they give. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scaling/alarm_reason.h"

enum { KEEP = -1 };

/* '0' is not breaching, 'X' breaching, '-' no data; newest on the right */
struct row {
    unsigned m, n;
    const char *data;
    int missing, ignore, breaching, not_breaching;
};

/* CloudWatch User Guide, "How alarm state is evaluated when data is missing": both tables */
static const struct row table[] = {
    { 3, 3, "0-X-X", ALARM_OK, ALARM_OK, ALARM_OK, ALARM_OK },
    { 3, 3, "0----", ALARM_OK, ALARM_OK, ALARM_OK, ALARM_OK },
    { 3, 3, "-----", ALARM_INSUFFICIENT_DATA, KEEP, ALARM_ALARM, ALARM_OK },
    { 3, 3, "0XX-X", ALARM_ALARM, ALARM_ALARM, ALARM_ALARM, ALARM_ALARM },
    { 3, 3, "--X--", ALARM_ALARM, KEEP, ALARM_ALARM, ALARM_OK },
    { 2, 3, "0-X-X", ALARM_ALARM, ALARM_ALARM, ALARM_ALARM, ALARM_ALARM },
    { 2, 3, "00X0X", ALARM_ALARM, ALARM_ALARM, ALARM_ALARM, ALARM_ALARM },
    { 2, 3, "0-X--", ALARM_OK, ALARM_OK, ALARM_ALARM, ALARM_OK },
    { 2, 3, "----0", ALARM_OK, ALARM_OK, ALARM_ALARM, ALARM_OK },
    { 2, 3, "---X-", ALARM_ALARM, KEEP, ALARM_ALARM, ALARM_OK },
};

static void check_row(const struct row *row, enum alarm_missing missing, int expected)
{
    struct alarm_rule rule = {
        .threshold = 1,
        .period_s = 60,
        .evaluation_periods = row->n,
        .datapoints = row->m,
        .missing = missing,
    };
    double points[8];
    size_t n = strlen(row->data);

    for (size_t i = 0; i < n; i++)
        points[i] = row->data[i] == '-' ? (double)NAN : row->data[i] == 'X' ? 2 : 0;
    for (int before = ALARM_INSUFFICIENT_DATA; before <= ALARM_ALARM; before++)
        assert_int_equal(alarm_judge(&rule, points, n, (enum alarm_state)before),
                         expected == KEEP ? before : expected);
}

static void judges_missing_data_as_both_aws_tables_do(void **state)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_row(&table[i], ALARM_MISSING, table[i].missing);
        check_row(&table[i], ALARM_IGNORE, table[i].ignore);
        check_row(&table[i], ALARM_BREACHING, table[i].breaching);
        check_row(&table[i], ALARM_NOT_BREACHING, table[i].not_breaching);
    }
}

static void waits_before_a_lone_new_point_alarms(void **state)
{
    struct alarm_rule rule = { .threshold = 1, .period_s = 60, .evaluation_periods = 3 };
    double points[] = { NAN, NAN, NAN, NAN, 2 };

    assert_int_equal(alarm_judge(&rule, points, 5, ALARM_OK), ALARM_INSUFFICIENT_DATA);
}

static void compares_in_four_ways(void **state)
{
    struct alarm_rule rule = { .threshold = 5 };
    static const bool expected[4][3] = {
        /* for 4, 5, 6 */
        [ALARM_GREATER] = { false, false, true },
        [ALARM_GREATER_OR_EQUAL] = { false, true, true },
        [ALARM_LESS] = { true, false, false },
        [ALARM_LESS_OR_EQUAL] = { true, true, false },
    };

    for (int comparison = 0; comparison < 4; comparison++)
        for (int i = 0; i < 3; i++) {
            rule.comparison = (enum alarm_comparison)comparison;
            assert_int_equal(alarm_breaches(&rule, 4 + i), expected[comparison][i]);
        }
}

static void looks_further_back_than_it_judges(void **state)
{
    struct alarm_rule minute = { .period_s = 60, .evaluation_periods = 3 };
    struct alarm_rule ten_seconds = { .period_s = 10, .evaluation_periods = 90 };

    assert_int_equal(alarm_range(&minute), 5);
    assert_int_equal(alarm_range(&ten_seconds), 96);
}

static struct alarm_evidence evidence(const double *values, size_t n, ms_t period)
{
    struct alarm_evidence e = { .n = n };

    /* 2026-01-21T20:17:00Z is the first period */
    for (size_t i = 0; i < n; i++)
        e.points[i] = (struct alarm_point){ .at = 1769026620000 + (ms_t)i * period,
                                            .value = values[i],
                                            .count = 1 };
    return e;
}

static void scales_by_the_mean_of_the_evaluated_points(void **state)
{
    struct alarm_rule rule = { .threshold = 70, .period_s = 60, .evaluation_periods = 3 };
    struct alarm_evidence e = evidence((double[]){ 1000, 140, 150, NAN, 160 }, 5, 60000);

    assert_true(alarm_recent_average(&rule, &e) == 150);
    e.n = 0;
    assert_true(isnan(alarm_recent_average(&rule, &e)));
}

static void tells_its_reason_in_cloudwatchs_words(void **state)
{
    char text[ALARM_REASON_BYTES];
    struct alarm_rule rule = {
        .comparison = ALARM_GREATER_OR_EQUAL,
        .threshold = 3,
        .period_s = 300,
        .evaluation_periods = 1,
    };
    struct alarm_evidence e = evidence((double[]){ 3 }, 1, 300000);

    alarm_reason(&rule, ALARM_ALARM, e.points, e.n, text);
    assert_string_equal(text,
                        "Threshold Crossed: 1 datapoint [3.0 (21/01/26 20:17:00)] was greater "
                        "than or equal to the threshold (3.0).");

    rule = (struct alarm_rule){
        .comparison = ALARM_GREATER, .threshold = 42, .period_s = 60, .evaluation_periods = 2
    };
    e = evidence((double[]){ 1, 0 }, 2, 60000);
    alarm_reason(&rule, ALARM_OK, e.points, e.n, text);
    assert_string_equal(text,
                        "Threshold Crossed: 2 datapoints [0.0 (21/01/26 20:18:00), 1.0 (21/01/26 "
                        "20:17:00)] were not greater than the threshold (42.0).");

    rule.evaluation_periods = 5;
    alarm_reason(&rule, ALARM_INSUFFICIENT_DATA, e.points, e.n, text);
    assert_string_equal(text, "Insufficient Data: 5 datapoints were unknown.");
}

static void tells_what_missing_datapoints_were_treated_as(void **state)
{
    char text[ALARM_REASON_BYTES];
    struct alarm_rule rule = { .threshold = 1, .period_s = 60, .evaluation_periods = 1 };
    struct alarm_evidence e = evidence((double[]){ NAN, NAN, NAN }, 3, 60000);

    alarm_reason(&rule, ALARM_OK, e.points, e.n, text);
    assert_string_equal(text, "Threshold Crossed: no datapoints were received for 1 period and 1 "
                              "missing datapoint was treated as [NonBreaching].");
    rule.evaluation_periods = 3;
    alarm_reason(&rule, ALARM_ALARM, e.points, e.n, text);
    assert_string_equal(text, "Threshold Crossed: no datapoints were received for 3 periods and 3 "
                              "missing datapoints were treated as [Breaching].");
}

/* the reference's: three out of three, and one would have been enough */
static void tells_of_three_out_of_three(void **state)
{
    char text[ALARM_REASON_BYTES];
    struct alarm_rule rule = {
        .comparison = ALARM_GREATER, .period_s = 60, .evaluation_periods = 3, .datapoints = 1
    };
    struct alarm_evidence e = evidence((double[]){ 1, 2, 3 }, 3, 60000);

    alarm_reason(&rule, ALARM_ALARM, e.points, e.n, text);
    assert_string_equal(text, "Threshold Crossed: 3 out of the last 3 datapoints [3.0 (21/01/26 "
                              "20:19:00), 2.0 (21/01/26 20:18:00), 1.0 (21/01/26 20:17:00)] were "
                              "greater than the threshold (0.0) (minimum 1 datapoint for OK -> "
                              "ALARM transition).");
}

static void tells_of_m_out_of_n_and_of_many_points(void **state)
{
    char text[ALARM_REASON_BYTES];
    struct alarm_rule rule = {
        .comparison = ALARM_GREATER, .period_s = 60, .evaluation_periods = 3, .datapoints = 1
    };
    struct alarm_evidence e = evidence((double[]){ 0, 2.5, 0 }, 3, 60000);

    alarm_reason(&rule, ALARM_ALARM, e.points, e.n, text);
    assert_string_equal(text,
                        "Threshold Crossed: 1 out of the last 3 datapoints [2.5 (21/01/26 "
                        "20:18:00)] was greater than the threshold (0.0) (minimum 1 datapoint "
                        "for OK -> ALARM transition).");

    rule = (struct alarm_rule){
        .comparison = ALARM_LESS, .threshold = 63, .period_s = 60, .evaluation_periods = 6
    };
    e = evidence((double[]){ 1, 2, 3, 4, 5, 6 }, 6, 60000);
    alarm_reason(&rule, ALARM_ALARM, e.points, e.n, text);
    assert_string_equal(
        text,
        "Threshold Crossed: 6 datapoints were less than the threshold (63.0). The most recent "
        "datapoints which crossed the threshold: [6.0 (21/01/26 20:22:00), 5.0 (21/01/26 "
        "20:21:00), 4.0 (21/01/26 20:20:00), 3.0 (21/01/26 20:19:00), 2.0 (21/01/26 "
        "20:18:00)].");
}

static void gives_its_reason_as_data(void **state)
{
    char text[ALARM_REASON_DATA_BYTES];
    struct alarm_rule rule = { .threshold = 3, .period_s = 300, .evaluation_periods = 1 };
    struct alarm_evidence e = evidence((double[]){ 3 }, 1, 300000);

    alarm_reason_data(&rule, e.points, e.n, "Sum", "Percent", 1769026974408, text);
    assert_string_equal(
        text, "{\"version\":\"1.0\",\"queryDate\":\"2026-01-21T20:22:54.408+0000\","
              "\"startDate\":\"2026-01-21T20:17:00.000+0000\",\"unit\":\"Percent\","
              "\"statistic\":\"Sum\",\"period\":300,\"recentDatapoints\":[3.0],\"threshold\":3.0,"
              "\"evaluatedDatapoints\":[{\"timestamp\":\"2026-01-21T20:17:00.000+0000\","
              "\"sampleCount\":1.0,\"value\":3.0}]}");

    rule.evaluation_periods = 3;
    e = evidence((double[]){ 1, NAN, 1.35 }, 3, 60000);
    alarm_reason_data(&rule, e.points, e.n, "Sum", NULL, 0, text);
    assert_non_null(strstr(text, "\"recentDatapoints\":[1.0,null,1.35]"));
    e.n = 0;
    alarm_reason_data(&rule, e.points, e.n, "Sum", NULL, 0, text);
    assert_non_null(strstr(text, "\"recentDatapoints\":[],"));
    assert_null(strstr(text, "startDate"));
}

static void tells_nothing_of_samples_for_metric_math(void **state)
{
    char text[ALARM_REASON_DATA_BYTES];
    struct alarm_rule rule = { .threshold = 3, .period_s = 60, .evaluation_periods = 1 };
    struct alarm_evidence e = evidence((double[]){ 4 }, 1, 60000);

    alarm_reason_data(&rule, e.points, e.n, NULL, NULL, 1769026974408, text);
    assert_non_null(strstr(text, "\"period\":60,\"recentDatapoints\":[4.0]"));
    assert_non_null(strstr(text, "0+0000\",\"value\":4.0}]}"));
    assert_null(strstr(text, "statistic"));
    assert_null(strstr(text, "sampleCount"));
}

static void keeps_the_newest_of_very_many_points(void **state)
{
    enum { N = 8640 };
    static struct alarm_point points[N];
    char text[ALARM_REASON_DATA_BYTES];
    struct alarm_rule rule = { .threshold = 3, .period_s = 10, .evaluation_periods = N };

    for (int i = 0; i < N; i++)
        points[i] = (struct alarm_point){ .at = 1769026620000 + i * 10000, .value = i, .count = 1 };
    alarm_reason_data(&rule, points, N, "Sum", NULL, 1769026974408, text);
    assert_non_null(strstr(text, ",8638.0,8639.0],\"threshold\":3.0"));
    assert_string_equal(text + strlen(text) - 3, "}]}");
}

static void percentiles_need_samples(void **state)
{
    assert_true(alarm_samples_suffice(90, 100));
    assert_false(alarm_samples_suffice(90, 99));
    assert_true(alarm_samples_suffice(50, 20));
    assert_false(alarm_samples_suffice(50, 19));
    assert_true(alarm_samples_suffice(10, 100));
    assert_false(alarm_samples_suffice(10, 99));
    assert_true(alarm_samples_suffice(100, 1));
    assert_true(alarm_samples_suffice(0, 1));
}

static void reads_its_words(void **state)
{
    enum alarm_state s = ALARM_OK;
    enum alarm_comparison c = ALARM_LESS;
    enum alarm_missing m = ALARM_MISSING;

    assert_int_equal(alarm_state_parse("INSUFFICIENT_DATA", &s), 0);
    assert_int_equal(s, ALARM_INSUFFICIENT_DATA);
    assert_int_equal(alarm_state_parse("alarm", &s), -EINVAL);
    assert_int_equal(alarm_comparison_parse("GreaterThanOrEqualToThreshold", &c), 0);
    assert_int_equal(c, ALARM_GREATER_OR_EQUAL);
    assert_int_equal(alarm_comparison_parse("GreaterThanUpperThreshold", &c), -EINVAL);
    assert_int_equal(alarm_missing_parse("notBreaching", &m), 0);
    assert_int_equal(m, ALARM_NOT_BREACHING);
    assert_int_equal(alarm_missing_parse("", &m), -EINVAL);
}

static void keeps_its_data_whole_when_there_are_many_points(void **state)
{
    char text[ALARM_REASON_DATA_BYTES];
    struct alarm_rule rule = { .threshold = 3, .period_s = 10, .evaluation_periods = 90 };
    struct alarm_evidence e = { .n = 90 };

    for (size_t i = 0; i < 90; i++)
        e.points[i] = (struct alarm_point){ .at = 1769026620000, .value = 1.0 / 3, .count = 10 };
    alarm_reason_data(&rule, e.points, e.n, "Maximum", NULL, 1769026974408, text);
    assert_true(strlen(text) < ALARM_REASON_DATA_BYTES);
    assert_string_equal(text + strlen(text) - 3, "}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_missing_data_as_both_aws_tables_do),
        cmocka_unit_test(waits_before_a_lone_new_point_alarms),
        cmocka_unit_test(compares_in_four_ways),
        cmocka_unit_test(looks_further_back_than_it_judges),
        cmocka_unit_test(scales_by_the_mean_of_the_evaluated_points),
        cmocka_unit_test(tells_its_reason_in_cloudwatchs_words),
        cmocka_unit_test(tells_what_missing_datapoints_were_treated_as),
        cmocka_unit_test(tells_of_three_out_of_three),
        cmocka_unit_test(tells_of_m_out_of_n_and_of_many_points),
        cmocka_unit_test(gives_its_reason_as_data),
        cmocka_unit_test(tells_nothing_of_samples_for_metric_math),
        cmocka_unit_test(keeps_the_newest_of_very_many_points),
        cmocka_unit_test(percentiles_need_samples),
        cmocka_unit_test(reads_its_words),
        cmocka_unit_test(keeps_its_data_whole_when_there_are_many_points),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
