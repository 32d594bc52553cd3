/* wire/frame.h: JSON messages on a stream: four bytes of length, big-endian, then that many of
 * JSON. Either side may be newer than the other: unknown members are ignored. */
#pragma once
#include <jansson.h>

#include "base/buffer.h"

enum { FRAME_BYTES_MAX = 64 << 20 };

enum {
    FRAME_AGAIN = 1,   /* more bytes are needed */
    FRAME_E_MALFORMED, /* too long, or not a JSON object: give the connection up */
};

/** frame_write() - Return: 0, -ENOBUFS or -ENOMEM; then nothing was added */
int frame_write(struct buffer *out, json_t *message);
/** frame_read() - take one message off the front. Return: 0 and a new reference, FRAME_AGAIN,
 * FRAME_E_MALFORMED or -ENOMEM. */
int frame_read(struct buffer *in, json_t **ret_message);
