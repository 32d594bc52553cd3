/* scaling/target_tracking.h: keep a metric per instance near a target.
 *
 * A policy is two alarms and a proportional step: above the target long enough, or below 0.9 of it
 * for long, propose ceil(instances x metric / target). What "long" means is the pace's matter:
 *
 *   aws:  AWS's own alarms: 3 periods of 60 s out, 15 in; for 10-second metrics 3 and 90 of 10 s.
 *         Judged when a period is complete, acted on at once and again each minute.
 *   fast: judged each second on one-second data (fast.h), AWS's rule staying as the slowest of its
 *         periods and as the only rule for metrics that have data once a minute.
 *
 * Evaluating changes nothing but the policy's state; acting on the wish is decide.h's matter.
 * The metric is one that is named, or metric math: then fast_math.h says what a second's look is.
 * Pure: no clock, no I/O, no heap but what metric math takes and gives back; equal states given
 * equal calls stay equal.
 * Source: Application Auto Scaling User Guide, "How target tracking scaling works".
 */
#pragma once
#include "metrics/queries.h"
#include "scaling/alarm.h"
#include "scaling/capacity_history.h"
#include "scaling/cooldown.h"
#include "scaling/decide.h"
#include "scaling/pace.h"
#include "scaling/window.h"

enum { COOLDOWN_NOT_GIVEN = -1, COOLDOWN_DEFAULT_S = 300 };

struct tracking {
    struct metric_name metric; /* its strings are borrowed from the policy's owner */
    enum metric_unit unit;     /* METRIC_UNIT_ANY if the policy names none */
    struct metric_statistic statistic;
    const struct queries *math; /* in place of the three above; NULL: none. The owner's, too. */
    size_t math_result;         /* which query says what the metric is */
    bool by_seconds;            /* metric math that means the same over a few seconds */
    unsigned period_s; /* as AWS reads the metric: 60, or 10 for the high-resolution ones */
    double target;     /* > 0 */
    int scale_out_cooldown_s, scale_in_cooldown_s; /* or COOLDOWN_NOT_GIVEN */
    bool disable_scale_in;
};

struct tracking_state {
    enum pace pace; /* that the rest was gathered at */
    enum alarm_state high, low;
    struct cooldown cooldown;
    wall_ms_t evaluated; /* 0: never */
    bool empty;          /* there was no instance then */
    wall_ms_t woken;     /* since when there is one again; 0: there has been all the time */

    /* AWS's rule over whole periods */
    enum alarm_state bucket_high, bucket_low;
    double bucket_metric_high, bucket_metric_low; /* mean of the points judged */
    wall_ms_t judged;                             /* end of the newest period judged */
    bool coarse;     /* metric math: not all of its data are known by the second */
    wall_ms_t acted; /* `judged` when a wish was last due; 0: not since the alarm went off */
    enum direction acting;

    /* pace fast */
    struct window wants;
    wall_ms_t low_since; /* below the low threshold since then; 0: not below, or no data */
};

/* What evaluation sees of the world. */
struct scaling_view {
    wall_ms_t now;
    enum pace pace;
    unsigned in_service;
    unsigned starting;                      /* on their way */
    const struct capacity_history *history; /* up to now */
    const struct metrics *metrics;
};

struct tracking_report {
    struct wish wish;
    bool high_changed, low_changed;        /* an alarm's state is new; its evidence tells why */
    struct alarm_rule high_rule, low_rule; /* that the evidence was judged by */
    struct alarm_evidence high, low;
};

/** tracking_rules() - the two alarms as they are really judged; without scale-in the second is
 * never judged */
void tracking_rules(const struct tracking *t, enum pace pace, struct alarm_rule *ret_high,
                    struct alarm_rule *ret_low);

int tracking_out_cooldown_s(const struct tracking *t, enum pace pace);
int tracking_in_cooldown_s(const struct tracking *t);

/** tracking_low_threshold() - 0.9 of the target: below it, scaling in begins */
double tracking_low_threshold(const struct tracking *t);

/** tracking_state_init() - no data yet, no cooldown */
void tracking_state_init(struct tracking_state *s);
/** tracking_evaluate() - @s is told the time and the metrics; @ret says what follows */
void tracking_evaluate(const struct tracking *t, struct tracking_state *s,
                       const struct scaling_view *view, struct tracking_report *ret);

/** tracking_gather() - the metric, @n periods of @rule's up to @end, as evidence */
void tracking_gather(const struct tracking *t, const struct alarm_rule *rule, size_t n,
                     const struct metrics *metrics, wall_ms_t end, struct alarm_evidence *ret);
/** tracking_by_seconds() - whether pace fast may look at it each second, its data permitting */
bool tracking_by_seconds(const struct tracking *t);
/** tracking_is_rate() - the metric grows with the period's length: Sum and SampleCount */
bool tracking_is_rate(const struct tracking *t);
/** tracking_is_concurrency() - it is AWS's ten-second metric: requests in flight and waiting */
bool tracking_is_concurrency(const struct tracking *t);
