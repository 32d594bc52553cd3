#include "balance/capacity.h"

#include <limits.h>
#include <math.h>

enum { DOUBLINGS_MAX = 20 };

static const double SHARE_MIN = 0.1; /* with less, a lone new target would hardly learn anything */

static ms_t age(const struct route_target *t, ms_t now)
{
    ms_t ms = now - atomic_load_explicit(&t->target->since_ms, memory_order_relaxed);

    return ms > 0 ? ms : 0;
}

/* Return: 0.1 to 1 */
static double share(const struct route_group *g, const struct route_target *t, ms_t now)
{
    double part;

    if (g->config.slow_start_ms == 0)
        return 1;
    part = (double)age(t, now) / (double)g->config.slow_start_ms;
    return part >= 1 ? 1 : part > SHARE_MIN ? part : SHARE_MIN;
}

static unsigned burst(const struct route_target *t, ms_t now)
{
    ms_t seconds = age(t, now) / MS_PER_S;
    unsigned answered = atomic_load_explicit(&t->target->answered, memory_order_relaxed);

    if (seconds >= DOUBLINGS_MAX || answered > INT_MAX)
        return UINT_MAX;
    return ((unsigned)CAPACITY_BURST << seconds) + answered;
}

unsigned capacity_of(const struct route_group *g, const struct route_target *t, bool queued,
                     ms_t now)
{
    if (t->concurrency_max == 0)
        return queued ? burst(t, now) : UINT_MAX;
    return (unsigned)ceil(t->concurrency_max * share(g, t, now));
}

double capacity_weight(const struct route_group *g, const struct route_target *t, ms_t now)
{
    return t->weight * share(g, t, now);
}
