/* Target tracking: the two alarms, the arithmetic, and both paces over real series. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "scaling/alarm_reason.h"
#include "scaling/fast.h"

static const wall_ms_t epoch = 1769026560000; /* a whole minute */

/* a policy, the metric it looks at, and a fleet that has the capacity it is told to have */
struct scene {
    struct tracking policy;
    struct tracking_state state;
    struct tracking_report report;
    struct capacity_history history;
    struct metrics *metrics;
    enum pace pace;
    wall_ms_t now;
    unsigned in_service, starting;
};

static struct tracking policy_of(const char *metric, const char *statistic, double target)
{
    struct tracking t = {
        .metric = { .namespace = "AWS/SageMaker", .name = metric },
        .unit = METRIC_UNIT_ANY,
        .period_s = 60,
        .target = target,
        .scale_out_cooldown_s = COOLDOWN_NOT_GIVEN,
        .scale_in_cooldown_s = COOLDOWN_NOT_GIVEN,
    };

    assert_int_equal(metric_statistic_parse(statistic, &t.statistic), 0);
    return t;
}

static void scene_init(struct scene *s, enum pace pace, struct tracking policy, unsigned in_service)
{
    *s = (struct scene){ .policy = policy, .pace = pace, .now = epoch, .in_service = in_service };
    tracking_state_init(&s->state);
    assert_int_equal(metrics_new(100, &s->metrics), 0);
}

static void scene_deinit(struct scene *s)
{
    s->metrics = metrics_free(s->metrics);
}

static const struct wish *look(struct scene *s)
{
    struct scaling_view view = {
        .now = s->now,
        .pace = s->pace,
        .in_service = s->in_service,
        .starting = s->starting,
        .history = &s->history,
        .metrics = s->metrics,
    };

    tracking_evaluate(&s->policy, &s->state, &view, &s->report);
    return &s->report.wish;
}

/* @requests in this second, each counting 1 / in_service, then a look at the second's end */
static const struct wish *second_of(struct scene *s, unsigned requests)
{
    double each = 1.0 / s->in_service;
    struct metric_datum d = {
        .at = s->now,
        .unit = METRIC_UNIT_NONE,
        .resolution_s = 1,
        .count = requests > 0 ? requests : 1,
        .sum = requests * each,
        .min = requests > 0 ? each : 0,
        .max = requests > 0 ? each : 0,
    };

    capacity_history_push(&s->history, s->now, s->in_service);
    assert_int_equal(metrics_put(s->metrics, &s->policy.metric, &d, s->now), 0);
    s->now += MS_PER_S;
    return look(s);
}

/* a value in this second, then a look */
static const struct wish *gauge(struct scene *s, double value)
{
    capacity_history_push(&s->history, s->now, s->in_service);
    assert_int_equal(
        metrics_put_value(s->metrics, &s->policy.metric, value, METRIC_UNIT_NONE, s->now), 0);
    s->now += MS_PER_S;
    return look(s);
}

/* a value for this whole minute, then a look just after it */
static const struct wish *minute_of(struct scene *s, double value)
{
    struct metric_datum d = { .at = s->now, .resolution_s = 60, .values = &value, .n_values = 1 };

    assert_int_equal(metrics_put(s->metrics, &s->policy.metric, &d, s->now), 0);
    s->now += 60 * MS_PER_S;
    s->now += MS_PER_S;
    look(s);
    s->now -= MS_PER_S;
    return &s->report.wish;
}

static const struct wish *minute_without_data(struct scene *s)
{
    s->now += 60 * MS_PER_S + MS_PER_S;
    look(s);
    s->now -= MS_PER_S;
    return &s->report.wish;
}

/* --- the reference vectors -------------------------------------------------------------------- */

static void current_4_target_70_points_140_150_160_gives_9(void **state)
{
    struct scene s;
    const struct wish *w;

    scene_init(&s, PACE_AWS, policy_of("m", "Average", 70), 4);
    minute_of(&s, 140);
    minute_of(&s, 150);
    assert_int_equal(s.report.wish.direction, DIRECTION_NONE);
    w = minute_of(&s, 160);
    assert_int_equal(w->direction, DIRECTION_OUT);
    assert_true(w->due);
    assert_true(w->metric == 150);
    assert_int_equal(w->capacity, 9);
    scene_deinit(&s);
}

static void capacity_is_rounded_up(void **state)
{
    assert_int_equal(wish_capacity(4 * 150, 70), 9);
    assert_int_equal(wish_capacity(2 * 60, 70), 2); /* the flapping guard */
    assert_int_equal(wish_capacity(2 * 34, 70), 1);
    assert_int_equal(wish_capacity(10 * 44, 50), 9);
    assert_int_equal(wish_capacity(0, 50), 0);
    assert_int_equal(wish_capacity(3 * (0.1 + 0.2), 0.3), 3); /* 3.0000000000000004 */
    assert_int_equal(wish_capacity(1e300, 1e-300), INT32_MAX);
}

static void low_for_fifteen_minutes(struct scene *s, double value)
{
    for (int i = 0; i < 14; i++)
        assert_int_equal(minute_of(s, value)->direction, DIRECTION_NONE);
    assert_int_equal(minute_of(s, value)->direction, DIRECTION_IN);
}

static void current_2_target_70_average_60_changes_nothing(void **state)
{
    struct scene s;
    struct decision d;

    scene_init(&s, PACE_AWS, policy_of("m", "Average", 70), 2);
    low_for_fifteen_minutes(&s, 60);
    assert_int_equal(s.report.wish.capacity, 2);
    d = decide(&(struct decide_input){ .min = 1,
                                       .max = 4,
                                       .in_service = 2,
                                       .desired = 2,
                                       .wishes = &s.report.wish,
                                       .n_wishes = 1 });
    assert_int_equal(d.reason, NOT_SCALED_FLAPPING);
    scene_deinit(&s);
}

static void current_2_target_70_average_34_gives_1(void **state)
{
    struct scene s;

    scene_init(&s, PACE_AWS, policy_of("m", "Average", 70), 2);
    low_for_fifteen_minutes(&s, 34);
    assert_int_equal(s.report.wish.capacity, 1);
    scene_deinit(&s);
}

static void current_0_never_changes(void **state)
{
    struct scene s;

    scene_init(&s, PACE_AWS, policy_of("m", "Average", 70), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(minute_of(&s, 500)->direction, DIRECTION_NONE);
    scene_deinit(&s);
    scene_init(&s, PACE_FAST, policy_of("m", "Average", 70), 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(gauge(&s, 500)->direction, DIRECTION_NONE);
    scene_deinit(&s);
}

static void target_70_has_thresholds_70_and_63(void **state)
{
    struct tracking t = policy_of("m", "Average", 70);
    struct alarm_rule high, low;

    for (int pace = PACE_FAST; pace <= PACE_AWS; pace++) {
        tracking_rules(&t, (enum pace)pace, &high, &low);
        assert_true(high.threshold == 70 && high.comparison == ALARM_GREATER);
        assert_true(low.threshold == 63 && low.comparison == ALARM_LESS);
    }
}

/* --- pace aws --------------------------------------------------------------------------------- */

static void aws_alarms_have_awss_periods(void **state)
{
    struct tracking t = policy_of("m", "Sum", 600);
    struct alarm_rule high, low;

    tracking_rules(&t, PACE_AWS, &high, &low);
    assert_int_equal(high.period_s * high.evaluation_periods, 60 * 3);
    assert_int_equal(low.period_s * low.evaluation_periods, 60 * 15);
    t.period_s = 10;
    tracking_rules(&t, PACE_AWS, &high, &low);
    assert_int_equal(high.period_s, 10);
    assert_int_equal(high.evaluation_periods, 3);
    assert_int_equal(low.period_s, 10);
    assert_int_equal(low.evaluation_periods, 90);
}

static void aws_acts_once_a_minute_while_in_alarm(void **state)
{
    struct scene s;
    int due = 0;

    scene_init(&s, PACE_AWS, policy_of("m", "Sum", 60), 1);
    for (int i = 0; i < 179; i++)
        assert_int_equal(second_of(&s, 4)->direction, DIRECTION_NONE);
    for (int i = 179; i < 182; i++) /* decides within a second of the third minute's end */
        due += second_of(&s, 4)->due;
    assert_int_equal(due, 1);
    for (int i = 182; i < 482; i++)
        due += second_of(&s, 4)->due;
    assert_int_equal(due, 6);
    assert_int_equal(s.report.wish.capacity, 4);
    scene_deinit(&s);
}

static void aws_without_data_does_not_scale(void **state)
{
    struct scene s;

    scene_init(&s, PACE_AWS, policy_of("m", "Average", 70), 2);
    low_for_fifteen_minutes(&s, 10);
    for (int i = 0; i < 30; i++)
        minute_without_data(&s);
    assert_int_equal(s.report.wish.direction, DIRECTION_NONE);
    assert_int_equal(s.state.low, ALARM_INSUFFICIENT_DATA);
    scene_deinit(&s);
}

static void aws_high_resolution_decides_in_thirty_seconds(void **state)
{
    struct scene s;
    int seconds = 0;

    scene_init(&s, PACE_AWS, policy_of("m", "Maximum", 5), 1);
    s.policy.period_s = 10;
    while (gauge(&s, 12)->direction == DIRECTION_NONE)
        assert_true(++seconds < 60);
    assert_in_range(seconds, 29, 31);
    assert_int_equal(s.report.wish.capacity, 3);
    for (int i = 0; i < 899; i++)
        gauge(&s, 1);
    assert_int_equal(s.report.wish.direction, DIRECTION_NONE);
    for (int i = 0; i < 21; i++)
        gauge(&s, 1);
    assert_int_equal(s.report.wish.direction, DIRECTION_IN);
    scene_deinit(&s);
}

static void disable_scale_in_only_ever_goes_out(void **state)
{
    struct scene s;

    for (int pace = PACE_FAST; pace <= PACE_AWS; pace++) {
        scene_init(&s, (enum pace)pace, policy_of("m", "Average", 70), 4);
        s.policy.disable_scale_in = true;
        for (int i = 0; i < 1200; i++) {
            assert_int_equal(gauge(&s, 1)->direction, DIRECTION_NONE);
            assert_false(s.report.wish.may_scale_in);
        }
        scene_deinit(&s);
    }
}

/* --- pace fast -------------------------------------------------------------------------------- */

static void fast_sees_a_fourfold_step_in_two_seconds(void **state)
{
    struct scene s;
    int seconds = 1;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(second_of(&s, 8)->direction, DIRECTION_NONE);
    while (second_of(&s, 32)->direction == DIRECTION_NONE)
        assert_true(++seconds < 10);
    assert_int_equal(seconds, 2);
    assert_true(s.report.wish.due);
    assert_int_equal(s.report.wish.capacity, 4);
    assert_int_equal(s.report.wish.window_s, 2);
    assert_true(s.report.high_changed);
    assert_int_equal(s.report.high.n, 2);
    scene_deinit(&s);
}

static void fast_counts_demand_by_the_instances_of_that_second(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 1);
    for (int i = 0; i < 90; i++)
        second_of(&s, 32);
    assert_int_equal(s.report.wish.capacity, 4);
    s.in_service = 4; /* from now on everything is well: nothing more may be asked for */
    for (int i = 0; i < 120; i++) {
        second_of(&s, 32);
        assert_true(s.report.wish.direction == DIRECTION_NONE || s.report.wish.capacity <= 4);
    }
    scene_deinit(&s);
}

static void fast_ignores_a_single_bad_second(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(second_of(&s, i == 100 ? 100 : 8)->direction, DIRECTION_NONE);
    scene_deinit(&s);
}

/* how many requests fell into a second, when @mean are expected */
static unsigned poisson(struct random *r, double mean)
{
    double p = exp(-mean), sum = p, u = random_unit(r);
    unsigned k = 0;

    while (u > sum && k < 1000) {
        k++;
        p *= mean / k;
        sum += p;
    }
    return k;
}

static void fast_hardly_ever_scales_out_by_chance(void **state)
{
    const uint64_t seed = 4711;
    struct random r;
    int out = 0;

    print_message("seed %llu\n", (unsigned long long)seed);
    random_init(&r, seed);
    for (double target = 6; target < 10000; target *= 10) {
        struct scene s;
        scene_init(&s, PACE_FAST, policy_of("m", "Sum", target), 1);
        for (int i = 0; i < 7200; i++) {
            second_of(&s, poisson(&r, 0.8 * target / 60));
            /* with a handful of requests a minute, AWS's own rule may be right or wrong */
            out += s.report.wish.direction == DIRECTION_OUT && s.state.bucket_high != ALARM_ALARM;
        }
        scene_deinit(&s);
    }
    assert_true(out <= 1); /* of 28,800 looks */
}

static void fast_is_never_slower_than_aws(void **state)
{
    struct scene s;
    int seconds = 0;

    /* 5 % too much of 60 a minute says nothing in seconds; three minutes of it do */
    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 60), 1);
    while (second_of(&s, seconds % 20 == 19 ? 2 : 1)->direction == DIRECTION_NONE)
        assert_true(++seconds < 190);
    assert_true(seconds > 60);
    assert_int_equal(s.report.wish.capacity, 2);
    scene_deinit(&s);
}

static void fast_follows_requests_in_flight(void **state)
{
    struct scene s;
    int seconds = 1;

    scene_init(&s, PACE_FAST, policy_of("ConcurrentRequestsPerModel", "Maximum", 4), 2);
    s.policy.period_s = 10;
    for (int i = 0; i < 60; i++)
        assert_int_equal(gauge(&s, 3)->direction, DIRECTION_NONE);
    while (gauge(&s, 12)->direction == DIRECTION_NONE)
        assert_true(++seconds < 10);
    assert_int_equal(seconds, 3);
    assert_int_equal(s.report.wish.capacity, 6); /* 2 x 12 / 4 */
    scene_deinit(&s);
}

static void fast_sees_a_burst_of_requests_in_flight_in_two_seconds(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("ConcurrentRequestsPerModel", "Maximum", 4), 2);
    s.policy.period_s = 10;
    for (int i = 0; i < 60; i++)
        assert_int_equal(gauge(&s, 3)->direction, DIRECTION_NONE);
    assert_int_equal(gauge(&s, 40)->direction, DIRECTION_NONE);
    assert_int_equal(gauge(&s, 50)->direction, DIRECTION_OUT);
    assert_int_equal(s.report.wish.capacity, 25); /* 2 x 50 / 4: it still grows */
    assert_int_equal(s.report.high.n, 1);
    scene_deinit(&s);
}

static void a_burst_is_beyond_what_is_starting_too(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 1);
    for (int i = 0; i < 100; i++)
        second_of(&s, 8);
    s.starting = 2; /* with these, 30 a second would fit; 40 are no burst for them */
    second_of(&s, 40);
    assert_int_equal(second_of(&s, 40)->direction, DIRECTION_NONE);
    assert_int_equal(second_of(&s, 40)->direction, DIRECTION_OUT); /* for what is in service */
    assert_int_equal(s.report.wish.window_s, 3);
    scene_deinit(&s);
}

static void fast_looks_longer_at_what_is_sampled(void **state)
{
    struct scene s;
    int seconds = 1;

    scene_init(&s, PACE_FAST, policy_of("CPUUtilization", "Average", 70), 2);
    for (int i = 0; i < 60; i++) /* a starting server is busy for a moment */
        assert_int_equal(gauge(&s, i >= 30 && i < 34 ? 100 : 40)->direction, DIRECTION_NONE);
    while (gauge(&s, 140)->direction == DIRECTION_NONE)
        assert_true(++seconds < 30);
    assert_in_range(seconds, 11, 15);
    assert_in_range(s.report.wish.capacity, 3, 4);
    gauge(&s, 140);
    gauge(&s, 140);
    gauge(&s, 140);
    gauge(&s, 140);
    assert_int_equal(s.report.wish.capacity, 4);
    scene_deinit(&s);
}

static void fast_scales_in_to_the_most_wanted_in_the_window(void **state)
{
    struct scene s;
    int seconds = 0;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 6);
    s.policy.scale_in_cooldown_s = 60;
    for (int i = 0; i < 100; i++)
        assert_int_equal(second_of(&s, 58)->direction, DIRECTION_NONE);
    for (int i = 0; i < 20; i++)
        assert_int_equal(second_of(&s, 25)->direction, DIRECTION_NONE);
    seconds = 20;
    while (second_of(&s, 5)->direction == DIRECTION_NONE || s.report.wish.capacity == 6)
        assert_true(++seconds < 120);
    assert_in_range(seconds, 55, 80);
    assert_in_range(s.report.wish.capacity, 2, 5);
    for (int i = 0; i < 80; i++)
        second_of(&s, 5);
    assert_int_equal(s.report.wish.capacity, 1);
    scene_deinit(&s);
}

static void fast_is_as_careful_as_aws_by_default(void **state)
{
    struct scene s;
    int seconds = 0;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 4);
    for (int i = 0; i < 100; i++)
        second_of(&s, 39);
    while (second_of(&s, 1)->direction == DIRECTION_NONE)
        assert_true(++seconds < 2000);
    assert_in_range(seconds, 840, 960);
    scene_deinit(&s);
}

static void fast_holds_what_a_burst_wanted(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 2);
    s.policy.scale_in_cooldown_s = 180;
    for (int i = 0; i < 300; i++)
        second_of(&s, 9); /* low for long: one would do */
    assert_int_equal(s.report.wish.direction, DIRECTION_IN);
    for (int i = 0; i < 4; i++)
        second_of(&s, 80);
    assert_int_equal(s.report.wish.direction, DIRECTION_OUT);
    s.in_service = 8;
    for (int i = 0; i < 150; i++) {
        const struct wish *w = second_of(&s, 9);
        assert_true(w->direction != DIRECTION_IN || w->capacity >= 8);
    }
    scene_deinit(&s);
}

static void fast_without_data_does_not_scale(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 4);
    s.policy.scale_in_cooldown_s = 30;
    for (int i = 0; i < 100; i++)
        second_of(&s, 1);
    assert_int_equal(s.report.wish.direction, DIRECTION_IN);
    s.now += 600 * MS_PER_S;
    assert_int_equal(look(&s)->direction, DIRECTION_NONE);
    assert_int_equal(s.state.high, ALARM_INSUFFICIENT_DATA);
    assert_int_equal(s.state.low, ALARM_INSUFFICIENT_DATA);
    scene_deinit(&s);
}

static void fast_follows_aws_where_there_is_one_datum_a_minute(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("m", "Average", 70), 4);
    minute_of(&s, 140);
    minute_of(&s, 150);
    assert_int_equal(s.report.wish.direction, DIRECTION_NONE);
    assert_int_equal(minute_of(&s, 160)->capacity, 9);
    assert_true(s.report.wish.due);
    s.now += 5 * MS_PER_S;
    look(&s);
    assert_int_equal(s.report.wish.direction, DIRECTION_OUT);
    assert_false(s.report.wish.due);
    scene_deinit(&s);
}

static void fast_knows_a_young_metric_after_seconds(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 1);
    s.policy.scale_in_cooldown_s = 15;
    for (int i = 0; i < 8; i++)
        second_of(&s, 100);
    assert_int_equal(s.state.high, ALARM_ALARM);
    for (int i = 0; i < 5; i++)
        second_of(&s, 0);
    assert_int_equal(s.state.high, ALARM_OK);
    assert_int_equal(s.state.low, ALARM_OK);
    scene_deinit(&s);
}

/* whichever rule judged, the reason is made by that rule and from points of its period */
static void fast_tells_awss_rule_where_that_one_judged(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("m", "Average", 70), 1);
    for (int i = 0; i < 3; i++)
        minute_of(&s, 140);
    assert_int_equal(s.state.high, ALARM_ALARM);
    assert_true(s.report.high_changed);
    assert_int_equal(s.report.high_rule.period_s, 60);
    assert_true(s.report.high.n >= 3);

    /* seconds for a while, then none: back to AWS's rule, which was judged before that */
    for (int i = 0; i < 70; i++)
        gauge(&s, 60);
    assert_int_equal(s.state.high, ALARM_OK);
    for (int i = 0; i < 600 && !s.report.high_changed; i++) {
        s.now += MS_PER_S;
        look(&s);
    }
    assert_int_equal(s.state.high, ALARM_INSUFFICIENT_DATA);
    assert_int_equal(s.report.high_rule.period_s, 60);
    assert_true(s.report.high.n >= 3);
    scene_deinit(&s);
}

static void fast_alarms_tell_what_is_judged(void **state)
{
    struct tracking t = policy_of("m", "Sum", 600);
    struct alarm_rule high, low;

    tracking_rules(&t, PACE_FAST, &high, &low);
    assert_int_equal(high.period_s, 1);
    assert_int_equal(high.evaluation_periods, 3);
    assert_int_equal(low.period_s * low.evaluation_periods, 900);
    t.scale_in_cooldown_s = 30;
    tracking_rules(&t, PACE_FAST, &high, &low);
    assert_int_equal(low.period_s, 10);
    assert_int_equal(low.evaluation_periods, 3);
    t.scale_in_cooldown_s = 0; /* a window needs some length */
    tracking_rules(&t, PACE_FAST, &high, &low);
    assert_int_equal(low.period_s * low.evaluation_periods, FAST_WINDOW_MIN_S);
    t = policy_of("CPUUtilization", "Average", 70);
    tracking_rules(&t, PACE_FAST, &high, &low);
    assert_int_equal(high.period_s, 5);
}

static void a_clock_set_back_begins_anew(void **state)
{
    struct scene s;

    scene_init(&s, PACE_FAST, policy_of("m", "Sum", 600), 4);
    s.policy.scale_in_cooldown_s = 30;
    for (int i = 0; i < 100; i++)
        second_of(&s, 1);
    cooldown_start(&s.state.cooldown, 5, 4, s.now, 300);
    s.now -= 3600 * MS_PER_S;
    assert_int_equal(look(&s)->direction, DIRECTION_NONE);
    assert_true(s.report.wish.in_blocked);
    scene_deinit(&s);
}

static void cooldowns_default_as_on_aws(void **state)
{
    struct tracking t = policy_of("m", "Sum", 600);

    assert_int_equal(tracking_in_cooldown_s(&t), 300);
    assert_int_equal(tracking_out_cooldown_s(&t, PACE_AWS), 300);
    assert_int_equal(tracking_out_cooldown_s(&t, PACE_FAST), 0);
    t.scale_in_cooldown_s = t.scale_out_cooldown_s = 7;
    assert_int_equal(tracking_in_cooldown_s(&t), 7);
    assert_int_equal(tracking_out_cooldown_s(&t, PACE_FAST), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(current_4_target_70_points_140_150_160_gives_9),
        cmocka_unit_test(capacity_is_rounded_up),
        cmocka_unit_test(current_2_target_70_average_60_changes_nothing),
        cmocka_unit_test(current_2_target_70_average_34_gives_1),
        cmocka_unit_test(current_0_never_changes),
        cmocka_unit_test(target_70_has_thresholds_70_and_63),
        cmocka_unit_test(aws_alarms_have_awss_periods),
        cmocka_unit_test(aws_acts_once_a_minute_while_in_alarm),
        cmocka_unit_test(aws_without_data_does_not_scale),
        cmocka_unit_test(aws_high_resolution_decides_in_thirty_seconds),
        cmocka_unit_test(disable_scale_in_only_ever_goes_out),
        cmocka_unit_test(fast_sees_a_fourfold_step_in_two_seconds),
        cmocka_unit_test(fast_counts_demand_by_the_instances_of_that_second),
        cmocka_unit_test(fast_ignores_a_single_bad_second),
        cmocka_unit_test(fast_hardly_ever_scales_out_by_chance),
        cmocka_unit_test(fast_is_never_slower_than_aws),
        cmocka_unit_test(fast_follows_requests_in_flight),
        cmocka_unit_test(fast_sees_a_burst_of_requests_in_flight_in_two_seconds),
        cmocka_unit_test(a_burst_is_beyond_what_is_starting_too),
        cmocka_unit_test(fast_looks_longer_at_what_is_sampled),
        cmocka_unit_test(fast_scales_in_to_the_most_wanted_in_the_window),
        cmocka_unit_test(fast_is_as_careful_as_aws_by_default),
        cmocka_unit_test(fast_holds_what_a_burst_wanted),
        cmocka_unit_test(fast_without_data_does_not_scale),
        cmocka_unit_test(fast_follows_aws_where_there_is_one_datum_a_minute),
        cmocka_unit_test(fast_knows_a_young_metric_after_seconds),
        cmocka_unit_test(fast_tells_awss_rule_where_that_one_judged),
        cmocka_unit_test(fast_alarms_tell_what_is_judged),
        cmocka_unit_test(a_clock_set_back_begins_anew),
        cmocka_unit_test(cooldowns_default_as_on_aws),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
