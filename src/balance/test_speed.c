#include "balance/speed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

static int set_up(void **state)
{
    const struct link_target config = { .id = "i", .address = "127.0.0.1:1" };
    struct target *t;

    assert_int_equal(target_new("g", &config, 0, &t), 0);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    target_unref(*state);
    return 0;
}

static void is_about(double us, double expected)
{
    if (us < expected * 0.98 || us > expected * 1.02 + 1)
        fail_msg("%g instead of about %g", us, expected);
}

static void the_first_answer_says_all_that_is_known(void **state)
{
    struct target *t = *state;

    assert_true(speed_us(t) == 0);
    assert_true(speed_faded_us(t, 5000) == 0);
    speed_record(t, 1234, 5000);
    is_about(speed_us(t), 1234);
    is_about(speed_faded_us(t, 5000), 1234);
}

static void a_busy_targets_mean_covers_a_second(void **state)
{
    struct target *t = *state;
    ms_t now = 0;

    for (; now < 10000; now++)
        speed_record(t, 1000, now);
    for (; now < 10000 + SPEED_WINDOW_MS / 16; now++)
        speed_record(t, 10000, now);
    assert_true(speed_us(t) > 2000); /* it notices soon, */
    for (; now < 20000; now++)
        speed_record(t, 10000, now);
    is_about(speed_us(t), 10000); /* and is right in the end */
}

static void a_quiet_targets_mean_is_of_the_last_answers(void **state)
{
    struct target *t = *state;

    speed_record(t, 1000, 0);
    speed_record(t, 9000, 60000);
    assert_true(speed_us(t) > 8000);
}

static void the_mean_is_a_mean(void **state)
{
    struct target *t = *state;
    struct random random;
    double sum = 0;

    random_init(&random, 1);
    for (ms_t now = 0; now < 20000; now++) {
        speed_record(t, 1 + random_below(&random, 2000), now);
        if (now >= 10000)
            sum += speed_us(t);
    }
    assert_in_range((long)(sum / 10000), 950, 1050);
}

static void what_nobody_asks_for_fades(void **state)
{
    struct target *t = *state;

    speed_record(t, 8000, 7000);
    is_about(speed_faded_us(t, 7000 + SPEED_HALF_LIFE_MS), 4000);
    is_about(speed_faded_us(t, 7000 + 3 * SPEED_HALF_LIFE_MS), 1000);
    is_about(speed_us(t), 8000);
}

static void the_clocks_wrap_is_no_matter(void **state)
{
    const ms_t wrap = (ms_t)1 << 32;
    struct target *t = *state;

    speed_record(t, 8000, wrap - 10);
    is_about(speed_faded_us(t, wrap + SPEED_HALF_LIFE_MS - 10), 4000);
}

static void absurd_samples_are_bounded(void **state)
{
    struct target *t = *state;

    speed_record(t, -5, 0);
    assert_true(speed_us(t) == 1);
    speed_record(t, INT64_MAX, 1);
    speed_record(t, INT64_MAX, 1000000);
    assert_true(speed_us(t) <= (double)UINT32_MAX);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_answer_says_all_that_is_known),
        TEST(a_busy_targets_mean_covers_a_second),
        TEST(a_quiet_targets_mean_is_of_the_last_answers),
        TEST(the_mean_is_a_mean),
        TEST(what_nobody_asks_for_fades),
        TEST(the_clocks_wrap_is_no_matter),
        TEST(absurd_samples_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
