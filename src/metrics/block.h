/* metrics/block.h: up to 300 buckets in time order, as a string of bytes.
 *
 * Most series are dull: zeros while idle, one whole number each second. So each bucket is written
 * in the shortest of a few forms (codec.h), and a run of equal ones once with its length: an idle
 * hour takes a few dozen bytes, a second with one reading 3 to 11. Blocks are only appended to; to change one,
 * it is read and written anew (series.c).
 *
 * A bucket's slot is its number from the block's start.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "metrics/codec.h"

enum { BLOCK_SLOTS_MAX = 300 };

struct block {
    int64_t number; /* which stretch of time: start slot / slots per block */
    int16_t last;   /* slot of the newest bucket; -1: empty */
    uint32_t size, capacity;
    uint8_t bytes[];
};

/** block_new() - empty; NULL if no memory */
struct block *block_new(int64_t number);

/** block_append() - @b at @slot, and again at each of the @repeats slots that follow
 * @block: may move; @slot is later than any it holds. Return: 0 or -ENOMEM, then nothing changed.
 */
int block_append(struct block **block, unsigned slot, unsigned repeats, const struct bucket *b);

/** block_seal() - give memory back that the block does not use */
void block_seal(struct block **block);

/* Walks a block; the sketch of the bucket at hand lives in the reader. Do not copy. */
struct block_reader {
    struct codec_reader bytes;
    unsigned slot, repeats; /* of the bucket at hand; how many more there are like it */
    bool started;
    struct bucket bucket;
    struct sketch_fixed storage;
};
void block_reader_init(struct block_reader *r, const struct block *block);
/** block_read() - go to the next bucket: r->slot, r->bucket. Return: false at the end. */
bool block_read(struct block_reader *r);
/** block_seek() - go to the next bucket at @slot or after it. Return: false at the end. */
bool block_seek(struct block_reader *r, unsigned slot);

/** block_restore() - a block of the @n bytes that another one held, which may come from outside
 * @slots: how many a block of its kind has. Return: 0, METRICS_E_INVALID or -ENOMEM. */
int block_restore(int64_t number, unsigned last, unsigned slots, const void *bytes, size_t n,
                  struct block **ret);
