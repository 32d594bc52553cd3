#include "scaling/zone_rule.h"

#include <errno.h>
#include <string.h>

#include "scaling/civil.h"

/* --- parsing ---------------------------------------------------------------------------------- */

static bool take(struct slice *s, char c)
{
    if (s->size == 0 || *s->data != c)
        return false;
    s->data++;
    s->size--;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int take_number(struct slice *s, int min, int max, int *ret)
{
    int value = 0;
    size_t n = 0;

    for (; n < s->size && n < 4 && is_digit(s->data[n]); n++)
        value = value * 10 + (s->data[n] - '0');
    if (n == 0 || value < min || value > max)
        return -EINVAL;
    s->data += n;
    s->size -= n;
    *ret = value;
    return 0;
}

/* "CET" or "<+0330>"; what the letters are matters to nobody here */
static int skip_name(struct slice *s)
{
    bool quoted = take(s, '<');
    size_t n = 0;

    while (n < s->size && (is_letter(s->data[n]) ||
                           (quoted && (is_digit(s->data[n]) || strchr("+-", s->data[n])))))
        n++;
    if (n < 3)
        return -EINVAL;
    s->data += n;
    s->size -= n;
    return quoted && !take(s, '>') ? -EINVAL : 0;
}

/* "[+-]hh[:mm[:ss]]" */
static int take_time(struct slice *s, int hours_max, int32_t *ret_s)
{
    bool negative = take(s, '-');
    int hours, minutes = 0, seconds = 0;
    int r;

    if (!negative)
        take(s, '+');
    r = take_number(s, 0, hours_max, &hours);
    if (!r && take(s, ':'))
        r = take_number(s, 0, 59, &minutes);
    if (!r && take(s, ':'))
        r = take_number(s, 0, 59, &seconds);
    if (r)
        return r;
    *ret_s = hours * S_PER_HOUR + minutes * S_PER_MINUTE + seconds;
    if (negative)
        *ret_s = -*ret_s;
    return 0;
}

static int take_week(struct slice *s, struct zone_day *ret)
{
    int r = take_number(s, 1, 12, &ret->month);

    if (!r)
        r = take(s, '.') ? take_number(s, 1, 5, &ret->week) : -EINVAL;
    if (!r)
        r = take(s, '.') ? take_number(s, 0, 6, &ret->day) : -EINVAL;
    return r;
}

/* ",M3.5.0/2" */
static int take_day(struct slice *s, struct zone_day *ret)
{
    int r;

    *ret = (struct zone_day){ .kind = ZONE_DAY_ORDINAL, .time_s = 2 * S_PER_HOUR };
    if (!take(s, ','))
        return -EINVAL;
    if (take(s, 'M')) {
        ret->kind = ZONE_DAY_WEEK;
        r = take_week(s, ret);
    } else if (take(s, 'J')) {
        ret->kind = ZONE_DAY_JULIAN;
        r = take_number(s, 1, 365, &ret->day);
    } else {
        r = take_number(s, 0, 365, &ret->day);
    }
    if (!r && take(s, '/'))
        r = take_time(s, 167, &ret->time_s);
    return r;
}

static int take_dst(struct slice *s, struct zone_rule *rule)
{
    int r = skip_name(s);

    rule->has_dst = true;
    rule->dst_s = rule->standard_s + S_PER_HOUR;
    if (!r && s->size > 0 && *s->data != ',') {
        r = take_time(s, 24, &rule->dst_s);
        rule->dst_s = -rule->dst_s;
    }
    if (!r)
        r = take_day(s, &rule->start);
    return r ? r : take_day(s, &rule->end);
}

int zone_rule_parse(struct slice text, struct zone_rule *ret)
{
    struct zone_rule rule = { 0 };
    int r = skip_name(&text);

    if (!r)
        r = take_time(&text, 24, &rule.standard_s);
    rule.standard_s = -rule.standard_s; /* POSIX counts westward */
    if (!r && text.size > 0)
        r = take_dst(&text, &rule);
    if (r || text.size > 0)
        return -EINVAL;
    *ret = rule;
    return 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int64_t day_in(const struct zone_day *d, int year)
{
    int64_t first = civil_days(year, 1, 1);
    int day, last;

    switch (d->kind) {
    case ZONE_DAY_JULIAN:
        return first + d->day - 1 + (civil_is_leap(year) && d->day >= 60);
    case ZONE_DAY_ORDINAL:
        return first + d->day;
    case ZONE_DAY_WEEK:
        break;
    }
    last = civil_month_days(year, d->month);
    day = 1 + (d->day - civil_weekday(year, d->month, 1) + 7) % 7 + (d->week - 1) * 7;
    return civil_days(year, d->month, day > last ? day - 7 : day);
}

struct change {
    int64_t at; /* UTC */
    int32_t offset_s;
};

/* Years around the one that is asked about: changes may stray into their neighbours. */
enum { YEARS = 4, CHANGES = 2 * YEARS };

/* Of two at the same time the one listed first stays first: where DST never ends, a year's end is
 * undone by the next one's start. */
static void list_changes(const struct zone_rule *rule, int first_year, struct change ret[CHANGES])
{
    size_t n = 0;

    for (int year = first_year; year < first_year + YEARS; year++) {
        const struct change both[] = {
            { day_in(&rule->start, year) * S_PER_DAY + rule->start.time_s - rule->standard_s,
              rule->dst_s },
            { day_in(&rule->end, year) * S_PER_DAY + rule->end.time_s - rule->dst_s,
              rule->standard_s },
        };
        for (size_t i = 0; i < 2; i++) {
            size_t at = n++;
            for (; at > 0 && ret[at - 1].at > both[i].at; at--)
                ret[at] = ret[at - 1];
            ret[at] = both[i];
        }
    }
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t utc_s, int64_t *ret_next)
{
    struct change changes[CHANGES] = { 0 };
    int32_t offset;
    size_t i = 0;

    *ret_next = INT64_MAX;
    if (!rule->has_dst)
        return rule->standard_s;
    list_changes(rule, civil_from_s(utc_s + rule->standard_s).year - 1, changes);
    offset = rule->standard_s;
    for (; i < CHANGES && changes[i].at <= utc_s; i++)
        offset = changes[i].offset_s;
    /* changes at one time count as the last of them does */
    for (; i < CHANGES && *ret_next == INT64_MAX; i++)
        if ((i + 1 == CHANGES || changes[i + 1].at != changes[i].at) &&
            changes[i].offset_s != offset)
            *ret_next = changes[i].at;
    return offset;
}
