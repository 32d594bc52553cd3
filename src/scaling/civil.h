/* scaling/civil.h: dates of the Gregorian calendar and times of day, and seconds counted through them.
 *
 * A count of seconds here is local or UTC as its holder says: 0 is 1970-01-01 00:00:00 on that clock.
 * Leap seconds do not exist, as in POSIX time.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { S_PER_MINUTE = 60, S_PER_HOUR = 3600, S_PER_DAY = 86400 };

struct civil {
    int year, month, day; /* month 1..12, day 1..31 */
    int hour, minute, second;
};

bool civil_is_leap(int year);
int civil_month_days(int year, int month); /* 28..31 */
/** civil_weekday() - 0 Sunday .. 6 Saturday, of a date that exists */
int civil_weekday(int year, int month, int day);
/** civil_days() - days from 1970-01-01 to a date that exists; the year may be negative */
int64_t civil_days(int year, int month, int day);
int64_t civil_to_s(const struct civil *c);
/** civil_from_s() - @s within some millions of years of 1970 */
struct civil civil_from_s(int64_t s);
