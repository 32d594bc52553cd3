/* Predictive scaling: the shape of its configuration, and GetPredictiveScalingForecast. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "api/application_autoscaling.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "control/forecaster.h"

/* --- shapes ----------------------------------------------------------------------------------- */

static const struct shape metric_type = STRING("PredictiveScalingMetricType", BETWEEN(1, 128));
static const struct shape predefined =
    STRUCTURE("PredictiveScalingPredefinedMetricPairSpecification",
              REQUIRED("PredefinedMetricType", &metric_type),
              OPTIONAL("ResourceLabel", &app_scaling_resource_label));
static const struct shape customized =
    STRUCTURE("PredictiveScalingCustomizedMetricSpecification",
              REQUIRED("MetricDataQueries", &app_scaling_queries));
static const struct shape specification =
    STRUCTURE("PredictiveScalingMetricSpecification", REQUIRED("TargetValue", &shape_double),
              OPTIONAL("PredefinedMetricPairSpecification", &predefined),
              OPTIONAL("PredefinedScalingMetricSpecification", &predefined),
              OPTIONAL("PredefinedLoadMetricSpecification", &predefined),
              OPTIONAL("CustomizedScalingMetricSpecification", &customized),
              OPTIONAL("CustomizedLoadMetricSpecification", &customized),
              OPTIONAL("CustomizedCapacityMetricSpecification", &customized));
static const struct shape specifications =
    LIST("PredictiveScalingMetricSpecifications", &specification);
static const struct shape mode =
    STRING("PredictiveScalingMode", ENUM("ForecastOnly", "ForecastAndScale"));
static const struct shape buffer_time =
    INTEGER("PredictiveScalingSchedulingBufferTime", BETWEEN(0, 3600));
static const struct shape breach_behavior = STRING("PredictiveScalingMaxCapacityBreachBehavior",
                                                   ENUM("HonorMaxCapacity", "IncreaseMaxCapacity"));
static const struct shape max_buffer =
    INTEGER("PredictiveScalingMaxCapacityBuffer", BETWEEN(0, 100));

const struct shape app_scaling_predictive = STRUCTURE(
    "PredictiveScalingPolicyConfiguration", REQUIRED("MetricSpecifications", &specifications),
    OPTIONAL("Mode", &mode), OPTIONAL("SchedulingBufferTime", &buffer_time),
    OPTIONAL("MaxCapacityBreachBehavior", &breach_behavior),
    OPTIONAL("MaxCapacityBuffer", &max_buffer));

/* --- GetPredictiveScalingForecast ------------------------------------------------------------- */

enum { DAY_S = 86400, SPAN_DAYS_MAX = 30, PAST_DAYS_MAX = 365, HOURS_PER_DAY = 24 };
static_assert((int)SPAN_DAYS_MAX * (int)HOURS_PER_DAY == (int)FORECASTER_POINTS_MAX, "they agree");

static const struct shape forecast_input = STRUCTURE(
    "GetPredictiveScalingForecastRequest", REQUIRED("ServiceNamespace", &app_scaling_namespace),
    REQUIRED("ResourceId", &app_scaling_resource_id),
    REQUIRED("ScalableDimension", &app_scaling_dimension),
    REQUIRED("PolicyName", &app_scaling_policy_name), REQUIRED("StartTime", &shape_timestamp),
    REQUIRED("EndTime", &shape_timestamp));
static const struct shape timestamps =
    LIST("PredictiveScalingForecastTimestamps", &shape_timestamp);
static const struct shape values = LIST("PredictiveScalingForecastValues", &shape_double);
static const struct shape load_forecast =
    STRUCTURE("LoadForecast", REQUIRED("Timestamps", &timestamps), REQUIRED("Values", &values),
              REQUIRED("MetricSpecification", &specification));
static const struct shape load_forecasts = LIST("LoadForecasts", &load_forecast);
static const struct shape capacity_forecast =
    STRUCTURE("CapacityForecast", REQUIRED("Timestamps", &timestamps), REQUIRED("Values", &values));
static const struct shape forecast_output = STRUCTURE(
    "GetPredictiveScalingForecastResponse", OPTIONAL("LoadForecast", &load_forecasts),
    OPTIONAL("CapacityForecast", &capacity_forecast), OPTIONAL("UpdateTime", &shape_timestamp));

/* NULL if there is none that could have a forecast */
static const struct scaling_policy *find_policy(const struct api_call *call)
{
    const char *resource = input_text(call, "ResourceId");
    const struct scaling_target *t = scaling_target_find(call->control->autoscaler, resource);
    const struct scaling_policy *p = NULL;

    if (t && app_scaling_matches(call, t->scalable, t->resource_id))
        p = scaling_policy_find(t, input_text(call, "PolicyName"));
    return p && p->kind == POLICY_PREDICTIVE ? p : NULL;
}

/* AWS's model has no other error for this operation, so what is not there is invalid, too. */
static int no_policy(struct api_call *call)
{
    return api_error(call, "ValidationException",
                     "No scaling policy of type %s found for service namespace: %s, resource ID: "
                     "%s, scalable dimension: %s, policy name: %s",
                     policy_kind_text(POLICY_PREDICTIVE), input_text(call, "ServiceNamespace"),
                     input_text(call, "ResourceId"), input_text(call, "ScalableDimension"),
                     input_text(call, "PolicyName"));
}

static int read_times(struct api_call *call, wall_ms_t *ret_start, wall_ms_t *ret_end)
{
    double start = input_number(call, "StartTime", 0), end = input_number(call, "EndTime", 0);
    double now = (double)call->now / MS_PER_S;

    if (!(start < end))
        return api_error(call, "ValidationException", "StartTime must be before EndTime");
    if (end - start > (double)SPAN_DAYS_MAX * DAY_S)
        return api_error(call, "ValidationException",
                         "There must be at most %d days from StartTime to EndTime", SPAN_DAYS_MAX);
    if (start < now - (double)PAST_DAYS_MAX * DAY_S)
        return api_error(call, "ValidationException",
                         "StartTime must not be more than one year before now");
    if (start > now + (double)PAST_DAYS_MAX * DAY_S)
        return api_error(call, "ValidationException",
                         "StartTime must not be more than one year after now");
    *ret_start = (wall_ms_t)ceil(start * MS_PER_S);
    *ret_end = (wall_ms_t)ceil(end * MS_PER_S);
    return 0;
}

/* {"Timestamps": [...], "Values": [...]}; NULL if no memory */
static json_t *points_document(const struct forecast_point *points, size_t n)
{
    json_auto_t *starts = json_array(), *forecasts = json_array();

    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(starts, json_real((double)points[i].start / MS_PER_S)) != 0 ||
            json_array_append_new(forecasts, json_real(points[i].value)) != 0)
            return NULL;
    return json_pack("{s:O, s:O}", "Timestamps", starts, "Values", forecasts);
}

static json_t *hours_document(const struct scaling_policy *p, enum forecast_kind kind,
                              wall_ms_t start, wall_ms_t end)
{
    autofree(mem_free) struct forecast_point *points =
        calloc(FORECASTER_POINTS_MAX, sizeof *points);

    return points ? points_document(points, forecaster_points(p, kind, start, end, points)) : NULL;
}

static json_t *answer(const struct scaling_policy *p, wall_ms_t start, wall_ms_t end)
{
    wall_ms_t made = p->predictive->prediction.made;
    json_t *load = hours_document(p, FORECAST_LOAD, start, end);
    json_t *specified =
        json_array_get(json_object_get(p->configuration, "MetricSpecifications"), 0);

    if (load && json_object_set(load, "MetricSpecification", specified) != 0) {
        json_decref(load);
        return NULL;
    }
    return json_pack("{s:[o], s:o, s:o*}", "LoadForecast", load, "CapacityForecast",
                     hours_document(p, FORECAST_CAPACITY, start, end), "UpdateTime",
                     made ? json_real((double)made / MS_PER_S) : NULL);
}

static int get_forecast(struct api_call *call)
{
    const struct scaling_policy *p = find_policy(call);
    wall_ms_t start = 0, end = 0;
    int r = read_times(call, &start, &end);

    if (r)
        return r;
    if (!p)
        return no_policy(call);
    call->output = answer(p, start, end);
    return 0;
}

const struct operation app_scaling_predictive_operations[] = {
    { "GetPredictiveScalingForecast", &forecast_input, &forecast_output, get_forecast },
    { NULL },
};
