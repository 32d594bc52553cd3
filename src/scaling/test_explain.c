/* Decisions made again from their records, and the numbers that would have changed them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scaling/explain.h"

static const wall_ms_t now = 1769026560000;

static struct wish scratch[4];

/* high or low, as an alarm would say it with @metric against 100 */
static struct wish tracking(double metric, int in_service)
{
    enum direction d = metric > 100 ? DIRECTION_OUT : metric < 90 ? DIRECTION_IN : DIRECTION_NONE;

    return (struct wish){ .kind = WISH_TRACKING,
                          .alarm = d,
                          .due = true,
                          .may_scale_in = true,
                          .metric = metric,
                          .target = 100,
                          .threshold = d == DIRECTION_IN ? 90 : 100,
                          .demand = metric * in_service };
}

static struct explanation explain(struct wish *wishes, size_t n, int current)
{
    struct explanation x = {
        .at = now,
        .input = { .min = 1,
                   .max = 8,
                   .in_service = current,
                   .desired = current,
                   .settled = current,
                   .wishes = wishes,
                   .n_wishes = n },
    };

    x.decision = explain_replay(&x, scratch);
    return x;
}

static const struct turning_point *find(const struct turning_point *points, size_t n,
                                        enum turning_number number, bool at_most)
{
    for (size_t i = 0; i < n; i++)
        if (points[i].number == number && points[i].at_most == at_most)
            return &points[i];
    return NULL;
}

static void assert_near(double value, double wanted)
{
    assert_true(fabs(value - wanted) < 1e-5);
}

static void a_record_replays_to_the_same_decision(void **state)
{
    struct wish wishes[] = { tracking(250, 2), tracking(50, 2) };
    struct explanation x = explain(wishes, 2, 2);
    struct decision again;

    assert_int_equal(x.decision.to, 5);
    wishes[0].capacity = 77; /* settled values are not believed */
    wishes[0].direction = DIRECTION_IN;
    again = explain_replay(&x, scratch);
    assert_true(explain_same(&again, &x.decision));
    again.to++;
    assert_false(explain_same(&again, &x.decision));
    again = (struct decision){ .verdict = VERDICT_NOTHING };
    assert_false(explain_same(&again, &x.decision));
}

static void tells_the_metric_that_would_have_changed_it(void **state)
{
    struct wish wishes[] = { tracking(250, 2) };
    struct explanation x = explain(wishes, 1, 2);
    struct turning_point points[TURNING_POINTS_MAX];
    size_t n = explain_turning_points(&x, scratch, points);
    const struct turning_point *p = find(points, n, TURNING_METRIC, true);

    assert_int_equal(n, 2);
    assert_near(p->value, 200);
    assert_int_equal(p->to, 4);
    p = find(points, n, TURNING_METRIC, false);
    assert_near(p->value, 250);
    assert_int_equal(p->to, 6);
}

static void tells_when_the_alarm_would_have_been_off(void **state)
{
    struct wish wishes[] = { tracking(120, 1) };
    struct explanation x = explain(wishes, 1, 1);
    struct turning_point points[TURNING_POINTS_MAX];
    size_t n = explain_turning_points(&x, scratch, points);
    const struct turning_point *p = find(points, n, TURNING_METRIC, true);

    assert_int_equal(x.decision.to, 2);
    assert_near(p->value, 100);
    assert_int_equal(p->to, 1);
}

static void tells_the_bound_that_stopped_it(void **state)
{
    struct wish wishes[] = { tracking(1200, 8) };
    struct explanation x = explain(wishes, 1, 8);
    struct turning_point points[TURNING_POINTS_MAX];
    size_t n = explain_turning_points(&x, scratch, points);
    const struct turning_point *p = find(points, n, TURNING_MAX, false);

    assert_int_equal(x.decision.reason, NOT_SCALED_AT_MAX);
    assert_near(p->value, 9);
    assert_int_equal(p->to, 9);

    wishes[0] = tracking(0, 1);
    x = explain(wishes, 1, 1);
    assert_int_equal(x.decision.reason, NOT_SCALED_AT_MIN);
    n = explain_turning_points(&x, scratch, points);
    assert_int_equal(find(points, n, TURNING_MIN, true)->to, 0);
}

static void tells_what_anticipates_flapping(void **state)
{
    struct wish wishes[] = { tracking(60, 2) };
    struct explanation x = explain(wishes, 1, 2);
    struct turning_point points[TURNING_POINTS_MAX];
    size_t n = explain_turning_points(&x, scratch, points);
    const struct turning_point *p = find(points, n, TURNING_METRIC, true);

    assert_int_equal(x.decision.reason, NOT_SCALED_FLAPPING);
    assert_near(p->value, 50);
    assert_int_equal(p->to, 1);
}

static void tells_what_the_window_holds(void **state)
{
    struct wish wishes[] = { tracking(20, 8) };
    struct turning_point points[TURNING_POINTS_MAX];
    struct explanation x;
    size_t n;

    wishes[0].held = 6;
    x = explain(wishes, 1, 8);
    assert_int_equal(x.decision.to, 6);
    n = explain_turning_points(&x, scratch, points);
    assert_int_equal(find(points, n, TURNING_HELD, true)->to, 5);
}

static void steps_turn_where_their_intervals_end(void **state)
{
    const struct step_scaling s = { .type = STEP_CHANGE,
                                    .n_steps = 2,
                                    .steps = { { 0, 10, 1 }, { 10, (double)INFINITY, 3 } } };
    struct wish wishes[] = {
        { .kind = WISH_STEP, .due = true, .metric = 55, .threshold = 50, .steps = &s }
    };
    struct explanation x = explain(wishes, 1, 2);
    struct turning_point points[TURNING_POINTS_MAX];
    size_t n = explain_turning_points(&x, scratch, points);

    assert_int_equal(x.decision.to, 3);
    assert_near(find(points, n, TURNING_METRIC, false)->value, 60);
    assert_int_equal(find(points, n, TURNING_METRIC, false)->to, 5);
    assert_near(find(points, n, TURNING_METRIC, true)->value, 50);
    assert_int_equal(find(points, n, TURNING_METRIC, true)->to, 2);
}

static void forecasts_replay_and_turn_where_fewer_would_do(void **state)
{
    struct wish wishes[] = {
        { .kind = WISH_FORECAST, .due = true, .metric = 300, .demand = 500, .target = 100 },
        tracking(20, 2),
    };
    struct explanation x = explain(wishes, 2, 2);
    struct turning_point points[TURNING_POINTS_MAX];
    struct decision again = explain_replay(&x, scratch);
    size_t n = explain_turning_points(&x, scratch, points);

    assert_int_equal(x.decision.to, 5);
    assert_true(explain_same(&again, &x.decision));
    assert_near(find(points, n, TURNING_METRIC, true)->value, 240);
    assert_int_equal(find(points, n, TURNING_METRIC, true)->to, 4);
    assert_near(find(points, n, TURNING_METRIC, false)->value, 300);
    assert_int_equal(find(points, n, TURNING_METRIC, false)->to, 6);
}

static void bounds_replay_too(void **state)
{
    struct explanation x = explain(NULL, 0, 9);
    struct decision again;

    x.bounds = true;
    x.decision = decide_bounds(&x.input);
    assert_int_equal(x.decision.to, 8);
    again = explain_replay(&x, scratch);
    assert_true(explain_same(&again, &x.decision));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_replays_to_the_same_decision),
        cmocka_unit_test(tells_the_metric_that_would_have_changed_it),
        cmocka_unit_test(tells_when_the_alarm_would_have_been_off),
        cmocka_unit_test(tells_the_bound_that_stopped_it),
        cmocka_unit_test(tells_what_anticipates_flapping),
        cmocka_unit_test(tells_what_the_window_holds),
        cmocka_unit_test(steps_turn_where_their_intervals_end),
        cmocka_unit_test(forecasts_replay_and_turn_where_fewer_would_do),
        cmocka_unit_test(bounds_replay_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
