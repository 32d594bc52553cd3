/* GetStatus: endpoints, their variants and instances, and the load of the last seconds. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/weir.h"
#include "base/error.h"
#include "control/autoscaler.h"
#include "control/instance.h"
#include "control/proxy_link.h"
#include "control/scaling_activity.h"

enum {
    LOAD_S = 10, /* load is told over so many seconds */
    RESOURCE_ID_BYTES = 256,
};

/* --- shapes ----------------------------------------------------------------------------------- */

static const struct shape instance_shape =
    STRUCTURE("Instance", REQUIRED("InstanceId", &shape_string), REQUIRED("State", &shape_string),
              REQUIRED("Healthy", &shape_boolean), REQUIRED("LaunchTime", &shape_timestamp),
              REQUIRED("AgeSeconds", &shape_double), OPTIONAL("Address", &shape_string),
              OPTIONAL("Handle", &shape_string), REQUIRED("CpuPercent", &shape_double),
              REQUIRED("MemoryBytes", &shape_long));
static const struct shape instances_shape = LIST("Instances", &instance_shape);
static const struct shape activity_shape =
    STRUCTURE("ScalingActivity", REQUIRED("StartTime", &shape_timestamp),
              OPTIONAL("EndTime", &shape_timestamp), REQUIRED("StatusCode", &shape_string),
              OPTIONAL("StatusMessage", &shape_string), REQUIRED("Description", &shape_string),
              REQUIRED("Cause", &shape_string));
/* Load members are absent where there are no data. */
static const struct shape variant_shape = STRUCTURE(
    "Variant", REQUIRED("VariantName", &shape_string), REQUIRED("ModelName", &shape_string),
    REQUIRED("InstanceType", &shape_string), REQUIRED("CurrentWeight", &shape_double),
    REQUIRED("DesiredInstanceCount", &shape_integer),
    REQUIRED("CurrentInstanceCount", &shape_integer),
    REQUIRED("PendingInstanceCount", &shape_integer),
    REQUIRED("LeavingInstanceCount", &shape_integer),
    OPTIONAL("InvocationsPerSecond", &shape_double), OPTIONAL("ConcurrentRequests", &shape_double),
    OPTIONAL("ModelLatencyP50Ms", &shape_double), OPTIONAL("ModelLatencyP99Ms", &shape_double),
    OPTIONAL("CPUUtilization", &shape_double), OPTIONAL("MemoryUtilization", &shape_double),
    OPTIONAL("LastScalingActivity", &activity_shape), REQUIRED("Instances", &instances_shape));
static const struct shape variants_shape = LIST("Variants", &variant_shape);
static const struct shape endpoint_shape =
    STRUCTURE("Endpoint", REQUIRED("EndpointName", &shape_string),
              REQUIRED("EndpointStatus", &shape_string), OPTIONAL("FailureReason", &shape_string),
              REQUIRED("CreationTime", &shape_timestamp), REQUIRED("Variants", &variants_shape));
static const struct shape endpoints_shape = LIST("Endpoints", &endpoint_shape);
static const struct shape input = STRUCTURE("GetStatusInput");
static const struct shape output =
    STRUCTURE("GetStatusOutput", REQUIRED("Version", &shape_string),
              REQUIRED("Region", &shape_string), REQUIRED("Time", &shape_timestamp),
              REQUIRED("ProxyConnected", &shape_boolean), REQUIRED("Endpoints", &endpoints_shape));

/* --- load ------------------------------------------------------------------------------------- */

/* What is read of a variant's metrics: member, series, statistic, and what one unit of it is in the
 * member's unit. */
static const struct gauge {
    const char *member;
    const char *namespace, *metric;
    struct metric_statistic statistic;
    double scale;
} gauges[] = {
    { "InvocationsPerSecond", "AWS/SageMaker", "Invocations", { STATISTIC_SUM }, 1.0 / LOAD_S },
    { "ConcurrentRequests",
      "AWS/SageMaker",
      "ConcurrentRequestsPerModel",
      { STATISTIC_AVERAGE },
      1 },
    { "ModelLatencyP50Ms", "AWS/SageMaker", "ModelLatency", { STATISTIC_PERCENTILE, 50 }, 1e-3 },
    { "ModelLatencyP99Ms", "AWS/SageMaker", "ModelLatency", { STATISTIC_PERCENTILE, 99 }, 1e-3 },
    { "CPUUtilization", "/aws/sagemaker/Endpoints", "CPUUtilization", { STATISTIC_AVERAGE }, 1 },
    { "MemoryUtilization",
      "/aws/sagemaker/Endpoints",
      "MemoryUtilization",
      { STATISTIC_AVERAGE },
      1 },
};

/* The value over the last whole seconds; NAN if there is none. */
static double read_gauge(const struct api_call *call, const struct gauge *g,
                         const struct variant *v)
{
    struct metric_name name = {
        .namespace = g->namespace,
        .name = g->metric,
        .dimensions = { { "EndpointName", v->endpoint->name }, { "VariantName", v->name } },
        .n_dimensions = 2,
    };
    /* the proxy's report of the last second may still be on its way */
    wall_ms_t end = call->now - call->now % MS_PER_S - MS_PER_S;
    double value = NAN;

    metrics_read(call->control->metrics, &name, METRIC_UNIT_ANY, end - LOAD_S * MS_PER_S, LOAD_S, 1,
                 &g->statistic, &value, NULL);
    return value * g->scale;
}

static int add_load(const struct api_call *call, const struct variant *v, json_t *described)
{
    for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++) {
        double value = read_gauge(call, &gauges[i], v);

        if (!isnan(value) &&
            json_object_set_new(described, gauges[i].member, json_real(value)) != 0)
            return fault(-ENOMEM);
    }
    return 0;
}

/* --- objects ---------------------------------------------------------------------------------- */

static json_t *describe_instance(const struct api_call *call, const struct instance *i)
{
    return json_pack("{s:s, s:s, s:b, s:f, s:f, s:s, s:s, s:f, s:I}", "InstanceId", i->id, "State",
                     instance_state_text(i->state), "Healthy", !i->unhealthy, "LaunchTime",
                     (double)i->launched / 1000, "AgeSeconds",
                     (double)(call->now - i->launched) / 1000, "Address", i->handle.address,
                     "Handle", i->handle.text, "CpuPercent", i->usage.cpu_percent, "MemoryBytes",
                     (json_int_t)i->usage.memory_bytes);
}

static json_t *describe_instances(const struct api_call *call, const struct variant *v)
{
    json_t *list = json_array();

    list_for_each (i, &v->instances, struct instance, link) {
        if (json_array_append_new(list, describe_instance(call, i)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* What scaling did last; NULL if it did nothing yet. */
static const struct scaling_activity *last_activity(const struct api_call *call,
                                                    const struct variant *v)
{
    const struct autoscaler *a = call->control->autoscaler;
    const struct scaling_activity *last = NULL;
    char resource_id[RESOURCE_ID_BYTES];

    if (!a)
        return NULL;
    snprintf(resource_id, sizeof resource_id, "endpoint/%s/variant/%s", v->endpoint->name, v->name);
    list_for_each (activity, &a->activities, struct scaling_activity, link)
        if (!activity->not_scaled && activity->scalable->same(activity->resource_id, resource_id))
            last = activity;
    return last;
}

static json_t *describe_activity(const struct scaling_activity *a)
{
    if (!a)
        return NULL;
    return json_pack("{s:f, s:o*, s:s, s:s*, s:s, s:s}", "StartTime", (double)a->start / 1000,
                     "EndTime", a->end ? json_real((double)a->end / 1000) : NULL, "StatusCode",
                     scaling_activity_status_text(a->status), "StatusMessage", a->message,
                     "Description", a->description, "Cause", a->cause);
}

static json_t *describe_variant(const struct api_call *call, const struct variant *v)
{
    struct variant_counts counts = variant_counts(v);
    json_t *described = json_pack(
        "{s:s, s:s, s:s, s:f, s:i, s:i, s:i, s:i, s:o, s:o*}", "VariantName", v->name, "ModelName",
        v->model, "InstanceType", v->instance_type, "CurrentWeight", v->current_weight,
        "DesiredInstanceCount", (int)counts.desired, "CurrentInstanceCount", (int)counts.in_service,
        "PendingInstanceCount", (int)counts.pending, "LeavingInstanceCount", (int)counts.leaving,
        "Instances", describe_instances(call, v), "LastScalingActivity",
        describe_activity(last_activity(call, v)));

    if (described && add_load(call, v, described) != 0) {
        json_decref(described);
        return NULL;
    }
    return described;
}

static json_t *describe_endpoint(const struct api_call *call, const struct endpoint *e)
{
    json_t *variants = json_array();
    const char *reason = e->failure_reason[0] ? e->failure_reason : NULL;

    for (size_t i = 0; i < e->n_variants; i++) {
        if (json_array_append_new(variants, describe_variant(call, &e->variants[i])) != 0) {
            json_decref(variants);
            return NULL;
        }
    }
    return json_pack("{s:s, s:s, s:s*, s:f, s:o}", "EndpointName", e->name, "EndpointStatus",
                     endpoint_status_text(e->status), "FailureReason", reason, "CreationTime",
                     (double)e->created / 1000, "Variants", variants);
}

struct entry {
    const struct endpoint *endpoint;
};

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return strcmp(x->endpoint->name, y->endpoint->name);
}

static json_t *describe_endpoints(const struct api_call *call)
{
    const struct map *endpoints = &call->control->endpoints;
    autofree(mem_free) struct entry *sorted = calloc(endpoints->size + 1, sizeof(*sorted));
    json_t *list = json_array();
    size_t n = 0;

    if (!sorted) {
        json_decref(list);
        return NULL;
    }
    map_for_each (slot, endpoints)
        sorted[n++].endpoint = slot->value;
    qsort(sorted, n, sizeof(*sorted), by_name);
    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(list, describe_endpoint(call, sorted[i].endpoint)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int get_status(struct api_call *call)
{
    const struct control *c = call->control;

    call->output = json_pack("{s:s, s:s, s:f, s:b, s:o}", "Version", WEIR_VERSION, "Region",
                             c->settings.region, "Time", (double)call->now / 1000, "ProxyConnected",
                             proxy_link_connected(c->link), "Endpoints", describe_endpoints(call));
    return 0;
}

const struct operation weir_status_operations[] = {
    { "GetStatus", &input, &output, get_status },
    { NULL },
};
