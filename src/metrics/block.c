#include "metrics/block.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Every record starts with gap << FORM_BITS | form, the gap being the slots skipped. */
enum form {
    FORM_REPEAT,  /* times: the bucket before once more, in each of the next slots */
    FORM_ONE,     /* value */
    FORM_UNIFORM, /* count, value */
    FORM_OPAQUE,  /* count, sum, min, max */
    FORM_SKETCH,  /* count, sum, min, max, shift, n, n times: index above the one before, count */
};

enum {
    FORM_BITS = 3,
    VARINT_BYTES_MAX = 10,
    NUMBER_BYTES_MAX = VARINT_BYTES_MAX,
    RECORD_BYTES_MAX = 4 * VARINT_BYTES_MAX + 4 * NUMBER_BYTES_MAX,
    BIN_BYTES_MAX = VARINT_BYTES_MAX + NUMBER_BYTES_MAX,
    BLOCK_BYTES_FIRST = 32,
};

/* A number starts with a varint whose lowest bit tells whole numbers, zigzag above it, from these:
 */
enum { NUMBER_FLOAT = 1, NUMBER_DOUBLE = 3 };

static uint8_t *put_varint(uint8_t *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    return at;
}

static uint64_t get_varint(const uint8_t **at)
{
    uint64_t v = 0;
    unsigned shift = 0;

    do
        v |= (uint64_t)(**at & 0x7f) << shift;
    while (shift += 7, *(*at)++ & 0x80);
    return v;
}

static uint8_t *put_number(uint8_t *at, double v)
{
    if (v == rint(v) && fabs(v) < 0x1p52) {
        int64_t whole = (int64_t)v;
        uint64_t zigzag = ((uint64_t)whole << 1) ^ (uint64_t)(whole >> 63);

        return put_varint(at, zigzag << 1);
    }
    if (fabs(v) < 0x1p120 && v == (double)(float)v) {
        float f = (float)v;

        *at++ = NUMBER_FLOAT;
        memcpy(at, &f, sizeof(f));
        return at + sizeof(f);
    }
    *at++ = NUMBER_DOUBLE;
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

static double get_number(const uint8_t **at)
{
    uint64_t tag = get_varint(at), zigzag = tag >> 1;
    double v;
    float f;

    if ((tag & 1) == 0)
        return (double)(int64_t)((zigzag >> 1) ^ -(zigzag & 1));
    if (tag == NUMBER_FLOAT) {
        memcpy(&f, *at, sizeof(f));
        *at += sizeof(f);
        return (double)f;
    }
    memcpy(&v, *at, sizeof(v));
    *at += sizeof(v);
    return v;
}

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

static enum form form_of(const struct bucket *b)
{
    if (b->kind == BUCKET_UNIFORM)
        return b->count == 1 ? FORM_ONE : FORM_UNIFORM;
    return b->kind == BUCKET_SKETCHED ? FORM_SKETCH : FORM_OPAQUE;
}

static uint8_t *put_sketch(uint8_t *at, const struct sketch *s)
{
    uint32_t before = 0;

    at = put_varint(at, s->shift);
    at = put_varint(at, s->n);
    for (uint16_t i = 0; i < s->n; i++) {
        at = put_varint(at, s->bins[i].index - before);
        at = put_number(at, s->bins[i].count);
        before = s->bins[i].index;
    }
    return at;
}

static uint8_t *put_bucket(uint8_t *at, unsigned gap, const struct bucket *b)
{
    enum form form = form_of(b);

    at = put_varint(at, (uint64_t)gap << FORM_BITS | form);
    if (form == FORM_ONE)
        return put_number(at, b->min);
    at = put_number(at, b->count);
    if (form == FORM_UNIFORM)
        return put_number(at, b->min);
    at = put_number(at, b->sum);
    at = put_number(at, b->min);
    at = put_number(at, b->max);
    return form == FORM_SKETCH ? put_sketch(at, &b->sketch) : at;
}

int block_append(struct block **block, unsigned slot, unsigned repeats, const struct bucket *b)
{
    size_t bins = b->kind == BUCKET_SKETCHED ? b->sketch.n : 0;
    struct block *to;
    uint8_t *at;

    assert((int)slot > (*block)->last && slot + repeats < BLOCK_SLOTS_MAX);
    if (reserve(block, RECORD_BYTES_MAX + bins * BIN_BYTES_MAX) != 0)
        return -ENOMEM;

    to = *block;
    at = put_bucket(to->bytes + to->size, (unsigned)((int)slot - to->last - 1), b);
    if (repeats > 0) {
        at = put_varint(at, FORM_REPEAT);
        at = put_varint(at, repeats);
    }
    to->size = (uint32_t)(at - to->bytes);
    to->last = (int16_t)(slot + repeats);
    return 0;
}

void block_reader_init(struct block_reader *r, const struct block *block)
{
    r->at = block->bytes;
    r->end = block->bytes + block->size;
    r->slot = r->repeats = 0;
    r->started = false;
    r->bucket = (struct bucket){ .sketch = *sketch_fixed_init(&r->storage) };
}

static void get_sketch(const uint8_t **at, struct sketch *s)
{
    uint32_t index = 0;

    s->shift = (uint8_t)get_varint(at);
    s->n = (uint16_t)get_varint(at);
    for (uint16_t i = 0; i < s->n; i++) {
        index += (uint32_t)get_varint(at);
        s->bins[i] = (struct sketch_bin){ index, get_number(at) };
    }
}

static void get_bucket(struct block_reader *r, enum form form)
{
    struct bucket *b = &r->bucket;

    b->count = form == FORM_ONE ? 1 : get_number(&r->at);
    if (form == FORM_ONE || form == FORM_UNIFORM) {
        b->kind = BUCKET_UNIFORM;
        b->min = b->max = get_number(&r->at);
        b->sum = b->min * b->count;
        return;
    }
    b->kind = form == FORM_SKETCH ? BUCKET_SKETCHED : BUCKET_OPAQUE;
    b->sum = get_number(&r->at);
    b->min = get_number(&r->at);
    b->max = get_number(&r->at);
    if (form == FORM_SKETCH)
        get_sketch(&r->at, &b->sketch);
}

bool block_read(struct block_reader *r)
{
    uint64_t head;

    if (r->repeats == 0) {
        if (r->at == r->end)
            return false;
        head = get_varint(&r->at);
        if ((head & ((1 << FORM_BITS) - 1)) == FORM_REPEAT) {
            r->repeats = (unsigned)get_varint(&r->at);
        } else {
            r->slot += (unsigned)(head >> FORM_BITS) + r->started;
            r->started = true;
            get_bucket(r, head & ((1 << FORM_BITS) - 1));
            return true;
        }
    }
    r->repeats--;
    r->slot++;
    return true;
}
