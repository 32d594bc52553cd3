#include "metrics/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "metrics/store.h"

#define EPOCH ((wall_ms_t)1767322800000)

enum { NAMES = 12, PERIODS = 4000, STREAM_BYTES_MAX = 256 << 20 };

static struct metric_name name_of(unsigned i)
{
    static const char *const values[] = { "a", "b", "c" };
    static const char *const names[] = { "Invocations", "ModelLatency", "CPUUtilization", "x" };

    return (struct metric_name){ "Mine", names[i % 4], { { "Variant", values[i / 4] } }, 1 };
}

/* What a run writes: frames one after the other, each with its length before it. */
struct fixture {
    struct metrics *metrics;
    struct metric_journal *journal;
    struct buffer stream;
    size_t round_start; /* in the stream */
    struct random random;
    wall_ms_t now;
};

static uint64_t seed(void)
{
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t s = given ? strtoull(given, NULL, 10) : 0;

    if (!given)
        random_secret(&s, sizeof(s));
    print_message("WEIR_TEST_SEED=%" PRIu64 "\n", s);
    return s;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(metrics_new(100, &f->metrics), 0);
    assert_int_equal(metric_journal_new(f->metrics, &f->journal), 0);
    f->stream = BUFFER_INIT(STREAM_BYTES_MAX);
    f->now = EPOCH;
    random_init(&f->random, seed());
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    metric_journal_free(f->journal);
    metrics_free(f->metrics);
    buffer_deinit(&f->stream);
    free(f);
    return 0;
}

static void write_frame(struct fixture *f)
{
    struct buffer records;
    uint32_t size;

    assert_int_equal(metric_journal_take(f->journal, &records), 0);
    size = (uint32_t)buffer_size(&records);
    if (size > 0)
        assert_int_equal(buffer_append(&f->stream, &size, sizeof(size)), 0);
    assert_int_equal(buffer_append(&f->stream, buffer_data(&records), size), 0);
    buffer_deinit(&records);
}

/* A size of 0 stands for the start of a segment. */
static void new_segment(struct fixture *f)
{
    static const uint32_t none = 0;

    metric_journal_segment(f->journal);
    assert_int_equal(buffer_append(&f->stream, &none, sizeof(none)), 0);
}

static struct metrics *read_back(const struct fixture *f, size_t max_series)
{
    autofree(metric_journal_reader_free) struct metric_journal_reader *reader = NULL;
    const char *at = buffer_data(&f->stream) + f->round_start;
    const char *end = buffer_data(&f->stream) + buffer_size(&f->stream);
    struct metrics *m = NULL;
    uint32_t size;

    assert_int_equal(metrics_new(max_series, &m), 0);
    assert_int_equal(metric_journal_reader_new(m, &reader), 0);
    for (; at < end; at += size) {
        memcpy(&size, at, sizeof(size));
        at += sizeof(size);
        if (size == 0)
            metric_journal_reader_segment(reader);
        assert_int_equal(metric_journal_read(reader, at, size), 0);
    }
    return m;
}

/* Sums may have come together in another order. */
static void expect_same(const struct metrics *a, const struct metrics *b, unsigned period_s,
                        wall_ms_t start)
{
    static const struct metric_statistic statistics[] = {
        { .kind = STATISTIC_SUM },
        { .kind = STATISTIC_MAXIMUM },
        { .kind = STATISTIC_PERCENTILE, .percent = 90 },
    };
    static double x[PERIODS], y[PERIODS], n_x[PERIODS], n_y[PERIODS];

    for (unsigned i = 0; i < NAMES; i++) {
        struct metric_name name = name_of(i);

        for (size_t k = 0; k < 3; k++) {
            size_t found = metrics_read(a, &name, METRIC_UNIT_ANY, start, period_s, PERIODS,
                                        &statistics[k], x, n_x);

            assert_int_equal(metrics_read(b, &name, METRIC_UNIT_ANY, start, period_s, PERIODS,
                                          &statistics[k], y, n_y),
                             found);
            assert_memory_equal(n_x, n_y, sizeof(n_x));
            for (size_t p = 0; p < PERIODS; p++)
                assert_true(isnan(x[p]) ? isnan(y[p]) : fabs(x[p] - y[p]) <= 1e-9 * fabs(x[p]));
        }
    }
}

static void put_something(struct fixture *f)
{
    double values[5], counts[5];
    struct metric_name name = name_of((unsigned)random_below(&f->random, NAMES));
    struct metric_datum d = {
        .at = f->now - (random_below(&f->random, 20) ? 0 : (ms_t)random_below(&f->random, 7200000)),
        .unit = random_below(&f->random, 10) ? METRIC_UNIT_COUNT : METRIC_UNIT_NONE,
        .resolution_s = random_below(&f->random, 5) ? 1 : 60,
        .values = values,
        .counts = counts,
        .n_values = 1 + random_below(&f->random, 5),
    };

    for (size_t i = 0; i < d.n_values; i++) {
        values[i] =
            (double)random_below(&f->random, 1000) / (1 + (double)random_below(&f->random, 3));
        counts[i] = 1 + (double)random_below(&f->random, 4);
    }
    if (random_below(&f->random, 8) == 0)
        d = (struct metric_datum){ .at = d.at,
                                   .unit = d.unit,
                                   .resolution_s = 1,
                                   .count = 2,
                                   .sum = -1,
                                   .min = -3,
                                   .max = 2 };
    assert_int_equal(metrics_put(f->metrics, &name, &d, f->now), 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void what_is_read_back_is_what_was_put(void **state)
{
    struct fixture *f = *state;
    autofree(metrics_free) struct metrics *again = NULL;

    for (int second = 0; second < 3000; second++, f->now += 1000) {
        for (uint64_t n = random_below(&f->random, 4); n > 0; n--)
            put_something(f);
        write_frame(f);
        if (random_below(&f->random, 300) == 0)
            new_segment(f);
    }
    again = read_back(f, 100);
    assert_int_equal(metrics_series(again), metrics_series(f->metrics));
    expect_same(f->metrics, again, 1, EPOCH - 600000);
    expect_same(f->metrics, again, 60, EPOCH - 7200000);
}

static void a_round_makes_what_came_before_it_superfluous(void **state)
{
    struct fixture *f = *state;
    autofree(metrics_free) struct metrics *again = NULL;
    bool over = false;
    int rounds = 0;

    for (int second = 0; second < 14000 || rounds < 3; second++, f->now += 1000) {
        for (uint64_t n = random_below(&f->random, 3); n > 0; n--)
            put_something(f);
        metrics_age(f->metrics, f->now);
        over = over || metric_journal_write(f->journal, 1 + random_below(&f->random, 2000));
        write_frame(f);
        if (over && random_below(&f->random, 1000) == 0) {
            again = metrics_free(again);
            again = read_back(f, 100);
            rounds++;
            f->round_start = buffer_size(&f->stream);
            new_segment(f);
            metric_journal_round(f->journal);
            over = false;
        }
    }
    while (!over) {
        over = metric_journal_write(f->journal, 4096);
        write_frame(f);
    }
    again = metrics_free(again);
    again = read_back(f, 100);
    expect_same(f->metrics, again, 60, f->now - 4000 * 60000);
    expect_same(f->metrics, again, 1, f->now - 4000 * 1000);
}

static void what_was_lost_is_written_by_the_next_round(void **state)
{
    struct fixture *f = *state;
    autofree(metrics_free) struct metrics *again = NULL;

    put_something(f);
    metric_journal_lose(f->journal);
    for (int i = 0; i < 100; i++)
        put_something(f);
    write_frame(f);
    assert_true(metric_journal_lost(f->journal));
    assert_false(metric_journal_write(f->journal, SIZE_MAX / 2));
    new_segment(f);
    metric_journal_round(f->journal);
    assert_false(metric_journal_lost(f->journal));
    assert_true(metric_journal_write(f->journal, SIZE_MAX / 2));
    put_something(f);
    write_frame(f);
    f->round_start = 0;
    again = read_back(f, 100);
    expect_same(f->metrics, again, 1, EPOCH - 600000);
}

static void a_clock_that_was_set_back_is_read_back(void **state)
{
    const ms_t hours = (ms_t)9 * 3600 * MS_PER_S;
    struct fixture *f = *state;
    struct metric_name name = name_of(0);
    autofree(metrics_free) struct metrics *again = NULL;

    assert_int_equal(metrics_put_value(f->metrics, &name, 1, METRIC_UNIT_NONE, f->now + hours), 0);
    metrics_age(f->metrics, f->now);
    assert_int_equal(metrics_put_value(f->metrics, &name, 2, METRIC_UNIT_NONE, f->now), 0);
    write_frame(f);
    again = read_back(f, 100);
    expect_same(f->metrics, again, 1, EPOCH);
}

static void series_beyond_the_limit_are_left_out(void **state)
{
    struct fixture *f = *state;
    autofree(metrics_free) struct metrics *again = NULL;

    for (int i = 0; i < 200; i++)
        put_something(f);
    assert_true(metric_journal_write(f->journal, SIZE_MAX / 2));
    write_frame(f);
    again = read_back(f, 3);
    assert_int_equal(metrics_series(again), 3);
}

/* Where bytes changed, reading ends or gives something else; it never goes astray. */
static void changed_bytes_do_no_harm(void **state)
{
    struct fixture *f = *state;
    struct buffer records;
    int malformed = 0;

    for (int i = 0; i < 60; i++, f->now += 1000)
        put_something(f);
    assert_true(metric_journal_write(f->journal, SIZE_MAX / 2));
    assert_int_equal(metric_journal_take(f->journal, &records), 0);
    for (int i = 0; i < 3000; i++) {
        autofree(metrics_free) struct metrics *m = NULL;
        autofree(metric_journal_reader_free) struct metric_journal_reader *reader = NULL;
        uint32_t size = (uint32_t)buffer_size(&records);
        autofree(mem_free) char *copy = malloc(size);
        int r;

        assert_non_null(copy);
        memcpy(copy, buffer_data(&records), size);
        for (int k = 0; k < 3; k++)
            copy[random_below(&f->random, size)] = (char)random_below(&f->random, 256);
        size -= random_below(&f->random, 2) ? (uint32_t)random_below(&f->random, size) : 0;
        assert_int_equal(metrics_new(100, &m), 0);
        assert_int_equal(metric_journal_reader_new(m, &reader), 0);
        r = metric_journal_read(reader, copy, size);
        assert_true(r == 0 || r == METRIC_JOURNAL_E_MALFORMED);
        malformed += r == METRIC_JOURNAL_E_MALFORMED;
        metrics_age(m, f->now);
    }
    assert_true(malformed > 1000);
    buffer_deinit(&records);
}

static void nothing_is_noted_without_a_journal(void **state)
{
    struct fixture *f = *state;

    f->journal = metric_journal_free(f->journal);
    put_something(f);
    assert_int_equal(metric_journal_new(f->metrics, &f->journal), 0);
    assert_false(metric_journal_lost(f->journal));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_is_read_back_is_what_was_put),
        TEST(a_round_makes_what_came_before_it_superfluous),
        TEST(what_was_lost_is_written_by_the_next_round),
        TEST(a_clock_that_was_set_back_is_read_back),
        TEST(series_beyond_the_limit_are_left_out),
        TEST(changed_bytes_do_no_harm),
        TEST(nothing_is_noted_without_a_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
