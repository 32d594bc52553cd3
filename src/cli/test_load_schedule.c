#include "cli/load_schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct load_plan plan_of(const struct load_piece *pieces, size_t n)
{
    struct load_plan plan = { 0 };

    for (size_t i = 0; i < n; i++)
        assert_int_equal(load_plan_add(&plan, pieces[i]), 0);
    return plan;
}

static void a_constant_rate_has_one_request_in_each_slot(void **state)
{
    static const struct load_piece piece = { 10, 100, 100 };
    struct load_plan plan = plan_of(&piece, 1);
    struct load_schedule s;
    us_t at = 0;

    (void)state;
    assert_true(fabs(load_plan_requests(&plan) - 1000) < 1e-9);
    assert_true(fabs(load_plan_length_s(&plan) - 10) < 1e-9);
    load_schedule_init(&s, &plan, LOAD_UNIFORM, 1);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(load_schedule_next(&s, &at), 0);
        assert_true(at >= i * 10000 && at <= (i + 1) * 10000);
    }
    assert_int_equal(load_schedule_next(&s, &at), LOAD_SCHEDULE_END);
    assert_int_equal(load_schedule_next(&s, &at), LOAD_SCHEDULE_END);
    load_plan_deinit(&plan);
}

/* 0 to 200 per second over 10 s: a quarter of the requests comes in the first half. */
static void a_ramp_rises_linearly(void **state)
{
    static const struct load_piece ramps[] = { { 10, 0, 200 }, { 10, 200, 0 } };
    struct load_plan plan = plan_of(ramps, 2);
    unsigned quarters[4] = { 0 }, n = 0;
    struct load_schedule s;
    us_t at, before = 0;

    (void)state;
    load_schedule_init(&s, &plan, LOAD_UNIFORM, 2);
    while (load_schedule_next(&s, &at) == 0) {
        assert_true(at >= before);
        before = at;
        quarters[at / 5000000]++;
        n++;
    }
    assert_int_equal(n, 2000);
    assert_in_range(quarters[0], 249, 251);
    assert_in_range(quarters[1], 749, 751);
    assert_in_range(quarters[2], 749, 751);
    assert_in_range(quarters[3], 249, 251);
    load_plan_deinit(&plan);
}

static void silent_pieces_stay_silent(void **state)
{
    static const struct load_piece pieces[] = { { 1, 10, 10 }, { 5, 0, 0 }, { 1, 10, 10 } };
    struct load_plan plan = plan_of(pieces, 3);
    struct load_schedule s;
    unsigned n = 0;
    us_t at;

    (void)state;
    load_schedule_init(&s, &plan, LOAD_UNIFORM, 3);
    for (; load_schedule_next(&s, &at) == 0; n++)
        assert_true(at <= 1000000 || at >= 6000000);
    assert_int_equal(n, 20);
    load_plan_deinit(&plan);
}

/* Gaps of a Poisson process: mean 1/rate, and a standard deviation as large. */
static void poisson_gaps_are_exponential(void **state)
{
    static const struct load_piece piece = { 1000, 50, 50 };
    struct load_plan plan = plan_of(&piece, 1);
    double sum = 0, squares = 0, n = 0, mean;
    struct load_schedule s;
    us_t at, before = 0;

    (void)state;
    load_schedule_init(&s, &plan, LOAD_POISSON, 7);
    while (load_schedule_next(&s, &at) == 0) {
        double gap = (double)(at - before) / 1e6;

        sum += gap;
        squares += gap * gap;
        n++;
        before = at;
    }
    mean = sum / n;
    assert_true(fabs(mean - 0.02) < 0.0005);
    assert_true(fabs(sqrt(squares / n - mean * mean) - 0.02) < 0.0005);
    load_plan_deinit(&plan);
}

static void the_same_seed_gives_the_same_schedule(void **state)
{
    static const struct load_piece piece = { 10, 100, 10 };
    struct load_plan plan = plan_of(&piece, 1);
    struct load_schedule a, b, c;
    unsigned differ = 0;
    us_t x, y, z;

    (void)state;
    load_schedule_init(&a, &plan, LOAD_POISSON, 5);
    load_schedule_init(&b, &plan, LOAD_POISSON, 5);
    load_schedule_init(&c, &plan, LOAD_POISSON, 6);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(load_schedule_next(&a, &x), 0);
        assert_int_equal(load_schedule_next(&b, &y), 0);
        assert_int_equal(load_schedule_next(&c, &z), 0);
        assert_int_equal(x, y);
        differ += x != z;
    }
    assert_true(differ > 90);
    load_plan_deinit(&plan);
}

static void instants_are_given_as_often_as_the_scale_says(void **state)
{
    us_t instants[] = { 0, 10, 10, 25 }, at;
    static const us_t twice_and_a_half[] = { 0, 0, 10, 10, 10, 10, 10, 25, 25, 25 };
    struct load_plan plan = { .instants = instants, .n_instants = 4, .scale = 2.5 };
    struct load_schedule s;

    (void)state;
    load_schedule_init(&s, &plan, LOAD_UNIFORM, 1);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(load_schedule_next(&s, &at), 0);
        assert_int_equal(at, twice_and_a_half[i]);
    }
    assert_int_equal(load_schedule_next(&s, &at), LOAD_SCHEDULE_END);

    plan.scale = 0.5;
    load_schedule_init(&s, &plan, LOAD_UNIFORM, 1);
    assert_int_equal(load_schedule_next(&s, &at), 0);
    assert_int_equal(at, 10);
    assert_int_equal(load_schedule_next(&s, &at), 0);
    assert_int_equal(at, 25);
    assert_int_equal(load_schedule_next(&s, &at), LOAD_SCHEDULE_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_rate_has_one_request_in_each_slot),
        cmocka_unit_test(a_ramp_rises_linearly),
        cmocka_unit_test(silent_pieces_stay_silent),
        cmocka_unit_test(poisson_gaps_are_exponential),
        cmocka_unit_test(the_same_seed_gives_the_same_schedule),
        cmocka_unit_test(instants_are_given_as_often_as_the_scale_says),
    };

    return cmocka_run_group_tests_name("cli/load_schedule", tests, NULL, NULL);
}
