/* Time zone files: every local time that is found is what the local clock shows then. */
#include "fuzz.h"
#include "scaling/time_zone.h"

enum { DAY_S = 86400, TIMES = 40 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree(time_zone_free) struct time_zone *z = NULL;

    if (time_zone_parse(data, size, &z) != 0)
        return 0;
    for (int i = 0; i < TIMES; i++) {
        int64_t local = (int64_t)i * 977 * DAY_S + i * 1800, utc;
        int32_t offset = time_zone_offset(z, local);

        MUST(offset > -26 * 3600 && offset < 26 * 3600);
        if (time_zone_to_utc(z, local, &utc) == 0)
            MUST(utc + time_zone_offset(z, utc) == local);
        /* a time that a clock shows can be found, and not later */
        MUST(time_zone_to_utc(z, local + offset, &utc) == 0 && utc <= local);
    }
    return 0;
}
