#include "proxy/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TARGETS = 4, DRAWS = 20000 };

struct fixture {
    struct route_group group;
    struct route_target targets[TARGETS];
    struct random random;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    random_init(&f->random, 1);
    f->group.targets = f->targets;
    f->group.n_targets = TARGETS;
    for (unsigned i = 0; i < TARGETS; i++) {
        struct link_target config = { .address = "127.0.0.1:1" };

        snprintf(config.id, sizeof(config.id), "i-%u", i);
        assert_int_equal(target_new("g", &config, &f->targets[i].target), 0);
        f->targets[i].index = i;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < TARGETS; i++)
        target_unref(f->targets[i].target);
    free(f);
    return 0;
}

/* How often each target is chosen in DRAWS draws; entry TARGETS counts "none". */
static void draw(struct fixture *f, const struct target *avoid, unsigned ret_count[TARGETS + 1],
                 unsigned *ret_in_service)
{
    memset(ret_count, 0, (TARGETS + 1) * sizeof(*ret_count));
    for (int i = 0; i < DRAWS; i++) {
        const struct route_target *t = balance_pick(&f->group, avoid, &f->random, ret_in_service);

        ret_count[t ? t->index : TARGETS]++;
    }
}

static void load(struct fixture *f, size_t i, unsigned in_flight)
{
    for (unsigned k = 0; k < in_flight; k++)
        target_begin(f->targets[i].target);
}

static void health(struct fixture *f, size_t i, enum target_health h)
{
    atomic_store(&f->targets[i].target->health, h);
}

static void the_least_loaded_is_chosen(void **state)
{
    struct fixture *f = *state;
    unsigned count[TARGETS + 1], in_service;

    load(f, 0, 3);
    load(f, 1, 1);
    load(f, 2, 2);
    load(f, 3, 9);
    draw(f, NULL, count, &in_service);
    assert_int_equal(count[1], DRAWS);
    assert_int_equal(in_service, TARGETS);
    target_end(f->targets[3].target);
}

static void equals_share_evenly(void **state)
{
    struct fixture *f = *state;
    unsigned count[TARGETS + 1], in_service;

    load(f, 0, 1);
    draw(f, NULL, count, &in_service);
    assert_int_equal(count[0], 0);
    for (size_t i = 1; i < TARGETS; i++)
        assert_in_range(count[i], DRAWS / 3 - DRAWS / 30, DRAWS / 3 + DRAWS / 30);
}

static void random_looks_at_no_load(void **state)
{
    struct fixture *f = *state;
    unsigned count[TARGETS + 1], in_service;

    f->group.config.algorithm = LINK_RANDOM;
    load(f, 0, 50);
    draw(f, NULL, count, &in_service);
    for (size_t i = 0; i < TARGETS; i++)
        assert_in_range(count[i], DRAWS / 4 - DRAWS / 40, DRAWS / 4 + DRAWS / 40);
}

static void one_that_failed_is_avoided_if_there_is_another(void **state)
{
    struct fixture *f = *state;
    unsigned count[TARGETS + 1], in_service;

    load(f, 1, 5);
    load(f, 2, 5);
    load(f, 3, 5);
    draw(f, f->targets[0].target, count, &in_service);
    assert_int_equal(count[0], 0);
    assert_int_equal(in_service, TARGETS);

    for (size_t i = 1; i < TARGETS; i++)
        f->targets[i].draining = true;
    draw(f, f->targets[0].target, count, &in_service);
    assert_int_equal(count[0], DRAWS);
}

static void the_unwell_serve_only_when_nobody_is_well(void **state)
{
    struct fixture *f = *state;
    unsigned count[TARGETS + 1], in_service;

    health(f, 0, TARGET_UNHEALTHY);
    health(f, 1, TARGET_UNHEALTHY);
    health(f, 2, TARGET_DOWN);
    load(f, 3, 100);
    draw(f, NULL, count, &in_service);
    assert_int_equal(count[3], DRAWS);
    assert_int_equal(in_service, 1);
    assert_int_equal(balance_in_service(&f->group), 1);

    f->targets[3].draining = true;
    draw(f, NULL, count, &in_service);
    assert_int_equal(count[0] + count[1], DRAWS);
    assert_int_equal(in_service, 2);
    assert_int_equal(balance_in_service(&f->group), 2);
}

static void those_that_are_down_or_drain_never_serve(void **state)
{
    struct fixture *f = *state;
    unsigned count[TARGETS + 1], in_service;

    for (size_t i = 0; i < TARGETS; i++) {
        health(f, i, i % 2 ? TARGET_DOWN : TARGET_HEALTHY);
        f->targets[i].draining = i % 2 == 0;
    }
    draw(f, NULL, count, &in_service);
    assert_int_equal(count[TARGETS], DRAWS);
    assert_int_equal(balance_in_service(&f->group), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_least_loaded_is_chosen),
        TEST(equals_share_evenly),
        TEST(random_looks_at_no_load),
        TEST(one_that_failed_is_avoided_if_there_is_another),
        TEST(the_unwell_serve_only_when_nobody_is_well),
        TEST(those_that_are_down_or_drain_never_serve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
