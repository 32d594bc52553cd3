#include "scaling/alarm_reason.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LISTED_MAX = 5,
    POINT_BYTES = 256,
    STAMP_BYTES = 40,
    RECENT_BYTES = 2000, /* half of what there is */
};

/* text that stops at the end of its buffer */
struct sheet {
    char *text;
    size_t size, used;
};

static void __attribute__((format(printf, 2, 3))) print(struct sheet *s, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(s->text + s->used, s->size - s->used, format, args);
    va_end(args);
    if (n > 0)
        s->used += (size_t)n < s->size - s->used ? (size_t)n : s->size - s->used - 1;
}

void alarm_number(double value, char ret_text[ALARM_NUMBER_BYTES])
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(ret_text, ALARM_NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(ret_text, NULL) == value)
            break;
    }
    /* 1350 comes out as "1.35e+03": whole numbers are written out */
    if (value == floor(value) && fabs(value) < 1e15)
        snprintf(ret_text, ALARM_NUMBER_BYTES, "%.1f", value);
}

static void print_date(struct sheet *s, wall_ms_t at)
{
    time_t seconds = (time_t)(at / 1000);
    struct tm tm;
    char text[STAMP_BYTES];

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%d/%m/%y %H:%M:%S", &tm);
    print(s, "%s", text);
}

/* the points of the evaluated N that are (or are not) beyond the threshold: how many, and the newest
 * of them, newest first */
struct telling {
    size_t n;
    const struct alarm_point *newest[LISTED_MAX];
};

static struct telling tell(const struct alarm_rule *rule, bool breaching,
                           const struct alarm_point *points, size_t n)
{
    struct telling t = { 0 };
    unsigned seen = 0;

    for (size_t i = n; i > 0 && seen < rule->evaluation_periods; i--) {
        const struct alarm_point *p = &points[i - 1];
        if (isnan(p->value))
            continue;
        seen++;
        if (alarm_breaches(rule, p->value) != breaching)
            continue;
        if (t.n < LISTED_MAX)
            t.newest[t.n] = p;
        t.n++;
    }
    return t;
}

static void print_points(struct sheet *s, const struct telling *t)
{
    char number[ALARM_NUMBER_BYTES];

    print(s, "[");
    for (size_t i = 0; i < t->n && i < LISTED_MAX; i++) {
        alarm_number(t->newest[i]->value, number);
        print(s, "%s%s (", i > 0 ? ", " : "", number);
        print_date(s, t->newest[i]->at);
        print(s, ")");
    }
    print(s, "]");
}

static const char *comparison_phrase(enum alarm_comparison comparison)
{
    switch (comparison) {
    case ALARM_GREATER:
        return "greater than";
    case ALARM_GREATER_OR_EQUAL:
        return "greater than or equal to";
    case ALARM_LESS:
        return "less than";
    case ALARM_LESS_OR_EQUAL:
        break;
    }
    return "less than or equal to";
}

static void print_transition(struct sheet *s, const struct alarm_rule *rule, enum alarm_state state)
{
    unsigned least =
        state == ALARM_ALARM ? rule->datapoints : rule->evaluation_periods - rule->datapoints + 1;
    print(s, " (minimum %u datapoint%s for %s transition)", least, least == 1 ? "" : "s",
          state == ALARM_ALARM ? "OK -> ALARM" : "ALARM -> OK");
}

static void print_crossed(struct sheet *s, const struct alarm_rule *rule, enum alarm_state state,
                          const struct alarm_point *points, size_t n)
{
    bool breaching = state == ALARM_ALARM;
    struct telling t = tell(rule, breaching, points, n);
    bool chance = t.n == 0; /* pace fast: all are beyond it, but by no more than chance explains */
    bool many;
    char threshold[ALARM_NUMBER_BYTES];

    if (chance)
        t = tell(rule, !breaching, points, n);
    many = t.n > LISTED_MAX;
    alarm_number(rule->threshold, threshold);
    print(s, "Threshold Crossed: %zu ", t.n);
    if (rule->datapoints > 0)
        print(s, "out of the last %u datapoints ", rule->evaluation_periods);
    else
        print(s, "datapoint%s ", t.n == 1 ? "" : "s");
    if (!many) {
        print_points(s, &t);
        print(s, " ");
    }
    print(s, "%s %s%s%s the threshold (%s)", t.n == 1 ? "was" : "were", breaching ? "" : "not ",
          chance ? "significantly " : "", comparison_phrase(rule->comparison), threshold);
    if (rule->datapoints > 0)
        print_transition(s, rule, state);
    print(s, ".");
    if (many) {
        print(s, " The most recent datapoints which crossed the threshold: ");
        print_points(s, &t);
        print(s, ".");
    }
}

static bool has_data(const struct alarm_point *points, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isnan(points[i].value))
            return true;
    return false;
}

void alarm_reason(const struct alarm_rule *rule, enum alarm_state state,
                  const struct alarm_point *points, size_t n_points,
                  char ret_text[ALARM_REASON_BYTES])
{
    struct sheet s = { .text = ret_text, .size = ALARM_REASON_BYTES };
    unsigned n = rule->evaluation_periods;

    if (state == ALARM_INSUFFICIENT_DATA)
        print(&s, "Insufficient Data: %u datapoint%s unknown.", n, n == 1 ? " was" : "s were");
    else if (!has_data(points, n_points))
        print(&s,
              "Threshold Crossed: no datapoints were received for %u period%s and %u missing "
              "datapoint%s treated as [%s].",
              n, n == 1 ? "" : "s", n, n == 1 ? " was" : "s were",
              state == ALARM_ALARM ? "Breaching" : "NonBreaching");
    else
        print_crossed(&s, rule, state, points, n_points);
}

static void iso_date(wall_ms_t at, char ret_text[STAMP_BYTES])
{
    time_t seconds = (time_t)(at / 1000);
    struct tm tm;
    size_t n;

    gmtime_r(&seconds, &tm);
    n = strftime(ret_text, STAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret_text + n, STAMP_BYTES - n, ".%03d+0000", (int)(at % 1000));
}

/* where the evaluated points start: the N-th newest that has data, or the oldest there is */
static size_t first_evaluated(const struct alarm_rule *rule, const struct alarm_point *points,
                              size_t n)
{
    size_t first = n;
    unsigned seen = 0;

    for (size_t i = n; i > 0 && seen < rule->evaluation_periods; i--) {
        if (isnan(points[i - 1].value))
            continue;
        seen++;
        first = i - 1;
    }
    return first;
}

static void recent_number(double value, char ret_text[ALARM_NUMBER_BYTES])
{
    if (isnan(value))
        snprintf(ret_text, ALARM_NUMBER_BYTES, "null");
    else
        alarm_number(value, ret_text);
}

/* The newest come last, and are the ones that must be there. */
static void print_recent(struct sheet *s, const struct alarm_point *points, size_t n, size_t first)
{
    char number[ALARM_NUMBER_BYTES];
    size_t bytes = 0, from = n;

    while (from > first) {
        recent_number(points[from - 1].value, number);
        bytes += strlen(number) + 1;
        if (bytes > RECENT_BYTES)
            break;
        from--;
    }
    print(s, "\"recentDatapoints\":[");
    for (size_t i = from; i < n; i++) {
        recent_number(points[i].value, number);
        print(s, "%s%s", i > from ? "," : "", number);
    }
    print(s, "],");
}

static void point_item(const struct alarm_point *p, bool counted, char ret_text[POINT_BYTES])
{
    char at[STAMP_BYTES], value[ALARM_NUMBER_BYTES], count[ALARM_NUMBER_BYTES];

    iso_date(p->at, at);
    alarm_number(p->value, value);
    alarm_number(p->count, count);
    snprintf(ret_text, POINT_BYTES, "{\"timestamp\":\"%s\",%s%s%s\"value\":%s}", at,
             counted ? "\"sampleCount\":" : "", counted ? count : "", counted ? "," : "", value);
}

static void print_evaluated(struct sheet *s, const struct alarm_point *points, size_t n,
                            size_t first, bool counted)
{
    const size_t closing = sizeof ",]}";
    bool comma = false;

    print(s, "\"evaluatedDatapoints\":[");
    for (size_t i = n; i > first; i--) {
        char item[POINT_BYTES];

        if (isnan(points[i - 1].value))
            continue;
        point_item(&points[i - 1], counted, item);
        if (s->used + strlen(item) + closing > s->size)
            break;
        print(s, "%s%s", comma ? "," : "", item);
        comma = true;
    }
    print(s, "]");
}

void alarm_reason_data(const struct alarm_rule *rule, const struct alarm_point *points, size_t n,
                       const char *statistic, const char *unit, wall_ms_t now,
                       char ret_text[ALARM_REASON_DATA_BYTES])
{
    struct sheet s = { .text = ret_text, .size = ALARM_REASON_DATA_BYTES };
    char at[STAMP_BYTES], threshold[ALARM_NUMBER_BYTES];
    size_t first = first_evaluated(rule, points, n);

    iso_date(now, at);
    print(&s, "{\"version\":\"1.0\",\"queryDate\":\"%s\",", at);
    if (first < n) {
        iso_date(points[first].at, at);
        print(&s, "\"startDate\":\"%s\",", at);
    }
    if (unit)
        print(&s, "\"unit\":\"%s\",", unit);
    if (statistic)
        print(&s, "\"statistic\":\"%s\",", statistic);
    alarm_number(rule->threshold, threshold);
    print(&s, "\"period\":%u,", rule->period_s);
    print_recent(&s, points, n, first);
    print(&s, "\"threshold\":%s,", threshold);
    print_evaluated(&s, points, n, first, statistic != NULL);
    print(&s, "}");
}
