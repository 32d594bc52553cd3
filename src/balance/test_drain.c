#include "balance/drain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct registry registry;
    struct drain drain;
    struct link_target target;
    struct link_target_group group;
    uint64_t serial;
    struct route *route;
    unsigned drained, cut;
};

static void drained(const struct target *t, void *context)
{
    assert_string_equal(t->id, "i");
    ((struct fixture *)context)->drained++;
}

static void cut(struct target *t, void *context)
{
    assert_true(atomic_load(&t->cut));
    ((struct fixture *)context)->cut++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    registry_init(&f->registry, 1);
    drain_init(&f->drain, 1, drained, cut, f);
    snprintf(f->target.id, sizeof(f->target.id), "%s", "i");
    snprintf(f->target.address, sizeof(f->target.address), "%s", "127.0.0.1:1");
    snprintf(f->group.id, sizeof(f->group.id), "%s", "g");
    f->group.deregistration_delay_ms = 1000;
    f->group.targets = &f->target;
    f->group.n_targets = 1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    drain_deinit(&f->drain);
    route_unref(f->route);
    registry_deinit(&f->registry);
    free(f);
    return 0;
}

static struct target *follow(struct fixture *f, bool draining, ms_t now)
{
    const struct link_snapshot s = { .target_groups = &f->group, .n_target_groups = 1 };

    f->target.draining = draining;
    f->route = route_unref(f->route);
    assert_int_equal(route_new(&s, &f->registry, ++f->serial, 0, &f->route), 0);
    assert_int_equal(drain_follow(&f->drain, f->route, now), 0);
    return f->route->groups[0].targets[0].target;
}

static void a_target_has_drained_when_no_worker_can_pick_it(void **state)
{
    struct fixture *f = *state;

    follow(f, false, 0);
    drain_look(&f->drain, 1, 0);
    assert_int_equal(f->drained, 0);
    follow(f, true, 0);
    drain_look(&f->drain, 1, 0); /* some worker still serves the route before */
    assert_int_equal(f->drained, 0);
    follow(f, true, 0);
    drain_look(&f->drain, 2, 0); /* a later route is not needed */
    assert_int_equal(f->drained, 1);
    drain_look(&f->drain, 3, 0);
    assert_int_equal(f->drained, 1);
    drain_repeat(&f->drain);
    drain_look(&f->drain, 3, 0);
    assert_int_equal(f->drained, 2);
}

static void requests_in_flight_are_waited_for(void **state)
{
    struct fixture *f = *state;
    struct target *t = follow(f, true, 0);

    assert_true(target_begin(t, 1));
    drain_look(&f->drain, 1, 999);
    assert_int_equal(f->drained + f->cut, 0);
    target_end(t);
    drain_look(&f->drain, 1, 999);
    assert_int_equal(f->drained, 1);
    assert_int_equal(f->cut, 0);
}

static void but_not_for_ever(void **state)
{
    struct fixture *f = *state;
    struct target *t = follow(f, true, 0);

    assert_true(target_begin(t, 1));
    drain_look(&f->drain, 1, 1000);
    drain_look(&f->drain, 1, 1100);
    assert_int_equal(f->cut, 1);
    assert_int_equal(f->drained, 0);
    target_end(t); /* as the workers do when they have cut */
    drain_look(&f->drain, 1, 1200);
    assert_int_equal(f->drained, 1);
}

static void a_target_that_comes_back_is_not_cut(void **state)
{
    struct fixture *f = *state;
    struct target *t = follow(f, true, 0);

    assert_true(target_begin(t, 1));
    drain_look(&f->drain, 1, 1000);
    assert_ptr_equal(follow(f, false, 1100), t);
    assert_false(atomic_load(&t->cut));
    drain_look(&f->drain, 2, 9000);
    assert_int_equal(f->drained, 0);
    target_end(t);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_target_has_drained_when_no_worker_can_pick_it),
        TEST(requests_in_flight_are_waited_for),
        TEST(but_not_for_ever),
        TEST(a_target_that_comes_back_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
