#include "metrics/block.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every record starts with gap << CODEC_FORM_BITS | form, the gap being the slots skipped. With
 * CODEC_REPEAT follows how many times: the bucket before once more, in each of the next slots. */
enum { REPEAT_BYTES_MAX = 2 * CODEC_VARINT_BYTES_MAX, BLOCK_BYTES_FIRST = 32 };

struct block *block_new(int64_t number)
{
    struct block *b = malloc(sizeof(*b) + BLOCK_BYTES_FIRST);

    if (b)
        *b = (struct block){ .number = number, .last = -1, .capacity = BLOCK_BYTES_FIRST };
    return b;
}

static int resize(struct block **block, size_t capacity)
{
    struct block *b = realloc(*block, sizeof(*b) + capacity);

    if (!b)
        return -ENOMEM;
    b->capacity = (uint32_t)capacity;
    *block = b;
    return 0;
}

static int reserve(struct block **block, size_t n)
{
    size_t wanted = (*block)->size + n, grown = (*block)->capacity + (*block)->capacity / 2;

    if (wanted <= (*block)->capacity)
        return 0;
    return resize(block, wanted > grown ? wanted : grown);
}

void block_seal(struct block **block)
{
    if ((*block)->size < (*block)->capacity)
        resize(block, (*block)->size); /* without success it is just less lean */
}

int block_append(struct block **block, unsigned slot, unsigned repeats, const struct bucket *b)
{
    struct block *to;
    uint8_t *at;

    assert((int)slot > (*block)->last && slot + repeats < BLOCK_SLOTS_MAX);
    if (reserve(block, codec_bucket_bytes(b) + REPEAT_BYTES_MAX) != 0)
        return -ENOMEM;

    to = *block;
    at = codec_put_bucket(to->bytes + to->size, (unsigned)((int)slot - to->last - 1), b);
    if (repeats > 0) {
        at = codec_put_varint(at, CODEC_REPEAT);
        at = codec_put_varint(at, repeats);
    }
    to->size = (uint32_t)(at - to->bytes);
    to->last = (int16_t)(slot + repeats);
    return 0;
}

void block_reader_init(struct block_reader *r, const struct block *block)
{
    r->bytes = (struct codec_reader){ block->bytes, block->bytes + block->size, false };
    r->slot = r->repeats = 0;
    r->started = false;
    r->bucket = (struct bucket){ .sketch = *sketch_fixed_init(&r->storage) };
}

static bool read_repeats(struct block_reader *r)
{
    r->repeats = (unsigned)codec_size(&r->bytes, BLOCK_SLOTS_MAX - 1);
    if (!r->started || r->repeats == 0)
        r->bytes.bad = true;
    return !r->bytes.bad;
}

static bool next_record(struct block_reader *r)
{
    uint64_t head = codec_varint(&r->bytes), gap = head >> CODEC_FORM_BITS;
    enum codec_form form = head & ((1 << CODEC_FORM_BITS) - 1);

    if (form == CODEC_REPEAT) {
        if (!read_repeats(r))
            return false;
        r->repeats--;
        gap = 0;
    } else if (gap >= BLOCK_SLOTS_MAX || !codec_bucket(&r->bytes, form, &r->bucket)) {
        r->bytes.bad = true;
        return false;
    }
    r->slot += (unsigned)gap + r->started;
    r->started = true;
    return true;
}

bool block_read(struct block_reader *r)
{
    if (r->repeats > 0) {
        r->repeats--;
        r->slot++;
        return true;
    }
    return r->bytes.at < r->bytes.end && !r->bytes.bad && next_record(r);
}

bool block_seek(struct block_reader *r, unsigned slot)
{
    while (block_read(r)) {
        unsigned ahead;

        if (r->slot >= slot)
            return true;
        ahead = slot - r->slot - 1;
        if (ahead > r->repeats)
            ahead = r->repeats;
        r->slot += ahead;
        r->repeats -= ahead;
    }
    return false;
}

/* Return: whether it is written as block_append() writes, up to the slot it says. */
static bool is_whole(const struct block *b, unsigned slots)
{
    struct block_reader r;

    block_reader_init(&r, b);
    while (block_read(&r))
        if (r.slot >= slots)
            return false;
    return r.started && !r.bytes.bad && (int)r.slot == b->last;
}

int block_restore(int64_t number, unsigned last, unsigned slots, const void *bytes, size_t n,
                  struct block **ret)
{
    autofree(mem_free) struct block *b = malloc(sizeof(*b) + n);

    if (!b)
        return -ENOMEM;
    if (last >= slots || n > UINT32_MAX)
        return METRICS_E_INVALID;
    *b = (struct block){
        .number = number, .last = (int16_t)last, .size = (uint32_t)n, .capacity = (uint32_t)n
    };
    memcpy(b->bytes, bytes, n);
    if (!is_whole(b, slots))
        return METRICS_E_INVALID;
    *ret = steal(b);
    return 0;
}
