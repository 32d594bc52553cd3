/* What is promised when memory runs out: every put either stores all of it or nothing. The linker
 * sends the module's allocations here, and one of them fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "metrics/metrics.h"

#define EPOCH ((wall_ms_t)1767322800000)

enum { NEVER = -1, SPAN_S = 900 };

static int fail_after = NEVER; /* so many more allocations succeed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool fails(void)
{
    return fail_after >= 0 && fail_after-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

struct picture {
    double sums[SPAN_S], counts[SPAN_S], medians[SPAN_S];
    size_t n_series;
};

static const struct metric_name names[] = {
    { "Mine", "a", { { 0 } }, 0 },
    { "Mine", "b", { { "k", "v" } }, 1 },
};

static void take_picture(const struct metrics *m, size_t which, struct picture *p)
{
    static const struct metric_statistic sum = { .kind = STATISTIC_SUM };
    static const struct metric_statistic median = { STATISTIC_PERCENTILE, 50 };

    memset(p, 0, sizeof(*p));
    p->n_series = metrics_series(m);
    metrics_read(m, &names[which], METRIC_UNIT_ANY, EPOCH, 1, SPAN_S, &sum, p->sums, p->counts);
    metrics_read(m, &names[which], METRIC_UNIT_ANY, EPOCH, 1, SPAN_S, &median, p->medians, NULL);
}

/* Puts with ever later failures until it succeeds. Return: how often it failed. */
static int put_until_it_succeeds(struct metrics *m, size_t which, const struct metric_datum *d)
{
    static struct picture before, after;
    int r = -ENOMEM, n = 0;

    take_picture(m, which, &before);
    for (; r; n++) {
        fail_after = n;
        r = metrics_put(m, &names[which], d, EPOCH + SPAN_S * MS_PER_S);
        fail_after = NEVER;
        take_picture(m, which, &after);
        assert_true(r == 0 || r == -ENOMEM);
        if (r)
            assert_memory_equal(&before, &after, sizeof(before));
    }
    assert_true(after.counts[(d->at - EPOCH) / MS_PER_S] ==
                before.counts[(d->at - EPOCH) / MS_PER_S] + (double)d->n_values);
    return n - 1;
}

static void a_put_stores_all_or_nothing(void **state)
{
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 0;
    autofree(metrics_free) struct metrics *m = NULL;
    struct random random;
    int failures = 0;

    (void)state;
    if (!given)
        random_secret(&seed, sizeof(seed));
    print_message("WEIR_TEST_SEED=%" PRIu64 "\n", seed);
    random_init(&random, seed);
    assert_int_equal(metrics_new(10, &m), 0);
    for (int i = 0; i < 500; i++) {
        double values[3] = { 1, random_below(&random, 4), random_below(&random, 100) };
        struct metric_datum d = {
            .at = EPOCH + (i % 3 ? i * MS_PER_S : (ms_t)random_below(&random, SPAN_S * 1000)),
            .unit = METRIC_UNIT_COUNT,
            .resolution_s = 1,
            .values = values,
            .n_values = 1 + random_below(&random, 3),
        };

        failures += put_until_it_succeeds(m, random_below(&random, 2), &d);
    }
    assert_true(failures > 100);
}

static void a_store_without_memory_is_not_made(void **state)
{
    struct metrics *m = NULL;

    (void)state;
    fail_after = 0;
    assert_int_equal(metrics_new(10, &m), -ENOMEM);
    assert_null(m);
    fail_after = NEVER;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_stores_all_or_nothing),
        cmocka_unit_test(a_store_without_memory_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
