#include "scaling/cause.h"

#include <stdio.h>

#include "scaling/civil.h"

enum {
    MEASURED_BYTES = 512,
    SUM_BYTES = 160,
    COMPUTED_BYTES = 768,
    WHO_BYTES = 640,
    FLOOR_BYTES = 64
};

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
    default:
        break;
    }
    return "Average";
}

static void measured(const struct cause *c, char ret[MEASURED_BYTES])
{
    const struct tracking *t = c->tracking;
    const struct wish *w = c->wish;
    const char *name = t->math ? queries_nth(t->math, t->math_result)->id : t->metric.name;
    const char *statistic = t->math ? "metric math" : cause_statistic(&t->statistic);
    const char *per = tracking_is_rate(t) ? " per minute" : "";

    if (w->direction == DIRECTION_IN)
        snprintf(ret, MEASURED_BYTES,
                 "%s stayed below %.6g for %u s (%s%s, target %.6g) and is now %.6g", name,
                 w->threshold, w->window_s, statistic, per, w->target, w->metric);
    else
        snprintf(ret, MEASURED_BYTES, "%s was %.6g over the last %u s (%s%s, target %.6g)", name,
                 w->metric, w->window_s, statistic, per, w->target);
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

static void tracking_text(const struct cause *c, char ret[COMPUTED_BYTES])
{
    char what[MEASURED_BYTES], how[SUM_BYTES];

    measured(c, what);
    sum(c, how);
    snprintf(ret, COMPUTED_BYTES, "%s with %d %s%s in service: %s", what, c->in_service, c->unit,
             c->in_service == 1 ? "" : "s", how);
}

static void step_text(const struct cause *c, char ret[COMPUTED_BYTES])
{
    const struct wish *w = c->wish;
    const struct step *step = step_find(w->steps, w->below, w->metric - w->threshold);

    snprintf(ret, COMPUTED_BYTES,
             "The metric was %.6g, which is %.6g %s the threshold %.6g; for that the step is %s "
             "%+d, from %d to %d",
             w->metric, w->below ? w->threshold - w->metric : w->metric - w->threshold,
             w->below ? "below" : "above", w->threshold, step_type_text(w->steps->type),
             step ? step->adjustment : 0, c->base, w->capacity);
}

static void queue_text(const struct cause *c, char ret[COMPUTED_BYTES])
{
    const struct wish *w = c->wish;
    char each[SUM_BYTES] = "";

    if (w->capacity > 1)
        snprintf(each, sizeof each, "at %.6g for each, ", w->target);
    snprintf(ret, COMPUTED_BYTES,
             "%.0f request%s waiting and no instance is in service: %s%d needed", w->demand,
             w->demand == 1 ? " is" : "s are", each, w->capacity);
}

static void forecast_text(const struct cause *c, char ret[COMPUTED_BYTES])
{
    const struct wish *w = c->wish;
    struct civil hour = civil_from_s(w->hour / MS_PER_S);

    snprintf(ret, COMPUTED_BYTES,
             "A load of %.6g is forecast for the hour from %04d-%02d-%02dT%02d:00Z, of which an "
             "instance takes %.6g (target %.6g): %.6g / %.6g rounded up is %d, wanted %u s before",
             w->metric, hour.year, hour.month, hour.day, hour.hour,
             w->metric * w->target / w->demand, w->target, w->demand, w->target, w->capacity,
             w->window_s);
}

static void computed_text(const struct cause *c, char ret[COMPUTED_BYTES])
{
    switch (c->wish->kind) {
    case WISH_TRACKING:
        tracking_text(c, ret);
        break;
    case WISH_STEP:
        step_text(c, ret);
        break;
    case WISH_QUEUE:
        queue_text(c, ret);
        break;
    case WISH_FORECAST:
        forecast_text(c, ret);
        break;
    }
}

static void who_text(const struct cause *c, char ret[WHO_BYTES])
{
    ret[0] = '\0';
    if (c->wish->kind == WISH_FORECAST)
        snprintf(ret, WHO_BYTES, "predictive scaling policy %s was triggered. ", c->policy);
    else if (c->wish->kind != WISH_QUEUE)
        snprintf(ret, WHO_BYTES, "monitor alarm %s in state ALARM triggered policy %s. ", c->alarm,
                 c->policy);
}

void cause_text(const struct cause *c, char ret_text[CAUSE_BYTES])
{
    const struct decision *d = c->decision;
    char computed[COMPUTED_BYTES], who[WHO_BYTES], floor[FLOOR_BYTES] = "";

    computed_text(c, computed);
    who_text(c, who);
    if (c->floor > c->wish->capacity)
        snprintf(floor, sizeof floor, "; a forecast needs %d", c->floor);
    snprintf(ret_text, CAUSE_BYTES,
             "%s%s%s; within %d to %d, the desired count goes from %d to %d.", who, computed, floor,
             c->min, c->max, d->from, d->to);
}
