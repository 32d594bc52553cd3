/* UBJSON: a whole text is no longer whole when its last byte is gone, or another one comes. */
#include "model/ubjson.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy;

    if (!ubjson_is_whole(fuzz_slice(data, size)))
        return 0;
    copy = malloc(size + 1);
    MUST(copy);
    memcpy(copy, data, size);
    copy[size] = 'Z';
    MUST(!ubjson_is_whole((struct slice){ copy, size - 1 }));
    MUST(!ubjson_is_whole((struct slice){ copy, size + 1 }));
    free(copy);
    return 0;
}
