/* scaling/step.h: step scaling: how far the metric is beyond an alarm's threshold says how much to
 * add or remove.
 *
 * Each step has an interval of that distance. Above the threshold an interval includes its lower
 * bound, below it its upper one; above or below is the matter of the alarm's comparison, so that a
 * distance of 0 is in exactly one interval.
 * Pure: values in, values out.
 * Source: Application Auto Scaling User Guide, "Step scaling policies".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { STEPS_MAX = 20, STEP_WHY_BYTES = 160 };

enum step_type { STEP_CHANGE, STEP_PERCENT, STEP_EXACT };
enum step_aggregation { STEP_AVERAGE, STEP_MINIMUM, STEP_MAXIMUM };

struct step {
    double lower, upper; /* relative to the threshold; -INFINITY, INFINITY: open */
    int adjustment;
};

struct step_scaling {
    enum step_type type;
    enum step_aggregation aggregation;
    int min_magnitude; /* with STEP_PERCENT; 0: none */
    int cooldown_s;
    size_t n_steps;
    struct step steps[STEPS_MAX]; /* in any order */
};

/** step_check() - whether the steps are as AWS allows them. Return: false with a sentence in
 * @ret_why. */
bool step_check(const struct step_scaling *s, char ret_why[STEP_WHY_BYTES]);

/** step_metric() - one value of the alarm's datapoints; NAN ones do not count. Return: NAN if none
 * has a value. */
double step_metric(enum step_aggregation aggregation, const double *points, size_t n);

/** step_find() - the step for a metric that is @difference above the threshold, or below it, where
 * it is negative. @below: the alarm is on below its threshold. Return: NULL if no step is. */
const struct step *step_find(const struct step_scaling *s, bool below, double difference);

/** step_capacity() - what @current becomes, before any bounds but 0 */
int step_capacity(const struct step_scaling *s, const struct step *step, int current);

const char *step_type_text(enum step_type type); /* "ChangeInCapacity" ... */
const char *step_aggregation_text(enum step_aggregation aggregation);
/** step_type_parse(), step_aggregation_parse() - Return: false if it is none */
bool step_type_parse(const char *text, enum step_type *ret);
bool step_aggregation_parse(const char *text, enum step_aggregation *ret);
