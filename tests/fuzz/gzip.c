/* Compressed bodies: what is compressed comes out as it was, and nothing grows over its ceiling. */
#include "api/gzip.h"

#include <zlib.h>

#include "fuzz.h"

enum { CEILING = 256 << 10 };

static struct slice compress_all(struct slice s, char *out, size_t capacity)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)s.data,
                   .avail_in = (uInt)s.size,
                   .next_out = (Bytef *)out,
                   .avail_out = (uInt)capacity };
    size_t n;

    MUST(deflateInit2(&z, 1, Z_DEFLATED, 16 + 9, 1, Z_DEFAULT_STRATEGY) == Z_OK);
    MUST(deflate(&z, Z_FINISH) == Z_STREAM_END);
    n = capacity - z.avail_out;
    deflateEnd(&z);
    return (struct slice){ out, n };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autobuffer struct buffer out = BUFFER_INIT(CEILING), again = BUFFER_INIT(CEILING);
    struct slice body = fuzz_slice(data, size);
    size_t capacity = 2 * size + 256;
    autofree(mem_free) char *compressed = malloc(capacity);
    int r = gzip_decode(body, &out);

    MUST(r >= 0 && compressed);
    MUST(buffer_size(&out) <= CEILING);
    body = compress_all(body, compressed, capacity);
    MUST(gzip_decode(body, &again) == 0);
    MUST(slice_equal(fuzz_slice(data, size),
                     (struct slice){ buffer_data(&again), buffer_size(&again) }));
    return 0;
}
