#include "metrics/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <stdlib.h>

static const double numbers[] = {
    0,       1,       -1,         63,       64,      -64,      0x1p52 - 1,       0x1p52,
    -0x1p52, 0x1p53,  0.5,        -0.25,    0.1,     -1e-300,  DBL_MIN / 4,      FLT_MAX,
    FLT_MIN, 0x1p119, 0x1.8p-140, 0x1p-149, 0x1p360, -0x1p360, 1767322800.12345, 1e15 + 0.5,
};
enum { N_NUMBERS = sizeof(numbers) / sizeof(*numbers) };

static struct block *new_block(void)
{
    struct block *block = block_new(7);

    assert_non_null(block);
    assert_int_equal(block->last, -1);
    return block;
}

static void every_number_reads_back_exactly(void **state)
{
    struct block *block = new_block();
    struct block_reader reader;
    unsigned slot = 0;

    (void)state;
    for (size_t i = 0; i < N_NUMBERS; i++) {
        struct bucket one = bucket_value(numbers[i], 1), many = bucket_value(numbers[i], 2.5);
        struct bucket set = {
            .count = 3, .sum = numbers[i], .min = -1, .max = numbers[i], .kind = BUCKET_OPAQUE
        };

        assert_int_equal(block_append(&block, slot++, 0, &one), 0);
        assert_int_equal(block_append(&block, slot++, 0, &many), 0);
        assert_int_equal(block_append(&block, slot++, 0, &set), 0);
    }
    block_seal(&block);
    assert_int_equal(block->size, block->capacity);

    block_reader_init(&reader, block);
    for (unsigned i = 0; i < slot; i++) {
        static const double counts[] = { 1, 2.5, 3 };
        double n = numbers[i / 3];

        assert_true(block_read(&reader));
        assert_int_equal(reader.slot, i);
        assert_true(reader.bucket.count == counts[i % 3]);
        assert_true(reader.bucket.max == n);
        assert_true(reader.bucket.sum == (i % 3 == 1 ? n * 2.5 : n));
        assert_int_equal(reader.bucket.kind, i % 3 == 2 ? BUCKET_OPAQUE : BUCKET_UNIFORM);
    }
    assert_false(block_read(&reader));
    free(block);
}

static void gaps_and_runs_keep_their_places(void **state)
{
    static const struct {
        unsigned slot, repeats;
        double value;
    } runs[] = { { 3, 0, 1 }, { 4, 9, 1 }, { 14, 0, 2 }, { 100, 150, 0 }, { 299, 0, 7 } };
    struct block *block = new_block();
    struct block_reader reader;

    (void)state;
    for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
        struct bucket b = bucket_value(runs[i].value, 1);

        assert_int_equal(block_append(&block, runs[i].slot, runs[i].repeats, &b), 0);
        assert_int_equal(block->last, runs[i].slot + runs[i].repeats);
    }
    assert_true(block->size < 24);
    block_reader_init(&reader, block);
    for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
        for (unsigned k = 0; k <= runs[i].repeats; k++) {
            assert_true(block_read(&reader));
            assert_int_equal(reader.slot, runs[i].slot + k);
            assert_true(reader.bucket.sum == runs[i].value);
        }
    }
    assert_false(block_read(&reader));
    free(block);
}

static void seeking_finds_what_reading_does(void **state)
{
    static const struct bucket zero = { .count = 1 };
    struct block *block = new_block();
    struct block_reader all, some;

    (void)state;
    assert_int_equal(block_append(&block, 2, 0, &(struct bucket){ .count = 3 }), 0);
    assert_int_equal(block_append(&block, 4, 90, &zero), 0);
    assert_int_equal(block_append(&block, 120, 0, &(struct bucket){ .count = 2 }), 0);
    assert_int_equal(block_append(&block, 121, 5, &zero), 0);
    for (unsigned slot = 0; slot < 140; slot++) {
        bool more = true;

        block_reader_init(&all, block);
        block_reader_init(&some, block);
        while ((more = block_read(&all)) && all.slot < slot)
            ;
        for (; more; more = block_read(&all)) {
            assert_true(block_seek(&some, slot));
            assert_int_equal(some.slot, all.slot);
            assert_true(some.bucket.count == all.bucket.count);
        }
        assert_false(block_seek(&some, slot));
    }
    free(block);
}

static void sketches_read_back_bin_by_bin(void **state)
{
    struct sketch_fixed storage;
    struct bucket b = { .count = 1e9,
                        .sum = 5,
                        .max = 0x1p360,
                        .kind = BUCKET_SKETCHED,
                        .sketch = *sketch_fixed_init(&storage) };
    struct block *block = new_block();
    struct block_reader reader;

    (void)state;
    for (int i = 0; i < 1000; i++)
        sketch_add(&b.sketch, (double)i * i * i / 3, 1 + i / 7.0);
    assert_int_equal(block_append(&block, 5, 2, &b), 0);
    block_reader_init(&reader, block);
    for (unsigned slot = 5; slot <= 7; slot++) {
        assert_true(block_read(&reader));
        assert_int_equal(reader.slot, slot);
        assert_int_equal(reader.bucket.kind, BUCKET_SKETCHED);
        assert_int_equal(reader.bucket.sketch.n, b.sketch.n);
        assert_int_equal(reader.bucket.sketch.shift, b.sketch.shift);
        for (unsigned i = 0; i < b.sketch.n; i++) {
            assert_int_equal(reader.bucket.sketch.bins[i].index, b.sketch.bins[i].index);
            assert_true(reader.bucket.sketch.bins[i].count == b.sketch.bins[i].count);
        }
    }
    assert_false(block_read(&reader));
    free(block);
}

static void a_sketch_whose_bins_cannot_be_is_refused(void **state)
{
    struct sketch_bin bins[] = { { 0, 1 }, { 1, 1 } };
    struct bucket b = { .count = 2,
                        .kind = BUCKET_SKETCHED,
                        .sketch = { .bins = bins, .n = 2, .shift = SKETCH_SHIFT_MAX } };
    struct block *block = new_block();
    struct block_reader reader;

    (void)state;
    assert_int_equal(block_append(&block, 0, 0, &b), 0);
    block_reader_init(&reader, block);
    assert_false(block_read(&reader));
    assert_true(reader.bytes.bad);
    free(block);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_reads_back_exactly),
        cmocka_unit_test(gaps_and_runs_keep_their_places),
        cmocka_unit_test(seeking_finds_what_reading_does),
        cmocka_unit_test(sketches_read_back_bin_by_bin),
        cmocka_unit_test(a_sketch_whose_bins_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
