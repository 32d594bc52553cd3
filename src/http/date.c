#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http/writer.h"

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void http_date(wall_ms_t t, char ret_text[HTTP_DATE_BYTES])
{
    const wall_ms_t last = 253402300799999; /* the end of the year 9999 */
    time_t seconds = (time_t)((t < 0 ? 0 : t > last ? last : t) / MS_PER_S);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    snprintf(ret_text, HTTP_DATE_BYTES, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
             (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

static int number_at(struct slice s, size_t at, size_t n, int *ret)
{
    uint64_t value;
    int r = text_to_u64((struct slice){ s.data + at, n }, 9999, &value);

    if (!r)
        *ret = (int)value;
    return r;
}

static int month_at(struct slice s, size_t at)
{
    for (int i = 0; i < 12; i++) {
        if (memcmp(s.data + at, months + 3 * i, 3) == 0)
            return i;
    }
    return -1;
}

int http_date_parse(struct slice s, wall_ms_t *ret_time)
{
    struct tm tm = { 0 };
    char again[HTTP_DATE_BYTES];
    wall_ms_t t;

    if (s.size != HTTP_DATE_BYTES - 1)
        return -EINVAL;
    tm.tm_mon = month_at(s, 8);
    if (tm.tm_mon < 0 || number_at(s, 5, 2, &tm.tm_mday) || number_at(s, 12, 4, &tm.tm_year) ||
        number_at(s, 17, 2, &tm.tm_hour) || number_at(s, 20, 2, &tm.tm_min) ||
        number_at(s, 23, 2, &tm.tm_sec))
        return -EINVAL;
    tm.tm_year -= 1900;
    t = (wall_ms_t)timegm(&tm) * MS_PER_S;

    /* Punctuation, weekday and ranges are right exactly if it is written the same way. */
    http_date(t, again);
    if (memcmp(s.data, again, s.size) != 0)
        return -EINVAL;
    *ret_time = t;
    return 0;
}
