/* Several policies, bounds, cooldowns: what is done with what is wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "scaling/decide.h"

enum { RANDOM_MIXES = 100000 };

static struct wish out(int capacity)
{
    return (struct wish){
        .direction = DIRECTION_OUT, .due = true, .may_scale_in = true, .capacity = capacity
    };
}

static struct wish in(int capacity)
{
    return (struct wish){
        .direction = DIRECTION_IN, .due = true, .may_scale_in = true, .capacity = capacity
    };
}

static struct wish none(void)
{
    return (struct wish){ .may_scale_in = true };
}

static struct decision ask(int current, struct wish a, struct wish b)
{
    struct wish wishes[] = { a, b };

    return decide(&(struct decide_input){ .min = 1,
                                          .max = 10,
                                          .in_service = current,
                                          .desired = current,
                                          .wishes = wishes,
                                          .n_wishes = 2 });
}

static void two_policies_scale_out_to_the_larger_proposal(void **state)
{
    struct decision d = ask(4, out(5), out(8));

    assert_int_equal(d.verdict, VERDICT_SCALE);
    assert_int_equal(d.direction, DIRECTION_OUT);
    assert_int_equal(d.from, 4);
    assert_int_equal(d.to, 8);
    assert_int_equal(d.winner, 1);
    assert_int_equal(ask(4, none(), out(8)).to, 8);
    assert_int_equal(ask(4, in(1), out(8)).to, 8);
}

static void two_policies_scale_in_to_the_larger_proposal(void **state)
{
    struct decision d = ask(9, in(3), in(6));

    assert_int_equal(d.verdict, VERDICT_SCALE);
    assert_int_equal(d.direction, DIRECTION_IN);
    assert_int_equal(d.to, 6);
    assert_int_equal(d.winner, 1);
}

static void one_alarm_low_with_insufficient_data_stops_scale_in(void **state)
{
    assert_int_equal(ask(9, in(3), none()).verdict, VERDICT_NOTHING);
}

static void a_policy_that_never_scales_in_has_no_veto(void **state)
{
    struct wish disabled = { .may_scale_in = false };

    assert_int_equal(ask(9, in(3), disabled).to, 3);
    assert_int_equal(ask(9, disabled, disabled).verdict, VERDICT_NOTHING);
}

static void a_wish_to_go_out_stops_scale_in_even_when_not_due(void **state)
{
    struct wish waiting = out(12);

    waiting.due = false;
    assert_int_equal(ask(9, in(3), waiting).verdict, VERDICT_NOTHING);
    waiting.due = true;
    waiting.floor = 12;
    assert_int_equal(ask(9, in(3), waiting).verdict, VERDICT_NOTHING);
}

static void scale_in_cooldown_of_one_policy_stops_scale_in(void **state)
{
    struct wish cooling = in(3);

    cooling.in_blocked = true;
    assert_int_equal(ask(9, cooling, in(3)).verdict, VERDICT_NOTHING);
}

static void stays_within_the_bounds_and_says_so(void **state)
{
    assert_int_equal(ask(4, out(99), none()).to, 10);
    assert_int_equal(ask(10, out(99), none()).verdict, VERDICT_NOT_SCALED);
    assert_int_equal(ask(10, out(99), none()).reason, NOT_SCALED_AT_MAX);
    assert_int_equal(ask(4, in(0), in(0)).to, 1);
    assert_int_equal(ask(1, in(0), in(0)).reason, NOT_SCALED_AT_MIN);
    /* a manual count beyond the maximum stays until somebody wants in */
    assert_int_equal(ask(12, out(20), none()).reason, NOT_SCALED_AT_MAX);
    assert_int_equal(ask(12, in(2), in(2)).to, 2);
}

static void anticipates_flapping(void **state)
{
    struct decision d = ask(2, in(2), in(1));

    assert_int_equal(d.verdict, VERDICT_NOT_SCALED);
    assert_int_equal(d.reason, NOT_SCALED_FLAPPING);
}

static void never_asks_twice_for_what_is_starting(void **state)
{
    struct wish w = out(4);
    struct decide_input input = {
        .min = 1, .max = 10, .in_service = 1, .desired = 4, .wishes = &w, .n_wishes = 1
    };

    assert_int_equal(decide(&input).verdict, VERDICT_NOT_SCALED);
    assert_int_equal(decide(&input).reason, NOT_SCALED_AT_DESIRED);
    w.capacity = 6;
    assert_int_equal(decide(&input).to, 6);
    w = in(2); /* one in service is not too many, whatever else is starting */
    assert_int_equal(decide(&input).verdict, VERDICT_NOTHING);
    input.in_service = 3;
    assert_int_equal(decide(&input).to, 2);
}

static void suspension_drops_changes(void **state)
{
    struct wish w = out(6);
    struct decide_input input = { .min = 1,
                                  .max = 10,
                                  .in_service = 4,
                                  .desired = 4,
                                  .out_suspended = true,
                                  .wishes = &w,
                                  .n_wishes = 1 };

    assert_int_equal(decide(&input).verdict, VERDICT_NOTHING);
    w = in(2);
    assert_int_equal(decide(&input).verdict, VERDICT_SCALE);
    input.in_suspended = true;
    assert_int_equal(decide(&input).verdict, VERDICT_NOTHING);
}

static void says_when_the_resource_cannot_change(void **state)
{
    struct wish w = out(6);
    struct decide_input input = { .min = 1,
                                  .max = 10,
                                  .in_service = 4,
                                  .desired = 4,
                                  .unscalable = true,
                                  .wishes = &w,
                                  .n_wishes = 1 };

    assert_int_equal(decide(&input).reason, NOT_SCALED_UNSCALABLE);
    w = in(2);
    assert_int_equal(decide(&input).reason, NOT_SCALED_UNSCALABLE);
    assert_string_equal(not_scaled_code(NOT_SCALED_UNSCALABLE),
                        "TargetServicePutResourceAsUnscalable");
}

/* 10 -> +2 -> 12 (cooldown 300 running): step +3 -> 13; step +2 again -> 12 (nothing) */
static void cooldown_counts_what_was_added_before(void **state)
{
    struct cooldown c = { .direction = DIRECTION_NONE };

    cooldown_start(&c, 10, 12, 1000, 300);
    assert_int_equal(12 + 3 - cooldown_credit(&c, 2000), 13);
    assert_int_equal(12 + 2 - cooldown_credit(&c, 2000), 12);
    assert_int_equal(12 + 2 - cooldown_credit(&c, 301000), 14);
    assert_int_equal(cooldown_floor(&c, 300999), 12);
    assert_int_equal(cooldown_floor(&c, 301000), 0);
    assert_false(cooldown_blocks_in(&c, 2000));
}

static void scale_out_cooldown_lets_only_larger_proposals_through(void **state)
{
    struct wish w = out(12);

    w.floor = 12;
    assert_int_equal(ask(9, w, none()).verdict, VERDICT_NOTHING);
    w.floor = 11;
    assert_int_equal(ask(9, w, none()).to, 10);
}

static void scale_in_cooldown_ends_by_time_or_by_scaling_out(void **state)
{
    struct cooldown c = { .direction = DIRECTION_NONE };

    cooldown_start(&c, 12, 10, 1000, 300);
    assert_true(cooldown_blocks_in(&c, 300999));
    assert_false(cooldown_blocks_in(&c, 301000));
    assert_int_equal(cooldown_credit(&c, 2000), 0);
    cooldown_scaled_out(&c);
    assert_false(cooldown_blocks_in(&c, 2000));

    cooldown_start(&c, 10, 12, 1000, 300);
    cooldown_scaled_out(&c); /* ends scale-in cooldowns only */
    assert_int_equal(cooldown_floor(&c, 2000), 12);
}

static void no_seconds_no_cooldown(void **state)
{
    struct cooldown c = { .direction = DIRECTION_NONE };

    cooldown_start(&c, 1, 2, 1000, 0);
    assert_int_equal(c.direction, DIRECTION_NONE);
}

static struct wish forecast(int capacity, bool due)
{
    return (struct wish){
        .kind = WISH_FORECAST, .direction = DIRECTION_OUT, .due = due, .capacity = capacity
    };
}

static void a_forecast_adds_what_it_needs(void **state)
{
    struct decision d = ask(4, forecast(7, true), none());

    assert_int_equal(d.verdict, VERDICT_SCALE);
    assert_int_equal(d.direction, DIRECTION_OUT);
    assert_int_equal(d.to, 7);
    assert_int_equal(d.winner, 0);
    assert_int_equal(ask(4, forecast(7, true), out(9)).to, 9);
    assert_int_equal(ask(4, forecast(7, true), out(5)).to, 7);
    assert_int_equal(ask(4, forecast(7, true), in(1)).to, 7);
    assert_int_equal(ask(4, forecast(70, true), none()).to, 10);
}

static void a_forecast_never_removes_anything(void **state)
{
    assert_int_equal(ask(4, forecast(2, true), none()).verdict, VERDICT_NOTHING);
    assert_int_equal(ask(4, forecast(0, true), none()).verdict, VERDICT_NOTHING);
}

static void once_reached_a_forecast_is_a_floor_only(void **state)
{
    /* somebody set fewer: that stays, and goes no lower */
    assert_int_equal(ask(4, forecast(7, false), none()).verdict, VERDICT_NOTHING);
    assert_int_equal(ask(4, forecast(7, false), in(1)).verdict, VERDICT_NOTHING);
    assert_int_equal(ask(9, forecast(7, false), in(1)).to, 7);
    assert_int_equal(ask(9, forecast(7, false), in(1)).winner, 1);
    assert_int_equal(ask(9, forecast(3, false), in(5)).to, 5);
    assert_int_equal(ask(7, forecast(7, false), in(1)).verdict, VERDICT_NOTHING);
    /* one that is due stands no more in the way of scaling in than that */
    assert_int_equal(ask(9, forecast(7, true), in(1)).to, 7);
}

static void a_forecast_beyond_the_maximum_says_so(void **state)
{
    struct decision d = ask(10, forecast(12, true), in(1));

    assert_int_equal(d.verdict, VERDICT_NOT_SCALED);
    assert_int_equal(d.reason, NOT_SCALED_AT_MAX);
    assert_int_equal(ask(10, forecast(12, false), in(1)).verdict, VERDICT_NOTHING);
}

static void the_largest_forecast_is_the_floor(void **state)
{
    struct wish wishes[] = { forecast(3, false), forecast(5, true), out(9) };
    struct decide_input input = { .min = 1, .max = 10, .wishes = wishes, .n_wishes = 3 };

    assert_int_equal(decide_floor(&input), 5);
    input.max = 4;
    assert_int_equal(decide_floor(&input), 4);
    input.wishes = wishes + 2;
    input.n_wishes = 1;
    assert_int_equal(decide_floor(&input), 0);
}

static struct wish random_wish(struct random *r)
{
    int capacity = (int)random_below(r, 14);

    switch (random_below(r, 4)) {
    case 0:
        return out(capacity);
    case 1:
        return in(capacity);
    case 2:
        return none();
    default:
        return forecast(capacity, random_below(r, 2));
    }
}

static void no_mix_of_wishes_goes_below_a_forecast_or_outside_the_bounds(void **state)
{
    struct random r;

    random_init(&r, 11);
    for (int i = 0; i < RANDOM_MIXES; i++) {
        struct wish wishes[3] = { random_wish(&r), random_wish(&r), random_wish(&r) };
        int current = 1 + (int)random_below(&r, 10);
        struct decide_input input = { .min = 1,
                                      .max = 1 + (int)random_below(&r, 10),
                                      .in_service = current,
                                      .desired = current,
                                      .wishes = wishes,
                                      .n_wishes = 3 };
        struct decision d = decide(&input);
        int floor = decide_floor(&input);

        if (d.verdict != VERDICT_SCALE)
            continue;
        assert_in_range(d.to, input.min, input.max);
        assert_true(d.direction == DIRECTION_OUT ? d.to > current : d.to < current);
        if (d.direction == DIRECTION_IN)
            assert_true(d.to >= floor);
        else if (wishes[d.winner].kind == WISH_FORECAST)
            assert_true(d.to <= floor); /* a larger one may be reached already */
    }
}

static void suspended_scaling_out_keeps_a_forecast_from_adding(void **state)
{
    struct wish wishes[] = { forecast(7, true), in(1) };
    struct decide_input input = { .min = 1,
                                  .max = 10,
                                  .in_service = 4,
                                  .desired = 4,
                                  .out_suspended = true,
                                  .wishes = wishes,
                                  .n_wishes = 2 };

    assert_int_equal(decide(&input).verdict, VERDICT_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_policies_scale_out_to_the_larger_proposal),
        cmocka_unit_test(two_policies_scale_in_to_the_larger_proposal),
        cmocka_unit_test(one_alarm_low_with_insufficient_data_stops_scale_in),
        cmocka_unit_test(a_policy_that_never_scales_in_has_no_veto),
        cmocka_unit_test(a_wish_to_go_out_stops_scale_in_even_when_not_due),
        cmocka_unit_test(scale_in_cooldown_of_one_policy_stops_scale_in),
        cmocka_unit_test(stays_within_the_bounds_and_says_so),
        cmocka_unit_test(anticipates_flapping),
        cmocka_unit_test(never_asks_twice_for_what_is_starting),
        cmocka_unit_test(suspension_drops_changes),
        cmocka_unit_test(says_when_the_resource_cannot_change),
        cmocka_unit_test(cooldown_counts_what_was_added_before),
        cmocka_unit_test(scale_out_cooldown_lets_only_larger_proposals_through),
        cmocka_unit_test(scale_in_cooldown_ends_by_time_or_by_scaling_out),
        cmocka_unit_test(no_seconds_no_cooldown),
        cmocka_unit_test(a_forecast_adds_what_it_needs),
        cmocka_unit_test(a_forecast_never_removes_anything),
        cmocka_unit_test(once_reached_a_forecast_is_a_floor_only),
        cmocka_unit_test(a_forecast_beyond_the_maximum_says_so),
        cmocka_unit_test(the_largest_forecast_is_the_floor),
        cmocka_unit_test(no_mix_of_wishes_goes_below_a_forecast_or_outside_the_bounds),
        cmocka_unit_test(suspended_scaling_out_keeps_a_forecast_from_adding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
