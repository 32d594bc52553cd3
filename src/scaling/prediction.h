/* scaling/prediction.h: the capacity that a forecast load needs, and when to have it.
 *
 * Of a load per hour (requests, say) instances take so much that a scaling metric (requests per
 * instance and minute) is at its target:
 *
 *     capacity(hour) = ceil(load(hour) x factor / target)
 *
 * where factor x load / instances is what the scaling metric was at that load: known for metrics
 * that are made from each other, and learnt from the past for others.
 *
 * Instances need time to start, so an hour's capacity is wanted a buffer before it begins: what
 * counts at any time is the larger of what the hours of now and of now + buffer need. It is reached
 * for once for each hour, when the buffer first touches it; for the rest it is a floor.
 *
 * Pure: no clock, no I/O, no heap. Hours are UTC's. Sources: Application Auto Scaling User Guide, "How
 * predictive scaling works"; EC2 Auto Scaling User Guide, "Advanced predictive scaling policy
 * configurations using custom metrics".
 */
#pragma once
#include "base/clock.h"
#include "scaling/forecast.h"

#define PREDICTION_HOUR_MS ((ms_t)3600 * MS_PER_S)

struct prediction {
    wall_ms_t made;  /* 0: there is none */
    wall_ms_t first; /* start of its first hour */
    double target, factor;
    double correlation; /* of the scaling metric and load per instance, -1..1; NAN: not known */
    double load[FORECAST_HOURS];
};

/* One hour of it. */
struct predicted_hour {
    wall_ms_t start;
    double load;   /* forecast */
    double demand; /* load x factor */
    int capacity;  /* unbounded but by INT_MAX */
};

wall_ms_t prediction_hour_of(wall_ms_t at); /* the hour's start */

/** prediction_at() - the hour that has @at. Return: false if it forecasts nothing for then. */
bool prediction_at(const struct prediction *p, wall_ms_t at, struct predicted_hour *ret);

/** prediction_needed() - what counts at @now: the hour of now or of now + buffer, whichever needs
 * more. Return: false if neither is forecast. */
bool prediction_needed(const struct prediction *p, wall_ms_t now, ms_t buffer,
                       struct predicted_hour *ret);

/* What was reached for last. */
struct prediction_reached {
    wall_ms_t hour; /* that the buffer then touched; 0: nothing yet */
    int capacity;
};

/** prediction_is_due() - whether @needed is still to be reached for: the buffer touches an hour that
 * it did not when something was reached last, or a newer forecast says more */
bool prediction_is_due(const struct prediction_reached *r, wall_ms_t now, ms_t buffer,
                       const struct predicted_hour *needed);
void prediction_reach(struct prediction_reached *r, wall_ms_t now, ms_t buffer,
                      const struct predicted_hour *needed);

/** prediction_max() - a maximum that leaves room for @capacity and @buffer_percent more */
int prediction_max(int capacity, int buffer_percent);

/* --- learning --------------------------------------------------------------------------------- */

/* Hours of the past, oldest first; NAN: not known. */
struct prediction_past {
    const double *load, *scaling, *capacity; /* capacity: instances that there were */
    size_t n;                                /* at most FORECAST_HISTORY_HOURS */
};

/** prediction_factor() - what scaling x capacity was for a unit of load: the weighted median, hours
 * counting by their load. Return: NAN if no hour tells. */
double prediction_factor(const struct prediction_past *past);
/** prediction_correlation() - of the scaling metric and load per instance. Return: -1..1, or NAN
 * where fewer than FORECAST_LEAST_HOURS are known or one of them never changes. */
double prediction_correlation(const struct prediction_past *past);
