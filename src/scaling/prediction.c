#include "scaling/prediction.h"

#include <assert.h>
#include <limits.h>
#include <math.h>

#include "scaling/weighted_median.h"
#include "scaling/wish.h"

enum { PERCENT = 100 };

wall_ms_t prediction_hour_of(wall_ms_t at)
{
    wall_ms_t into = at % PREDICTION_HOUR_MS;

    return at - (into < 0 ? into + PREDICTION_HOUR_MS : into);
}

bool prediction_at(const struct prediction *p, wall_ms_t at, struct predicted_hour *ret)
{
    wall_ms_t hours = (prediction_hour_of(at) - p->first) / PREDICTION_HOUR_MS;

    if (p->made == 0 || at < p->first || hours >= FORECAST_HOURS)
        return false;
    ret->start = prediction_hour_of(at);
    ret->load = p->load[hours];
    ret->demand = ret->load * p->factor;
    ret->capacity = wish_capacity(ret->demand, p->target);
    return true;
}

bool prediction_needed(const struct prediction *p, wall_ms_t now, ms_t buffer,
                       struct predicted_hour *ret)
{
    struct predicted_hour soon;
    bool found = prediction_at(p, now, ret);

    if (prediction_at(p, now + buffer, &soon) && (!found || soon.capacity > ret->capacity)) {
        *ret = soon;
        found = true;
    }
    return found;
}

bool prediction_is_due(const struct prediction_reached *r, wall_ms_t now, ms_t buffer,
                       const struct predicted_hour *needed)
{
    return r->hour != prediction_hour_of(now + buffer) || needed->capacity > r->capacity;
}

void prediction_reach(struct prediction_reached *r, wall_ms_t now, ms_t buffer,
                      const struct predicted_hour *needed)
{
    *r = (struct prediction_reached){ prediction_hour_of(now + buffer), needed->capacity };
}

int prediction_max(int capacity, int buffer_percent)
{
    long long max;

    assert(capacity >= 0 && buffer_percent >= 0);
    max = ((long long)capacity * (PERCENT + buffer_percent) + PERCENT - 1) / PERCENT;
    return max > INT_MAX ? INT_MAX : (int)max;
}

/* --- learning --------------------------------------------------------------------------------- */

/* of hours of which all is known, and in which something happened */
static bool tells(const struct prediction_past *past, size_t i)
{
    return past->load[i] > 0 && past->capacity[i] > 0 && isfinite(past->scaling[i]);
}

double prediction_factor(const struct prediction_past *past)
{
    struct weighed ratios[FORECAST_HISTORY_HOURS];
    size_t n = 0;

    assert(past->n <= FORECAST_HISTORY_HOURS);
    for (size_t i = 0; i < past->n; i++)
        if (tells(past, i))
            ratios[n++] = (struct weighed){ past->scaling[i] * past->capacity[i] / past->load[i],
                                            past->load[i] };
    return weighted_median(ratios, n);
}

/* Pearson's, of pairs that prediction_past has */
double prediction_correlation(const struct prediction_past *past)
{
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0, n = 0;

    for (size_t i = 0; i < past->n; i++)
        if (tells(past, i)) {
            x += past->load[i] / past->capacity[i];
            y += past->scaling[i];
            n++;
        }
    if (n < FORECAST_LEAST_HOURS)
        return (double)NAN;
    x /= n;
    y /= n;
    for (size_t i = 0; i < past->n; i++)
        if (tells(past, i)) {
            double dx = past->load[i] / past->capacity[i] - x, dy = past->scaling[i] - y;
            xx += dx * dx;
            yy += dy * dy;
            xy += dx * dy;
        }
    return xx > 0 && yy > 0 ? fmin(1, fmax(-1, xy / (sqrt(xx) * sqrt(yy)))) : (double)NAN;
}
