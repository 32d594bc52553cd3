#include "metrics/codec.h"

#include <math.h>
#include <string.h>

/* A number starts with a varint whose lowest bit tells whole numbers, zigzag above it, from these:
 */
enum { NUMBER_FLOAT = 1, NUMBER_DOUBLE = 3 };

/* --- numbers ---------------------------------------------------------------------------------- */

uint8_t *codec_put_varint(uint8_t *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    return at;
}

uint8_t *codec_put_signed(uint8_t *at, int64_t v)
{
    return codec_put_varint(at, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

uint64_t codec_varint(struct codec_reader *r)
{
    uint64_t v = 0;

    if (r->at < r->end && *r->at < 0x80) /* most are short */
        return *r->at++;
    for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint8_t byte = *r->at++;

        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return v;
    }
    r->bad = true;
    return 0;
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)((v >> 1) ^ -(v & 1));
}

int64_t codec_signed(struct codec_reader *r)
{
    return unzigzag(codec_varint(r));
}

uint64_t codec_size(struct codec_reader *r, uint64_t max)
{
    uint64_t n = codec_varint(r);

    if (n <= max)
        return n;
    r->bad = true;
    return 0;
}

static uint8_t *put_number(uint8_t *at, double v)
{
    if (v == rint(v) && fabs(v) < 0x1p52) {
        int64_t whole = (int64_t)v;
        uint64_t zigzag = ((uint64_t)whole << 1) ^ (uint64_t)(whole >> 63);

        return codec_put_varint(at, zigzag << 1);
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

static bool take(struct codec_reader *r, void *into, size_t n)
{
    if ((size_t)(r->end - r->at) < n) {
        r->bad = true;
        return false;
    }
    memcpy(into, r->at, n);
    r->at += n;
    return true;
}

static double number(struct codec_reader *r)
{
    uint64_t tag = codec_varint(r);
    double v = 0;
    float f;

    if ((tag & 1) == 0)
        return (double)unzigzag(tag >> 1);
    if (tag == NUMBER_FLOAT)
        return take(r, &f, sizeof(f)) ? (double)f : 0;
    if (tag != NUMBER_DOUBLE)
        r->bad = true;
    else
        take(r, &v, sizeof(v));
    return v;
}

/* --- buckets ---------------------------------------------------------------------------------- */

static enum codec_form form_of(const struct bucket *b)
{
    if (b->kind == BUCKET_UNIFORM)
        return b->count == 1 ? CODEC_ONE : CODEC_UNIFORM;
    return b->kind == BUCKET_SKETCHED ? CODEC_SKETCH : CODEC_OPAQUE;
}

size_t codec_bucket_bytes(const struct bucket *b)
{
    size_t bins = b->kind == BUCKET_SKETCHED ? b->sketch.n : 0;

    return CODEC_BUCKET_BYTES_MAX + bins * CODEC_BIN_BYTES_MAX;
}

static uint8_t *put_sketch(uint8_t *at, const struct sketch *s)
{
    uint32_t before = 0;

    at = codec_put_varint(at, s->shift);
    at = codec_put_varint(at, s->n);
    for (uint16_t i = 0; i < s->n; i++) {
        at = codec_put_varint(at, s->bins[i].index - before);
        at = put_number(at, s->bins[i].count);
        before = s->bins[i].index;
    }
    return at;
}

uint8_t *codec_put_bucket(uint8_t *at, uint64_t prefix, const struct bucket *b)
{
    enum codec_form form = form_of(b);

    at = codec_put_varint(at, prefix << CODEC_FORM_BITS | form);
    if (form == CODEC_ONE)
        return put_number(at, b->min);
    at = put_number(at, b->count);
    if (form == CODEC_UNIFORM)
        return put_number(at, b->min);
    at = put_number(at, b->sum);
    at = put_number(at, b->min);
    at = put_number(at, b->max);
    return form == CODEC_SKETCH ? put_sketch(at, &b->sketch) : at;
}

static bool positive(double v)
{
    return isfinite(v) && v > 0;
}

/* Return: whether it is a sketch: bins by index, none of them empty, and none beyond what is left of
 * the indices with this shift, or it could not be made coarser when more is added. */
static bool read_sketch(struct codec_reader *r, struct sketch *s)
{
    uint32_t index = 0, index_max;

    s->shift = (uint8_t)codec_size(r, SKETCH_SHIFT_MAX);
    index_max = (uint32_t)SKETCH_INDEX_MAX >> s->shift;
    s->n = (uint16_t)codec_size(r, SKETCH_BINS_MAX);
    for (uint16_t i = 0; i < s->n && !r->bad; i++) {
        uint32_t step = (uint32_t)codec_size(r, SKETCH_INDEX_MAX);
        double count = number(r);

        index += step;
        if (index > index_max || (i > 0 && step == 0) || !positive(count))
            return false;
        s->bins[i] = (struct sketch_bin){ index, count };
    }
    return s->n > 0;
}

bool codec_bucket(struct codec_reader *r, enum codec_form form, struct bucket *b)
{
    bool whole = true;

    b->count = form == CODEC_ONE ? 1 : number(r);
    if (form == CODEC_ONE || form == CODEC_UNIFORM) {
        b->kind = BUCKET_UNIFORM;
        b->min = b->max = number(r);
        b->sum = b->min * b->count;
    } else if (form == CODEC_OPAQUE || form == CODEC_SKETCH) {
        b->kind = form == CODEC_SKETCH ? BUCKET_SKETCHED : BUCKET_OPAQUE;
        b->sum = number(r);
        b->min = number(r);
        b->max = number(r);
        whole = form == CODEC_OPAQUE || (b->min >= 0 && read_sketch(r, &b->sketch));
    } else {
        whole = false;
    }
    return whole && !r->bad && positive(b->count) && !isnan(b->sum) && isfinite(b->min) &&
           isfinite(b->max);
}
