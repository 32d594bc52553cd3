#include "scaling/alarm_reason.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LISTED_MAX = 5, POINT_BYTES = 128, STAMP_BYTES = 40 };

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

/* the points of the evaluated N that are (or are not) beyond the threshold, newest first */
static size_t telling(const struct alarm_rule *rule, bool breaching, const struct alarm_evidence *e,
                      const struct alarm_point *ret[ALARM_POINTS_MAX])
{
    size_t n = 0;
    unsigned seen = 0;

    for (size_t i = e->n; i > 0 && seen < rule->evaluation_periods; i--) {
        const struct alarm_point *p = &e->points[i - 1];
        if (isnan(p->value))
            continue;
        seen++;
        if (alarm_breaches(rule, p->value) == breaching)
            ret[n++] = p;
    }
    return n;
}

static void print_points(struct sheet *s, const struct alarm_point *points[], size_t n)
{
    char number[ALARM_NUMBER_BYTES];

    print(s, "[");
    for (size_t i = 0; i < n && i < LISTED_MAX; i++) {
        alarm_number(points[i]->value, number);
        print(s, "%s%s (", i > 0 ? ", " : "", number);
        print_date(s, points[i]->at);
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
                          const struct alarm_evidence *e)
{
    const struct alarm_point *points[ALARM_POINTS_MAX];
    bool breaching = state == ALARM_ALARM;
    size_t n = telling(rule, breaching, e, points);
    bool chance = n == 0; /* pace fast: all are beyond it, but by no more than chance explains */
    bool many;
    char threshold[ALARM_NUMBER_BYTES];

    if (chance)
        n = telling(rule, !breaching, e, points);
    many = n > LISTED_MAX;
    alarm_number(rule->threshold, threshold);
    print(s, "Threshold Crossed: %zu ", n);
    if (rule->datapoints > 0)
        print(s, "out of the last %u datapoints ", rule->evaluation_periods);
    else
        print(s, "datapoint%s ", n == 1 ? "" : "s");
    if (!many) {
        print_points(s, points, n);
        print(s, " ");
    }
    print(s, "%s %s%s%s the threshold (%s)", n == 1 ? "was" : "were", breaching ? "" : "not ",
          chance ? "significantly " : "", comparison_phrase(rule->comparison), threshold);
    if (rule->datapoints > 0)
        print_transition(s, rule, state);
    print(s, ".");
    if (many) {
        print(s, " The most recent datapoints which crossed the threshold: ");
        print_points(s, points, n);
        print(s, ".");
    }
}

static size_t points_with_data(const struct alarm_evidence *e)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n; i++)
        n += !isnan(e->points[i].value);
    return n;
}

void alarm_reason(const struct alarm_rule *rule, enum alarm_state state,
                  const struct alarm_evidence *e, char ret_text[ALARM_REASON_BYTES])
{
    struct sheet s = { .text = ret_text, .size = ALARM_REASON_BYTES };
    unsigned n = rule->evaluation_periods;

    if (state == ALARM_INSUFFICIENT_DATA)
        print(&s, "Insufficient Data: %u datapoint%s unknown.", n, n == 1 ? " was" : "s were");
    else if (points_with_data(e) == 0)
        print(&s,
              "Threshold Crossed: no datapoints were received for %u period%s and %u missing "
              "datapoint%s treated as [%s].",
              n, n == 1 ? "" : "s", n, n == 1 ? " was" : "s were",
              state == ALARM_ALARM ? "Breaching" : "NonBreaching");
    else
        print_crossed(&s, rule, state, e);
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
static size_t first_evaluated(const struct alarm_rule *rule, const struct alarm_evidence *e)
{
    size_t first = e->n;
    unsigned seen = 0;

    for (size_t i = e->n; i > 0 && seen < rule->evaluation_periods; i--) {
        if (isnan(e->points[i - 1].value))
            continue;
        seen++;
        first = i - 1;
    }
    return first;
}

static void print_recent(struct sheet *s, const struct alarm_evidence *e, size_t first)
{
    char number[ALARM_NUMBER_BYTES];

    print(s, "\"recentDatapoints\":[");
    for (size_t i = first; i < e->n; i++) {
        if (isnan(e->points[i].value))
            snprintf(number, sizeof number, "null");
        else
            alarm_number(e->points[i].value, number);
        print(s, "%s%s", i > first ? "," : "", number);
    }
    print(s, "],");
}

static void print_evaluated(struct sheet *s, const struct alarm_evidence *e, size_t first)
{
    const size_t closing = sizeof "]}";
    bool comma = false;

    print(s, "\"evaluatedDatapoints\":[");
    for (size_t i = e->n; i > first; i--) {
        const struct alarm_point *p = &e->points[i - 1];
        char item[POINT_BYTES * 2], at[STAMP_BYTES], value[ALARM_NUMBER_BYTES],
            count[ALARM_NUMBER_BYTES];
        if (isnan(p->value))
            continue;
        iso_date(p->at, at);
        alarm_number(p->value, value);
        alarm_number(p->count, count);
        snprintf(item, sizeof item, "%s{\"timestamp\":\"%s\",\"sampleCount\":%s,\"value\":%s}",
                 comma ? "," : "", at, count, value);
        if (s->used + strlen(item) + closing > s->size)
            break;
        print(s, "%s", item);
        comma = true;
    }
    print(s, "]");
}

void alarm_reason_data(const struct alarm_rule *rule, const struct alarm_evidence *e,
                       const char *statistic, const char *unit, wall_ms_t now,
                       char ret_text[ALARM_REASON_DATA_BYTES])
{
    struct sheet s = { .text = ret_text, .size = ALARM_REASON_DATA_BYTES };
    char at[STAMP_BYTES], threshold[ALARM_NUMBER_BYTES];
    size_t first = first_evaluated(rule, e);

    iso_date(now, at);
    print(&s, "{\"version\":\"1.0\",\"queryDate\":\"%s\",", at);
    if (first < e->n) {
        iso_date(e->points[first].at, at);
        print(&s, "\"startDate\":\"%s\",", at);
    }
    if (unit)
        print(&s, "\"unit\":\"%s\",", unit);
    alarm_number(rule->threshold, threshold);
    print(&s, "\"statistic\":\"%s\",\"period\":%u,", statistic, rule->period_s);
    print_recent(&s, e, first);
    print(&s, "\"threshold\":%s,", threshold);
    print_evaluated(&s, e, first);
    print(&s, "}");
}
