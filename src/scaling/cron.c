#include "scaling/cron.h"

#include <errno.h>
#include <string.h>

#include "scaling/civil.h"

enum { FIELDS_MIN = 6, FIELDS_MAX = 7 };

static uint64_t bit(int n)
{
    return (uint64_t)1 << n;
}

/* --- parsing ---------------------------------------------------------------------------------- */

struct field {
    const char *what; /* the complaint if it is wrong */
    int min, max;
    const char *const *names; /* of min, min + 1, ..., NULL-terminated; NULL: none */
    bool has_steps;
};

static const char *const month_names[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                           "AUG", "SEP", "OCT", "NOV", "DEC", NULL };
static const char *const weekday_names[] = {
    "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL
};

static const struct field second_field = { "seconds must be within 0-59", 0, 59, NULL, true };
static const struct field minute_field = { "minutes must be within 0-59", 0, 59, NULL, true };
static const struct field hour_field = { "hours must be within 0-23", 0, 23, NULL, true };
static const struct field day_field = { "the day of the month must be within 1-31", 1, 31, NULL,
                                        true };
static const struct field month_field = { "the month must be within 1-12 or JAN-DEC", 1, 12,
                                          month_names, true };
static const struct field weekday_field = { "the day of the week must be within 1-7 or SUN-SAT", 1,
                                            7, weekday_names, false };
static const struct field year_field = { "the year must be within 1970-2199", CRON_YEAR_MIN,
                                         CRON_YEAR_MAX, NULL, true };

/* What stands before @separator, taken off @rest with it; all if there is none. */
static struct slice cut(struct slice *rest, char separator)
{
    struct slice part = *rest;

    for (size_t i = 0; i < rest->size; i++)
        if (rest->data[i] == separator) {
            part.size = i;
            rest->data += i + 1;
            rest->size -= i + 1;
            return part;
        }
    *rest = (struct slice){ rest->data + rest->size, 0 };
    return part;
}

static bool has(struct slice s, char c)
{
    return s.size > 0 && memchr(s.data, c, s.size);
}

static int parse_number(struct slice s, int min, int max, int *ret)
{
    uint64_t value;

    if (s.size > 4 || text_to_u64(s, (uint64_t)max, &value) != 0 || (int)value < min)
        return -EINVAL;
    *ret = (int)value;
    return 0;
}

static int parse_value(const struct field *f, struct slice s, int *ret)
{
    for (int i = 0; f->names && f->names[i]; i++)
        if (slice_is_nocase(s, f->names[i])) {
            *ret = f->min + i;
            return 0;
        }
    return parse_number(s, f->min, f->max, ret);
}

/* Bits are counted from @base, so that years fit. */
static void set_bits(uint64_t *set, int base, int from, int to, int step)
{
    for (int value = from; value <= to; value += step)
        set[(value - base) / 64] |= bit((value - base) % 64);
}

/* "3", "1-5", "*", each with "/2" behind it; a lone number with a step goes on to the end */
static int parse_item(const struct field *f, struct slice item, uint64_t *set, int base)
{
    bool has_step = has(item, '/'), has_range;
    struct slice range = cut(&item, '/'), first;
    int from = f->min, to = f->max, step = 1, r = 0;

    if (has_step)
        r = f->has_steps ? parse_number(item, 1, f->max, &step) : -EINVAL;
    if (r)
        return r;
    if (!slice_is(range, "*")) {
        has_range = has(range, '-');
        first = cut(&range, '-');
        r = parse_value(f, first, &from);
        if (!r && has_range)
            r = parse_value(f, range, &to);
        else if (!has_step)
            to = from;
    }
    if (r || to < from)
        return -EINVAL;
    set_bits(set, base, from, to, step);
    return 0;
}

static int parse_list(const struct field *f, struct slice text, uint64_t *set, int base)
{
    bool more;

    do {
        more = has(text, ',');
        if (parse_item(f, cut(&text, ','), set, base) != 0)
            return -EINVAL;
    } while (more);
    return 0;
}

static bool ends_with(struct slice s, char c)
{
    return s.size > 1 && (s.data[s.size - 1] | 0x20) == (c | 0x20);
}

static int parse_day(struct cron *c, struct slice item)
{
    int day;

    if (slice_is_nocase(item, "L")) {
        c->last_day = true;
    } else if (slice_is_nocase(item, "LW")) {
        c->last_working_day = true;
    } else if (ends_with(item, 'W')) {
        item.size--;
        if (parse_value(&day_field, item, &day) != 0)
            return -EINVAL;
        c->nearest_days |= bit(day);
    } else {
        return parse_item(&day_field, item, &c->days, 0);
    }
    return 0;
}

static int parse_weekday(struct cron *c, struct slice item)
{
    int weekday, nth;

    if (slice_is_nocase(item, "L")) {
        c->weekdays |= bit(7);
    } else if (has(item, '#')) {
        struct slice first = cut(&item, '#');
        if (parse_value(&weekday_field, first, &weekday) != 0 ||
            parse_number(item, 1, 5, &nth) != 0)
            return -EINVAL;
        c->nth_weekdays[nth] |= bit(weekday);
    } else if (ends_with(item, 'L')) {
        item.size--;
        if (parse_value(&weekday_field, item, &weekday) != 0)
            return -EINVAL;
        c->last_weekdays |= bit(weekday);
    } else {
        return parse_item(&weekday_field, item, &c->weekdays, 0);
    }
    return 0;
}

static int parse_days(struct cron *c, struct slice text,
                      int (*parse_one)(struct cron *c, struct slice item))
{
    bool more;

    do {
        more = has(text, ',');
        if (parse_one(c, cut(&text, ',')) != 0)
            return -EINVAL;
    } while (more);
    return 0;
}

/* Which of the two kinds of days counts, and then the other is not looked at. */
static int parse_both_days(struct cron *c, struct slice day, struct slice weekday,
                           const char **ret_why)
{
    bool no_day = slice_is(day, "?"), no_weekday = slice_is(weekday, "?");

    if (slice_is(day, "*") && !no_weekday && !slice_is(weekday, "*"))
        no_day = true;
    *ret_why = "one of the day of the month and the day of the week must be ?";
    if (no_day == no_weekday)
        return CRON_E_INVALID;
    c->by_weekday = no_day;
    *ret_why = no_day ? weekday_field.what : day_field.what;
    if (no_day)
        return parse_days(c, weekday, parse_weekday) ? CRON_E_INVALID : 0;
    return parse_days(c, day, parse_day) ? CRON_E_INVALID : 0;
}

static int split(struct slice text, struct slice ret_fields[FIELDS_MAX], size_t *ret_n)
{
    *ret_n = 0;
    while ((text = slice_trim(text)).size > 0) {
        if (*ret_n == FIELDS_MAX)
            return -EINVAL;
        ret_fields[(*ret_n)++] = cut(&text, ' ');
    }
    return *ret_n < FIELDS_MIN ? -EINVAL : 0;
}

static int parse_field(const struct field *f, struct slice text, uint64_t *set, int base,
                       const char **ret_why)
{
    *ret_why = f->what;
    return parse_list(f, text, set, base) ? CRON_E_INVALID : 0;
}

static int parse_fields(struct cron *c, const struct slice *f, const char **ret_why)
{
    int r = parse_field(&minute_field, f[0], &c->minutes, 0, ret_why);

    r = r ? r : parse_field(&hour_field, f[1], &c->hours, 0, ret_why);
    r = r ? r : parse_both_days(c, f[2], f[4], ret_why);
    r = r ? r : parse_field(&month_field, f[3], &c->months, 0, ret_why);
    return r ? r : parse_field(&year_field, f[5], c->years, CRON_YEAR_MIN, ret_why);
}

int cron_parse(struct slice text, struct cron *ret, const char **ret_why)
{
    struct slice fields[FIELDS_MAX];
    struct cron c = { 0 };
    int64_t first;
    size_t n;
    int r = 0;

    *ret_why = "it must have six fields, or seven with seconds before the minutes";
    if (split(text, fields, &n) != 0)
        return CRON_E_INVALID;
    if (n == FIELDS_MAX)
        r = parse_field(&second_field, fields[0], &c.seconds, 0, ret_why);
    else
        c.seconds = bit(0);
    r = r ? r : parse_fields(&c, fields + n - FIELDS_MIN, ret_why);
    if (r)
        return r;
    *ret_why = "there is no such date";
    if (cron_next(&c, -1, &first) != 0)
        return CRON_E_INVALID;
    *ret = c;
    return 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* the first member of @set that is @from or more; -1: none */
static int next_in(uint64_t set, int from)
{
    set = from < 64 ? set & ~(uint64_t)0 << from : 0;
    return set ? __builtin_ctzll(set) : -1;
}

static bool is_working(int weekday)
{
    return weekday >= 1 && weekday <= 5;
}

/* the working day nearest to @day in a month that begins on @first and has @n days */
static int nearest_working(int day, int first, int n)
{
    int weekday = (first + day - 1) % 7;

    if (is_working(weekday))
        return day;
    if (weekday == 6)
        return day > 1 ? day - 1 : day + 2;
    return day < n ? day + 1 : day - 2;
}

/* the month's days that match, as a set */
static uint64_t days_by_number(const struct cron *c, int first, int n)
{
    uint64_t days = c->days & (bit(n + 1) - 1);

    for (int day = next_in(c->nearest_days, 1); day > 0 && day <= n;
         day = next_in(c->nearest_days, day + 1))
        days |= bit(nearest_working(day, first, n));
    if (c->last_day)
        days |= bit(n);
    /* the nearest to the last one that stays in the month is the last that works */
    if (c->last_working_day)
        days |= bit(nearest_working(n, first, n));
    return days;
}

static uint64_t days_by_weekday(const struct cron *c, int first, int n)
{
    uint64_t days = 0;

    for (int day = 1; day <= n; day++) {
        uint64_t weekday = bit((first + day - 1) % 7 + 1);
        if ((c->weekdays | c->nth_weekdays[(day - 1) / 7 + 1]) & weekday ||
            (day + 7 > n && c->last_weekdays & weekday))
            days |= bit(day);
    }
    return days;
}

static uint64_t days_of(const struct cron *c, int year, int month)
{
    int first = civil_weekday(year, month, 1), n = civil_month_days(year, month);

    return c->by_weekday ? days_by_weekday(c, first, n) : days_by_number(c, first, n);
}

/* the first time of day from @t's on; @t is untouched if there is none */
static bool advance_time(const struct cron *c, struct civil *t)
{
    int second = next_in(c->seconds, t->second);
    int minute = next_in(c->minutes, second < 0 ? t->minute + 1 : t->minute);
    int hour;

    if (minute != t->minute)
        second = next_in(c->seconds, 0);
    hour = next_in(c->hours, minute < 0 ? t->hour + 1 : t->hour);
    if (hour < 0)
        return false;
    if (hour != t->hour) {
        minute = next_in(c->minutes, 0);
        second = next_in(c->seconds, 0);
    }
    t->hour = hour;
    t->minute = minute;
    t->second = second;
    return true;
}

/* the first time from @t's on within its month */
static bool advance_in_month(const struct cron *c, struct civil *t)
{
    uint64_t days = days_of(c, t->year, t->month);

    for (int day = next_in(days, t->day); day > 0; day = next_in(days, day + 1)) {
        if (day != t->day)
            *t = (struct civil){ .year = t->year, .month = t->month, .day = day };
        if (advance_time(c, t))
            return true;
    }
    return false;
}

static bool year_matches(const struct cron *c, int year)
{
    int i = year - CRON_YEAR_MIN;

    return i >= 0 && c->years[i / 64] & bit(i % 64);
}

int cron_next(const struct cron *c, int64_t local_s, int64_t *ret_local_s)
{
    struct civil t = civil_from_s(local_s + 1);

    for (; t.year <= CRON_YEAR_MAX;
         t = (struct civil){ .year = t.year + 1, .month = 1, .day = 1 }) {
        if (!year_matches(c, t.year))
            continue;
        for (int month = next_in(c->months, t.month); month > 0;
             month = next_in(c->months, month + 1)) {
            if (month != t.month)
                t = (struct civil){ .year = t.year, .month = month, .day = 1 };
            if (!advance_in_month(c, &t))
                continue;
            *ret_local_s = civil_to_s(&t);
            return 0;
        }
    }
    return CRON_E_OVER;
}
