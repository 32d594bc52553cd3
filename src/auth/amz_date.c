#include "auth/amz_date.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void amz_date(wall_ms_t t, char ret_text[AMZ_DATE_CHARS + 1])
{
    const wall_ms_t last = 253402300799999; /* the end of the year 9999 */
    time_t seconds = (time_t)((t < 0 ? 0 : t > last ? last : t) / MS_PER_S);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    snprintf(ret_text, AMZ_DATE_CHARS + 1, "%04u%02u%02uT%02u%02u%02uZ",
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100);
}

static int number(struct slice s, size_t at, size_t n, int *ret)
{
    uint64_t value;
    int r = text_to_u64((struct slice){ s.data + at, n }, 9999, &value);

    if (!r)
        *ret = (int)value;
    return r;
}

int amz_date_parse(struct slice s, wall_ms_t *ret_time)
{
    char again[AMZ_DATE_CHARS + 1];
    struct tm tm = { 0 };
    wall_ms_t t;

    if (s.size != AMZ_DATE_CHARS || number(s, 0, 4, &tm.tm_year) || number(s, 4, 2, &tm.tm_mon) ||
        number(s, 6, 2, &tm.tm_mday) || number(s, 9, 2, &tm.tm_hour) ||
        number(s, 11, 2, &tm.tm_min) || number(s, 13, 2, &tm.tm_sec))
        return -EINVAL;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    t = (wall_ms_t)timegm(&tm) * MS_PER_S;

    /* Letters and ranges are right exactly if it is written the same way. */
    amz_date(t, again);
    if (memcmp(s.data, again, AMZ_DATE_CHARS) != 0)
        return -EINVAL;
    *ret_time = t;
    return 0;
}
