#include "balance/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "balance/speed.h"

enum { MANY = 200, TARGETS = 4, DRAWS = 20000 };

struct fixture {
    struct route_group group;
    struct route_target targets[MANY];
    struct random random;
    struct balance balance;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    random_init(&f->random, 1);
    f->group.targets = f->targets;
    f->group.n_targets = TARGETS;
    assert_int_equal(gauge_new("g", &f->group.gauge), 0);
    for (unsigned i = 0; i < MANY; i++) {
        struct link_target config = { .address = "127.0.0.1:1" };

        snprintf(config.id, sizeof(config.id), "i-%u", i);
        assert_int_equal(target_new("g", &config, 0, &f->targets[i].target), 0);
        f->targets[i].index = i;
        f->targets[i].weight = 1;
    }
    f->balance = (struct balance){ .group = &f->group, .random = &f->random, .now = 1000000 };
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < MANY; i++)
        target_unref(f->targets[i].target);
    gauge_unref(f->group.gauge);
    free(f);
    return 0;
}

/* How often each target is chosen in DRAWS draws; the last entry counts "none". */
static void draw(struct fixture *f, unsigned ret_count[MANY + 1], unsigned *ret_in_service)
{
    memset(ret_count, 0, (MANY + 1) * sizeof(*ret_count));
    for (int i = 0; i < DRAWS; i++) {
        const struct route_target *t = balance_pick(&f->balance, ret_in_service);

        ret_count[t ? t->index : MANY]++;
    }
}

static void load(struct fixture *f, size_t i, unsigned in_flight)
{
    atomic_store(&f->targets[i].target->in_flight, in_flight);
}

static void health(struct fixture *f, size_t i, enum target_health h)
{
    atomic_store(&f->targets[i].target->health, h);
}

static void speed(struct fixture *f, size_t i, us_t us)
{
    atomic_store(&f->targets[i].target->service_us, (unsigned)us);
    atomic_store(&f->targets[i].target->service_at_ms, (unsigned)f->balance.now);
}

static void is_about(unsigned count, double expected)
{
    if (count < expected * 0.9 - 3 || count > expected * 1.1 + 3)
        fail_msg("%u instead of about %g", count, expected);
}

static void the_least_loaded_is_chosen(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    load(f, 0, 3);
    load(f, 1, 1);
    load(f, 2, 2);
    load(f, 3, 9);
    draw(f, count, &in_service);
    assert_int_equal(count[1], DRAWS);
    assert_int_equal(in_service, TARGETS);
}

static void equals_share_evenly(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    load(f, 0, 1);
    draw(f, count, &in_service);
    assert_int_equal(count[0], 0);
    for (size_t i = 1; i < TARGETS; i++)
        assert_in_range(count[i], DRAWS / 3 - DRAWS / 30, DRAWS / 3 + DRAWS / 30);
}

static void random_looks_at_no_load(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.config.algorithm = LINK_RANDOM;
    load(f, 0, 50);
    draw(f, count, &in_service);
    for (size_t i = 0; i < TARGETS; i++)
        assert_in_range(count[i], DRAWS / 4 - DRAWS / 40, DRAWS / 4 + DRAWS / 40);
}

static void one_that_failed_is_avoided_if_there_is_another(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    load(f, 1, 5);
    load(f, 2, 5);
    load(f, 3, 5);
    f->balance.avoid = f->targets[0].target;
    draw(f, count, &in_service);
    assert_int_equal(count[0], 0);
    assert_int_equal(in_service, TARGETS);

    for (size_t i = 1; i < TARGETS; i++)
        f->targets[i].draining = true;
    draw(f, count, &in_service);
    assert_int_equal(count[0], DRAWS);
}

static void the_unwell_serve_only_when_nobody_is_well(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    health(f, 0, TARGET_UNHEALTHY);
    health(f, 1, TARGET_UNHEALTHY);
    health(f, 2, TARGET_DOWN);
    load(f, 3, 100);
    draw(f, count, &in_service);
    assert_int_equal(count[3], DRAWS);
    assert_int_equal(in_service, 1);
    assert_int_equal(balance_in_service(&f->group, f->balance.now), 1);

    f->targets[3].draining = true;
    draw(f, count, &in_service);
    assert_int_equal(count[0] + count[1], DRAWS);
    assert_int_equal(in_service, 2);
    assert_int_equal(balance_in_service(&f->group, f->balance.now), 2);
}

static void those_that_are_down_or_drain_never_serve(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    for (size_t i = 0; i < TARGETS; i++) {
        health(f, i, i % 2 ? TARGET_DOWN : TARGET_HEALTHY);
        f->targets[i].draining = i % 2 == 0;
    }
    draw(f, count, &in_service);
    assert_int_equal(count[MANY], DRAWS);
    assert_int_equal(balance_in_service(&f->group, f->balance.now), 0);
}

/* --- weights ---------------------------------------------------------------------------------- */

static void weigh(struct fixture *f, double a, double b, double c, double d)
{
    const double weights[TARGETS] = { a, b, c, d };

    for (size_t i = 0; i < TARGETS; i++)
        f->targets[i].weight = weights[i];
}

static void weights_share_out_random_draws(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.config.algorithm = LINK_WEIGHTED_RANDOM;
    weigh(f, 1, 2, 5, 0);
    draw(f, count, &in_service);
    is_about(count[0], DRAWS / 8.0);
    is_about(count[1], DRAWS / 4.0);
    is_about(count[2], DRAWS / 8.0 * 5);
    assert_int_equal(count[3], 0);
}

static void without_any_weight_all_are_equal(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.config.algorithm = LINK_WEIGHTED_RANDOM;
    weigh(f, 0, 0, 0, 0);
    draw(f, count, &in_service);
    for (size_t i = 0; i < TARGETS; i++)
        is_about(count[i], DRAWS / 4.0);
}

static void the_weightless_stand_by(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    weigh(f, 1, 1, 0, 0);
    f->targets[0].concurrency_max = f->targets[1].concurrency_max = 2;
    load(f, 0, 2);
    load(f, 1, 1);
    draw(f, count, &in_service);
    assert_int_equal(count[1], DRAWS);
    load(f, 1, 2);
    draw(f, count, &in_service);
    is_about(count[2], DRAWS / 2.0);
    is_about(count[3], DRAWS / 2.0);
    assert_int_equal(in_service, TARGETS);
}

static void load_is_relative_to_weight(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    weigh(f, 1, 4, 1, 1);
    load(f, 0, 1);
    load(f, 1, 6); /* (6 + 1) / 4 is the least */
    load(f, 2, 1);
    load(f, 3, 1);
    draw(f, count, &in_service);
    assert_int_equal(count[1], DRAWS);
}

/* --- taking turns ----------------------------------------------------------------------------- */

static void equals_take_turns(void **state)
{
    static const unsigned rest[] = { 0, 2, 3 };
    struct fixture *f = *state;
    unsigned in_service;

    f->group.config.algorithm = LINK_ROUND_ROBIN;
    for (unsigned i = 0; i < 3 * TARGETS; i++)
        assert_int_equal(balance_pick(&f->balance, &in_service)->index, i % TARGETS);
    health(f, 1, TARGET_DOWN);
    atomic_store(&f->group.gauge->turn, 0);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(balance_pick(&f->balance, &in_service)->index, rest[i % 3]);
}

/* At no time is anybody further from his due than a few turns. */
static void turns_follow_weights_closely(void **state)
{
    struct fixture *f = *state;
    unsigned count[TARGETS] = { 0 }, in_service;

    f->group.config.algorithm = LINK_ROUND_ROBIN;
    weigh(f, 1, 2, 3, 4);
    for (unsigned i = 1; i <= DRAWS; i++) {
        count[balance_pick(&f->balance, &in_service)->index]++;
        for (unsigned k = 0; k < TARGETS; k++) {
            double due = i * (k + 1) / 10.0;

            if (count[k] < due - 4 || count[k] > due + 4)
                fail_msg("after %u turns target %u has had %u", i, k, count[k]);
        }
    }
}

/* --- power of two ----------------------------------------------------------------------------- */

static void the_two_are_different(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.config.algorithm = LINK_POWER_OF_TWO;
    load(f, 0, 9);
    draw(f, count, &in_service);
    assert_int_equal(count[0], 0); /* there is always a better one beside it */
    for (size_t i = 1; i < TARGETS; i++)
        is_about(count[i], DRAWS / 3.0);
    f->group.n_targets = 1;
    draw(f, count, &in_service);
    assert_int_equal(count[0], DRAWS);
}

/* --- expected wait ---------------------------------------------------------------------------- */

static void a_slow_target_is_used_when_the_quick_ones_are_busier(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.config.algorithm = LINK_LEAST_EXPECTED_WAIT;
    speed(f, 0, 10000);
    for (size_t i = 1; i < TARGETS; i++) {
        speed(f, i, 1000);
        load(f, i, 8);
    }
    draw(f, count, &in_service);
    assert_int_equal(count[0], 0);
    for (size_t i = 1; i < TARGETS; i++)
        load(f, i, 10);
    draw(f, count, &in_service);
    assert_int_equal(count[0], DRAWS);
}

static void an_unknown_target_is_taken_for_a_quick_one(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.config.algorithm = LINK_LEAST_EXPECTED_WAIT;
    for (size_t i = 1; i < TARGETS; i++)
        speed(f, i, 1000 * (us_t)i);
    draw(f, count, &in_service);
    is_about(count[0], DRAWS / 2.0);
    is_about(count[1], DRAWS / 2.0);
    load(f, 0, 1); /* nothing more until it has answered */
    draw(f, count, &in_service);
    assert_int_equal(count[1], DRAWS);
}

static void a_target_that_was_slow_is_tried_again_by_one_request(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.config.algorithm = LINK_LEAST_EXPECTED_WAIT;
    f->group.n_targets = 2;
    speed(f, 0, 10000);
    f->balance.now += 4 * SPEED_HALF_LIFE_MS;
    speed(f, 1, 1000);
    load(f, 1, 1);
    draw(f, count, &in_service);
    assert_int_equal(count[0], DRAWS);
    load(f, 0, 1);
    load(f, 1, 2);
    draw(f, count, &in_service);
    assert_int_equal(count[0], 0);
}

/* --- caps and slow start ---------------------------------------------------------------------- */

static void nobody_gets_more_than_its_cap(void **state)
{
    struct fixture *f = *state;
    unsigned in_service, taken = 0;

    for (size_t i = 0; i < TARGETS; i++)
        f->targets[i].concurrency_max = (unsigned)i + 1;
    while (balance_take(&f->balance, &in_service))
        taken++;
    assert_int_equal(taken, 1 + 2 + 3 + 4);
    for (size_t i = 0; i < TARGETS; i++)
        assert_int_equal(target_in_flight(f->targets[i].target), i + 1);
    assert_int_equal(in_service, TARGETS);
}

static void who_failed_is_not_asked_again_while_others_are_only_full(void **state)
{
    struct fixture *f = *state;
    unsigned in_service;

    f->group.n_targets = 2;
    f->targets[0].concurrency_max = f->targets[1].concurrency_max = 1;
    load(f, 1, 1);
    f->balance.avoid = f->targets[0].target;
    assert_null(balance_pick(&f->balance, &in_service));
}

static void a_new_target_starts_slowly(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.config.algorithm = LINK_WEIGHTED_RANDOM;
    f->group.config.slow_start_ms = 1000;
    target_starts_over(f->targets[0].target, f->balance.now - 500);
    draw(f, count, &in_service);
    is_about(count[0], DRAWS / 7.0);
    f->balance.now += 500;
    draw(f, count, &in_service);
    is_about(count[0], DRAWS / 4.0);

    f->group.n_targets = 1;
    f->targets[0].concurrency_max = 10;
    target_starts_over(f->targets[0].target, f->balance.now);
    load(f, 0, 1);
    assert_null(balance_pick(&f->balance, &in_service)); /* a tenth of its cap is one */
    f->balance.now += 400;
    load(f, 0, 3);
    assert_non_null(balance_pick(&f->balance, &in_service));
    load(f, 0, 4);
    assert_null(balance_pick(&f->balance, &in_service));
}

static void those_who_waited_do_not_fall_on_one_target_together(void **state)
{
    struct fixture *f = *state;
    struct target *t = f->targets[0].target;
    unsigned in_service, taken = 0;

    f->group.n_targets = 1;
    f->balance.queued = true;
    target_starts_over(t, f->balance.now);
    while (balance_take(&f->balance, &in_service))
        taken++;
    assert_int_equal(taken, 32);
    atomic_fetch_add(&t->answered, 1);
    target_end(t);
    assert_non_null(balance_take(&f->balance, &in_service));
    assert_non_null(balance_take(&f->balance, &in_service));
    assert_null(balance_take(&f->balance, &in_service));
    f->balance.now += 1000;
    for (taken = 0; balance_take(&f->balance, &in_service); taken++)
        ;
    assert_int_equal(taken, 32);
    f->balance.queued = false; /* and no cap for those who did not wait */
    assert_non_null(balance_take(&f->balance, &in_service));
}

/* --- ejection --------------------------------------------------------------------------------- */

static void the_ejected_serve_only_when_nobody_is_well(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    atomic_store(&f->targets[0].target->ejected_until_ms, f->balance.now + 1);
    draw(f, count, &in_service);
    assert_int_equal(count[0], 0);
    assert_int_equal(in_service, TARGETS - 1);
    for (size_t i = 1; i < TARGETS; i++)
        health(f, i, TARGET_DOWN);
    draw(f, count, &in_service);
    assert_int_equal(count[0], DRAWS);
    health(f, 1, TARGET_HEALTHY);
    f->balance.now++;
    draw(f, count, &in_service);
    is_about(count[0], DRAWS / 2.0);
}

/* --- zones ------------------------------------------------------------------------------------ */

static void the_own_zone_comes_first_unless_it_is_overloaded(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->targets[0].near = f->targets[1].near = true;
    f->group.config.zone_spill = 2;
    draw(f, count, &in_service);
    assert_int_equal(count[0] + count[1], DRAWS);
    for (size_t i = 0; i < 2; i++)
        load(f, i, 1);
    draw(f, count, &in_service);
    assert_int_equal(count[0] + count[1], DRAWS); /* twice as loaded is not more than that */
    load(f, 0, 2);
    draw(f, count, &in_service);
    assert_int_equal(count[2] + count[3], DRAWS);
    f->group.config.zone_spill = 0;
    load(f, 0, 0);
    load(f, 1, 0);
    draw(f, count, &in_service);
    is_about(count[3], DRAWS / 4.0);
}

static void a_zone_without_room_is_left(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->targets[0].near = true;
    f->targets[0].concurrency_max = 1;
    f->group.config.zone_spill = 100;
    load(f, 0, 1);
    draw(f, count, &in_service);
    assert_int_equal(count[0] + count[MANY], 0);
}

/* --- stickiness ------------------------------------------------------------------------------- */

static unsigned stick(struct fixture *f, unsigned key)
{
    char text[16];
    unsigned in_service;

    snprintf(text, sizeof(text), "user %u", key);
    f->balance.sticky = (struct sticky){ LINK_STICKY_HEADER, balance_hash(text, strlen(text)) };
    return balance_pick(&f->balance, &in_service)->index;
}

enum { KEYS = 4000 };

static void keys_are_spread_and_move_only_with_their_target(void **state)
{
    struct fixture *f = *state;
    unsigned before[KEYS], count[TARGETS] = { 0 };

    for (unsigned i = 0; i < KEYS; i++) {
        before[i] = stick(f, i);
        count[before[i]]++;
        assert_int_equal(stick(f, i), before[i]);
    }
    for (unsigned i = 0; i < TARGETS; i++)
        is_about(count[i], KEYS / 4.0);
    health(f, 2, TARGET_DOWN);
    for (unsigned i = 0; i < KEYS; i++)
        if (before[i] != 2)
            assert_int_equal(stick(f, i), before[i]);
        else
            assert_int_not_equal(stick(f, i), 2);
}

static void keys_follow_weights(void **state)
{
    struct fixture *f = *state;
    unsigned count[TARGETS] = { 0 };

    weigh(f, 1, 1, 2, 0);
    for (unsigned i = 0; i < KEYS; i++)
        count[stick(f, i)]++;
    is_about(count[0], KEYS / 4.0);
    is_about(count[2], KEYS / 2.0);
    assert_int_equal(count[3], 0);
}

static void a_popular_key_spills_in_its_own_order(void **state)
{
    struct fixture *f = *state;
    unsigned home = stick(f, 1), second;

    f->group.config.sticky_load_max = 1.25;
    load(f, home, 1); /* of (1 + 1) / 4 x 1.25, rounded up, it may have one */
    second = stick(f, 1);
    assert_int_not_equal(second, home);
    assert_int_equal(stick(f, 1), second);
    for (unsigned i = 0; i < TARGETS; i++)
        load(f, i, 3);
    assert_int_equal(stick(f, 1), home);
}

static void a_cookie_names_its_target(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->balance.sticky = (struct sticky){ LINK_STICKY_COOKIE, f->targets[2].target->hash };
    load(f, 2, 5);
    draw(f, count, &in_service);
    assert_int_equal(count[2], DRAWS);
    f->targets[2].draining = true;
    draw(f, count, &in_service);
    assert_int_equal(count[2] + count[MANY], 0);
}

/* --- large groups ----------------------------------------------------------------------------- */

static void large_groups_are_sampled_evenly(void **state)
{
    static const enum link_algorithm algorithms[] = {
        LINK_LEAST_OUTSTANDING, LINK_RANDOM,       LINK_WEIGHTED_RANDOM,
        LINK_ROUND_ROBIN,       LINK_POWER_OF_TWO, LINK_LEAST_EXPECTED_WAIT
    };
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.n_targets = MANY;
    for (size_t a = 0; a < sizeof(algorithms) / sizeof(*algorithms); a++) {
        f->group.config.algorithm = algorithms[a];
        draw(f, count, &in_service);
        assert_int_equal(in_service, MANY);
        for (size_t i = 0; i < MANY; i++)
            assert_in_range(count[i], DRAWS / MANY / 2, DRAWS / MANY * 3 / 2);
    }
}

static void in_a_large_group_the_last_free_target_is_found(void **state)
{
    struct fixture *f = *state;
    unsigned count[MANY + 1], in_service;

    f->group.n_targets = MANY;
    for (size_t i = 0; i < MANY; i++) {
        f->targets[i].concurrency_max = 1;
        load(f, i, i != 77);
    }
    draw(f, count, &in_service);
    assert_int_equal(count[77], DRAWS);
    assert_int_equal(in_service, MANY);
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
        TEST(weights_share_out_random_draws),
        TEST(without_any_weight_all_are_equal),
        TEST(the_weightless_stand_by),
        TEST(load_is_relative_to_weight),
        TEST(equals_take_turns),
        TEST(turns_follow_weights_closely),
        TEST(the_two_are_different),
        TEST(a_slow_target_is_used_when_the_quick_ones_are_busier),
        TEST(an_unknown_target_is_taken_for_a_quick_one),
        TEST(a_target_that_was_slow_is_tried_again_by_one_request),
        TEST(nobody_gets_more_than_its_cap),
        TEST(who_failed_is_not_asked_again_while_others_are_only_full),
        TEST(a_new_target_starts_slowly),
        TEST(those_who_waited_do_not_fall_on_one_target_together),
        TEST(the_ejected_serve_only_when_nobody_is_well),
        TEST(the_own_zone_comes_first_unless_it_is_overloaded),
        TEST(a_zone_without_room_is_left),
        TEST(keys_are_spread_and_move_only_with_their_target),
        TEST(keys_follow_weights),
        TEST(a_popular_key_spills_in_its_own_order),
        TEST(a_cookie_names_its_target),
        TEST(large_groups_are_sampled_evenly),
        TEST(in_a_large_group_the_last_free_target_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
