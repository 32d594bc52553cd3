#include "metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

#define SECONDS(n) ((ms_t)(n)*MS_PER_S)
#define HOURS(n)   SECONDS((n)*3600)
#define DAYS(n)    HOURS((n)*24)

/* 2026-01-02T03:00:00Z, a full hour */
#define EPOCH ((wall_ms_t)1767322800000)
static const struct metric_name load = { "Mine", "Load", { { "Host", "a" }, { "Disk", "b" } }, 2 };
static const struct metric_statistic sum = { .kind = STATISTIC_SUM },
                                     count = { .kind = STATISTIC_COUNT },
                                     median = { STATISTIC_PERCENTILE, 50 };

static struct metrics *new_metrics(size_t max_series)
{
    struct metrics *m = NULL;
    assert_int_equal(metrics_new(max_series, &m), 0);
    return m;
}

static int put_at(struct metrics *m, double value, wall_ms_t at, wall_ms_t now)
{
    struct metric_datum d = { .at = at, .resolution_s = 1, .values = &value, .n_values = 1 };
    return metrics_put(m, &load, &d, now);
}

static double read_one(const struct metrics *m, wall_ms_t start, unsigned period_s,
                       const struct metric_statistic *statistic)
{
    double value;
    metrics_read(m, &load, METRIC_UNIT_ANY, start, period_s, 1, statistic, &value, NULL);
    return value;
}

static void the_order_of_dimensions_does_not_matter(void **state)
{
    static const struct metric_name turned = {
        "Mine", "Load", { { "Disk", "b" }, { "Host", "a" } }, 2
    };
    static const struct metric_name fewer = { "Mine", "Load", { { "Disk", "b" } }, 1 };
    autofree(metrics_free) struct metrics *m = new_metrics(10);
    double value;

    (void)state;
    assert_int_equal(metrics_put_value(m, &load, 1, METRIC_UNIT_COUNT, EPOCH), 0);
    assert_int_equal(metrics_put_value(m, &turned, 2, METRIC_UNIT_COUNT, EPOCH), 0);
    assert_int_equal(metrics_series(m), 1);
    assert_int_equal(metrics_read(m, &turned, METRIC_UNIT_COUNT, EPOCH, 1, 1, &sum, &value, NULL),
                     1);
    assert_true(value == 3);
    assert_int_equal(metrics_read(m, &fewer, METRIC_UNIT_COUNT, EPOCH, 1, 1, &sum, &value, NULL),
                     0);
    assert_true(isnan(value));
}

static void units_are_kept_apart(void **state)
{
    autofree(metrics_free) struct metrics *m = new_metrics(10);
    enum metric_unit units[METRIC_UNIT_ANY];
    double value;

    (void)state;
    assert_int_equal(metrics_put_value(m, &load, 5, METRIC_UNIT_COUNT, EPOCH), 0);
    assert_int_equal(metrics_put_value(m, &load, 7, METRIC_UNIT_SECONDS, EPOCH), 0);
    assert_int_equal(metrics_put_value(m, &load, 9, METRIC_UNIT_COUNT, EPOCH + SECONDS(1)), 0);
    assert_int_equal(metrics_series(m), 2);
    assert_int_equal(metrics_units(m, &load, units), 2);
    assert_int_equal(units[0], METRIC_UNIT_SECONDS);
    assert_int_equal(units[1], METRIC_UNIT_COUNT);

    metrics_read(m, &load, METRIC_UNIT_COUNT, EPOCH, 60, 1, &sum, &value, NULL);
    assert_true(value == 14);
    metrics_read(m, &load, METRIC_UNIT_NONE, EPOCH, 60, 1, &sum, &value, NULL);
    assert_true(isnan(value));
    assert_true(read_one(m, EPOCH, 1, &sum) == 7);
    assert_true(read_one(m, EPOCH + SECONDS(1), 1, &sum) == 9);
}

static void numbers_and_times_have_bounds(void **state)
{
    static const struct {
        double value;
        ms_t offset;
        int r;
    } cases[] = {
        { 0x1p360, 0, 0 },
        { -0x1p360, 0, 0 },
        { 0x1.0000000000001p360, 0, METRICS_E_INVALID },
        { -0x1.0000000000001p360, 0, METRICS_E_INVALID },
        { NAN, 0, METRICS_E_INVALID },
        { INFINITY, 0, METRICS_E_INVALID },
        { 1, -DAYS(14), 0 },
        { 1, -DAYS(14) - 1, METRICS_E_INVALID },
        { 1, HOURS(2), 0 },
        { 1, HOURS(2) + 1, METRICS_E_INVALID },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autofree(metrics_free) struct metrics *m = new_metrics(1);

        assert_int_equal(put_at(m, cases[i].value, EPOCH + cases[i].offset, EPOCH), cases[i].r);
        assert_int_equal(metrics_series(m), cases[i].r == 0);
    }
}

static void malformed_data_are_refused(void **state)
{
    static const double one = 1, none = 0;
    static const struct metric_datum cases[] = {
        { .at = EPOCH, .resolution_s = 1 },
        { .at = EPOCH, .resolution_s = 5, .values = &one, .n_values = 1 },
        { .at = EPOCH, .resolution_s = 1, .values = &one, .counts = &none, .n_values = 1 },
        { .at = EPOCH, .resolution_s = 1, .count = 2, .sum = 3, .min = 2, .max = 1 },
        { .at = EPOCH, .resolution_s = 1, .count = -1, .sum = 3, .min = 1, .max = 2 },
        { .at = EPOCH, .resolution_s = 1, .count = 1, .sum = NAN, .min = 1, .max = 2 },
        { .at = EPOCH, .resolution_s = 1, .unit = METRIC_UNIT_ANY, .values = &one, .n_values = 1 },
    };
    static const struct metric_name names[] = {
        { "", "a", { { 0 } }, 0 },
        { "a", "", { { 0 } }, 0 },
        { "a", "b\n", { { 0 } }, 0 },
        { "a", "b", { { "c", "" } }, 1 },
        { "a", "b", { { "c", "1" }, { "c", "2" } }, 2 },
        { "a", "b", { { 0 } }, METRICS_DIMENSIONS_MAX + 1 },
    };
    autofree(metrics_free) struct metrics *m = new_metrics(10);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(metrics_put(m, &load, &cases[i], EPOCH), METRICS_E_INVALID);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(metrics_put_value(m, &names[i], 1, METRIC_UNIT_NONE, EPOCH),
                         METRICS_E_INVALID);
    assert_int_equal(metrics_series(m), 0);
}

static void new_series_are_refused_when_full(void **state)
{
    static const struct metric_name other = { "Mine", "Other", { { 0 } }, 0 };
    autofree(metrics_free) struct metrics *m = new_metrics(1);

    (void)state;
    assert_int_equal(metrics_put_value(m, &load, 1, METRIC_UNIT_COUNT, EPOCH), 0);
    assert_int_equal(metrics_put_value(m, &other, 1, METRIC_UNIT_COUNT, EPOCH), METRICS_E_FULL);
    assert_int_equal(metrics_put_value(m, &load, 1, METRIC_UNIT_NONE, EPOCH), METRICS_E_FULL);
    assert_int_equal(metrics_put_value(m, &load, 1, METRIC_UNIT_COUNT, EPOCH), 0);
    assert_int_equal(metrics_series(m), 1);
}

static void each_age_has_its_resolution(void **state)
{
    static const struct {
        ms_t age;
        unsigned resolution_s;
    } cases[] = {
        { -HOURS(2), 1 },       { HOURS(3), 1 },       { HOURS(3) + 1, 60 },
        { DAYS(15), 60 },       { DAYS(15) + 1, 300 }, { DAYS(63), 300 },
        { DAYS(63) + 1, 3600 }, { DAYS(455), 3600 },   { DAYS(455) + 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(metrics_resolution(EPOCH, EPOCH + cases[i].age), cases[i].resolution_s);
    assert_int_equal(metrics_resolution(EPOCH + SECONDS(59), EPOCH + HOURS(3) + 1), 60);
    assert_int_equal(metrics_resolution(EPOCH + SECONDS(60), EPOCH + HOURS(3) + 1), 1);
}

static void data_fade_from_seconds_to_hours_to_nothing(void **state)
{
    static const struct {
        ms_t age;
        unsigned finest, not_any_more;
    } cases[] = {
        { HOURS(3), 1, 0 },        { HOURS(3) + 1, 60, 30 }, { DAYS(15), 60, 30 },
        { DAYS(15) + 1, 300, 60 }, { DAYS(63), 300, 60 },    { DAYS(63) + 1, 3600, 300 },
        { DAYS(455), 3600, 300 },
    };
    autofree(metrics_free) struct metrics *m = new_metrics(1);

    (void)state;
    assert_int_equal(put_at(m, 3, EPOCH, EPOCH), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        metrics_age(m, EPOCH + cases[i].age);
        assert_true(read_one(m, EPOCH, cases[i].finest, &sum) == 3);
        assert_true(read_one(m, EPOCH, 86400, &sum) == 3);
        if (cases[i].not_any_more)
            assert_true(isnan(read_one(m, EPOCH, cases[i].not_any_more, &sum)));
    }
    metrics_age(m, EPOCH + DAYS(455) + 1);
    assert_true(isnan(read_one(m, EPOCH, 86400, &sum)));
    metrics_age(m, EPOCH + DAYS(500));
    assert_int_equal(metrics_series(m), 0);
}

/* At boot a clock may be hours ahead, until it is set by others. */
static void a_clock_that_is_set_back_is_counted_from(void **state)
{
    autofree(metrics_free) struct metrics *m = new_metrics(10);

    (void)state;
    assert_int_equal(put_at(m, 1, EPOCH + HOURS(9), EPOCH + HOURS(9)), 0);
    metrics_age(m, EPOCH + HOURS(9));
    metrics_age(m, EPOCH);
    assert_int_equal(put_at(m, 2, EPOCH + SECONDS(1), EPOCH + SECONDS(1)), 0);
    assert_true(read_one(m, EPOCH + SECONDS(1), 1, &sum) == 2);
    assert_true(read_one(m, EPOCH, 60, &sum) == 2);
}

static void late_data_find_their_place(void **state)
{
    static const ms_t ages[] = { 0, 7, 3, 3, 400, 5, 200, 10790, 3600 * 3, 3600 * 5, 86400 * 14 };
    autofree(metrics_free) struct metrics *m = new_metrics(1);

    (void)state;
    for (size_t i = 0; i < sizeof(ages) / sizeof(*ages); i++)
        assert_int_equal(put_at(m, (double)(i + 1), EPOCH - SECONDS(ages[i]), EPOCH), 0);
    assert_true(read_one(m, EPOCH - SECONDS(3), 1, &sum) == 3 + 4);
    assert_true(read_one(m, EPOCH - SECONDS(7), 10, &sum) == 1 + 2 + 3 + 4 + 6);
    assert_true(read_one(m, EPOCH - DAYS(14), 60, &sum) == 11);
    assert_true(isnan(read_one(m, EPOCH - HOURS(5), 1, &sum)));
    assert_true(read_one(m, EPOCH - DAYS(14), 86400 * 15, &sum) == 66);
}

static void a_minute_is_not_shown_by_the_second(void **state)
{
    double value = 4;
    struct metric_datum d = {
        .at = EPOCH + 30500, .resolution_s = 60, .values = &value, .n_values = 1
    };
    autofree(metrics_free) struct metrics *m = new_metrics(1);

    (void)state;
    assert_int_equal(metrics_put(m, &load, &d, EPOCH + SECONDS(31)), 0);
    assert_true(isnan(read_one(m, EPOCH, 30, &sum)));
    assert_true(read_one(m, EPOCH, 60, &sum) == 4);
}

static void statistic_sets_have_percentiles_only_when_there_is_no_doubt(void **state)
{
    static const struct {
        double count, sum, min, max, median;
    } cases[] = {
        { 1, 7, 7, 7, 7 },    { 4, 28, 7, 7, 7 },      { 4, 20, 2, 7, NAN },
        { 4, 27, 7, 7, NAN }, { 2, -14, -7, -7, NAN },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autofree(metrics_free) struct metrics *m = new_metrics(1);
        struct metric_datum d = { .at = EPOCH,
                                  .resolution_s = 1,
                                  .count = cases[i].count,
                                  .sum = cases[i].sum,
                                  .min = cases[i].min,
                                  .max = cases[i].max };

        assert_int_equal(metrics_put(m, &load, &d, EPOCH), 0);
        assert_true(read_one(m, EPOCH, 1, &count) == cases[i].count);
        assert_true(read_one(m, EPOCH, 1, &sum) == cases[i].sum);
        double got = read_one(m, EPOCH, 1, &median);
        assert_true(isnan(cases[i].median) ? isnan(got) : got == cases[i].median);
    }
}

static void a_set_states_the_exact_totals_of_rounded_values(void **state)
{
    static const double values[] = { 100, 200 }, counts[] = { 3, 1 };
    static const struct metric_statistic maximum = { .kind = STATISTIC_MAXIMUM };
    struct metric_datum d = { .at = EPOCH,
                              .resolution_s = 1,
                              .count = 4,
                              .sum = 503,
                              .min = 99,
                              .max = 201,
                              .values = values,
                              .counts = counts,
                              .n_values = 2 };
    autofree(metrics_free) struct metrics *m = new_metrics(1);

    (void)state;
    assert_int_equal(metrics_put(m, &load, &d, EPOCH), 0);
    assert_true(read_one(m, EPOCH, 1, &sum) == 503);
    assert_true(read_one(m, EPOCH, 1, &count) == 4);
    assert_true(read_one(m, EPOCH, 1, &maximum) == 201);
    assert_true(fabs(read_one(m, EPOCH, 1, &median) - 100) < 2);
}

static void no_percentiles_beside_a_negative_value(void **state)
{
    autofree(metrics_free) struct metrics *m = new_metrics(1);

    (void)state;
    assert_int_equal(put_at(m, 1, EPOCH, EPOCH), 0);
    assert_int_equal(put_at(m, 2, EPOCH, EPOCH), 0);
    assert_false(isnan(read_one(m, EPOCH, 1, &median)));
    assert_int_equal(put_at(m, -1, EPOCH, EPOCH), 0);
    assert_true(isnan(read_one(m, EPOCH, 1, &median)));
    assert_true(read_one(m, EPOCH, 1, &sum) == 2);
}

/* --- listing ---------------------------------------------------------------------------------- */

struct listed {
    char text[1024];
    size_t n, stop_after;
};

static int note_name(const struct metric_name *name, void *context)
{
    struct listed *l = context;
    size_t used = strlen(l->text);

    used += (size_t)snprintf(l->text + used, sizeof(l->text) - used, "%s/%s", name->namespace,
                             name->name);
    for (size_t i = 0; i < name->n_dimensions; i++)
        used += (size_t)snprintf(l->text + used, sizeof(l->text) - used, ",%s=%s",
                                 name->dimensions[i].name, name->dimensions[i].value);
    snprintf(l->text + used, sizeof(l->text) - used, " ");
    return ++l->n == l->stop_after ? 42 : 0;
}

static void names_are_listed_in_order_and_filtered(void **state)
{
    static const struct metric_name names[] = {
        { "B", "x", { { 0 } }, 0 },          { "A", "y", { { "k", "2" }, { "j", "1" } }, 2 },
        { "A", "y", { { "k", "1" } }, 1 },   { "A", "y", { { 0 } }, 0 },
        { "A", "x y", { { "k", "2" } }, 1 },
    };
    static const struct metric_dimension k2 = { "k", "2" }, any_k = { "k", NULL };
    const struct {
        struct metrics_filter filter;
        size_t stop_after;
        const char *expected;
        int r;
    } cases[] = {
        { { 0 }, 0, "A/x y,k=2 A/y A/y,j=1,k=2 A/y,k=1 B/x ", 0 },
        { { 0 }, 2, "A/x y,k=2 A/y ", 42 },
        { { .namespace = "A", .name = "y" }, 0, "A/y A/y,j=1,k=2 A/y,k=1 ", 0 },
        { { .dimensions = &k2, .n_dimensions = 1 }, 0, "A/x y,k=2 A/y,j=1,k=2 ", 0 },
        { { .dimensions = &any_k, .n_dimensions = 1 }, 0, "A/x y,k=2 A/y,j=1,k=2 A/y,k=1 ", 0 },
        { { .after = &names[3] }, 0, "A/y,j=1,k=2 A/y,k=1 B/x ", 0 },
        { { .active_since = EPOCH + SECONDS(4) }, 0, "A/x y,k=2 ", 0 },
    };
    autofree(metrics_free) struct metrics *m = new_metrics(10);

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(
            metrics_put_value(m, &names[i], 1, METRIC_UNIT_NONE, EPOCH + SECONDS((ms_t)i)), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct listed l = { .stop_after = cases[i].stop_after };

        assert_int_equal(metrics_list(m, &cases[i].filter, note_name, &l), cases[i].r);
        assert_string_equal(l.text, cases[i].expected);
    }
}

static void idle_series_take_little_memory(void **state)
{
    autofree(metrics_free) struct metrics *m = new_metrics(1);

    (void)state;
    for (int i = 0; i < 4 * 3600; i++) {
        assert_int_equal(metrics_put_value(m, &load, 0, METRIC_UNIT_COUNT, EPOCH + SECONDS(i)), 0);
        metrics_age(m, EPOCH + SECONDS(i));
    }
    assert_true(read_one(m, EPOCH, 86400, &count) == 4 * 3600);
    assert_true(metrics_bytes(m) < 5000);
}

/* --- against the obvious answer --------------------------------------------------------------- */

enum { SAMPLES_MAX = 6000, PERIODS_MAX = 400 };

struct sample {
    wall_ms_t at;
    unsigned resolution_s;
    double value, count;
};

static struct {
    struct sample samples[SAMPLES_MAX];
    size_t n;
} all;

static int64_t cut(int64_t at, unsigned resolution_s)
{
    return at - at % SECONDS(resolution_s);
}

static int by_value(const void *a, const void *b)
{
    double x = ((const struct sample *)a)->value, y = ((const struct sample *)b)->value;
    return (x > y) - (x < y);
}

/* Return: the samples of one period, sorted by value. */
static size_t samples_of(wall_ms_t start, unsigned period_s, wall_ms_t now,
                         struct sample ret_found[SAMPLES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < all.n; i++) {
        const struct sample *s = &all.samples[i];
        unsigned resolution_s = metrics_resolution(cut(s->at, s->resolution_s), now);
        wall_ms_t at;

        if (resolution_s == 0)
            continue;
        if (resolution_s < s->resolution_s)
            resolution_s = s->resolution_s;
        at = cut(s->at, resolution_s);
        if (period_s % resolution_s == 0 && at >= start && at < start + SECONDS(period_s))
            ret_found[n++] = *s;
    }
    qsort(ret_found, n, sizeof(*ret_found), by_value);
    return n;
}

static void check_period(wall_ms_t start, unsigned period_s, wall_ms_t now, double got_sum,
                         double got_count, double got_percentile, double percent)
{
    static struct sample found[SAMPLES_MAX];
    size_t n = samples_of(start, period_s, now, found), i = 0;
    double total = 0, samples = 0, below = 0;

    for (size_t k = 0; k < n; k++) {
        total += found[k].value * found[k].count;
        samples += found[k].count;
    }
    assert_true(got_count == samples);
    if (n == 0) {
        assert_true(isnan(got_sum) && isnan(got_percentile));
        return;
    }
    assert_true(fabs(got_sum - total) <= 1e-9 * fabs(total));
    if (found[0].value < 0) {
        assert_true(isnan(got_percentile));
        return;
    }
    while (i + 1 < n && below + found[i].count < samples * percent / 100 - 1e-9)
        below += found[i++].count;
    assert_true(fabs(got_percentile - found[i].value) <= found[i].value / 50);
}

static void check_everything(const struct metrics *m, struct random *random, wall_ms_t now)
{
    static const unsigned periods_s[] = { 1, 5, 10, 30, 60, 120, 300, 900, 3600, 86400 };
    static double sums[PERIODS_MAX], counts[PERIODS_MAX], percentiles[PERIODS_MAX];
    unsigned period_s = periods_s[random_below(random, 10)];
    struct metric_statistic percentile = { STATISTIC_PERCENTILE, random_unit(random) * 100 };
    size_t n = 1 + random_below(random, 40), found;
    wall_ms_t start =
        now + HOURS(2) - (ms_t)(random_unit(random) * random_unit(random) * (double)DAYS(470));

    start = cut(start, random_below(random, 2) ? period_s : 1);
    found = metrics_read(m, &load, METRIC_UNIT_ANY, start, period_s, n, &sum, sums, counts);
    metrics_read(m, &load, METRIC_UNIT_NONE, start, period_s, n, &percentile, percentiles, NULL);
    for (size_t i = 0; i < n; i++) {
        check_period(start + SECONDS(period_s) * (ms_t)i, period_s, now, sums[i], counts[i],
                     percentiles[i], percentile.percent);
        found -= !isnan(sums[i]);
    }
    assert_int_equal(found, 0);
}

static void put_random(struct metrics *m, struct random *random, wall_ms_t now)
{
    static const ms_t spans[] = { SECONDS(2), SECONDS(2), SECONDS(400), HOURS(5), DAYS(13) };
    struct sample s = {
        .at = now - (ms_t)(random_unit(random) * (double)spans[random_below(random, 5)]),
        .resolution_s = random_below(random, 4) ? 1 : 60,
        .value = random_below(random, 8) ? 8 + random_below(random, 24) : random_unit(random) * 20,
        .count = 1 + random_below(random, 3),
    };
    struct metric_datum d = { .at = s.at,
                              .resolution_s = s.resolution_s,
                              .values = &s.value,
                              .counts = &s.count,
                              .n_values = 1 };

    if (random_below(random, 200) == 0)
        s.value = -s.value;
    assert_int_equal(metrics_put(m, &load, &d, now), 0);
    all.samples[all.n++] = s;
}

static void reads_are_what_all_samples_say_over_weeks(void **state)
{
    static const ms_t steps[] = { 0, SECONDS(1), SECONDS(1), SECONDS(30), HOURS(1), DAYS(1) };
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 0;
    autofree(metrics_free) struct metrics *m = new_metrics(1);
    struct random random;
    wall_ms_t now = EPOCH + 123;

    (void)state;
    if (!given)
        random_secret(&seed, sizeof(seed));
    print_message("WEIR_TEST_SEED=%" PRIu64 "\n", seed);
    random_init(&random, seed);
    for (all.n = 0; all.n < SAMPLES_MAX;) {
        for (unsigned i = random_below(&random, 60); i > 0 && all.n < SAMPLES_MAX; i--) {
            put_random(m, &random, now);
            now += steps[random_below(&random, 3)];
        }
        if (random_below(&random, 2))
            metrics_age(m, now);
        check_everything(m, &random, now);
        now += steps[random_below(&random, 6)] * random_below(&random, 10);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_dimensions_does_not_matter),
        cmocka_unit_test(units_are_kept_apart),
        cmocka_unit_test(numbers_and_times_have_bounds),
        cmocka_unit_test(malformed_data_are_refused),
        cmocka_unit_test(new_series_are_refused_when_full),
        cmocka_unit_test(each_age_has_its_resolution),
        cmocka_unit_test(data_fade_from_seconds_to_hours_to_nothing),
        cmocka_unit_test(a_clock_that_is_set_back_is_counted_from),
        cmocka_unit_test(late_data_find_their_place),
        cmocka_unit_test(a_minute_is_not_shown_by_the_second),
        cmocka_unit_test(statistic_sets_have_percentiles_only_when_there_is_no_doubt),
        cmocka_unit_test(a_set_states_the_exact_totals_of_rounded_values),
        cmocka_unit_test(no_percentiles_beside_a_negative_value),
        cmocka_unit_test(names_are_listed_in_order_and_filtered),
        cmocka_unit_test(idle_series_take_little_memory),
        cmocka_unit_test(reads_are_what_all_samples_say_over_weeks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
