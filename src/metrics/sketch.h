/* metrics/sketch.h: the distribution of values that came one by one, in sorted, sparse bins.
 *
 * Each power of two is cut into 64 equal bins (fewer once there are too many bins), so a percentile
 * read back is within 1/64 of a value that was added there. Sketches add up. Values are not
 * negative. A bin's index is the top of the value's IEEE 754 bits, which sort as the values do.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    SKETCH_SUB_BITS = 6,
    SKETCH_SHIFT_MAX = 11 + SKETCH_SUB_BITS,
    SKETCH_INDEX_MAX = (1 << (11 + SKETCH_SUB_BITS)) - 1,
    SKETCH_BINS_MAX = 256, /* beyond, pairs of neighbours become one */
};

struct sketch_bin {
    uint32_t index;
    double count;
};

struct sketch {
    struct sketch_bin *bins; /* sorted by index */
    uint16_t n, capacity;
    uint8_t shift; /* how often neighbours became one */
};

/* A sketch in its full size, for the stack: adding to it never needs memory. */
struct sketch_fixed {
    struct sketch sketch;
    struct sketch_bin bins[SKETCH_BINS_MAX];
};

/** sketch_fixed_init() - Return: &f->sketch, empty; it must not be given to sketch_deinit() */
struct sketch *sketch_fixed_init(struct sketch_fixed *f);

void sketch_deinit(struct sketch *s); /* frees; the sketch stays usable, empty */

/** sketch_reserve() - so that @n_bins more bins need no memory. Return: 0 or -ENOMEM. */
int sketch_reserve(struct sketch *s, size_t n_bins);

/* Adding: one bin's room must have been reserved, or as many as @from has. */
void sketch_add(struct sketch *s, double value, double count);
void sketch_add_bin(struct sketch *s, struct sketch_bin bin, unsigned shift);
void sketch_merge(struct sketch *s, const struct sketch *from);

/** sketch_percentile() - the value that @percent (0..100) of those added do not exceed,
 * interpolated within its bin; @s is not empty */
double sketch_percentile(const struct sketch *s, double percent);

/** sketch_bin_bounds() - the least value of bin @i, and the one that bounds it above */
void sketch_bin_bounds(const struct sketch *s, size_t i, double *ret_least, double *ret_bound);
