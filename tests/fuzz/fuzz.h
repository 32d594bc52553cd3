/* fuzz.h: what the fuzz targets share.
 *
 * A target feeds one parser with whatever libFuzzer thinks of, and checks what must hold for every
 * input: how it was cut into reads changes nothing, what was read can be written and read again,
 * and so on. A property that does not hold ends the program, as a memory error does.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(property)                                                                             \
    do {                                                                                           \
        if (!(property)) {                                                                         \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { FUZZ_CUTS = 64 };

/* How many bytes to feed at once, 1..7, decided by the input itself so that failures repeat; of long inputs more, or
 * cutting them would take most of the time. */
static inline size_t fuzz_step(const uint8_t *data, size_t size)
{
    return (size > 0 ? 1 + data[size - 1] % 7 : 1) + size / FUZZ_CUTS;
}

static inline struct slice fuzz_slice(const uint8_t *data, size_t size)
{
    return (struct slice){ (const char *)data, size };
}

/* What stands before the first @separator, taken off @rest; all of it if there is none. */
static inline struct slice fuzz_cut(struct slice *rest, char separator)
{
    const char *at = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    struct slice part = *rest;

    if (at) {
        part.size = (size_t)(at - rest->data);
        rest->data = at + 1;
        rest->size -= part.size + 1;
    } else {
        rest->size = 0;
    }
    return part;
}

/* @data up to its first NUL as a string, to free() */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = slice_dup((struct slice){ (const char *)data, strnlen((const char *)data, size) });

    MUST(text);
    return text;
}
