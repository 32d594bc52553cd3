#include "scaling/civil.h"

bool civil_is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int civil_month_days(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && civil_is_leap(year));
}

/* Counted in years that begin in March, so that the leap day is a year's last, and in eras of 400
 * years, which all have 146097 days (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
int64_t civil_days(int year, int month, int day)
{
    int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

int civil_weekday(int year, int month, int day)
{
    int64_t weekday = (civil_days(year, month, day) + 4) % 7; /* 1970-01-01 was a Thursday */

    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

int64_t civil_to_s(const struct civil *c)
{
    return civil_days(c->year, c->month, c->day) * S_PER_DAY + c->hour * S_PER_HOUR +
           c->minute * S_PER_MINUTE + c->second;
}

struct civil civil_from_s(int64_t s)
{
    int64_t days = s / S_PER_DAY - (s % S_PER_DAY < 0);
    int of_day = (int)(s - days * S_PER_DAY);
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (int)((5 * day_of_year + 2) / 153); /* 0 is March */

    return (struct civil){
        .year = (int)(year_of_era + era * 400 + (month >= 10)),
        .month = month < 10 ? month + 3 : month - 9,
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
        .hour = of_day / S_PER_HOUR,
        .minute = of_day % S_PER_HOUR / S_PER_MINUTE,
        .second = of_day % S_PER_MINUTE,
    };
}
