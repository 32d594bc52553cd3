/* scaling/alarm.h: CloudWatch's alarm: M of the last N datapoints beyond a threshold.
 *
 * An alarm looks at a few more periods than it needs (the evaluation range), takes the N newest
 * that have data, and judges them; what the missing ones mean is the alarm's own choice. Points are
 * handed in and states handed out: who reads metrics, and when, is decided elsewhere
 * (target_tracking.h). Pure: no clock, no I/O, no heap.
 * Source: CloudWatch User Guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat
 * missing data".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

enum alarm_state { ALARM_INSUFFICIENT_DATA, ALARM_OK, ALARM_ALARM };

enum alarm_comparison {
    ALARM_GREATER,
    ALARM_GREATER_OR_EQUAL,
    ALARM_LESS,
    ALARM_LESS_OR_EQUAL,
};

/* what a period without data counts as */
enum alarm_missing {
    ALARM_MISSING, /* not at all; nothing but gaps is INSUFFICIENT_DATA */
    ALARM_IGNORE,  /* the state stays */
    ALARM_BREACHING,
    ALARM_NOT_BREACHING,
};

struct alarm_rule {
    enum alarm_comparison comparison;
    double threshold;
    unsigned period_s;           /* > 0 */
    unsigned evaluation_periods; /* N, > 0 */
    unsigned datapoints;         /* M, 1..N; 0: not set, which means N */
    enum alarm_missing missing;
};

enum { ALARM_POINTS_MAX = 96 }; /* what a managed alarm looks at: 90 periods of 10 s, and 6 more */

/* What an alarm was judged on: one point per period, oldest first; value NAN = no data. */
struct alarm_evidence {
    size_t n;
    struct alarm_point {
        wall_ms_t at; /* start of the period */
        double value, count;
    } points[ALARM_POINTS_MAX];
};

const char *alarm_state_text(enum alarm_state state); /* "OK" ... */
/** alarm_state_parse() - Return: 0 or -EINVAL */
int alarm_state_parse(const char *text, enum alarm_state *ret);
const char *
alarm_comparison_text(enum alarm_comparison comparison); /* "GreaterThanThreshold" ... */
/** alarm_comparison_parse() - Return: 0 or -EINVAL: those with bands are not known here */
int alarm_comparison_parse(const char *text, enum alarm_comparison *ret);
/** alarm_missing_parse() - "missing" ... Return: 0 or -EINVAL */
int alarm_missing_parse(const char *text, enum alarm_missing *ret);
bool alarm_breaches(const struct alarm_rule *rule, double value);

/** alarm_range() - how many periods back to look: N + 2, below one minute N + 60 / period */
size_t alarm_range(const struct alarm_rule *rule);

/**
 * alarm_judge() - the state that follows from the points
 * @points: @n values, oldest first, one per period of the evaluation range; NAN = no data
 * @state:  the state until now, which `ignore` keeps
 */
enum alarm_state alarm_judge(const struct alarm_rule *rule, const double *points, size_t n,
                             enum alarm_state state);

/**
 * alarm_samples_suffice() - whether a percentile of so many samples means anything: 10 / (1 - p) of
 * them from the median up, 10 / p below. p0 and p100 are no percentiles, but the least and the
 * greatest, and always mean something.
 * @percent: 0..100
 */
bool alarm_samples_suffice(double percent, double samples);

/** alarm_judge_evidence() - as alarm_judge(), over what was gathered */
enum alarm_state alarm_judge_evidence(const struct alarm_rule *rule, const struct alarm_evidence *e,
                                      enum alarm_state state);

/**
 * alarm_recent_average() - the mean of the datapoints that alarm_judge() looks at: the N newest
 * that have data. Target tracking scales by it. NAN if there are none.
 */
double alarm_recent_average(const struct alarm_rule *rule, const struct alarm_evidence *e);
