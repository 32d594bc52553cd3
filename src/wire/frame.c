#include "wire/frame.h"

#include <errno.h>

enum { LENGTH_BYTES = 4 };

static void put_length(char *at, size_t n)
{
    at[0] = (char)(n >> 24);
    at[1] = (char)(n >> 16);
    at[2] = (char)(n >> 8);
    at[3] = (char)n;
}

static size_t get_length(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

int frame_write(struct buffer *out, json_t *message)
{
    size_t n = json_dumpb(message, NULL, 0, JSON_COMPACT); /* asks for the size only */
    int r;

    if (n == 0)
        return -ENOMEM;
    if (n > FRAME_BYTES_MAX)
        return -ENOBUFS;
    r = buffer_reserve(out, LENGTH_BYTES + n);
    if (r)
        return r;
    if (json_dumpb(message, buffer_tail(out) + LENGTH_BYTES, n, JSON_COMPACT) != n)
        return -ENOMEM;
    put_length(buffer_tail(out), n);
    buffer_commit(out, LENGTH_BYTES + n);
    return 0;
}

int frame_read(struct buffer *in, json_t **ret_message)
{
    json_error_t error;
    json_t *message;
    size_t n;

    if (buffer_size(in) < LENGTH_BYTES)
        return FRAME_AGAIN;
    n = get_length(buffer_data(in));
    if (n > FRAME_BYTES_MAX)
        return FRAME_E_MALFORMED;
    if (buffer_size(in) - LENGTH_BYTES < n)
        return FRAME_AGAIN;

    message = json_loadb(buffer_data(in) + LENGTH_BYTES, n, JSON_REJECT_DUPLICATES, &error);
    if (!message)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : FRAME_E_MALFORMED;
    if (!json_is_object(message)) {
        json_decref(message);
        return FRAME_E_MALFORMED;
    }
    buffer_consume(in, LENGTH_BYTES + n);
    *ret_message = message;
    return 0;
}
