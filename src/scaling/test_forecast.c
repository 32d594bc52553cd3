/* What a forecast makes of daily and weekly habits, shifts, gaps and nonsense. How good it is on
 * recorded loads is for tests/bench/forecast to say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "scaling/forecast.h"
#include "scaling/weighted_median.h"

enum { N = FORECAST_HISTORY_HOURS, DAY = 24, WEEK = 7 * DAY, RANDOM_SERIES = 300 };

/* hour @t of a load that is high by day and half of that on two days of seven */
static double habit(size_t t)
{
    double day = 100 + 80 * sin(2 * M_PI * (double)(t % DAY) / DAY);

    return t / DAY % 7 >= 5 ? day / 2 : day;
}

static void fill(double *load, size_t n, double (*of)(size_t t))
{
    for (size_t t = 0; t < n; t++)
        load[t] = of(t);
}

static void assert_near(double value, double wanted, double tolerance)
{
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%g instead of %g", value, wanted);
}

static double worst(const double *forecast, size_t from, double (*of)(size_t t))
{
    double most = 0;

    for (size_t k = 0; k < FORECAST_HOURS; k++)
        most = fmax(most, fabs(forecast[k] - of(from + k)));
    return most;
}

static double mean_error(const double *forecast, size_t from, double (*of)(size_t t))
{
    double sum = 0;

    for (size_t k = 0; k < FORECAST_HOURS; k++)
        sum += fabs(forecast[k] - of(from + k));
    return sum / FORECAST_HOURS;
}

static void a_weighted_median_is_the_middle_of_the_weight(void **state)
{
    struct weighed none, one[] = { { 7, 3 } };
    struct weighed odd[] = { { 9, 1 }, { 1, 1 }, { 5, 1 } };
    struct weighed even[] = { { 4, 1 }, { 2, 1 } };
    struct weighed heavy[] = { { 1, 1 }, { 2, 100 }, { 1e9, 1 } };

    assert_true(isnan(weighted_median(&none, 0)));
    assert_near(weighted_median(one, 1), 7, 0);
    assert_near(weighted_median(odd, 3), 5, 0);
    assert_near(weighted_median(even, 2), 3, 0);
    assert_near(weighted_median(heavy, 3), 2, 1e-9);
}

static void a_day_must_be_known(void **state)
{
    double load[N], ret[FORECAST_HOURS] = { -1 };

    for (size_t t = 0; t < N; t++)
        load[t] = t % 14 == 0 ? 5 : (double)NAN; /* 24 hours of the two weeks */
    assert_true(forecast_load(load, N, ret));
    load[0] = (double)NAN;
    ret[0] = -1;
    assert_false(forecast_load(load, N, ret));
    assert_near(ret[0], -1, 0);
    assert_false(forecast_load(load, 0, ret));
    fill(load, DAY, habit);
    assert_false(forecast_load(load, DAY - 1, ret));
    assert_true(forecast_load(load, DAY, ret));
}

static void a_single_day_repeats(void **state)
{
    double load[DAY], ret[FORECAST_HOURS];

    fill(load, DAY, habit);
    assert_true(forecast_load(load, DAY, ret));
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        assert_near(ret[k], load[k % DAY], 1e-9);
}

static void what_repeats_by_day_and_week_is_forecast(void **state)
{
    double load[N + DAY], ret[FORECAST_HOURS];

    fill(load, N + DAY, habit);
    /* from every hour of a day, among them those before and after a weekend begins */
    for (size_t at = 0; at < DAY; at++) {
        assert_true(forecast_load(load + at, N, ret));
        assert_true(worst(ret, at + N, habit) < 3);
    }
}

static void a_constant_load_stays(void **state)
{
    double load[N], ret[FORECAST_HOURS];

    for (size_t t = 0; t < N; t++)
        load[t] = 42;
    assert_true(forecast_load(load, N, ret));
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        assert_near(ret[k], 42, 1e-9);
    memset(load, 0, sizeof load);
    assert_true(forecast_load(load, N, ret));
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        assert_near(ret[k], 0, 0);
}

static void a_new_level_is_believed_within_a_day(void **state)
{
    double load[N], ret[FORECAST_HOURS];

    for (size_t t = 0; t < N; t++)
        load[t] = (t < N - DAY ? 100 : 300) + 10 * sin(2 * M_PI * (double)t / DAY);
    assert_true(forecast_load(load, N, ret));
    for (size_t k = 0; k < 6; k++)
        assert_near(ret[k], 300, 40);
}

static void hours_and_a_day_of_nonsense_change_little(void **state)
{
    double load[N], ret[FORECAST_HOURS];

    fill(load, N, habit);
    load[N - 50] = 1e6;
    load[N - 75] = 0;
    for (size_t t = N - 4 * DAY; t < N - 3 * DAY; t++)
        load[t] = 0; /* a day of outage, or a holiday */
    assert_true(forecast_load(load, N, ret));
    assert_true(worst(ret, N, habit) < 20);
}

static void gaps_are_bridged(void **state)
{
    double load[N], ret[FORECAST_HOURS];
    struct random r;

    random_init(&r, 5);
    fill(load, N, habit);
    for (size_t t = 0; t < N; t++)
        if (random_below(&r, 3) == 0)
            load[t] = (double)NAN;
    for (size_t t = N - 10; t < N; t++)
        load[t] = (double)NAN; /* weir was down until now */
    assert_true(forecast_load(load, N, ret));
    /* a tenth: where no day of the same kind is known, it is wrong */
    assert_true(mean_error(ret, N, habit) < 10);
}

static void what_was_never_seen_at_that_hour_is_as_always(void **state)
{
    double load[4 * DAY], ret[FORECAST_HOURS];

    for (size_t t = 0; t < 4 * DAY; t++)
        load[t] = t % DAY < 12 ? 50 : (double)NAN;
    assert_true(forecast_load(load, 4 * DAY, ret));
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        assert_near(ret[k], 50, 1e-9);
}

/* @times the load has @times the forecast: it does not matter what it is counted in */
static void it_grows_with_the_load(void **state)
{
    double load[N], more[N], ret[FORECAST_HOURS], ret_more[FORECAST_HOURS];
    struct random r;

    random_init(&r, 7);
    for (size_t t = 0; t < N; t++) {
        load[t] = habit(t) * (0.5 + random_unit(&r));
        more[t] = load[t] * 1024;
    }
    assert_true(forecast_load(load, N, ret));
    assert_true(forecast_load(more, N, ret_more));
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        assert_near(ret_more[k], ret[k] * 1024, 1e-9 * ret_more[k]);
}

static size_t random_series(struct random *r, double *load)
{
    size_t n = random_below(r, N + 1);
    double scale = pow(10, (double)random_below(r, 40) - 10);

    for (size_t t = 0; t < n; t++) {
        load[t] = random_below(r, 8) == 0 ? (double)NAN : scale * random_unit(r);
        if (random_below(r, 50) == 0)
            load[t] *= 1e6;
    }
    return n;
}

static void any_load_has_a_finite_forecast_and_always_the_same(void **state)
{
    double load[N], ret[FORECAST_HOURS], again[FORECAST_HOURS];
    struct random r;

    random_init(&r, 20260102);
    for (size_t i = 0; i < RANDOM_SERIES; i++) {
        size_t n = random_series(&r, load);
        double most = 0;

        if (!forecast_load(load, n, ret))
            continue;
        for (size_t t = 0; t < n; t++)
            most = fmax(most, load[t]); /* of NAN and a number the number */
        for (size_t k = 0; k < FORECAST_HOURS; k++) {
            assert_true(isfinite(ret[k]) && ret[k] >= 0);
            assert_true(ret[k] <= 3 * most);
        }
        assert_true(forecast_load(load, n, again));
        assert_memory_equal(ret, again, sizeof ret);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_weighted_median_is_the_middle_of_the_weight),
        cmocka_unit_test(a_day_must_be_known),
        cmocka_unit_test(a_single_day_repeats),
        cmocka_unit_test(what_repeats_by_day_and_week_is_forecast),
        cmocka_unit_test(a_constant_load_stays),
        cmocka_unit_test(a_new_level_is_believed_within_a_day),
        cmocka_unit_test(hours_and_a_day_of_nonsense_change_little),
        cmocka_unit_test(gaps_are_bridged),
        cmocka_unit_test(what_was_never_seen_at_that_hour_is_as_always),
        cmocka_unit_test(it_grows_with_the_load),
        cmocka_unit_test(any_load_has_a_finite_forecast_and_always_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
