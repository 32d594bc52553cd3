#include "metrics/sketch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

static void percentiles_are_within_a_sixty_fourth(void **state)
{
    struct sketch s = { 0 };

    (void)state;
    for (int i = 1; i <= 1000; i++) {
        assert_int_equal(sketch_reserve(&s, 1), 0);
        sketch_add(&s, i / 100.0, 1);
    }
    for (int p = 30; p <= 100; p++)
        assert_true(fabs(sketch_percentile(&s, p) - p / 10.0) < p / 10.0 / 32);
    sketch_deinit(&s);
}

static void zeros_stay_zeros(void **state)
{
    struct sketch_fixed storage;
    struct sketch *s = sketch_fixed_init(&storage);

    (void)state;
    sketch_add(s, 0, 9);
    sketch_add(s, -0.0, 1);
    sketch_add(s, 5, 10);
    assert_int_equal(s->n, 2);
    assert_true(sketch_percentile(s, 50) < 1e-300);
    assert_true(fabs(sketch_percentile(s, 51) - 5) < 0.1);
}

static void any_number_of_values_fits(void **state)
{
    struct sketch_fixed storage;
    struct sketch *s = sketch_fixed_init(&storage), other = { 0 };
    double before = 0;

    (void)state;
    for (int i = -1000; i < 360; i++)
        for (int k = 0; k < 8; k++)
            sketch_add(s, ldexp(1 + k / 8.0, i), 1);
    assert_true(s->n <= SKETCH_BINS_MAX && s->shift > 0);
    for (int p = 0; p <= 100; p++) {
        double value = sketch_percentile(s, p);

        assert_true(value >= before);
        before = value;
    }

    assert_int_equal(sketch_reserve(&other, 1), 0);
    sketch_add(&other, 3, 1);
    assert_int_equal(sketch_reserve(&other, s->n), 0);
    sketch_merge(&other, s); /* the coarser one decides */
    assert_true(other.n <= SKETCH_BINS_MAX && other.shift >= s->shift);
    sketch_deinit(&other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_within_a_sixty_fourth),
        cmocka_unit_test(zeros_stay_zeros),
        cmocka_unit_test(any_number_of_values_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
