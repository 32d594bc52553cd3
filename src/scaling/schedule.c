#include "scaling/schedule.h"

#include <errno.h>
#include <string.h>

#include "scaling/civil.h"

/* --- parsing ---------------------------------------------------------------------------------- */

static int parse_part(struct slice text, size_t at, size_t n, int min, int max, int *ret)
{
    uint64_t value;

    if (text_to_u64((struct slice){ text.data + at, n }, (uint64_t)max, &value) != 0 ||
        (int)value < min)
        return -EINVAL;
    *ret = (int)value;
    return 0;
}

/* "yyyy-mm-ddThh:mm:ss" */
static int parse_at(struct slice text, struct schedule *ret, const char **ret_why)
{
    static const char form[] = "0000-00-00T00:00:00";
    struct civil c;

    *ret_why = "at() takes a time as in at(2026-07-01T08:00:00)";
    if (text.size != sizeof form - 1)
        return SCHEDULE_E_INVALID;
    for (size_t i = 0; i < text.size; i++)
        if (form[i] != '0' && text.data[i] != form[i])
            return SCHEDULE_E_INVALID;
    *ret_why = "there is no such date or time";
    if (parse_part(text, 0, 4, 1970, 9998, &c.year) || parse_part(text, 5, 2, 1, 12, &c.month) ||
        parse_part(text, 8, 2, 1, 31, &c.day) || parse_part(text, 11, 2, 0, 23, &c.hour) ||
        parse_part(text, 14, 2, 0, 59, &c.minute) || parse_part(text, 17, 2, 0, 59, &c.second) ||
        c.day > civil_month_days(c.year, c.month))
        return SCHEDULE_E_INVALID;
    ret->kind = SCHEDULE_AT;
    ret->at_local_s = civil_to_s(&c);
    return 0;
}

/* "5 minutes" */
static int parse_rate(struct slice text, struct schedule *ret, const char **ret_why)
{
    static const struct {
        const char *one, *many;
        int seconds;
    } units[] = { { "minute", "minutes", S_PER_MINUTE },
                  { "hour", "hours", S_PER_HOUR },
                  { "day", "days", S_PER_DAY } };
    const char *space = text.size > 0 ? memchr(text.data, ' ', text.size) : NULL;
    struct slice count, unit;
    uint64_t n;

    *ret_why = "rate() takes a whole number of at least 1 and minutes, hours or days, as in "
               "rate(5 minutes)";
    if (!space)
        return SCHEDULE_E_INVALID;
    count = (struct slice){ text.data, (size_t)(space - text.data) };
    unit = (struct slice){ space + 1, text.size - count.size - 1 };
    if (text_to_u64(count, INT32_MAX, &n) != 0 || n == 0)
        return SCHEDULE_E_INVALID;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (slice_is(unit, units[i].one) || slice_is(unit, units[i].many)) {
            ret->kind = SCHEDULE_RATE;
            ret->every = (ms_t)n * units[i].seconds * MS_PER_S;
            return 0;
        }
    return SCHEDULE_E_INVALID;
}

static int parse_cron(struct slice text, struct schedule *ret, const char **ret_why)
{
    if (cron_parse(text, &ret->cron, ret_why) != 0)
        return SCHEDULE_E_INVALID;
    ret->kind = SCHEDULE_CRON;
    return 0;
}

int schedule_parse(struct slice text, struct schedule *ret, const char **ret_why)
{
    static const struct {
        struct slice name;
        int (*parse)(struct slice text, struct schedule *ret, const char **ret_why);
    } kinds[] = { { SLICE("at("), parse_at },
                  { SLICE("rate("), parse_rate },
                  { SLICE("cron("), parse_cron } };

    *ret_why = "it must be at(...), rate(...) or cron(...)";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = kinds[i].name.size;
        if (text.size <= n || memcmp(text.data, kinds[i].name.data, n) != 0 ||
            text.data[text.size - 1] != ')')
            continue;
        return kinds[i].parse((struct slice){ text.data + n, text.size - n - 1 }, ret, ret_why);
    }
    return SCHEDULE_E_INVALID;
}

int schedule_check(const struct schedule *s, const struct time_zone *zone)
{
    int64_t utc;

    if (s->kind == SCHEDULE_AT && time_zone_to_utc(zone, s->at_local_s, &utc) != 0)
        return SCHEDULE_E_SKIPPED;
    return 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int next_at(const struct schedule_plan *p, wall_ms_t after, wall_ms_t *ret)
{
    int64_t utc;

    if (time_zone_to_utc(p->zone, p->schedule->at_local_s, &utc) != 0)
        return SCHEDULE_E_OVER;
    *ret = utc * MS_PER_S;
    return *ret > after && *ret >= p->start ? 0 : SCHEDULE_E_OVER;
}

static int next_rate(const struct schedule_plan *p, wall_ms_t after, wall_ms_t *ret)
{
    wall_ms_t anchor = p->start != INT64_MIN ? p->start : p->created;

    if (after < anchor)
        *ret = p->start != INT64_MIN ? anchor : anchor + p->schedule->every;
    else
        *ret = anchor + ((after - anchor) / p->schedule->every + 1) * p->schedule->every;
    return 0;
}

static int next_cron(const struct schedule_plan *p, wall_ms_t after, wall_ms_t *ret)
{
    int64_t after_s = after / MS_PER_S, local, utc;

    if (after < p->start) {
        *ret = p->start;
        return 0;
    }
    local = after_s + time_zone_offset(p->zone, after_s);
    while (cron_next(&p->schedule->cron, local, &local) == 0)
        if (time_zone_to_utc(p->zone, local, &utc) == 0 && utc > after_s) {
            *ret = utc * MS_PER_S;
            return 0;
        }
    return SCHEDULE_E_OVER;
}

int schedule_next(const struct schedule_plan *p, wall_ms_t after, wall_ms_t *ret)
{
    wall_ms_t at = 0;
    int r = 0;

    switch (p->schedule->kind) {
    case SCHEDULE_AT:
        r = next_at(p, after, &at);
        break;
    case SCHEDULE_RATE:
        r = next_rate(p, after, &at);
        break;
    case SCHEDULE_CRON:
        r = next_cron(p, after, &at);
        break;
    }
    if (r || at > p->end)
        return SCHEDULE_E_OVER;
    *ret = at;
    return 0;
}
