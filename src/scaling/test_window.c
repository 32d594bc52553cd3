/* The window of wants, and the memory of how many instances were in service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "scaling/capacity_history.h"
#include "scaling/window.h"

static void falls_only_after_a_whole_span(void **state)
{
    struct window w;

    window_init(&w, 300);
    assert_int_equal(window_push(&w, 0, 8), 8);
    assert_int_equal(window_push(&w, 299, 2), 8);
    assert_int_equal(window_push(&w, 300, 2), 2);
}

static void is_never_lower_than_the_slow_answer(void **state)
{
    enum { SPAN = 100, STEPS = 5000 };
    static int wants[STEPS];
    const uint64_t seed = 20260121;
    struct random r;
    struct window w;

    print_message("seed %llu\n", (unsigned long long)seed);
    random_init(&r, seed);
    window_init(&w, SPAN);
    for (int i = 0; i < STEPS; i++) {
        int highest = 0, answer;
        wants[i] = (int)random_below(&r, 50);
        answer = window_push(&w, i, wants[i]);
        for (int k = i; k >= 0 && i - k < SPAN; k--)
            highest = wants[k] > highest ? wants[k] : highest;
        assert_true(answer >= highest);
        if (w.count < WINDOW_SLOTS)
            assert_int_equal(answer, highest);
    }
}

static void history_gives_the_least_count_around_a_second(void **state)
{
    struct capacity_history h = { 0 };

    assert_int_equal(capacity_history_least(&h, 5000), 0);
    capacity_history_push(&h, 10000, 1);
    capacity_history_push(&h, 15999, 4); /* seconds 11..14 keep the 1 */
    assert_int_equal(capacity_history_least(&h, 12000), 1);
    assert_int_equal(capacity_history_least(&h, 15000), 1);
    capacity_history_push(&h, 16000, 4);
    assert_int_equal(capacity_history_least(&h, 16000), 4);
    assert_int_equal(capacity_history_least(&h, 99000), 4);
    assert_int_equal(capacity_history_least(&h, 0), 1);
}

static void history_forgets_when_the_clock_jumps(void **state)
{
    struct capacity_history h = { 0 };

    capacity_history_push(&h, 100000, 3);
    capacity_history_push(&h, 50000, 2);
    assert_int_equal(capacity_history_least(&h, 100000), 2);
    capacity_history_push(&h, 500000, 7);
    assert_int_equal(capacity_history_least(&h, 50000), 7);
}

static void history_holds_a_bounded_time(void **state)
{
    struct capacity_history h = { 0 };

    for (int second = 0; second < 200; second++)
        capacity_history_push(&h, second * MS_PER_S, (unsigned)second);
    assert_int_equal(capacity_history_least(&h, 150 * MS_PER_S), 149);
    assert_int_equal(capacity_history_least(&h, 0), 200 - CAPACITY_HISTORY_SECONDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(falls_only_after_a_whole_span),
        cmocka_unit_test(is_never_lower_than_the_slow_answer),
        cmocka_unit_test(history_gives_the_least_count_around_a_second),
        cmocka_unit_test(history_forgets_when_the_clock_jumps),
        cmocka_unit_test(history_holds_a_bounded_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
