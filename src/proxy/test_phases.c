#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/phases.h"

static void each_phase_has_its_own_duration(void **state)
{
    struct link_report_group *g = calloc(1, sizeof(*g));
    struct phases p = { .placed = 1100 };
    (void)state;

    assert_non_null(g);
    phases_attempt(&p, 1500);
    p.connected = 1700;
    p.first_byte = 3500;
    phases_record(&p, 1000, 4000, g);
    assert_int_equal(g->queue_us.sum, 400);
    assert_int_equal(g->connect_us.sum, 200);
    assert_int_equal(g->first_byte_us.sum, 2000);
    assert_int_equal(g->total_us.sum, 3000);
    free(g);
}

static void what_did_not_happen_is_not_recorded(void **state)
{
    struct link_report_group *g = calloc(1, sizeof(*g));
    struct phases p = { .placed = 1100 };
    (void)state;

    assert_non_null(g);
    phases_record(&p, 1000, 1200, g); /* never got a target */
    assert_int_equal(g->queue_us.count, 0);
    assert_int_equal(g->connect_us.count, 0);
    assert_int_equal(g->first_byte_us.count, 0);
    assert_int_equal(g->total_us.count, 1);

    phases_attempt(&p, 1150);
    p.connected = 1160;
    p.first_byte = 1170;
    phases_attempt(&p, 1180); /* that came to nothing; now over an open connection */
    assert_int_equal(phases_queue_us(&p), 80);
    assert_int_equal(phases_connect_us(&p), -1);
    assert_int_equal(phases_first_byte_us(&p), -1);
    p.first_byte = 1175; /* clocks of different exactness */
    assert_int_equal(phases_first_byte_us(&p), 0);
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_phase_has_its_own_duration),
        cmocka_unit_test(what_did_not_happen_is_not_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
