/* scaling/cron.h: cron expressions as AWS writes them.
 *
 *     [SECONDS] MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR
 *
 * "0 18 ? * MON-FRI *" is 18:00 on working days. One of the two days is "?" (or, of the month, "*"
 * beside a day of the week). Days know L, W and #: "L" the month's last day, "15W" the working day
 * nearest to the 15th within its month, "LW" the last working day, "6L" the last Friday, "3#2" the
 * second Tuesday. Source: Application Auto Scaling User Guide, "Schedule recurring scaling actions
 * using cron expressions".
 *
 * Pure. Times are local seconds as in civil.h.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { CRON_YEAR_MIN = 1970, CRON_YEAR_MAX = 2199, CRON_YEARS = CRON_YEAR_MAX - CRON_YEAR_MIN + 1 };
enum { CRON_E_INVALID = 1, CRON_E_OVER };

/* Bit n of a set is the value n. */
struct cron {
    uint64_t seconds, minutes, hours, months;
    uint64_t years[(CRON_YEARS + 63) / 64]; /* bit 0 is CRON_YEAR_MIN */
    bool by_weekday;                        /* which of the two kinds of days count */
    uint64_t days, nearest_days;            /* plain, and with W */
    bool last_day, last_working_day;
    uint64_t weekdays, last_weekdays; /* 1 Sunday .. 7 Saturday */
    uint64_t nth_weekdays[6];         /* [k]: every k-th, k 1..5 */
};

/** cron_parse() - the fields between the parentheses
 * @ret_why: with CRON_E_INVALID, what is wrong, a constant
 * Return: 0, or CRON_E_INVALID, also if there is no such date between the years 1970 and 2199. */
int cron_parse(struct slice text, struct cron *ret, const char **ret_why);
/** cron_next() - the first time after @local_s, of years 1970..9999. Return: 0 or CRON_E_OVER. */
int cron_next(const struct cron *c, int64_t local_s, int64_t *ret_local_s);
