/* From a forecast load to capacities, and when they are wanted. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scaling/prediction.h"

static const wall_ms_t ten = 1767348000000; /* 2026-01-02T10:00:00Z */

enum { MINUTE_MS = 60000, BUFFER_MS = 5 * MINUTE_MS };

/* 6000 an hour, and 24000 from 11 to 12; an instance takes 50 a minute, 3000 an hour */
static struct prediction made(void)
{
    struct prediction p = { .made = ten, .first = ten, .target = 50, .factor = 1.0 / 60 };

    for (size_t i = 0; i < FORECAST_HOURS; i++)
        p.load[i] = i == 1 ? 24000 : 6000;
    return p;
}

static void an_hour_starts_where_the_clock_says(void **state)
{
    assert_int_equal(prediction_hour_of(ten), ten);
    assert_int_equal(prediction_hour_of(ten + PREDICTION_HOUR_MS - 1), ten);
    assert_int_equal(prediction_hour_of(-1), -PREDICTION_HOUR_MS);
}

static void an_hours_capacity_is_its_load_by_the_target_rounded_up(void **state)
{
    struct prediction p = made();
    struct predicted_hour h;

    assert_true(prediction_at(&p, ten + PREDICTION_HOUR_MS, &h));
    assert_int_equal(h.start, ten + PREDICTION_HOUR_MS);
    assert_true(h.load == 24000);
    assert_int_equal(h.capacity, 8);
    p.load[1] = 24001;
    assert_true(prediction_at(&p, ten + PREDICTION_HOUR_MS, &h));
    assert_int_equal(h.capacity, 9);
    p.load[1] = 1e300;
    assert_true(prediction_at(&p, ten + PREDICTION_HOUR_MS, &h));
    assert_int_equal(h.capacity, INT_MAX);
    p.load[1] = 0;
    assert_true(prediction_at(&p, ten + PREDICTION_HOUR_MS, &h));
    assert_int_equal(h.capacity, 0);
}

static void before_and_after_it_there_is_no_forecast(void **state)
{
    struct prediction p = made(), none = { .made = 0 };
    struct predicted_hour h;

    assert_false(prediction_at(&p, ten - 1, &h));
    assert_true(prediction_at(&p, ten + FORECAST_HOURS * PREDICTION_HOUR_MS - 1, &h));
    assert_false(prediction_at(&p, ten + FORECAST_HOURS * PREDICTION_HOUR_MS, &h));
    assert_false(prediction_at(&none, 0, &h));
    assert_false(prediction_needed(&none, ten, BUFFER_MS, &h));
}

static void more_is_wanted_a_buffer_before_its_hour_and_less_when_that_is_over(void **state)
{
    const struct {
        int minute, capacity;
    } cases[] = { { 0, 2 }, { 54, 2 }, { 55, 8 }, { 60, 8 }, { 114, 8 }, { 119, 8 }, { 120, 2 } };
    struct prediction p = made();
    struct predicted_hour h;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(prediction_needed(&p, ten + cases[i].minute * MINUTE_MS, BUFFER_MS, &h));
        assert_int_equal(h.capacity, cases[i].capacity);
    }
    /* a forecast that begins within the buffer */
    assert_true(prediction_needed(&p, ten - BUFFER_MS, BUFFER_MS, &h));
    assert_int_equal(h.start, ten);
}

static void each_hour_is_reached_for_once(void **state)
{
    struct prediction_reached r = { 0 };
    struct prediction p = made();
    struct predicted_hour h;

    assert_true(prediction_needed(&p, ten, BUFFER_MS, &h));
    assert_true(prediction_is_due(&r, ten, BUFFER_MS, &h));
    prediction_reach(&r, ten, BUFFER_MS, &h);
    assert_false(prediction_is_due(&r, ten, BUFFER_MS, &h));
    assert_false(prediction_is_due(&r, ten + 54 * MINUTE_MS, BUFFER_MS, &h));
    assert_true(prediction_is_due(&r, ten + 55 * MINUTE_MS, BUFFER_MS, &h));
}

static void a_newer_forecast_that_says_more_is_reached_for_at_once(void **state)
{
    struct prediction_reached r = { 0 };
    struct prediction p = made();
    struct predicted_hour h;

    assert_true(prediction_needed(&p, ten, BUFFER_MS, &h));
    prediction_reach(&r, ten, BUFFER_MS, &h);
    h.capacity--;
    assert_false(prediction_is_due(&r, ten, BUFFER_MS, &h));
    h.capacity += 2;
    assert_true(prediction_is_due(&r, ten, BUFFER_MS, &h));
}

static void the_maximum_leaves_room_for_the_buffer(void **state)
{
    assert_int_equal(prediction_max(50, 10), 55); /* AWS's example */
    assert_int_equal(prediction_max(50, 0), 50);
    assert_int_equal(prediction_max(3, 10), 4);
    assert_int_equal(prediction_max(0, 100), 0);
    assert_int_equal(prediction_max(INT_MAX, 100), INT_MAX);
}

static void the_factor_is_learnt_from_most_of_the_load(void **state)
{
    /* 10 of load take 2 of metric x instances; one hour says something else, others nothing */
    const double load[] = { 10, 100, 50, 1000, 0, NAN, 70, 80 };
    const double capacity[] = { 1, 4, 2, 10, 1, 2, NAN, 0 };
    const double scaling[] = { 99, 5, 5, 20, 3, 3, 3, 3 };
    const struct prediction_past past = { load, scaling, capacity, 8 };
    const struct prediction_past silent = { load + 4, scaling + 4, capacity + 4, 4 };

    assert_true(fabs(prediction_factor(&past) - 0.2) < 0.01);
    assert_true(isnan(prediction_factor(&silent)));
}

static void correlation_tells_whether_the_metrics_belong_together(void **state)
{
    double load[FORECAST_LEAST_HOURS], capacity[FORECAST_LEAST_HOURS];
    double scaling[FORECAST_LEAST_HOURS];
    struct prediction_past past = { load, scaling, capacity, FORECAST_LEAST_HOURS };

    for (size_t i = 0; i < past.n; i++) {
        capacity[i] = 1 + (double)(i % 3);
        load[i] = 100 + (double)i;
        scaling[i] = 7 + load[i] / capacity[i];
    }
    assert_true(fabs(prediction_correlation(&past) - 1) < 1e-9);
    for (size_t i = 0; i < past.n; i++)
        scaling[i] = -scaling[i];
    assert_true(fabs(prediction_correlation(&past) + 1) < 1e-9);
    past.n--;
    assert_true(isnan(prediction_correlation(&past)));
    past.n++;
    for (size_t i = 0; i < past.n; i++)
        scaling[i] = 5;
    assert_true(isnan(prediction_correlation(&past)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour_starts_where_the_clock_says),
        cmocka_unit_test(an_hours_capacity_is_its_load_by_the_target_rounded_up),
        cmocka_unit_test(before_and_after_it_there_is_no_forecast),
        cmocka_unit_test(more_is_wanted_a_buffer_before_its_hour_and_less_when_that_is_over),
        cmocka_unit_test(each_hour_is_reached_for_once),
        cmocka_unit_test(a_newer_forecast_that_says_more_is_reached_for_at_once),
        cmocka_unit_test(the_maximum_leaves_room_for_the_buffer),
        cmocka_unit_test(the_factor_is_learnt_from_most_of_the_load),
        cmocka_unit_test(correlation_tells_whether_the_metrics_belong_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
