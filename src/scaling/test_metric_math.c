/* Target tracking of metric math, at both paces. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scaling/fast_math.h"

static const wall_ms_t epoch = 1769026560000; /* a whole minute */

/* A policy over the metrics a (Sum) and b (Average), and a fleet of the size it is told to have. */
struct scene {
    struct queries *queries;
    struct tracking policy;
    struct tracking_state state;
    struct tracking_report report;
    struct capacity_history history;
    struct metrics *metrics;
    enum pace pace;
    wall_ms_t now;
    unsigned in_service;
};

static void begin(struct scene *s, enum pace pace, const char *expression, unsigned in_service)
{
    const struct metric_query list[] = {
        { .id = "a",
          .period_s = 60,
          .name = { .namespace = "N", .name = "a" },
          .unit = METRIC_UNIT_ANY,
          .statistic = { .kind = STATISTIC_SUM } },
        { .id = "b",
          .period_s = 60,
          .name = { .namespace = "N", .name = "b" },
          .unit = METRIC_UNIT_ANY,
          .statistic = { .kind = STATISTIC_AVERAGE } },
        { .id = "e", .expression = expression },
    };
    struct queries_error error;

    *s = (struct scene){ .pace = pace, .now = epoch, .in_service = in_service };
    assert_int_equal(queries_new(list, 3, &s->queries, &error), 0);
    s->policy = (struct tracking){
        .math = s->queries,
        .math_result = 2,
        .by_seconds = queries_check_series(s->queries, 2, FAST_MATH_PERIOD_S, true, &error) == 0,
        .period_s = 60,
        .target = 10,
        .scale_out_cooldown_s = COOLDOWN_NOT_GIVEN,
        .scale_in_cooldown_s = COOLDOWN_NOT_GIVEN,
    };
    tracking_state_init(&s->state);
    assert_int_equal(metrics_new(100, &s->metrics), 0);
}

static void end(struct scene *s)
{
    s->metrics = metrics_free(s->metrics);
    s->queries = queries_free(s->queries);
}

static const struct wish *look(struct scene *s)
{
    struct scaling_view view = {
        .now = s->now,
        .pace = s->pace,
        .in_service = s->in_service,
        .history = &s->history,
        .metrics = s->metrics,
    };

    tracking_evaluate(&s->policy, &s->state, &view, &s->report);
    return &s->report.wish;
}

static void put(struct scene *s, const char *name, double value, double count,
                unsigned resolution_s)
{
    const struct metric_name n = { .namespace = "N", .name = name };
    const struct metric_datum d = { .at = s->now,
                                    .resolution_s = resolution_s,
                                    .values = &value,
                                    .counts = &count,
                                    .n_values = 1 };

    assert_int_equal(metrics_put(s->metrics, &n, &d, s->now), 0);
}

/* a second with @a_count data of @a each, and one of @b; NAN: none. Then a look. */
static const struct wish *second_of(struct scene *s, double a, double a_count, double b)
{
    capacity_history_push(&s->history, s->now, s->in_service);
    if (!isnan(a))
        put(s, "a", a, a_count, 1);
    if (!isnan(b))
        put(s, "b", b, 1, 1);
    s->now += MS_PER_S;
    return look(s);
}

static const struct wish *minute_of(struct scene *s, double a, double b)
{
    put(s, "a", a, 1, 60);
    put(s, "b", b, 1, 60);
    s->now += 60 * MS_PER_S + MS_PER_S;
    look(s);
    s->now -= MS_PER_S;
    return &s->report.wish;
}

/* Return: seconds until it wants out; -1: not within ten minutes */
static int seconds_until_out(struct scene *s, double a, double a_count, double b)
{
    for (int n = 1; n <= 600; n++)
        if (second_of(s, a, a_count, b)->direction == DIRECTION_OUT)
            return n;
    return -1;
}

static void at_pace_aws_whole_minutes_are_computed(void **state)
{
    struct scene s;
    const struct wish *w;

    begin(&s, PACE_AWS, "a / b", 4);
    minute_of(&s, 60, 3); /* 20 */
    minute_of(&s, 75, 3); /* 25 */
    assert_int_equal(s.report.wish.direction, DIRECTION_NONE);
    w = minute_of(&s, 90, 3); /* 30 */
    assert_int_equal(w->direction, DIRECTION_OUT);
    assert_true(w->due);
    assert_float_equal(w->metric, 25, 1e-9);
    assert_int_equal(w->capacity, 10); /* 4 x 25 / 10 */
    assert_int_equal(w->read.period_s, 60);
    assert_int_equal(w->read.n, 3);
    assert_false(w->read.strict);
    assert_int_equal(w->read.end, s.now);
    end(&s);
}

static void at_pace_aws_a_missing_operand_is_zero(void **state)
{
    struct scene s;

    begin(&s, PACE_AWS, "a + 0 * b", 1);
    for (int i = 0; i < 3; i++) {
        put(&s, "a", 30, 1, 60);
        s.now += 60 * MS_PER_S;
    }
    s.now += MS_PER_S;
    assert_int_equal(look(&s)->direction, DIRECTION_OUT);
    end(&s);
}

static void at_pace_fast_seconds_are_enough(void **state)
{
    struct scene s;
    const struct wish *w;

    begin(&s, PACE_FAST, "a / b", 2);
    for (int i = 0; i < 120; i++)
        assert_int_equal(second_of(&s, 0.01, 20, 2)->direction, DIRECTION_NONE); /* 6 */
    /* 60 from now on: three periods of 5 s in a row, told as of a minute */
    assert_in_range(seconds_until_out(&s, 0.1, 20, 2), 11, 17);
    w = &s.report.wish;
    assert_int_equal(w->read.period_s, 5);
    assert_int_equal(w->read.n, 3);
    assert_true(w->read.strict);
    for (int i = 0; i < 15; i++)
        w = second_of(&s, 0.1, 20, 2);
    assert_float_equal(w->metric, 60, 1e-9);
    assert_int_equal(w->capacity, 12);
    assert_int_equal(s.report.high_rule.period_s, 5);
    end(&s);
}

static void launching_does_not_change_what_is_wanted(void **state)
{
    struct scene s;
    int capacity;

    begin(&s, PACE_FAST, "a / b", 2);
    for (int i = 0; i < 60; i++)
        second_of(&s, 0.1, 20, 2);
    capacity = s.report.wish.capacity;
    assert_int_equal(capacity, 12);
    s.in_service = 6; /* the same work, shared by three times as many */
    for (int i = 0; i < 60; i++) {
        const struct wish *w = second_of(&s, 0.1, 20, 6);
        if (w->direction == DIRECTION_OUT)
            assert_in_range(w->capacity, 1, capacity);
    }
    end(&s);
}

/* One request in each of three periods is 12 a minute and more than 10, and mere chance. */
static void few_data_are_no_excess(void **state)
{
    struct scene s;

    begin(&s, PACE_FAST, "a / b", 1);
    for (int i = 0; i < 120; i++) {
        const struct wish *w = second_of(&s, i % 4 == 0 ? 0.8 : (double)NAN, 1, 1);
        assert_int_equal(w->direction, DIRECTION_NONE);
    }
    end(&s);
}

static void data_once_a_minute_are_judged_by_minutes(void **state)
{
    struct scene s;
    int out = -1;

    begin(&s, PACE_FAST, "a + FILL(b, 0)", 1);
    /* b, of which only minutes are known, makes it much; a alone is nothing */
    for (int i = 0; i < 600 && out < 0; i++) {
        if (i % 60 == 0)
            put(&s, "b", 50, 1, 60);
        if (second_of(&s, 0.01, 1, (double)NAN)->direction == DIRECTION_OUT)
            out = i;
    }
    assert_in_range(out, 120, 240);
    assert_int_equal(s.report.wish.read.period_s, 60);
    assert_true(s.state.coarse);
    end(&s);
}

static void expressions_over_periods_are_judged_by_minutes(void **state)
{
    struct scene s;
    struct alarm_rule high, low;

    begin(&s, PACE_FAST, "a - DIFF(a) * 0", 1);
    assert_false(tracking_by_seconds(&s.policy));
    assert_in_range(seconds_until_out(&s, 0.1, 20, 2), 120, 300);
    tracking_rules(&s.policy, PACE_FAST, &high, &low);
    assert_int_equal(high.period_s, 60);
    assert_int_equal(low.period_s, 60);
    end(&s);
}

/* While one of them is missing, nothing is known of the seconds; over the minute it counts as 0. */
static void a_metric_that_stops_is_not_taken_for_zero_within_seconds(void **state)
{
    struct scene s;

    begin(&s, PACE_FAST, "100 * b - a * 0", 1);
    s.policy.target = 50;
    for (int i = 0; i < 90; i++)
        assert_int_equal(second_of(&s, 1, 1, 0.2)->direction, DIRECTION_NONE);
    for (int i = 0; i < 30; i++) /* b is high, but of a nothing is known */
        assert_int_equal(second_of(&s, (double)NAN, 1, 0.9)->direction, DIRECTION_NONE);
    assert_in_range(seconds_until_out(&s, 1, 100, 0.9), 1, 30);
    end(&s);
}

static void scales_in_after_the_window_by_the_last_minute(void **state)
{
    struct scene s;
    const struct wish *w = NULL;
    int n = 0;

    begin(&s, PACE_FAST, "a / b", 4);
    s.policy.scale_in_cooldown_s = 60;
    for (; n < 300; n++) {
        w = second_of(&s, 0.02, 10, 4); /* 12 a minute / 4 = 3 */
        if (w->direction == DIRECTION_IN)
            break;
    }
    assert_in_range(n, 44, 60); /* half a period of 20 s, and 40 s more */
    assert_float_equal(w->metric, 3, 1e-9);
    assert_int_equal(w->capacity, 2);
    end(&s);
}

static void what_fails_to_compute_has_no_data(void **state)
{
    struct scene s;

    begin(&s, PACE_AWS, "FIRST(REMOVE_EMPTY(METRICS(\"none\")))", 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(minute_of(&s, 100, 1)->direction, DIRECTION_NONE);
    assert_int_equal(s.state.high, ALARM_INSUFFICIENT_DATA);
    end(&s);
}

static void equal_calls_give_equal_wishes(void **state)
{
    struct scene s, t;

    begin(&s, PACE_FAST, "a / FILL(b, REPEAT)", 2);
    begin(&t, PACE_FAST, "a / FILL(b, REPEAT)", 2);
    for (int i = 0; i < 200; i++) {
        double a = i % 7 * 0.03, b = i % 3 ? 2 : (double)NAN;
        const struct wish *one = second_of(&s, a, 20, b), *other = second_of(&t, a, 20, b);

        assert_int_equal(one->direction, other->direction);
        assert_int_equal(one->capacity, other->capacity);
        assert_memory_equal(&one->demand, &other->demand, sizeof(double));
    }
    end(&s);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_pace_aws_whole_minutes_are_computed),
        cmocka_unit_test(at_pace_aws_a_missing_operand_is_zero),
        cmocka_unit_test(at_pace_fast_seconds_are_enough),
        cmocka_unit_test(launching_does_not_change_what_is_wanted),
        cmocka_unit_test(few_data_are_no_excess),
        cmocka_unit_test(data_once_a_minute_are_judged_by_minutes),
        cmocka_unit_test(expressions_over_periods_are_judged_by_minutes),
        cmocka_unit_test(a_metric_that_stops_is_not_taken_for_zero_within_seconds),
        cmocka_unit_test(scales_in_after_the_window_by_the_last_minute),
        cmocka_unit_test(what_fails_to_compute_has_no_data),
        cmocka_unit_test(equal_calls_give_equal_wishes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
