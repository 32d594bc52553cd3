/* scaling/fast_math.h: what pace fast sees of a policy's metric math.
 *
 * AWS computes the expression of whole minutes. Each second it is computed here of the last seconds:
 * over periods of 5 and 20 seconds, and over the last minute for scaling in, by reading each metric
 * with that period in place of a minute. Sums and counts are told as of a minute, so that thresholds
 * within the expression, PERIOD() and the target keep their meaning.
 *
 * That makes sense only
 * - of expressions that make each period's point of that period alone (tracking.by_seconds): RATE,
 *   DIFF, a series' AVG and their like say something else of 5 seconds than of a minute;
 * - of metrics that have their data by the second: data once a minute would be missing in most
 *   periods (fast_math_coarse());
 * - where all that a point is made of is there. Over a minute a missing metric counts as 0 and
 *   mostly is; over 5 seconds it is mostly late or rare. What FILL fills is there.
 * Where it makes no sense AWS's rule over whole minutes holds, and nothing else.
 *
 * Pure: no clock, no I/O; what is computed takes memory until the call returns.
 */
#pragma once
#include "scaling/target_tracking.h"

enum {
    FAST_MATH_PERIOD_S = 5, /* the shortest */
    FAST_MATH_LEAD_S = 60,  /* looked at before the first point: what FILL may repeat */
};

/** fast_math_end() - up to when all metrics have data: now, or up to two seconds earlier */
wall_ms_t fast_math_end(const struct tracking *t, const struct scaling_view *view);

/**
 * fast_math_demand() - the expression over the last @n periods of @period_s up to @end, times the
 * instances of then
 * @ret: oldest first; NAN: no point
 */
void fast_math_demand(const struct tracking *t, const struct scaling_view *view, wall_ms_t end,
                      unsigned period_s, size_t n, double *ret);

/** fast_math_count() - a count whose chance is that of the expression over the last @seconds: the
 * relative variance of a product or quotient of counts is the sum of theirs. INFINITY if it is not
 * made of counts. */
double fast_math_count(const struct tracking *t, const struct scaling_view *view, wall_ms_t end,
                       unsigned seconds);

/** fast_math_coarse() - whether data of the three minutes up to @end are not known by the second */
bool fast_math_coarse(const struct tracking *t, const struct metrics *metrics, wall_ms_t end);
