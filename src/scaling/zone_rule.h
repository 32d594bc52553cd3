/* scaling/zone_rule.h: how a time zone's clocks go from its last listed change on, for ever.
 *
 * That is the text at the end of a TZif file, in the form of the POSIX variable TZ:
 * "CET-1CEST,M3.5.0,M10.5.0/3". Source: POSIX.1, 8.3 "Other Environment Variables"; RFC 8536, 3.3.1,
 * which lets a change come up to 167 hours before or after its day.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* A day of each year, and a local time as seconds from its beginning. */
struct zone_day {
    enum { ZONE_DAY_JULIAN, ZONE_DAY_ORDINAL, ZONE_DAY_WEEK } kind;
    int day; /* JULIAN 1..365, never 29 February; ORDINAL 0..365; WEEK 0 Sunday .. 6 Saturday */
    int week, month; /* WEEK: 1..5 (5 is the last), 1..12 */
    int32_t time_s;
};

struct zone_rule {
    int32_t standard_s; /* seconds east of UTC */
    bool has_dst;
    int32_t dst_s;
    struct zone_day start, end; /* of daylight saving time */
};

/** zone_rule_parse() - Return: 0 or -EINVAL. Offsets are within 26 hours. */
int zone_rule_parse(struct slice text, struct zone_rule *ret);
/** zone_rule_offset() - seconds east of UTC at @utc_s, which lies within years -9999..9999
 * @ret_next: the next change of the offset, after @utc_s; INT64_MAX: none */
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t utc_s, int64_t *ret_next);
