#include "metrics/queries.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const wall_ms_t start = 1767322800000; /* a whole hour */
static const struct metric_statistic sum = { .kind = STATISTIC_SUM };
static const struct metric_statistic average = { .kind = STATISTIC_AVERAGE };

static struct metric_query metric(const char *id, struct metric_statistic statistic)
{
    return (struct metric_query){
        .id = id,
        .period_s = 60,
        .name = { .namespace = "N", .name = id },
        .unit = METRIC_UNIT_ANY,
        .statistic = statistic,
    };
}

static struct metric_query expression(const char *id, const char *text)
{
    return (struct metric_query){ .id = id, .expression = text };
}

static void put(struct metrics *m, const char *name, unsigned second, unsigned resolution_s,
                double value)
{
    const struct metric_name n = { .namespace = "N", .name = name };
    const struct metric_datum d = {
        .at = start + second * MS_PER_S,
        .resolution_s = resolution_s,
        .values = &value,
        .n_values = 1,
    };

    assert_int_equal(metrics_put(m, &n, &d, start + second * MS_PER_S), 0);
}

static void refused(const struct metric_query *list, size_t n, const char *why)
{
    struct queries *q;
    struct queries_error error;

    assert_int_equal(queries_new(list, n, &q, &error), QUERIES_E_REFUSED);
    assert_string_equal(error.text, why);
}

static void a_list_is_refused_for_what_is_wrong_with_it(void **state)
{
    const struct metric_query twice[] = { metric("a", sum), metric("b", sum), metric("a", sum) };
    const struct metric_query unknown[] = { metric("a", sum), expression("e", "a + c") };
    const struct metric_query broken[] = { metric("a", sum), expression("e", "a +") };
    const struct metric_query search[] = { expression("e", "SEARCH('(x', 'Sum', 60)") };
    const struct metric_query cycle[] = { expression("e", "f + 1"), expression("f", "e + 1") };
    struct queries_error error;
    struct queries *q;

    (void)state;
    refused(twice, 3, "The id 'a' is not unique");
    refused(unknown, 2,
            "Error in expression 'e': there is no query with the id 'c' (at position 5)");
    refused(cycle, 2, "Error in expression 'e': it depends on its own result");
    assert_int_equal(queries_new(broken, 2, &q, &error), QUERIES_E_REFUSED);
    assert_int_equal(queries_new(search, 1, &q, &error), QUERIES_E_REFUSED);
    assert_string_equal(error.text,
                        "Error in expression 'e': a closing ) is missing (at position 11)");
}

static void ids_begin_with_a_small_letter(void **state)
{
    (void)state;
    assert_true(queries_id_valid("a"));
    assert_true(queries_id_valid("m1_Total"));
    assert_false(queries_id_valid(""));
    assert_false(queries_id_valid("A"));
    assert_false(queries_id_valid("1a"));
    assert_false(queries_id_valid("_a"));
    assert_false(queries_id_valid("a-b"));
    assert_false(queries_id_valid("a b"));
}

static void only_metrics_that_are_used_or_wanted_are_read(void **state)
{
    struct metric_query list[] = { metric("a", sum), metric("b", sum), metric("c", sum),
                                   expression("e", "a * 2") };
    struct queries_error error;
    struct queries *q;

    (void)state;
    list[2].wanted = true;
    assert_int_equal(queries_new(list, 4, &q, &error), 0);
    assert_int_equal(queries_count(q), 4);
    assert_string_equal(queries_nth(q, 3)->id, "e");
    assert_true(queries_used(q, 0));
    assert_false(queries_used(q, 1));
    assert_true(queries_used(q, 2));
    assert_false(queries_used(q, 3));
    queries_free(q);

    list[3].expression = "SUM(METRICS())";
    assert_int_equal(queries_new(list, 4, &q, &error), 0);
    assert_true(queries_used(q, 1));
    queries_free(q);
}

static void the_result_must_be_one_series(void **state)
{
    static const struct {
        const char *text;
        int outcome;
    } cases[] = {
        { "a + b", 0 },
        { "SUM(METRICS())", 0 },
        { "AVG(a)", QUERIES_E_REFUSED },
        { "METRICS()", QUERIES_E_REFUSED },
        { "FIRST(METRICS())", 0 },
        { "a / AVG(b)", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct metric_query list[] = { metric("a", sum), metric("b", sum),
                                             expression("e", cases[i].text) };
        struct queries_error error;
        struct queries *q;

        assert_int_equal(queries_new(list, 3, &q, &error), 0);
        assert_int_equal(queries_check_series(q, 2, 60, false, &error), cases[i].outcome);
        if (cases[i].outcome)
            assert_non_null(strstr(error.text, "single time series"));
        queries_free(q);
    }
}

static void strict_slots_stand_for_themselves(void **state)
{
    static const struct {
        const char *text;
        bool allowed;
    } cases[] = {
        { "a + b", true },           { "IF(a > 1, b)", true },
        { "FILL(a, 0) / b", true },  { "FILL(a, REPEAT)", true },
        { "SUM(METRICS())", true },  { "a / PERIOD(a)", true },
        { "HOUR(a) + b", true },     { "RATE(a)", false },
        { "DIFF(a) + b", false },    { "a / AVG(b)", false },
        { "RUNNING_SUM(a)", false }, { "FIRST(SORT(METRICS(), AVG, ASC))", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct metric_query list[] = { metric("a", sum), metric("b", sum),
                                             expression("e", cases[i].text) };
        struct queries_error error;
        struct queries *q;

        assert_int_equal(queries_new(list, 3, &q, &error), 0);
        assert_int_equal(queries_check_series(q, 2, 5, true, &error),
                         cases[i].allowed ? 0 : QUERIES_E_REFUSED);
        queries_free(q);
    }
}

static void read_row(const char *text, struct metrics *m, const struct queries_row *row,
                     double *ret_values)
{
    const struct metric_query list[] = { metric("a", sum), metric("b", average),
                                         expression("e", text) };
    struct queries_error error;
    struct queries *q;

    assert_int_equal(queries_new(list, 3, &q, &error), 0);
    assert_int_equal(queries_read(q, 2, m, row, ret_values), 0);
    queries_free(q);
}

/* a: one a second; b: 5, in the even seconds */
static struct metrics *seconds(void)
{
    struct metrics *m;

    assert_int_equal(metrics_new(100, &m), 0);
    for (unsigned s = 0; s < 120; s++) {
        put(m, "a", s, 1, 1);
        if (s % 2 == 0)
            put(m, "b", s, 1, 5);
    }
    return m;
}

static void sums_of_a_short_period_are_told_as_of_their_own(void **state)
{
    struct metrics *m = seconds();
    const struct queries_row minutes = { start + 120000, 60, 2, false };
    const struct queries_row fives = { start + 120000, 5, 3, true };
    double values[3];

    (void)state;
    read_row("a", m, &minutes, values);
    assert_float_equal(values[0], 60, 1e-9);
    read_row("a", m, &fives, values);
    assert_float_equal(values[2], 60, 1e-9); /* 5 in 5 s are 60 in 60 s */
    read_row("a / b", m, &fives, values);
    assert_float_equal(values[0], 12, 1e-9);
    read_row("a / PERIOD(a)", m, &fives, values);
    assert_float_equal(values[0], 1, 1e-9);
    metrics_free(m);
}

static void strictly_a_missing_operand_is_no_zero(void **state)
{
    struct metrics *m = seconds();
    const struct queries_row row = { start + 120000, 1, 2, false };
    const struct queries_row strict = { start + 120000, 1, 2, true };
    double values[2];

    (void)state;
    read_row("a + b", m, &row, values); /* seconds 118 and 119 */
    assert_float_equal(values[0], 65, 1e-9);
    assert_float_equal(values[1], 60, 1e-9);
    read_row("a + b", m, &strict, values);
    assert_float_equal(values[0], 65, 1e-9);
    assert_true(isnan(values[1]));
    read_row("a + FILL(b, 2)", m, &strict, values);
    assert_float_equal(values[1], 62, 1e-9);
    read_row("SUM(METRICS())", m, &strict, values);
    assert_float_equal(values[0], 65, 1e-9);
    assert_true(isnan(values[1]));
    read_row("IF(a > 0, b)", m, &strict, values);
    assert_true(isnan(values[1]));
    metrics_free(m);
}

static void what_hangs_on_the_data_may_fail_when_read(void **state)
{
    const struct metric_query list[] = { metric("a", sum), metric("b", sum),
                                         expression("e", "FIRST(REMOVE_EMPTY(METRICS()))"),
                                         expression("f", "REMOVE_EMPTY(METRICS())") };
    const struct queries_row row = { start + 120000, 60, 2, false };
    struct metrics *m = seconds();
    struct queries_error error;
    struct queries *q;
    double values[2];

    (void)state;
    assert_int_equal(queries_new(list, 4, &q, &error), 0);
    assert_int_equal(queries_read(q, 2, m, &row, values), 0);
    assert_float_equal(values[1], 60, 1e-9);
    assert_int_equal(queries_read(q, 3, m, &row, values), QUERIES_E_REFUSED);
    queries_free(q);
    metrics_free(m);
}

static void what_is_too_much_is_not_computed(void **state)
{
    const struct metric_query list[] = { metric("a", sum), metric("b", sum),
                                         expression("e", "a + b") };
    const struct queries_row row = { start + 120000, 1, 2000000, false };
    static double values[2000000];
    struct metrics *m = seconds();
    struct queries_error error;
    struct queries *q;

    (void)state;
    assert_int_equal(queries_new(list, 3, &q, &error), 0);
    assert_int_equal(queries_read(q, 2, m, &row, values), QUERIES_E_LIMIT);
    queries_free(q);
    metrics_free(m);
}

/* --- SEARCH ----------------------------------------------------------------------------------- */

static size_t two_minutes(const void *context, unsigned period_s, wall_ms_t *ret_start)
{
    (void)context;
    *ret_start = start;
    return 120 / period_s;
}

/* a and b as above, and @n more: host-0 ... */
static void put_hosts(struct metrics *m, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char host[16];
        const struct metric_name name = { "Fleet", "Load", { { "Host", host } }, 1 };
        const double value = i + 1;
        const struct metric_datum d = {
            .at = start + 60000, .resolution_s = 60, .values = &value, .n_values = 1
        };

        snprintf(host, sizeof(host), "host-%u", i);
        assert_int_equal(metrics_put(m, &name, &d, start + 120000), 0);
    }
}

struct searched {
    struct queries *queries;
    struct queries_result result;
};

static int search_in(struct metrics *m, const struct metric_query *list, size_t n,
                     struct searched *ret)
{
    struct queries_view view = {
        .metrics = m, .searched = m, .span = two_minutes, .arena_bytes = 64 << 20
    };
    struct queries_error error;
    int r;

    r = queries_new(list, n, &ret->queries, &error);
    if (r)
        print_error("%s\n", error.text);
    assert_int_equal(r, 0);
    return queries_compute(ret->queries, &view, &ret->result, &error);
}

static void searched_deinit(struct searched *s)
{
    queries_result_deinit(&s->result);
    queries_free(s->queries);
}

static void searches_find_metrics_and_read_them(void **state)
{
    const struct metric_query list[] = {
        expression("all", "SEARCH('{Fleet,Host} NOT \"host-1\"', 'Sum', 60)"),
        expression("total", "SUM(SEARCH('Namespace=fleet', 'Sum', 60))"),
        expression("none", "SEARCH('nothing', 'p99')"),
        expression("top", "SORT(all, MAX, DESC, 1)"),
        { .id = "fine", .expression = "SEARCH('{N} MetricName=\"a\"', 'Sum')", .period_s = 1 },
    };
    struct metrics *m = seconds();
    struct searched s;
    const struct math_value *value;

    (void)state;
    put_hosts(m, 3);
    assert_int_equal(search_in(m, list, 5, &s), 0);
    assert_int_equal(s.result.scope.step_s, 1); /* what the finest of them needs */
    value = &s.result.inputs[0].value;
    assert_int_equal(value->type, MATH_ARRAY);
    assert_int_equal(value->n_series, 2);
    assert_true(isnan(value->series[0].values[0]));
    assert_float_equal(value->series[0].values[60], 1, 1e-9);
    assert_float_equal(value->series[1].values[60], 3, 1e-9);
    assert_int_equal(value->series[1].origin, 5 + 1);
    assert_string_equal(s.result.found[1].name.dimensions[0].value, "host-2");
    assert_string_equal(s.result.found[1].statistic_text, "Sum");
    assert_int_equal(s.result.found[1].n, 2);
    assert_float_equal(s.result.inputs[1].value.series->values[60], 6, 1e-9);
    assert_int_equal(s.result.inputs[2].value.n_series, 0);
    assert_int_equal(s.result.inputs[3].value.series->origin, 5 + 1);
    value = &s.result.inputs[4].value;
    assert_int_equal(value->n_series, 1);
    assert_int_equal(value->series->every, 1);
    assert_int_equal(s.result.found[value->series->origin - 5].period_s, 1);
    assert_false(s.result.more);
    searched_deinit(&s);
    metrics_free(m);
}

static void a_search_finds_no_more_than_500_metrics(void **state)
{
    const struct metric_query list[] = { expression("e", "SEARCH('{Fleet,Host}', 'Sum', 60)") };
    struct metrics *m;
    struct searched s;

    (void)state;
    assert_int_equal(metrics_new(10000, &m), 0);
    put_hosts(m, QUERIES_FOUND_MAX);
    assert_int_equal(search_in(m, list, 1, &s), 0);
    assert_int_equal(s.result.n_found, QUERIES_FOUND_MAX);
    assert_false(s.result.more);
    searched_deinit(&s);

    put_hosts(m, QUERIES_FOUND_MAX + 1);
    assert_int_equal(search_in(m, list, 1, &s), 0);
    assert_int_equal(s.result.n_found, QUERIES_FOUND_MAX);
    assert_true(s.result.more);
    searched_deinit(&s);
    metrics_free(m);
}

static void searching_for_long_is_refused(void **state)
{
    char text[MATH_TEXT_MAX] = "[";
    const struct metric_query list[] = { expression("e", text) };
    struct metrics *m;
    struct searched s;

    (void)state;
    assert_int_equal(metrics_new(10000, &m), 0);
    for (int i = 0; i < 60; i++)
        strcat(text, "SEARCH('x a a a a', 'Sum'),");
    text[strlen(text) - 1] = ']';
    put_hosts(m, 9000);
    assert_int_equal(search_in(m, list, 1, &s), QUERIES_E_LIMIT);
    searched_deinit(&s);
    metrics_free(m);
}

static void nothing_is_searched_where_one_series_is_wanted(void **state)
{
    const struct metric_query list[] = { expression("e", "SUM(SEARCH('{N}', 'Sum', 60))") };
    struct queries_error error;
    struct queries *q;

    (void)state;
    assert_int_equal(queries_new(list, 1, &q, &error), 0);
    assert_int_equal(queries_check_series(q, 0, 60, false, &error), QUERIES_E_REFUSED);
    assert_string_equal(error.text, "SEARCH is not supported on Metric Alarms.");
    queries_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_refused_for_what_is_wrong_with_it),
        cmocka_unit_test(ids_begin_with_a_small_letter),
        cmocka_unit_test(only_metrics_that_are_used_or_wanted_are_read),
        cmocka_unit_test(the_result_must_be_one_series),
        cmocka_unit_test(strict_slots_stand_for_themselves),
        cmocka_unit_test(sums_of_a_short_period_are_told_as_of_their_own),
        cmocka_unit_test(strictly_a_missing_operand_is_no_zero),
        cmocka_unit_test(what_hangs_on_the_data_may_fail_when_read),
        cmocka_unit_test(what_is_too_much_is_not_computed),
        cmocka_unit_test(searches_find_metrics_and_read_them),
        cmocka_unit_test(a_search_finds_no_more_than_500_metrics),
        cmocka_unit_test(searching_for_long_is_refused),
        cmocka_unit_test(nothing_is_searched_where_one_series_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
