/* metrics/codec.h: numbers and buckets in few bytes, and back.
 *
 * Most readings are small whole numbers, so these take one byte to three; a bucket is written in the
 * shortest of a few forms. Bytes come back from files, so reading never leaves the range it was
 * given, and gives only buckets that the rest of the module may work with.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "metrics/bucket.h"

enum codec_form {
    CODEC_REPEAT,  /* not a bucket's: free for the user's own records */
    CODEC_ONE,     /* value */
    CODEC_UNIFORM, /* count, value */
    CODEC_OPAQUE,  /* count, sum, min, max */
    CODEC_SKETCH,  /* count, sum, min, max, shift, n, n times: index above the one before, count */
};

enum {
    CODEC_FORM_BITS = 3, /* the form is the lowest bits of the varint that a bucket starts with */
    CODEC_VARINT_BYTES_MAX = 10,
    CODEC_BIN_BYTES_MAX = 2 * CODEC_VARINT_BYTES_MAX,
    /* without the bins of a sketch */
    CODEC_BUCKET_BYTES_MAX = 8 * CODEC_VARINT_BYTES_MAX,
};

struct codec_reader {
    const uint8_t *at, *end;
    bool bad; /* it ended early, or said what cannot be */
};

uint8_t *codec_put_varint(uint8_t *at, uint64_t v);
uint8_t *codec_put_signed(uint8_t *at, int64_t v);
uint64_t codec_varint(struct codec_reader *r);
int64_t codec_signed(struct codec_reader *r);
/** codec_size() - a varint that counts something. Return: it; 0 and bad when it is above @max */
uint64_t codec_size(struct codec_reader *r, uint64_t max);

/** codec_bucket_bytes() - room that codec_put_bucket() needs at most */
size_t codec_bucket_bytes(const struct bucket *b);
/** codec_put_bucket() - @prefix: the user's own, above the form's bits */
uint8_t *codec_put_bucket(uint8_t *at, uint64_t prefix, const struct bucket *b);
/** codec_bucket() - what follows the head whose form is @form
 * @b: its sketch has room for SKETCH_BINS_MAX. Return: false for what is no bucket. */
bool codec_bucket(struct codec_reader *r, enum codec_form form, struct bucket *b);
