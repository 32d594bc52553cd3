/* Step scaling: which step an alarm's metric takes, and what that makes of the capacity. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scaling/decide.h"

#define OPEN_BELOW (-(double)INFINITY)
#define OPEN_ABOVE ((double)INFINITY)

static const wall_ms_t now = 1769026560000;

static struct wish triggered(const struct step_scaling *s, bool below, double threshold,
                             double metric)
{
    return (struct wish){ .kind = WISH_STEP,
                          .due = true,
                          .below = below,
                          .threshold = threshold,
                          .metric = metric,
                          .steps = s };
}

static struct wish settle(struct wish w, int base)
{
    wish_settle(&w, now, base);
    return w;
}

/* --- choosing --------------------------------------------------------------------------------- */

static void above_the_threshold_the_lower_bound_is_inclusive(void **state)
{
    const struct step_scaling s = { .type = STEP_CHANGE,
                                    .n_steps = 2,
                                    .steps = { { 0, 10, 1 }, { 10, OPEN_ABOVE, 3 } } };

    assert_int_equal(step_find(&s, false, 60 - 50)->adjustment, 3);
    assert_int_equal(step_find(&s, false, 59.9 - 50)->adjustment, 1);
    assert_int_equal(step_find(&s, false, 0)->adjustment, 1);
    assert_null(step_find(&s, false, -0.1));
    assert_int_equal(settle(triggered(&s, false, 50, 60), 4).capacity, 7);
}

static void below_the_threshold_the_upper_bound_is_inclusive(void **state)
{
    const struct step_scaling s = { .type = STEP_CHANGE,
                                    .n_steps = 2,
                                    .steps = { { -10, 0, -1 }, { OPEN_BELOW, -10, -2 } } };

    assert_int_equal(step_find(&s, true, 40 - 50)->adjustment, -2);
    assert_int_equal(step_find(&s, true, 40.1 - 50)->adjustment, -1);
    assert_int_equal(step_find(&s, true, 0)->adjustment, -1);
    assert_null(step_find(&s, true, 0.1));
    assert_int_equal(settle(triggered(&s, true, 50, 40), 4).capacity, 2);
}

static void without_a_step_for_the_metric_nothing_is_wanted(void **state)
{
    const struct step_scaling s = { .n_steps = 1, .steps = { { 10, OPEN_ABOVE, 1 } } };

    assert_int_equal(settle(triggered(&s, false, 50, 55), 4).direction, DIRECTION_NONE);
    assert_int_equal(settle(triggered(&s, false, 50, (double)NAN), 4).direction, DIRECTION_NONE);
}

static void datapoints_are_aggregated(void **state)
{
    const double points[] = { 3, (double)NAN, 9, 6 };

    assert_true(step_metric(STEP_AVERAGE, points, 4) == 6);
    assert_true(step_metric(STEP_MINIMUM, points, 4) == 3);
    assert_true(step_metric(STEP_MAXIMUM, points, 4) == 9);
    assert_true(isnan(step_metric(STEP_AVERAGE, points + 1, 1)));
}

/* --- amounts ---------------------------------------------------------------------------------- */

static int percent(int current, int adjustment, int min_magnitude)
{
    const struct step_scaling s = { .type = STEP_PERCENT, .min_magnitude = min_magnitude };
    const struct step step = { .adjustment = adjustment };

    return step_capacity(&s, &step, current) - current;
}

static void percent_is_rounded_as_on_aws(void **state)
{
    assert_int_equal(percent(4, 25, 2), 2); /* of 4: 1, but no less than 2 */
    assert_int_equal(percent(10, -5, 0), -1);
    assert_int_equal(percent(15, 10, 0), 1);
    assert_int_equal(percent(127, 10, 0), 12); /* 12.7 */
    assert_int_equal(percent(67, 1, 0), 1);    /* 0.67 */
    assert_int_equal(percent(58, -1, 0), -1);  /* -0.58 */
    assert_int_equal(percent(667, -1, 0), -6); /* -6.67 */
    assert_int_equal(percent(10, 10, 0), 1);
    assert_int_equal(percent(10, -40, 6), -6);
    assert_int_equal(percent(10, 0, 3), 0);
    assert_int_equal(percent(0, 50, 1), 1);
}

static void amounts_that_fit_no_integer_are_bounded(void **state)
{
    const struct step_scaling change = { .type = STEP_CHANGE };
    const struct step up = { .adjustment = INT32_MAX }, down = { .adjustment = INT32_MIN };

    assert_int_equal(step_capacity(&change, &up, 100), INT32_MAX);
    assert_int_equal(step_capacity(&change, &down, 100), 0);
    assert_int_equal(percent(INT32_MAX / 2, INT32_MAX, 0), INT32_MAX - INT32_MAX / 2);
}

static void exact_capacity_is_what_it_says(void **state)
{
    const struct step_scaling s = { .type = STEP_EXACT,
                                    .n_steps = 1,
                                    .steps = { { 0, OPEN_ABOVE, 5 } } };
    struct wish w = triggered(&s, false, 50, 60);

    assert_int_equal(settle(w, 2).capacity, 5);
    assert_int_equal(settle(w, 2).direction, DIRECTION_OUT);
    assert_int_equal(settle(w, 7).direction, DIRECTION_IN);
    assert_int_equal(settle(w, 5).direction, DIRECTION_NONE);
}

/* the User Guide's worked example: 10, threshold 50 */
static void metric_60_70_40_30_makes_11_14_13_10(void **state)
{
    const struct step_scaling out = {
        .type = STEP_PERCENT,
        .n_steps = 3,
        .steps = { { 0, 10, 0 }, { 10, 20, 10 }, { 20, OPEN_ABOVE, 30 } },
    };
    const struct step_scaling in = {
        .type = STEP_PERCENT,
        .n_steps = 3,
        .steps = { { -10, 0, 0 }, { -20, -10, -10 }, { OPEN_BELOW, -20, -30 } },
    };

    assert_int_equal(settle(triggered(&out, false, 50, 60), 10).capacity, 11);
    assert_int_equal(settle(triggered(&out, false, 50, 70), 11).capacity, 14);
    assert_int_equal(settle(triggered(&in, true, 50, 40), 14).capacity, 13);
    assert_int_equal(settle(triggered(&in, true, 50, 30), 13).capacity, 10);
}

/* --- cooldown --------------------------------------------------------------------------------- */

static const struct step_scaling plus_2_or_3 = { .type = STEP_CHANGE,
                                                 .n_steps = 2,
                                                 .steps = { { 0, 10, 2 }, { 10, OPEN_ABOVE, 3 } } };

static void ten_plus_2_is_12_then_step_3_is_13_and_step_2_again_nothing(void **state)
{
    struct wish w = triggered(&plus_2_or_3, false, 50, 60);

    cooldown_start(&w.cooldown, 10, 12, now - 1000, 300);
    assert_int_equal(settle(w, 12).capacity, 13);
    w.metric = 55;
    assert_int_equal(settle(w, 12).direction, DIRECTION_NONE);
    w.cooldown.until = now;
    assert_int_equal(settle(w, 12).capacity, 14);
}

static struct decision decide_at(struct wish w, int in_service, int desired, int settled)
{
    struct decide_input input = { .min = 1,
                                  .max = 30,
                                  .in_service = in_service,
                                  .desired = desired,
                                  .settled = settled,
                                  .wishes = &w,
                                  .n_wishes = 1 };

    wish_settle(&w, now, decide_base(&input));
    return decide(&input);
}

/* the alarm is acted on each minute, and the first two are not all there yet */
static void what_a_step_is_still_adding_is_not_added_again(void **state)
{
    struct wish w = triggered(&plus_2_or_3, false, 50, 55);

    assert_int_equal(decide_at(w, 10, 10, 10).to, 12);
    assert_int_equal(decide_at(w, 10, 12, 10).reason, NOT_SCALED_AT_DESIRED);
    assert_int_equal(decide_at(w, 11, 12, 10).reason, NOT_SCALED_AT_DESIRED);
    w.metric = 60;
    assert_int_equal(decide_at(w, 11, 12, 10).to, 13);
    assert_int_equal(decide_at(w, 12, 13, 10).verdict, VERDICT_NOT_SCALED);
}

static void a_step_in_is_not_repeated_while_it_cools_down(void **state)
{
    const struct step_scaling minus = { .n_steps = 1, .steps = { { OPEN_BELOW, 0, -1 } } };
    struct wish w = triggered(&minus, true, 50, 40);

    assert_int_equal(decide_at(w, 10, 10, 10).to, 9);
    cooldown_start(&w.cooldown, 10, 9, now - 1000, 300);
    assert_int_equal(decide_at(w, 9, 9, 9).verdict, VERDICT_NOTHING);
    w.cooldown.until = now;
    assert_int_equal(decide_at(w, 9, 9, 9).to, 8);
}

static void a_step_from_zero_adds_one(void **state)
{
    const struct step_scaling wake = { .aggregation = STEP_MAXIMUM,
                                       .n_steps = 1,
                                       .steps = { { 0, OPEN_ABOVE, 1 } } };

    assert_int_equal(settle(triggered(&wake, false, 1, 1), 0).capacity, 1);
}

/* --- with others ------------------------------------------------------------------------------ */

static void plus_3_and_plus_200_percent_of_10_make_30(void **state)
{
    const struct step_scaling three = { .n_steps = 1, .steps = { { 0, OPEN_ABOVE, 3 } } };
    const struct step_scaling triple = { .type = STEP_PERCENT,
                                         .n_steps = 1,
                                         .steps = { { 0, OPEN_ABOVE, 200 } } };
    struct wish wishes[] = { settle(triggered(&three, false, 50, 60), 10),
                             settle(triggered(&triple, false, 50, 60), 10) };
    struct decide_input input = { .min = 1,
                                  .max = 100,
                                  .in_service = 10,
                                  .desired = 10,
                                  .settled = 10,
                                  .wishes = wishes,
                                  .n_wishes = 2 };

    assert_int_equal(decide(&input).to, 30);
    assert_int_equal(decide(&input).winner, 1);
}

static void a_step_in_needs_nobodys_consent_but_no_one_who_wants_out(void **state)
{
    const struct step_scaling minus = { .n_steps = 1, .steps = { { OPEN_BELOW, 0, -2 } } };
    struct wish wishes[] = {
        { .kind = WISH_TRACKING, .may_scale_in = true },
        settle(triggered(&minus, true, 50, 40), 10),
    };
    struct decide_input input = { .min = 1,
                                  .max = 100,
                                  .in_service = 10,
                                  .desired = 10,
                                  .settled = 10,
                                  .wishes = wishes,
                                  .n_wishes = 2 };

    assert_int_equal(decide(&input).to, 8);
    wishes[0].direction = DIRECTION_OUT;
    assert_int_equal(decide(&input).verdict, VERDICT_NOTHING);
    wishes[0] = (struct wish){ .kind = WISH_TRACKING,
                               .may_scale_in = true,
                               .due = true,
                               .direction = DIRECTION_IN,
                               .capacity = 9 };
    assert_int_equal(decide(&input).to, 9);
}

/* --- configurations --------------------------------------------------------------------------- */

static void steps_that_cannot_be_are_refused(void **state)
{
    static const struct {
        struct step_scaling s;
        const char *why; /* a part of it; NULL: it is fine */
    } cases[] = {
        { { .n_steps = 0 }, "At least one" },
        { { .n_steps = 1, .steps = { { 0, OPEN_ABOVE, 1 } } }, NULL },
        { { .n_steps = 1, .steps = { { OPEN_BELOW, 0, -1 } } }, NULL },
        { { .n_steps = 1, .steps = { { OPEN_BELOW, OPEN_ABOVE, 1 } } }, "at least one of" },
        { { .n_steps = 1, .steps = { { 5, 5, 1 } } }, "must be greater" },
        { { .n_steps = 1, .steps = { { 5, 2, 1 } } }, "must be greater" },
        { { .n_steps = 2, .steps = { { 10, OPEN_ABOVE, 2 }, { 0, 10, 1 } } }, NULL },
        { { .n_steps = 2, .steps = { { 0, 10, 1 }, { 9, OPEN_ABOVE, 2 } } }, "overlap" },
        { { .n_steps = 2, .steps = { { 0, 10, 1 }, { 11, OPEN_ABOVE, 2 } } }, "gap" },
        { { .n_steps = 2, .steps = { { 0, OPEN_ABOVE, 1 }, { 10, OPEN_ABOVE, 2 } } },
          "MetricIntervalUpperBound" },
        { { .n_steps = 2, .steps = { { OPEN_BELOW, 0, -1 }, { OPEN_BELOW, 5, 2 } } },
          "MetricIntervalLowerBound" },
        { { .n_steps = 1, .steps = { { -10, 0, -1 } } }, "negative MetricIntervalLowerBound" },
        { { .n_steps = 1, .steps = { { 0, 10, 1 } } }, "positive MetricIntervalUpperBound" },
        { { .type = STEP_EXACT, .n_steps = 1, .steps = { { 0, OPEN_ABOVE, -1 } } },
          "ExactCapacity" },
        { { .min_magnitude = 1, .n_steps = 1, .steps = { { 0, OPEN_ABOVE, 1 } } },
          "MinAdjustmentMagnitude" },
        { { .type = STEP_PERCENT,
            .min_magnitude = -1,
            .n_steps = 1,
            .steps = { { 0, OPEN_ABOVE, 1 } } },
          "MinAdjustmentMagnitude" },
        { { .cooldown_s = -1, .n_steps = 1, .steps = { { 0, OPEN_ABOVE, 1 } } }, "Cooldown" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[STEP_WHY_BYTES] = "";
        bool fine = step_check(&cases[i].s, why);

        assert_int_equal(fine, cases[i].why == NULL);
        if (!fine)
            assert_non_null(strstr(why, cases[i].why));
    }
}

static void texts_are_awss(void **state)
{
    enum step_type type;
    enum step_aggregation aggregation;

    assert_true(step_type_parse("PercentChangeInCapacity", &type) && type == STEP_PERCENT);
    assert_true(step_aggregation_parse("Maximum", &aggregation) && aggregation == STEP_MAXIMUM);
    assert_false(step_type_parse("Percent", &type));
    assert_false(step_aggregation_parse("Sum", &aggregation));
    assert_string_equal(step_type_text(STEP_EXACT), "ExactCapacity");
    assert_string_equal(step_aggregation_text(STEP_AVERAGE), "Average");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(above_the_threshold_the_lower_bound_is_inclusive),
        cmocka_unit_test(below_the_threshold_the_upper_bound_is_inclusive),
        cmocka_unit_test(without_a_step_for_the_metric_nothing_is_wanted),
        cmocka_unit_test(datapoints_are_aggregated),
        cmocka_unit_test(percent_is_rounded_as_on_aws),
        cmocka_unit_test(amounts_that_fit_no_integer_are_bounded),
        cmocka_unit_test(exact_capacity_is_what_it_says),
        cmocka_unit_test(metric_60_70_40_30_makes_11_14_13_10),
        cmocka_unit_test(ten_plus_2_is_12_then_step_3_is_13_and_step_2_again_nothing),
        cmocka_unit_test(what_a_step_is_still_adding_is_not_added_again),
        cmocka_unit_test(a_step_in_is_not_repeated_while_it_cools_down),
        cmocka_unit_test(a_step_from_zero_adds_one),
        cmocka_unit_test(plus_3_and_plus_200_percent_of_10_make_30),
        cmocka_unit_test(a_step_in_needs_nobodys_consent_but_no_one_who_wants_out),
        cmocka_unit_test(steps_that_cannot_be_are_refused),
        cmocka_unit_test(texts_are_awss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
