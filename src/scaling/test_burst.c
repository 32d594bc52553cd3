/* Pace fast under traffic as it comes: steps, ramps, spikes, bursts, and chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scaling/test_fleet.h"

enum { START_S = 5 };

static const double target = 10; /* requests per second and instance */

static void fleet(struct test_fleet *f, uint64_t seed)
{
    test_fleet_init(f, PACE_FAST, target, START_S, seed);
    f->policy.scale_in_cooldown_s = 60;
}

/* @seconds at @rate per second on average */
static void live(struct test_fleet *f, int seconds, double rate)
{
    for (int i = 0; i < seconds; i++)
        test_fleet_second(f, test_fleet_arrivals(f, rate));
}

/* the same until the fleet is to have @wanted. Return: seconds. */
static int live_until(struct test_fleet *f, double rate, int wanted)
{
    int seconds = 0;

    while (f->desired < wanted) {
        assert_true(++seconds < 100);
        live(f, 1, rate);
    }
    return seconds;
}

static void a_fourfold_step_is_answered_after_two_seconds(void **state)
{
    int after[4] = { 0 };

    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct test_fleet f;
        int seconds;

        fleet(&f, seed);
        live(&f, 70, 9);
        assert_int_equal(f.desired, 1);
        seconds = live_until(&f, 36, 2);
        assert_in_range(seconds, 1, 3);
        after[seconds]++;
        live(&f, 50, 36);
        assert_in_range(f.desired, 4, 6); /* two seconds are 72 requests, or 90 */
        assert_true(f.n_out <= 3);
        assert_int_equal(f.n_in, 0);
        test_fleet_deinit(&f);
    }
    /* sooner where a longer look was near it already, later where chance held requests back */
    assert_true(after[2] >= 40);
}

static void a_tenfold_burst_goes_at_once_to_what_it_needs_and_is_held(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct test_fleet f;
        int most;

        fleet(&f, seed);
        live(&f, 70, 8);
        live(&f, 3, 100);
        assert_in_range(f.desired, 8, 13); /* though only one is in service */
        assert_true(f.n_out <= 3);
        live(&f, 20, 100);
        most = f.desired;
        assert_in_range(most, 10, 14);
        live(&f, 50, 8); /* over; what it needed stays for the scale-in window */
        assert_in_range(f.desired, 9, most);
        live(&f, 120, 8);
        assert_int_equal(f.desired, 1);
        test_fleet_deinit(&f);
    }
}

static void a_moment_is_no_burst(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct test_fleet f;

        fleet(&f, seed);
        live(&f, 70, 5);
        for (int i = 0; i < 20; i++) { /* a second of it now and then, however much */
            live(&f, 1, 60);
            live(&f, 59, 5);
        }
        assert_int_equal(f.n_out, 0);
        test_fleet_deinit(&f);
    }
}

static void a_spike_of_two_whole_seconds_is_one(void **state)
{
    struct test_fleet f;

    fleet(&f, 4711);
    live(&f, 70, 8);
    live(&f, 1, 40);
    assert_int_equal(f.desired, 1);
    live(&f, 1, 40);
    assert_in_range(f.desired, 4, 6);
    live(&f, 200, 8);
    assert_int_equal(f.desired, 1);
    assert_int_equal(f.n_out, 1);
    test_fleet_deinit(&f);
}

static void a_ramp_is_followed_without_going_back(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct test_fleet f;

        fleet(&f, seed);
        live(&f, 70, 8);
        for (int i = 0; i < 120; i++) { /* to five times as much in two minutes */
            double rate = 8 + 32 * i / 120.0;
            live(&f, 1, rate);
            assert_true(f.desired <= (int)(rate / target) + 3);
            assert_true(i < 30 || f.desired >= rate / target / 2);
        }
        live(&f, 60, 40);
        assert_in_range(f.desired, 4, 6);
        assert_int_equal(f.n_in, 0);
        test_fleet_deinit(&f);
    }
}

/* Load that sways about what fits the fleet: it may grow by one, but must not go back and forth. */
static void steady_load_near_the_target_does_not_flap(void **state)
{
    struct test_fleet f;

    fleet(&f, 4711);
    for (int hour = 0; hour < 2; hour++)
        live(&f, 3600, 29);
    assert_in_range(f.desired, 3, 4);
    assert_true(f.n_out <= 5);
    assert_true(f.n_in <= 1);
    test_fleet_deinit(&f);
}

/* as one instance is meant to have, or a little less: any more comes by chance */
static void chance_alone_launches_nothing(void **state)
{
    static const double targets[] = { 0.1, 1, 10, 100 };

    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct test_fleet f;

        test_fleet_init(&f, PACE_FAST, targets[i], START_S, 4711 + i);
        for (int second = 0; second < 2 * 3600; second++) {
            test_fleet_second(&f, test_fleet_arrivals(&f, 0.8 * targets[i]));
            if (f.state.bucket_high == ALARM_ALARM) /* AWS's own rule would have, too */
                f.desired = f.in_service = 1;
            else
                assert_int_equal(f.desired, 1);
        }
        test_fleet_deinit(&f);
    }
}

static void what_starts_already_is_not_asked_for_again(void **state)
{
    struct test_fleet f;

    test_fleet_init(&f, PACE_FAST, target, 60, 4711); /* a minute to start */
    live(&f, 70, 8);
    live_until(&f, 80, 2);
    live(&f, 55, 80);
    assert_int_equal(f.in_service, 1);
    assert_in_range(f.desired, 8, 10);
    test_fleet_deinit(&f);
}

static void an_empty_fleet_begins_anew(void **state)
{
    struct test_fleet f;
    int seconds = 0;

    fleet(&f, 4711);
    f.min = 0;
    live(&f, 30, 8);
    while (f.desired > 0) {
        assert_true(++seconds < 100);
        live(&f, 1, 0);
    }
    assert_in_range(seconds, 60, 85);
    live(&f, 600, 0);
    f.desired = 1; /* a request came */
    live(&f, START_S + 2, 0);
    assert_int_equal(f.in_service, 1);
    for (seconds = 0; f.desired > 0; seconds++) {
        assert_true(seconds < 100);
        live(&f, 1, 0);
    }
    assert_true(seconds >= 50);
    test_fleet_deinit(&f);
}

static void an_empty_fleet_begins_anew_at_awss_pace(void **state)
{
    struct test_fleet f;

    test_fleet_init(&f, PACE_AWS, target, START_S, 4711);
    f.min = 0;
    live(&f, 1000, 0);
    assert_int_equal(f.desired, 0);
    f.desired = 1;
    live(&f, 880, 0); /* the low alarm is on all the time */
    assert_int_equal(f.desired, 1);
    live(&f, 90, 0);
    assert_int_equal(f.desired, 0);
    test_fleet_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fourfold_step_is_answered_after_two_seconds),
        cmocka_unit_test(a_tenfold_burst_goes_at_once_to_what_it_needs_and_is_held),
        cmocka_unit_test(a_moment_is_no_burst),
        cmocka_unit_test(a_spike_of_two_whole_seconds_is_one),
        cmocka_unit_test(a_ramp_is_followed_without_going_back),
        cmocka_unit_test(steady_load_near_the_target_does_not_flap),
        cmocka_unit_test(chance_alone_launches_nothing),
        cmocka_unit_test(what_starts_already_is_not_asked_for_again),
        cmocka_unit_test(an_empty_fleet_begins_anew),
        cmocka_unit_test(an_empty_fleet_begins_anew_at_awss_pace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
