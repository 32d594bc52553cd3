#include "api/gzip.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#include "base/error.h"

enum { GZIP_ONLY = 16 + MAX_WBITS, STEP_BYTES = 64 << 10 };

/* One call of inflate(). Return: 0, GZIP_E_*, or a negative errno. */
static int step(z_stream *z, struct buffer *out, bool *ret_end)
{
    size_t room = out->max_bytes - buffer_size(out);
    size_t n = room < STEP_BYTES ? room : STEP_BYTES;
    int r = n ? buffer_reserve(out, n) : GZIP_E_TOO_LARGE;

    if (r)
        return r;
    z->next_out = (Bytef *)buffer_tail(out);
    z->avail_out = (uInt)n;
    r = inflate(z, Z_NO_FLUSH);
    buffer_commit(out, n - z->avail_out);
    *ret_end = r == Z_STREAM_END;
    if (r == Z_MEM_ERROR)
        return fault(-ENOMEM);
    /* Z_BUF_ERROR: the input ended too early, since there was room */
    return r == Z_OK || r == Z_STREAM_END ? 0 : GZIP_E_MALFORMED;
}

int gzip_decode(struct slice body, struct buffer *out)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)body.data };
    bool end = false;
    int r;

    if (body.size > UINT_MAX)
        return GZIP_E_TOO_LARGE;
    z.avail_in = (uInt)body.size;
    if (inflateInit2(&z, GZIP_ONLY) != Z_OK)
        return fault(-ENOMEM);
    do
        r = step(&z, out, &end);
    while (!r && !end);
    if (!r && z.avail_in > 0)
        r = GZIP_E_MALFORMED;
    inflateEnd(&z);
    return r;
}
