/* scaling/fast.h: target tracking in seconds: what pace fast adds to AWS's rule.
 *
 * AWS calls it too much when three periods of a minute in a row are above the target. The same is
 * asked here of shorter periods, every second: of 1, 5 and 20 seconds, the shortest first. A
 * quarter of a minute's requests says less than a minute's, so sums must also exceed the target by
 * more than four standard deviations of their count: chance alone launches nothing, and the fewer
 * requests there are, the longer the look that decides.
 *
 * Values per instance are turned into the demand of all instances together, second by second, with
 * the count of that second (capacity_history.h). Demand does not depend on how many instances share
 * it, so launching some does not change what is wanted.
 *
 * Down the rule is as slow as AWS's: below 0.9 of the target during the whole scale-in window, and
 * then to the most that was wanted in it. The window is ScaleInCooldown where the policy gives one,
 * else 15 minutes.
 * Pure: no clock, no I/O, no heap.
 */
#pragma once
#include "scaling/target_tracking.h"

enum {
    FAST_SECONDS = 60, /* what is looked at */
    FAST_POINTS = 3,   /* periods in a row */
    FAST_WINDOW_DEFAULT_S = 900,
    FAST_WINDOW_MIN_S = 15,
    FAST_WINDOW_MAX_S = 3600,
};

/* The last minute, oldest first: each second's demand as the metric's statistic has it (NAN: no
 * data), and how many requests or samples it was made of. With metric math, demand is that of the
 * period of five seconds around. */
struct fast_seconds {
    const struct scaling_view *view;
    wall_ms_t end;
    double demand[FAST_SECONDS], count[FAST_SECONDS];
};

/* Too much, and by which look. */
struct fast_excess {
    unsigned period_s;
    double demand; /* mean of the points, for a minute where the metric is a rate */
    unsigned n_points;
    double points[FAST_POINTS]; /* demand in each period, oldest first */
};

/* how the two alarms are shown */
unsigned fast_out_period_s(const struct tracking *t);
unsigned fast_in_period_s(const struct tracking *t);
unsigned fast_in_periods(const struct tracking *t);
/** fast_in_whole_periods() - the same window in AWS's periods, for metrics with data once a
 * minute */
unsigned fast_in_whole_periods(const struct tracking *t);
int fast_in_window_s(const struct tracking *t);

/** fast_read() - the last complete seconds. The newest may be late by up to two seconds. */
void fast_read(const struct tracking *t, const struct scaling_view *view, struct fast_seconds *ret);

/**
 * fast_demand() - over the @period_s seconds that end @back seconds before the end
 * Return: scaled to a minute where the metric is a rate; NAN if fewer than half of them have data.
 */
double fast_demand(const struct tracking *t, const struct fast_seconds *s, unsigned back,
                   unsigned period_s);

/** fast_steady() - whether there are data in most seconds since they began */
bool fast_steady(const struct fast_seconds *s);

/** fast_latest() - the newest of the shortest periods, whatever they say; may be NAN */
void fast_latest(const struct tracking *t, const struct fast_seconds *s, struct fast_excess *ret);

/** fast_out() - whether @in_service instances are too few. Return: false leaves @ret alone. */
bool fast_out(const struct tracking *t, const struct fast_seconds *s, unsigned in_service,
              struct fast_excess *ret);

/**
 * fast_in() - follow the scale-in window by one tick
 * @demand: over the last fast_in_period_s() seconds, NAN if there are no data
 * @out:    capacity that fast_out() led to now, 0 if it did not
 * @ret_capacity: the most that was wanted in the window
 *
 * Return: whether the metric was below the low threshold during the whole window.
 */
bool fast_in(const struct tracking *t, struct tracking_state *state, wall_ms_t now,
             unsigned in_service, double demand, int out, int *ret_capacity);
