#include "base/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

static void any_value_reads_back_within_one_percent(void **state)
{
    struct random random;
    double worst = 0;

    (void)state;
    random_init(&random, 1);
    for (unsigned i = 0; i < 1000000; i++) {
        unsigned bits = random_below(&random, HISTOGRAM_VALUE_BITS);
        uint64_t value = 1 + (random_u64(&random) & (((uint64_t)1 << bits) - 1));
        double read = histogram_bucket_value(histogram_bucket_index(value));
        double error = fabs(read - (double)value) / (double)value;

        if (error > worst)
            worst = error;
    }
    print_message("worst relative error: %.4f %%\n", worst * 100);
    assert_true(worst <= 0.01);
}

static void buckets_are_in_order_and_without_gaps(void **state)
{
    (void)state;
    for (size_t i = 1; i < HISTOGRAM_BUCKETS - 1; i++)
        assert_true(histogram_bucket_value(i) > histogram_bucket_value(i - 1));
    for (uint64_t v = 1; v < 100000; v++) {
        size_t step = histogram_bucket_index(v) - histogram_bucket_index(v - 1);

        assert_true(step <= 1);
    }
    assert_int_equal(histogram_bucket_index(0), 0);
    assert_true(histogram_bucket_index(UINT64_MAX) < HISTOGRAM_BUCKETS);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void percentiles_agree_with_sorting(void **state)
{
    enum { N = 10000 };
    static const double percents[] = { 0, 1, 50, 90, 99, 99.9, 100 };
    static struct histogram h;
    static uint64_t values[N];
    struct random random;

    (void)state;
    histogram_reset(&h);
    random_init(&random, 3);
    for (unsigned i = 0; i < N; i++) {
        values[i] = (uint64_t)exp(random_unit(&random) * 15);
        histogram_record(&h, values[i]);
    }
    qsort(values, N, sizeof(values[0]), compare);
    for (unsigned i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        size_t rank = (size_t)ceil(percents[i] / 100 * N);
        double exact = (double)values[rank ? rank - 1 : 0];

        assert_true(fabs(histogram_percentile(&h, percents[i]) - exact) <= exact * 0.01);
    }
    assert_int_equal(h.min, values[0]);
    assert_int_equal(h.max, values[N - 1]);
}

static void sums_are_the_sum(void **state)
{
    static struct histogram a, b;

    (void)state;
    histogram_reset(&a);
    histogram_reset(&b);
    assert_true(histogram_percentile(&a, 99) == 0);
    assert_true(histogram_mean(&a) == 0);
    histogram_record(&a, 10);
    histogram_record_n(&b, 30, 3);
    histogram_record_n(&b, 5, 0);
    histogram_add(&a, &b);
    assert_int_equal(a.count, 4);
    assert_int_equal(a.sum, 100);
    assert_int_equal(a.min, 10);
    assert_int_equal(a.max, 30);
    assert_true(histogram_mean(&a) == 25);
    histogram_record(&a, UINT64_MAX);
    assert_int_equal(a.max, (uint64_t)1 << HISTOGRAM_VALUE_BITS);
}

static void a_full_bucket_stays_full(void **state)
{
    static struct histogram h;

    (void)state;
    histogram_reset(&h);
    histogram_record_n(&h, 1, UINT32_MAX);
    histogram_record_n(&h, 1, 5);
    assert_int_equal(h.bucket[1], UINT32_MAX);
    assert_int_equal(h.count, (uint64_t)UINT32_MAX + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_value_reads_back_within_one_percent),
        cmocka_unit_test(buckets_are_in_order_and_without_gaps),
        cmocka_unit_test(percentiles_agree_with_sorting),
        cmocka_unit_test(sums_are_the_sum),
        cmocka_unit_test(a_full_bucket_stays_full),
    };

    return cmocka_run_group_tests_name("base/histogram", tests, NULL, NULL);
}
