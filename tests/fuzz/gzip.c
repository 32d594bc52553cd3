/* Compressed request bodies: the ceiling holds, whatever they claim. */
#include "api/gzip.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { CEILING = 100000 };
    autobuffer struct buffer out = BUFFER_INIT(CEILING);
    int r = gzip_decode(fuzz_slice(data, size), &out);

    MUST(r == 0 || r == GZIP_E_MALFORMED || r == GZIP_E_TOO_LARGE);
    MUST(buffer_size(&out) <= CEILING);
    return 0;
}
