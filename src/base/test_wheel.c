#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

enum { THINGS = 50, START_MS = 123456 };

struct thing {
    struct wheel_entry entry;
    ms_t deadline; /* 0: none */
    unsigned told;
};

struct fixture {
    struct sim_clock clock;
    struct loop *loop;
    struct wheel wheel;
    struct thing things[THINGS];
};

static void due(struct wheel_entry *e)
{
    container_of(e, struct thing, entry)->told++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    sim_clock_init(&f->clock, 0);
    sim_clock_advance(&f->clock, START_MS);
    assert_int_equal(loop_new(&f->clock.base, &f->loop), 0);
    wheel_init(&f->wheel, f->loop, due);
    for (unsigned i = 0; i < THINGS; i++)
        wheel_entry_init(&f->things[i].entry);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < THINGS; i++)
        wheel_cancel(&f->things[i].entry);
    wheel_deinit(&f->wheel);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void pass(struct fixture *f, ms_t ms)
{
    sim_clock_advance(&f->clock, ms);
    assert_int_equal(loop_turn(f->loop, 0), 0);
}

static void set(struct fixture *f, unsigned i, ms_t after)
{
    wheel_set(&f->wheel, &f->things[i].entry, loop_now(f->loop) + after);
}

static void deadlines_are_told_once_and_at_most_a_tick_late(void **state)
{
    struct fixture *f = *state;

    set(f, 0, 100);
    pass(f, 99);
    assert_int_equal(f->things[0].told, 0);
    pass(f, 1 + WHEEL_TICK_MS);
    assert_int_equal(f->things[0].told, 1);
    pass(f, 100000);
    assert_int_equal(f->things[0].told, 1);
}

static void a_deadline_that_moved_back_is_told_later(void **state)
{
    struct fixture *f = *state;

    set(f, 0, 100);
    pass(f, 50);
    set(f, 0, 100);
    pass(f, 99);
    assert_int_equal(f->things[0].told, 0);
    pass(f, 1 + WHEEL_TICK_MS);
    assert_int_equal(f->things[0].told, 1);
}

static void a_deadline_that_moved_forward_is_told_earlier(void **state)
{
    struct fixture *f = *state;

    set(f, 0, 3600000);
    set(f, 0, 20);
    pass(f, 20 + WHEEL_TICK_MS);
    assert_int_equal(f->things[0].told, 1);
}

static void what_is_beyond_the_ring_is_told_in_time(void **state)
{
    struct fixture *f = *state;
    ms_t far = (ms_t)10 * WHEEL_SLOTS * WHEEL_TICK_MS + 5;

    set(f, 0, far);
    wheel_set(&f->wheel, &f->things[1].entry, MS_FOREVER);
    for (ms_t at = 0; at + 1000 < far; at += 1000) {
        pass(f, 1000);
        assert_int_equal(f->things[0].told, 0);
    }
    pass(f, 1000 + WHEEL_TICK_MS);
    assert_int_equal(f->things[0].told, 1);
    assert_int_equal(f->things[1].told, 0);
}

static void what_was_cancelled_is_not_told(void **state)
{
    struct fixture *f = *state;

    set(f, 0, 100);
    wheel_cancel(&f->things[0].entry);
    wheel_cancel(&f->things[0].entry);
    pass(f, 1000);
    assert_int_equal(f->things[0].told, 0);
    pass(f, (ms_t)3 * WHEEL_SLOTS * WHEEL_TICK_MS); /* empty all the while */
    set(f, 0, 100);
    pass(f, 99);
    assert_int_equal(f->things[0].told, 0);
    pass(f, 1 + WHEEL_TICK_MS);
    assert_int_equal(f->things[0].told, 1);
}

static void check(struct fixture *f)
{
    ms_t now = loop_now(f->loop);

    for (unsigned i = 0; i < THINGS; i++) {
        struct thing *t = &f->things[i];

        if (t->told) {
            assert_int_equal(t->told, 1);
            assert_true(t->deadline != 0 && t->deadline <= now);
            t->told = 0;
            t->deadline = 0;
        }
        assert_true(t->deadline == 0 || t->deadline + WHEEL_TICK_MS > now);
    }
}

/* Against the obvious: a list of deadlines that is searched. */
static void any_order_of_calls_tells_the_right_ones(void **state)
{
    struct fixture *f = *state;
    struct random random;

    random_init(&random, 7);
    for (unsigned step = 0; step < 50000; step++) {
        struct thing *t = &f->things[random_below(&random, THINGS)];
        ms_t spread = random_below(&random, 4) ? 500 : 60000;

        switch (random_below(&random, 4)) {
        case 0:
            wheel_cancel(&t->entry);
            t->deadline = 0;
            break;
        case 1:
            pass(f, random_below(&random, 50) ? random_below(&random, 40) : 30000);
            check(f);
            break;
        default:
            t->deadline = loop_now(f->loop) + 1 + random_below(&random, (uint32_t)spread);
            wheel_set(&f->wheel, &t->entry, t->deadline);
        }
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(deadlines_are_told_once_and_at_most_a_tick_late),
        T(a_deadline_that_moved_back_is_told_later),
        T(a_deadline_that_moved_forward_is_told_earlier),
        T(what_is_beyond_the_ring_is_told_in_time),
        T(what_was_cancelled_is_not_told),
        T(any_order_of_calls_tells_the_right_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
