/* Numbers and hex: what is written reads back. */
#include "base/text.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "fuzz.h"

static void check_integers(struct slice s)
{
    int64_t i, i_again;
    uint64_t u, u_again;
    char text[32];

    if (text_to_i64(s, INT64_MIN, INT64_MAX, &i) == 0) {
        snprintf(text, sizeof(text), "%" PRId64, i);
        MUST(text_to_i64(slice_from(text), INT64_MIN, INT64_MAX, &i_again) == 0 && i == i_again);
    }
    if (text_to_u64(s, UINT64_MAX, &u) == 0) {
        snprintf(text, sizeof(text), "%" PRIu64, u);
        MUST(text_to_u64(slice_from(text), UINT64_MAX, &u_again) == 0 && u == u_again);
    }
}

static void check_double(struct slice s)
{
    double d, again;
    char text[32];

    if (text_to_double(s, &d) != 0)
        return;
    MUST(d - d == 0); /* finite */
    snprintf(text, sizeof(text), "%.17g", d);
    MUST(text_to_double(slice_from(text), &again) == 0 && d == again);
}

static void check_hex(struct slice s)
{
    autofree(mem_free) char *hex = malloc(2 * s.size + 1), *bytes = malloc(s.size + 1);

    MUST(hex && bytes);
    text_hex(s.data, s.size, hex);
    MUST(text_unhex(slice_from(hex), bytes, s.size) == 0);
    MUST(slice_equal(s, (struct slice){ bytes, s.size }));
    if (s.size % 2 == 0 && text_unhex(s, bytes, s.size / 2) == 0) {
        text_hex(bytes, s.size / 2, hex);
        MUST(slice_equal_nocase(s, slice_from(hex)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = fuzz_slice(data, size);

    check_integers(s);
    check_double(s);
    check_hex(s);
    return 0;
}
