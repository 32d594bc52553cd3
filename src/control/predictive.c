#include "control/predictive.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "control/scaling_policy.h"

enum { HOUR_S = 3600, GROUP_BYTES = 256 };

static int __attribute__((format(printf, 2, 3)))
refuse(char ret_why[QUERY_SERIES_WHY_BYTES], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(ret_why, QUERY_SERIES_WHY_BYTES, format, args);
    va_end(args);
    return SCALING_E_CONFIGURATION;
}

/* --- predefined metrics ----------------------------------------------------------------------- */

/* A load and the scaling metric that belongs to it. */
static const struct predefined {
    const char *pair, *load, *scaling; /* their names */
    const char *namespace, *load_name, *scaling_name;
    const char *load_statistic, *scaling_statistic;
    /* of m, the metric as read by the hour, and n, the instances; NULL: m itself */
    const char *load_expression, *scaling_expression;
    double factor;
} predefined_metrics[] = {
    { "SageMakerVariantInvocations", "SageMakerVariantTotalInvocations",
      "SageMakerVariantInvocationsPerInstance", "AWS/SageMaker", "Invocations",
      "InvocationsPerInstance", "Sum", "Sum", NULL, "m/60", 1.0 / 60 },
    { "SageMakerVariantConcurrentRequests", "SageMakerVariantTotalConcurrentRequests",
      "SageMakerVariantConcurrentRequestsPerModel", "AWS/SageMaker", "ConcurrentRequestsPerModel",
      "ConcurrentRequestsPerModel", "Average", "Average", "m*n", NULL, 1 },
    { "SageMakerVariantCPUUtilization", "SageMakerVariantTotalCPUUtilization",
      "SageMakerVariantAverageCPUUtilization", "/aws/sagemaker/Endpoints", "CPUUtilization",
      "CPUUtilization", "Average", "Average", "m*n", NULL, 1 },
};

enum { N_PREDEFINED = sizeof predefined_metrics / sizeof *predefined_metrics };

static json_t *variant_query(const struct scaling_target *t, const struct predefined *p,
                             const char *name, const char *statistic, bool returned)
{
    return json_pack("{s:s, s:{s:{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}, s:s}, s:b}", "Id", "m",
                     "MetricStat", "Metric", "Namespace", p->namespace, "MetricName", name,
                     "Dimensions", "Name", "EndpointName", "Value", t->endpoint, "Name",
                     "VariantName", "Value", t->variant, "Stat", statistic, "ReturnData", returned);
}

static json_t *instances_query(const struct scaling_target *t, bool returned)
{
    char group[GROUP_BYTES];

    snprintf(group, sizeof group, "targetgroup/%s/%s", t->endpoint, t->variant);
    return json_pack("{s:s, s:{s:{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}, s:s}, s:b}", "Id", "n",
                     "MetricStat", "Metric", "Namespace", "AWS/ApplicationELB", "MetricName",
                     "HealthyHostCount", "Dimensions", "Name", "TargetGroup", "Value", group,
                     "Name", "LoadBalancer", "Value", "app/weir/weir", "Stat", "Average",
                     "ReturnData", returned);
}

static json_t *predefined_list(const struct scaling_target *t, const struct predefined *p,
                               bool scaling)
{
    const char *name = scaling ? p->scaling_name : p->load_name;
    const char *statistic = scaling ? p->scaling_statistic : p->load_statistic;
    const char *expression = scaling ? p->scaling_expression : p->load_expression;

    if (!expression)
        return json_pack("[o]", variant_query(t, p, name, statistic, true));
    return json_pack("[o, o, {s:s, s:s}]", variant_query(t, p, name, statistic, false),
                     instances_query(t, false), "Id", "e", "Expression", expression);
}

/* --- metrics ---------------------------------------------------------------------------------- */

static void metric_deinit(struct predictive_metric *m)
{
    query_series_deinit(&m->series);
    json_decref(m->list);
}

/* @list: a reference that is taken over; NULL: no memory */
static int read_list(json_t *list, struct predictive_metric *ret,
                     char ret_why[QUERY_SERIES_WHY_BYTES])
{
    int r;

    if (!list)
        return fault(-ENOMEM);
    ret->list = list;
    r = query_series_read(list, HOUR_S, &ret->series, ret_why);
    return r == QUERY_SERIES_E_REFUSED ? SCALING_E_CONFIGURATION : fault(r);
}

static const char *name_of(const struct predefined *p, const char *what)
{
    if (strcmp(what, "pair") == 0)
        return p->pair;
    return strcmp(what, "load") == 0 ? p->load : p->scaling;
}

/* @what: "pair", "load" or "scaling". Return: NULL if it is refused. */
static const struct predefined *find_predefined(const struct scaling_target *t, json_t *given,
                                                const char *what,
                                                char ret_why[QUERY_SERIES_WHY_BYTES])
{
    const char *type = json_string_value(json_object_get(given, "PredefinedMetricType"));

    if (json_object_get(given, "ResourceLabel")) {
        refuse(ret_why, "ResourceLabel is not valid for the metric type %.80s", type);
        return NULL;
    }
    for (size_t i = 0; t->variant && i < N_PREDEFINED; i++)
        if (strcmp(name_of(&predefined_metrics[i], what), type) == 0)
            return &predefined_metrics[i];
    refuse(ret_why,
           "The metric type %.80s is not supported for predictive scaling of the scalable "
           "dimension %s%s",
           type, t->scalable->dimension,
           t->variant ? "; pairs are SageMakerVariantInvocations, "
                        "SageMakerVariantConcurrentRequests and SageMakerVariantCPUUtilization"
                      : "");
    return NULL;
}

static int read_pair(const struct scaling_target *t, json_t *pair, struct predictive *p,
                     char ret_why[QUERY_SERIES_WHY_BYTES])
{
    const struct predefined *found = find_predefined(t, pair, "pair", ret_why);
    int r;

    if (!found)
        return SCALING_E_CONFIGURATION;
    p->factor = found->factor;
    r = read_list(predefined_list(t, found, false), &p->load, ret_why);
    return r ? r : read_list(predefined_list(t, found, true), &p->scaling, ret_why);
}

/* One of the two that are named one by one.
 * @ret_found: NULL if it is a customized one */
static int read_one(const struct scaling_target *t, json_t *predefined, json_t *customized,
                    bool scaling, struct predictive_metric *ret,
                    const struct predefined **ret_found, char ret_why[QUERY_SERIES_WHY_BYTES])
{
    const char *what = scaling ? "scaling" : "load";

    *ret_found = NULL;
    if (!predefined == !customized)
        return refuse(ret_why,
                      "A metric specification needs either a PredefinedMetricPairSpecification, or "
                      "one load metric and one scaling metric; there must be exactly one %s metric",
                      what);
    if (customized)
        return read_list(json_incref(json_object_get(customized, "MetricDataQueries")), ret,
                         ret_why);
    *ret_found = find_predefined(t, predefined, what, ret_why);
    if (!*ret_found)
        return SCALING_E_CONFIGURATION;
    return read_list(predefined_list(t, *ret_found, scaling), ret, ret_why);
}

static int read_two(const struct scaling_target *t, json_t *specification, struct predictive *p,
                    char ret_why[QUERY_SERIES_WHY_BYTES])
{
    const struct predefined *load = NULL, *scaling = NULL;
    int r = read_one(t, json_object_get(specification, "PredefinedLoadMetricSpecification"),
                     json_object_get(specification, "CustomizedLoadMetricSpecification"), false,
                     &p->load, &load, ret_why);

    if (!r)
        r = read_one(t, json_object_get(specification, "PredefinedScalingMetricSpecification"),
                     json_object_get(specification, "CustomizedScalingMetricSpecification"), true,
                     &p->scaling, &scaling, ret_why);
    if (!r && load && load == scaling)
        p->factor = load->factor;
    return r;
}

static bool names_one_by_one(json_t *specification)
{
    static const char *const members[] = { "PredefinedScalingMetricSpecification",
                                           "PredefinedLoadMetricSpecification",
                                           "CustomizedScalingMetricSpecification",
                                           "CustomizedLoadMetricSpecification",
                                           "CustomizedCapacityMetricSpecification" };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_object_get(specification, members[i]))
            return true;
    return false;
}

static int read_metrics(const struct scaling_target *t, json_t *specification, struct predictive *p,
                        char ret_why[QUERY_SERIES_WHY_BYTES])
{
    json_t *pair = json_object_get(specification, "PredefinedMetricPairSpecification");
    json_t *capacity = json_object_get(specification, "CustomizedCapacityMetricSpecification");
    json_t *queries = json_object_get(capacity, "MetricDataQueries");
    int r;

    if (pair && names_one_by_one(specification))
        return refuse(ret_why, "A metric specification with a PredefinedMetricPairSpecification "
                               "must not name other metrics");
    r = pair ? read_pair(t, pair, p, ret_why) : read_two(t, specification, p, ret_why);
    if (r)
        return r;
    if (!capacity && !t->variant)
        return refuse(ret_why,
                      "A CustomizedCapacityMetricSpecification is required for the scalable "
                      "dimension %s, whose capacity no metric of this server tells",
                      t->scalable->dimension);
    if (capacity)
        p->factor = (double)NAN; /* what is counted as capacity is not what is known */
    return read_list(capacity ? json_incref(queries) : json_pack("[o]", instances_query(t, true)),
                     &p->capacity, ret_why);
}

/* --- the rest --------------------------------------------------------------------------------- */

static int read_buffers(json_t *configuration, struct predictive *p,
                        char ret_why[QUERY_SERIES_WHY_BYTES])
{
    const char *behavior =
        json_string_value(json_object_get(configuration, "MaxCapacityBreachBehavior"));
    bool raise = behavior && strcmp(behavior, "IncreaseMaxCapacity") == 0;
    json_t *max_buffer = json_object_get(configuration, "MaxCapacityBuffer");
    json_t *time = json_object_get(configuration, "SchedulingBufferTime");

    p->buffer_s = time ? (int)json_integer_value(time) : -1;
    p->max_buffer = raise ? (int)json_integer_value(max_buffer) : -1;
    if (p->buffer_s > PREDICTIVE_BUFFER_MAX_S)
        return refuse(ret_why, "SchedulingBufferTime must be less than the 3600 seconds that a "
                               "forecast's hour has");
    if (raise && !max_buffer)
        return refuse(ret_why, "MaxCapacityBuffer is required when MaxCapacityBreachBehavior is "
                               "IncreaseMaxCapacity");
    if (!raise && max_buffer)
        return refuse(ret_why, "MaxCapacityBuffer is only valid when MaxCapacityBreachBehavior is "
                               "IncreaseMaxCapacity");
    return 0;
}

static int read_configuration(const struct scaling_target *t, json_t *configuration,
                              struct predictive *p, char ret_why[QUERY_SERIES_WHY_BYTES])
{
    json_t *list = json_object_get(configuration, "MetricSpecifications");
    json_t *specification = json_array_get(list, 0);
    const char *mode = json_string_value(json_object_get(configuration, "Mode"));

    if (json_array_size(list) != 1)
        return refuse(ret_why, "MetricSpecifications must have exactly one metric specification");
    p->target = json_number_value(json_object_get(specification, "TargetValue"));
    p->acts = mode && strcmp(mode, "ForecastAndScale") == 0;
    if (!(p->target > 0))
        return refuse(ret_why, "TargetValue must be greater than 0");
    if (read_buffers(configuration, p, ret_why) != 0)
        return SCALING_E_CONFIGURATION;
    return read_metrics(t, specification, p, ret_why);
}

int predictive_new(const struct scaling_target *t, json_t *configuration, struct predictive **ret,
                   char ret_why[QUERY_SERIES_WHY_BYTES])
{
    autofree(predictive_free) struct predictive *p = calloc(1, sizeof(*p));
    int r;

    if (!p)
        return fault(-ENOMEM);
    p->factor = (double)NAN;
    r = read_configuration(t, configuration, p, ret_why);
    if (r)
        return r;
    *ret = steal(p);
    return 0;
}

struct predictive *predictive_free(struct predictive *p)
{
    if (!p)
        return NULL;
    metric_deinit(&p->load);
    metric_deinit(&p->scaling);
    metric_deinit(&p->capacity);
    free(p);
    return NULL;
}

/* --- stored forecasts ------------------------------------------------------------------------- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static double number_value(json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

json_t *predictive_document(const struct predictive *p)
{
    const struct prediction *f = &p->prediction;
    json_t *load = json_array();

    for (size_t i = 0; f->made != 0 && i < FORECAST_HOURS; i++)
        if (json_array_append_new(load, json_real(f->load[i])) != 0) {
            json_decref(load);
            return NULL;
        }
    return json_pack("{s:I, s:I, s:o, s:o, s:o}", "Made", (json_int_t)f->made, "First",
                     (json_int_t)f->first, "Factor", number(f->factor), "Correlation",
                     number(f->correlation), "Load", load);
}

int predictive_load(struct predictive *p, json_t *document)
{
    struct prediction f = { .target = p->target };
    json_int_t made, first;
    json_t *load, *value;
    size_t i;

    if (!document)
        return 0;
    if (json_unpack(document, "{s:I, s:I, s:o}", "Made", &made, "First", &first, "Load", &load) !=
        0)
        return -EINVAL;
    if (made == 0)
        return 0;
    if (json_array_size(load) != FORECAST_HOURS)
        return -EINVAL;
    f.made = made;
    f.first = first;
    f.factor = number_value(json_object_get(document, "Factor"));
    f.correlation = number_value(json_object_get(document, "Correlation"));
    json_array_foreach (load, i, value)
        f.load[i] = json_number_value(value);
    p->prediction = f;
    return 0;
}
