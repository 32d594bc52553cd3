#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/restart.h"

static void starts_again_at_once_and_then_ever_slower(void **state)
{
    static const ms_t waits[] = { 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000 };
    struct restart r = { 0 };
    ms_t now = 1000;

    (void)state;
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        restart_started(&r, now);
        assert_int_equal(restart_ended(&r, now += 10), waits[i]);
        now += waits[i];
    }
}

static void forgets_after_half_a_minute_of_health(void **state)
{
    struct restart r = { 0 };

    (void)state;
    restart_started(&r, 0);
    restart_ended(&r, 0);
    restart_started(&r, 0);
    assert_int_equal(restart_ended(&r, 29999), 100);
    restart_started(&r, 30000);
    assert_int_equal(restart_ended(&r, 60000), 0);
    restart_started(&r, 60000);
    assert_int_equal(restart_ended(&r, 60001), 100);
}

static void waits_at_most_5_s_however_often_it_ends(void **state)
{
    struct restart r = { .ends = UINT32_MAX - 1 };

    (void)state;
    assert_int_equal(restart_ended(&r, 0), RESTART_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_again_at_once_and_then_ever_slower),
        cmocka_unit_test(forgets_after_half_a_minute_of_health),
        cmocka_unit_test(waits_at_most_5_s_however_often_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
