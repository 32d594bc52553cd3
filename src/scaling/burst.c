#include "scaling/burst.h"

#include <assert.h>
#include <math.h>

static const double far = 2;    /* times the target */
static const double sigmas = 5; /* what chance is allowed, in 86,400 looks a day */

static_assert((int)BURST_SECONDS <= (int)FAST_POINTS, "a burst's points fit");

/* As in fast.c: twice the root of a count has a standard deviation of about 1. Requests in flight
 * are such a number too, of requests that came within one service time. */
static bool by_chance(double count, double load)
{
    return 2 * (sqrt(count) - sqrt(count / load)) <= sigmas;
}

static double count_of(const struct tracking *t, const struct fast_seconds *s,
                       const struct fast_excess *e)
{
    double count = 0;

    if (!tracking_is_rate(t))
        return e->demand;
    for (size_t i = 0; i < BURST_SECONDS; i++)
        count += s->count[FAST_SECONDS - BURST_SECONDS + i];
    return count;
}

bool burst_out(const struct tracking *t, const struct fast_seconds *s, unsigned instances,
               struct fast_excess *ret)
{
    struct fast_excess e = { .period_s = 1, .n_points = BURST_SECONDS };
    double limit = t->target * instances;

    if (instances == 0 || !(tracking_is_rate(t) || tracking_is_concurrency(t)))
        return false;
    for (unsigned i = 0; i < BURST_SECONDS; i++) {
        e.points[i] = fast_demand(t, s, BURST_SECONDS - 1 - i, 1);
        if (!(e.points[i] >= far * limit)) /* nor without data */
            return false;
        e.demand += e.points[i] / BURST_SECONDS;
    }
    if (by_chance(count_of(t, s, &e), e.demand / limit))
        return false;
    /* it has begun within the first of the two, or still grows: the second one says more */
    if (e.points[BURST_SECONDS - 1] > e.demand)
        e = (struct fast_excess){ .period_s = 1,
                                  .n_points = 1,
                                  .demand = e.points[BURST_SECONDS - 1],
                                  .points = { e.points[BURST_SECONDS - 1] } };
    *ret = e;
    return true;
}
