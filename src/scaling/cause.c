#include "scaling/cause.h"

#include <stdio.h>

enum { MEASURED_BYTES = 512, SUM_BYTES = 160 };

const char *cause_statistic(const struct metric_statistic *s)
{
    switch (s->kind) {
    case STATISTIC_COUNT:
        return "SampleCount";
    case STATISTIC_SUM:
        return "Sum";
    case STATISTIC_MINIMUM:
        return "Minimum";
    case STATISTIC_MAXIMUM:
        return "Maximum";
    case STATISTIC_AVERAGE:
    case STATISTIC_PERCENTILE:
        break;
    }
    return "Average";
}

static void measured(const struct cause *c, char ret[MEASURED_BYTES])
{
    const struct wish *w = c->wish;
    const char *statistic = cause_statistic(&c->tracking->statistic);
    const char *per = tracking_is_rate(c->tracking) ? " per minute" : "";

    if (w->direction == DIRECTION_IN)
        snprintf(ret, MEASURED_BYTES,
                 "%s stayed below %.6g for %u s (%s%s, target %.6g) and is now %.6g",
                 c->tracking->metric.name, w->threshold, w->window_s, statistic, per, w->target,
                 w->metric);
    else
        snprintf(ret, MEASURED_BYTES, "%s was %.6g over the last %u s (%s%s, target %.6g)",
                 c->tracking->metric.name, w->metric, w->window_s, statistic, per, w->target);
}

static void sum(const struct cause *c, char ret[SUM_BYTES])
{
    const struct wish *w = c->wish;

    if (w->capacity == wish_capacity(w->demand, w->target))
        snprintf(ret, SUM_BYTES, "%d x %.6g / %.6g rounded up is %d", c->in_service, w->metric,
                 w->target, w->capacity);
    else
        snprintf(ret, SUM_BYTES, "the most needed at any time in these %u s was %d", w->window_s,
                 w->capacity);
}

void cause_text(const struct cause *c, char ret_text[CAUSE_BYTES])
{
    const struct decision *d = c->decision;
    char what[MEASURED_BYTES], how[SUM_BYTES];

    measured(c, what);
    sum(c, how);
    snprintf(
        ret_text, CAUSE_BYTES,
        "monitor alarm %s in state ALARM triggered policy %s. %s with %d instance%s in service: "
        "%s; within %d to %d, the desired count goes from %d to %d.",
        c->alarm, c->policy, what, c->in_service, c->in_service == 1 ? "" : "s", how, c->min,
        c->max, d->from, d->to);
}
