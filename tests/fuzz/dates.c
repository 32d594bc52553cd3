/* Dates: what was read, written anew, reads the same. */
#include "auth/amz_date.h"
#include "fuzz.h"
#include "http/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char http[HTTP_DATE_BYTES], amz[AMZ_DATE_CHARS + 1], iso[TEXT_ISO8601_BYTES];
    const wall_ms_t year_0 = -62167219200000, year_10000 = 253402300800000;
    struct slice text = fuzz_slice(data, size);
    wall_ms_t t, again;

    if (http_date_parse(text, &t) == 0) {
        http_date(t, http);
        MUST(slice_is(text, http));
    }
    if (amz_date_parse(text, &t) == 0) {
        amz_date(t, amz);
        MUST(slice_is(text, amz));
    }
    if (text_from_iso8601(text, &t) == 0 && t >= year_0 && t < year_10000) {
        text_iso8601(t, iso);
        MUST(text_from_iso8601(slice_from(iso), &again) == 0 && again == t);
    }
    return 0;
}
