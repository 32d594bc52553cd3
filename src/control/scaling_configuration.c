#include "control/scaling_configuration.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "metrics/name.h"
#include "scaling/fast_math.h"

enum { PERIOD_S = 60 }; /* of customized metrics */

static int __attribute__((format(printf, 2, 3)))
refuse(char ret_why[SCALING_WHY_BYTES], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(ret_why, SCALING_WHY_BYTES, format, args);
    va_end(args);
    return SCALING_E_CONFIGURATION;
}

static int read_predefined(const struct scaling_target *t, json_t *specification,
                           struct tracking *ret, char ret_why[SCALING_WHY_BYTES])
{
    const char *type = json_string_value(json_object_get(specification, "PredefinedMetricType"));

    if (json_object_get(specification, "ResourceLabel"))
        return refuse(ret_why, "ResourceLabel is not valid for the metric type %s", type);
    if (t->scalable->predefined && t->scalable->predefined(t, type, ret))
        return 0;
    return refuse(ret_why, "The metric type %s is not supported for the scalable dimension %s",
                  type, t->scalable->dimension);
}

static int read_dimensions(json_t *dimensions, struct tracking *ret,
                           char ret_why[SCALING_WHY_BYTES])
{
    struct metric_key key;
    json_t *dimension;
    size_t i;

    if (json_array_size(dimensions) > METRICS_DIMENSIONS_MAX)
        return refuse(ret_why, "A metric has at most %d dimensions", METRICS_DIMENSIONS_MAX);
    json_array_foreach (dimensions, i, dimension)
        ret->metric.dimensions[i] = (struct metric_dimension){
            json_string_value(json_object_get(dimension, "Name")),
            json_string_value(json_object_get(dimension, "Value")),
        };
    ret->metric.n_dimensions = json_array_size(dimensions);
    if (metric_key_make(&key, &ret->metric) != 0)
        return refuse(ret_why,
                      "Namespace, MetricName and names of dimensions have 1 to %d characters, "
                      "values of dimensions 1 to %d, and no two dimensions have one name",
                      METRICS_NAME_CHARS_MAX, METRICS_VALUE_CHARS_MAX);
    return 0;
}

/* The policy's Metrics; whether they may be looked at by the second is found out by trying. */
static int read_math(json_t *specification, struct tracking *ret, struct query_series *ret_math,
                     char ret_why[SCALING_WHY_BYTES])
{
    static const char *const others[] = { "MetricName", "Namespace", "Dimensions", "Statistic",
                                          "Unit" };
    struct queries_error unused;
    int r;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (json_object_get(specification, others[i]))
            return refuse(ret_why,
                          "A customized metric specification with Metrics must not have "
                          "%s: either names one metric or is metric math",
                          others[i]);
    r = query_series_read(json_object_get(specification, "Metrics"), PERIOD_S, ret_math, ret_why);
    if (r)
        return r == QUERY_SERIES_E_REFUSED ? SCALING_E_CONFIGURATION : fault(r);
    r = queries_check_series(ret_math->queries, ret_math->result, FAST_MATH_PERIOD_S, true,
                             &unused);
    if (r < 0)
        return fault(r);
    ret->math = ret_math->queries;
    ret->math_result = ret_math->result;
    ret->by_seconds = r == 0;
    ret->period_s = PERIOD_S;
    return 0;
}

static int read_customized(json_t *specification, struct tracking *ret,
                           char ret_why[SCALING_WHY_BYTES])
{
    const char *name = json_string_value(json_object_get(specification, "MetricName"));
    const char *namespace = json_string_value(json_object_get(specification, "Namespace"));
    const char *statistic = json_string_value(json_object_get(specification, "Statistic"));
    const char *unit = json_string_value(json_object_get(specification, "Unit"));

    if (!name || !namespace || !statistic)
        return refuse(ret_why, "A customized metric specification needs MetricName, Namespace and "
                               "Statistic, or Metrics");
    ret->metric.name = name;
    ret->metric.namespace = namespace;
    ret->period_s = PERIOD_S;
    if (metric_statistic_parse(statistic, &ret->statistic) != 0)
        return refuse(ret_why, "The statistic %s is not supported", statistic);
    ret->unit = METRIC_UNIT_ANY;
    if (unit && metric_unit_parse(unit, &ret->unit) != 0)
        return refuse(ret_why, "The unit %s is not valid", unit);
    return read_dimensions(json_object_get(specification, "Dimensions"), ret, ret_why);
}

static int read_seconds(json_t *configuration, const char *member, int *ret)
{
    json_t *value = json_object_get(configuration, member);

    *ret = value ? (int)json_integer_value(value) : COOLDOWN_NOT_GIVEN;
    return value && *ret < 0 ? SCALING_E_CONFIGURATION : 0;
}

int scaling_configuration_read(const struct scaling_target *t, json_t *configuration,
                               struct tracking *ret, struct query_series *ret_math,
                               char ret_why[SCALING_WHY_BYTES])
{
    json_t *predefined = json_object_get(configuration, "PredefinedMetricSpecification");
    json_t *customized = json_object_get(configuration, "CustomizedMetricSpecification");
    struct tracking tracking = { .unit = METRIC_UNIT_ANY };
    int r;

    tracking.target = json_number_value(json_object_get(configuration, "TargetValue"));
    tracking.disable_scale_in = json_is_true(json_object_get(configuration, "DisableScaleIn"));
    if (!(tracking.target > 0))
        return refuse(ret_why, "TargetValue must be greater than 0");
    if (tracking.target > METRICS_VALUE_MAX)
        return refuse(ret_why, "TargetValue must not be greater than 2^360");
    if (read_seconds(configuration, "ScaleOutCooldown", &tracking.scale_out_cooldown_s) ||
        read_seconds(configuration, "ScaleInCooldown", &tracking.scale_in_cooldown_s))
        return refuse(ret_why, "A cooldown must not be negative");
    if (!predefined == !customized)
        return refuse(ret_why, "Exactly one of PredefinedMetricSpecification and "
                               "CustomizedMetricSpecification must be specified");
    if (predefined)
        r = read_predefined(t, predefined, &tracking, ret_why);
    else if (json_object_get(customized, "Metrics"))
        r = read_math(customized, &tracking, ret_math, ret_why);
    else
        r = read_customized(customized, &tracking, ret_why);
    if (!r)
        *ret = tracking;
    return r;
}

static_assert((int)STEP_WHY_BYTES <= (int)SCALING_WHY_BYTES, "the sentence fits");

/* --- step scaling ----------------------------------------------------------------------------- */

static double bound_of(json_t *step, const char *member, double open)
{
    json_t *value = json_object_get(step, member);

    return value ? json_number_value(value) : open;
}

static int read_steps(json_t *list, struct step_scaling *s, char ret_why[SCALING_WHY_BYTES])
{
    json_t *step;
    size_t i;

    if (json_array_size(list) > STEPS_MAX)
        return refuse(ret_why, "A step scaling policy has at most %d step adjustments", STEPS_MAX);
    json_array_foreach (list, i, step)
        s->steps[i] = (struct step){
            .lower = bound_of(step, "MetricIntervalLowerBound", -(double)INFINITY),
            .upper = bound_of(step, "MetricIntervalUpperBound", (double)INFINITY),
            .adjustment = (int)json_integer_value(json_object_get(step, "ScalingAdjustment")),
        };
    s->n_steps = json_array_size(list);
    return 0;
}

int scaling_configuration_read_steps(json_t *configuration, struct step_scaling *ret,
                                     char ret_why[SCALING_WHY_BYTES])
{
    const char *type = json_string_value(json_object_get(configuration, "AdjustmentType"));
    const char *aggregation =
        json_string_value(json_object_get(configuration, "MetricAggregationType"));
    json_t *magnitude = json_object_get(configuration, "MinAdjustmentMagnitude");
    json_t *cooldown = json_object_get(configuration, "Cooldown");
    struct step_scaling s = { .cooldown_s = COOLDOWN_DEFAULT_S };
    int r;

    if (!type || !step_type_parse(type, &s.type))
        return refuse(ret_why, "AdjustmentType is required to create a step scaling policy");
    if (aggregation && !step_aggregation_parse(aggregation, &s.aggregation))
        return refuse(ret_why, "The metric aggregation type %s is not valid", aggregation);
    if (magnitude && json_integer_value(magnitude) < 1)
        return refuse(ret_why, "MinAdjustmentMagnitude must be greater than 0");
    s.min_magnitude = (int)json_integer_value(magnitude);
    if (cooldown)
        s.cooldown_s = (int)json_integer_value(cooldown);
    r = read_steps(json_object_get(configuration, "StepAdjustments"), &s, ret_why);
    if (r)
        return r;
    if (!step_check(&s, ret_why))
        return SCALING_E_CONFIGURATION;
    *ret = s;
    return 0;
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool has_dimension(const struct metric_name *m, const struct metric_dimension *d)
{
    for (size_t i = 0; i < m->n_dimensions; i++)
        if (strcmp(m->dimensions[i].name, d->name) == 0 &&
            strcmp(m->dimensions[i].value, d->value) == 0)
            return true;
    return false;
}

static bool same_name(const struct metric_name *a, const struct metric_name *b)
{
    if (strcmp(a->namespace, b->namespace) != 0 || strcmp(a->name, b->name) != 0 ||
        a->n_dimensions != b->n_dimensions)
        return false;
    for (size_t i = 0; i < a->n_dimensions; i++)
        if (!has_dimension(b, &a->dimensions[i]))
            return false;
    return true;
}

static bool same_statistic(const struct metric_statistic *a, const struct metric_statistic *b)
{
    return a->kind == b->kind && fabs(a->percent - b->percent) < DBL_EPSILON &&
           a->by_value == b->by_value && fabs(a->lower - b->lower) < DBL_EPSILON &&
           fabs(a->upper - b->upper) < DBL_EPSILON;
}

static bool same_query(const struct metric_query *a, const struct metric_query *b)
{
    if (strcmp(a->id, b->id) != 0 || a->wanted != b->wanted || !a->expression != !b->expression)
        return false;
    return a->expression ? strcmp(a->expression, b->expression) == 0
                         : same_name(&a->name, &b->name) && a->unit == b->unit &&
                               same_statistic(&a->statistic, &b->statistic);
}

/* word for word: what other expressions come to the same is not asked */
static bool same_math(const struct queries *a, const struct queries *b)
{
    if (!a || !b || queries_count(a) != queries_count(b))
        return false;
    for (size_t i = 0; i < queries_count(a); i++)
        if (!same_query(queries_nth(a, i), queries_nth(b, i)))
            return false;
    return true;
}

bool scaling_configuration_same_metric(const struct tracking *a, const struct tracking *b)
{
    if (a->math || b->math)
        return same_math(a->math, b->math);
    return same_name(&a->metric, &b->metric) && a->unit == b->unit &&
           same_statistic(&a->statistic, &b->statistic);
}
