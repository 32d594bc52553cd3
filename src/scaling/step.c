#include "scaling/step.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics.h"

static const char *const type_texts[] = {
    [STEP_CHANGE] = "ChangeInCapacity",
    [STEP_PERCENT] = "PercentChangeInCapacity",
    [STEP_EXACT] = "ExactCapacity",
};
static const char *const aggregation_texts[] = {
    [STEP_AVERAGE] = "Average",
    [STEP_MINIMUM] = "Minimum",
    [STEP_MAXIMUM] = "Maximum",
};

const char *step_type_text(enum step_type type)
{
    return type_texts[type];
}

const char *step_aggregation_text(enum step_aggregation aggregation)
{
    return aggregation_texts[aggregation];
}

bool step_type_parse(const char *text, enum step_type *ret)
{
    for (int i = STEP_CHANGE; i <= STEP_EXACT; i++)
        if (strcmp(type_texts[i], text) == 0) {
            *ret = (enum step_type)i;
            return true;
        }
    return false;
}

bool step_aggregation_parse(const char *text, enum step_aggregation *ret)
{
    for (int i = STEP_AVERAGE; i <= STEP_MAXIMUM; i++)
        if (strcmp(aggregation_texts[i], text) == 0) {
            *ret = (enum step_aggregation)i;
            return true;
        }
    return false;
}

/* --- checking --------------------------------------------------------------------------------- */

static bool refuse(char ret_why[STEP_WHY_BYTES], const char *why)
{
    snprintf(ret_why, STEP_WHY_BYTES, "%s", why);
    return false;
}

static bool in_range(double bound)
{
    return isinf(bound) || fabs(bound) <= METRICS_VALUE_MAX;
}

static bool check_each(const struct step_scaling *s, char ret_why[STEP_WHY_BYTES])
{
    for (size_t i = 0; i < s->n_steps; i++) {
        const struct step *step = &s->steps[i];

        if (isinf(step->lower) && isinf(step->upper))
            return refuse(ret_why, "A step adjustment needs at least one of "
                                   "MetricIntervalLowerBound and MetricIntervalUpperBound");
        if (!(step->upper > step->lower))
            return refuse(ret_why, "MetricIntervalUpperBound of a step adjustment must be greater "
                                   "than its MetricIntervalLowerBound");
        if (!in_range(step->lower) || !in_range(step->upper))
            return refuse(ret_why, "Bounds of step adjustments must be between -2^360 and 2^360");
        if (s->type == STEP_EXACT && step->adjustment < 0)
            return refuse(ret_why, "ScalingAdjustment must not be negative with ExactCapacity");
    }
    return true;
}

static int by_lower(const void *a, const void *b)
{
    const struct step *x = a, *y = b;

    return (x->lower > y->lower) - (x->lower < y->lower);
}

/* Side by side, without overlap or gap, and open at each side of 0 that they reach. */
static bool check_ranges(const struct step_scaling *s, char ret_why[STEP_WHY_BYTES])
{
    struct step sorted[STEPS_MAX];
    const struct step *first = sorted, *last = &sorted[s->n_steps - 1];

    memcpy(sorted, s->steps, s->n_steps * sizeof *sorted);
    qsort(sorted, s->n_steps, sizeof *sorted, by_lower);
    for (size_t i = 1; i < s->n_steps; i++) {
        if (isinf(sorted[i].lower))
            return refuse(ret_why, "At most one step adjustment may leave out "
                                   "MetricIntervalLowerBound");
        if (isinf(sorted[i - 1].upper))
            return refuse(ret_why, "At most one step adjustment, that of the highest interval, may "
                                   "leave out MetricIntervalUpperBound");
        if (sorted[i].lower < sorted[i - 1].upper)
            return refuse(ret_why, "The intervals of step adjustments must not overlap");
        if (sorted[i].lower > sorted[i - 1].upper)
            return refuse(ret_why, "There must be no gap between the intervals of step "
                                   "adjustments");
    }
    if (first->lower < 0 && !isinf(first->lower))
        return refuse(ret_why, "With a negative MetricIntervalLowerBound there must be a step "
                               "adjustment without MetricIntervalLowerBound");
    if (last->upper > 0 && !isinf(last->upper))
        return refuse(ret_why, "With a positive MetricIntervalUpperBound there must be a step "
                               "adjustment without MetricIntervalUpperBound");
    return true;
}

bool step_check(const struct step_scaling *s, char ret_why[STEP_WHY_BYTES])
{
    assert(s->n_steps <= STEPS_MAX);
    if (s->n_steps == 0)
        return refuse(ret_why, "At least one step adjustment is required");
    if (s->min_magnitude != 0 && s->type != STEP_PERCENT)
        return refuse(ret_why, "MinAdjustmentMagnitude is only valid with PercentChangeInCapacity");
    if (s->min_magnitude < 0)
        return refuse(ret_why, "MinAdjustmentMagnitude must be greater than 0");
    if (s->cooldown_s < 0)
        return refuse(ret_why, "Cooldown must not be negative");
    return check_each(s, ret_why) && check_ranges(s, ret_why);
}

/* --- deciding --------------------------------------------------------------------------------- */

double step_metric(enum step_aggregation aggregation, const double *points, size_t n)
{
    double sum = 0, least = (double)INFINITY, most = -(double)INFINITY;
    size_t known = 0;

    for (size_t i = 0; i < n; i++) {
        if (isnan(points[i]))
            continue;
        known++;
        sum += points[i];
        least = fmin(least, points[i]);
        most = fmax(most, points[i]);
    }
    if (known == 0)
        return (double)NAN;
    if (aggregation == STEP_AVERAGE)
        return sum / (double)known;
    return aggregation == STEP_MINIMUM ? least : most;
}

const struct step *step_find(const struct step_scaling *s, bool below, double difference)
{
    for (size_t i = 0; i < s->n_steps; i++) {
        const struct step *step = &s->steps[i];
        bool in = below ? step->lower < difference && difference <= step->upper
                        : step->lower <= difference && difference < step->upper;
        if (in)
            return step;
    }
    return NULL;
}

/* What a percentage changes, as AWS rounds: away from zero to one whole, beyond that towards it. */
static double percent_change(const struct step_scaling *s, const struct step *step, int current)
{
    double change = (double)current * step->adjustment / 100;

    if (change > 0)
        change = change < 1 ? 1 : floor(change);
    else if (change < 0)
        change = change > -1 ? -1 : ceil(change);
    if (step->adjustment != 0 && fabs(change) < s->min_magnitude)
        change = step->adjustment > 0 ? s->min_magnitude : -s->min_magnitude;
    return change;
}

int step_capacity(const struct step_scaling *s, const struct step *step, int current)
{
    double capacity = step->adjustment;

    if (s->type == STEP_CHANGE)
        capacity += current;
    else if (s->type == STEP_PERCENT)
        capacity = current + percent_change(s, step, current);
    if (capacity < 0)
        return 0;
    return capacity > INT_MAX ? INT_MAX : (int)capacity;
}
