/* http/eventstream.h: messages of application/vnd.amazon.eventstream, as AWS streams answers.
 *
 * A message is a prelude (length of all, length of the headers, CRC of these two), headers, payload
 * and a CRC of everything before it; numbers are big-endian, the CRC is zlib's. Writing frames a
 * payload where it lies, so that what comes in from a container goes out without being copied.
 *
 * Source: AWS SDKs and Tools Reference, "Event stream encoding"; limits as there.
 */
#pragma once
#include "base/buffer.h"
#include "base/text.h"

enum {
    EVENTSTREAM_HEADERS_MAX = 16,
    EVENTSTREAM_HEADER_BYTES_MAX = 128 << 10, /* of all headers */
    EVENTSTREAM_PAYLOAD_MAX = 16 << 20,
    EVENTSTREAM_FRAME_MAX = 512, /* what eventstream_frame() needs at most for names and values */
};

enum eventstream_type {
    EVENTSTREAM_TRUE,
    EVENTSTREAM_FALSE,
    EVENTSTREAM_I8,
    EVENTSTREAM_I16,
    EVENTSTREAM_I32,
    EVENTSTREAM_I64,
    EVENTSTREAM_BYTES,
    EVENTSTREAM_STRING,
    EVENTSTREAM_TIMESTAMP, /* ms since 1970 */
    EVENTSTREAM_UUID,
};

struct eventstream_header {
    struct slice name; /* 1..255 bytes */
    enum eventstream_type type;
    struct slice value; /* as on the wire, without a length before it; empty for the two truths */
};

struct eventstream_message {
    unsigned n_headers;
    struct eventstream_header headers[EVENTSTREAM_HEADERS_MAX];
    struct slice payload;
};

/* what stands around a payload */
struct eventstream_frame {
    char before[EVENTSTREAM_FRAME_MAX];
    size_t before_size;
    char after[4];
};

/** eventstream_frame() - frame @payload with string headers. Return: 0, or -EINVAL if a name, a
 * value, the headers together or the payload are too long. */
int eventstream_frame(const struct eventstream_header *headers, unsigned n, struct slice payload,
                      struct eventstream_frame *ret);

/** eventstream_write() - append a whole message with string headers. Return: 0, -EINVAL, -ENOBUFS
 * or -ENOMEM. */
int eventstream_write(struct buffer *out, const struct eventstream_header *headers, unsigned n,
                      struct slice payload);

enum {
    EVENTSTREAM_AGAIN = 1,   /* the message is not complete */
    EVENTSTREAM_E_MALFORMED, /* there is no going on */
};

/**
 * eventstream_read() - read a message
 * @ret_message: slices into @data
 * @ret_size:    of the message
 * @ret_why:     with EVENTSTREAM_E_MALFORMED, a constant sentence
 *
 * A length is believed only when its CRC is right, so nothing waits for bytes that nobody announced.
 * Return: 0, EVENTSTREAM_AGAIN or EVENTSTREAM_E_MALFORMED.
 */
int eventstream_read(const char *data, size_t size, struct eventstream_message *ret_message,
                     size_t *ret_size, const char **ret_why);

/** eventstream_find() - the value of the string header @name; an empty slice if there is none */
struct slice eventstream_find(const struct eventstream_message *m, const char *name);
