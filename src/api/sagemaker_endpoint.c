/* Endpoints: CreateEndpoint, DescribeEndpoint, ListEndpoints, DeleteEndpoint,
 * UpdateEndpointWeightsAndCapacities. */
#include "control/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/sagemaker.h"
#include "base/error.h"

/* --- shapes ----------------------------------------------------------------------------------- */

static const struct shape create_input = STRUCTURE(
    "CreateEndpointInput", REQUIRED("EndpointName", &sagemaker_endpoint_name),
    REQUIRED("EndpointConfigName", &sagemaker_config_name), OPTIONAL("Tags", &sagemaker_tags));
static const struct shape arn_output =
    STRUCTURE("EndpointOutput", REQUIRED("EndpointArn", &shape_string));

static const struct shape describe_input =
    STRUCTURE("DescribeEndpointInput", REQUIRED("EndpointName", &sagemaker_endpoint_name));

static const struct shape image = STRUCTURE(
    "DeployedImage", OPTIONAL("SpecifiedImage", &sagemaker_image),
    OPTIONAL("ResolvedImage", &sagemaker_image), OPTIONAL("ResolutionTime", &shape_timestamp));
static const struct shape images = LIST("DeployedImages", &image);
static const struct shape variant_state = STRING(
    "VariantStatus", ENUM("Creating", "Updating", "Deleting", "ActivatingTraffic", "Baking"));
static const struct shape variant_progress =
    STRUCTURE("ProductionVariantStatus", REQUIRED("Status", &variant_state),
              OPTIONAL("StatusMessage", &shape_string), OPTIONAL("StartTime", &shape_timestamp));
static const struct shape variant_progresses =
    LIST("ProductionVariantStatusList", &variant_progress, AT_MOST(5));

/* what variants show, whether they serve already or are yet to come */
#define VARIANT_MEMBERS                                                                            \
    REQUIRED("VariantName", &sagemaker_variant_name), OPTIONAL("DeployedImages", &images),         \
        OPTIONAL("CurrentWeight", &sagemaker_weight),                                              \
        OPTIONAL("DesiredWeight", &sagemaker_weight),                                              \
        OPTIONAL("CurrentInstanceCount", &sagemaker_count),                                        \
        OPTIONAL("DesiredInstanceCount", &sagemaker_count),                                        \
        OPTIONAL("VariantStatus", &variant_progresses),                                            \
        OPTIONAL("ManagedInstanceScaling", &sagemaker_managed_scaling),                            \
        OPTIONAL("RoutingConfig", &sagemaker_routing_config)

static const struct shape variant_summary = STRUCTURE("ProductionVariantSummary", VARIANT_MEMBERS);
static const struct shape variant_summaries =
    LIST("ProductionVariantSummaryList", &variant_summary, AT_LEAST(1));
static const struct shape pending_variant =
    STRUCTURE("PendingProductionVariantSummary", VARIANT_MEMBERS,
              OPTIONAL("InstanceType", &sagemaker_instance_type));
static const struct shape pending_variants =
    LIST("PendingProductionVariantSummaryList", &pending_variant, AT_LEAST(1));
static const struct shape pending_deployment = STRUCTURE(
    "PendingDeploymentSummary", REQUIRED("EndpointConfigName", &sagemaker_config_name),
    OPTIONAL("ProductionVariants", &pending_variants), OPTIONAL("StartTime", &shape_timestamp));

static const struct shape status = STRING(
    "EndpointStatus", ENUM("OutOfService", "Creating", "Updating", "SystemUpdating", "RollingBack",
                           "InService", "Deleting", "Failed", "UpdateRollbackFailed"));
static const struct shape failure_reason = STRING("FailureReason", AT_MOST(1024));
static const struct shape describe_output = STRUCTURE(
    "DescribeEndpointOutput", REQUIRED("EndpointName", &sagemaker_endpoint_name),
    REQUIRED("EndpointArn", &shape_string), OPTIONAL("EndpointConfigName", &sagemaker_config_name),
    OPTIONAL("ProductionVariants", &variant_summaries), REQUIRED("EndpointStatus", &status),
    OPTIONAL("FailureReason", &failure_reason), REQUIRED("CreationTime", &shape_timestamp),
    REQUIRED("LastModifiedTime", &shape_timestamp),
    OPTIONAL("PendingDeploymentSummary", &pending_deployment),
    OPTIONAL("MetricsConfig", &sagemaker_metrics_config));

static const struct shape sort_key =
    STRING("EndpointSortKey", ENUM("Name", "CreationTime", "Status"));
static const struct shape list_input = STRUCTURE(
    "ListEndpointsInput", OPTIONAL("SortBy", &sort_key),
    OPTIONAL("SortOrder", &sagemaker_sort_order), OPTIONAL("NextToken", &sagemaker_token),
    OPTIONAL("MaxResults", &sagemaker_max_results),
    OPTIONAL("NameContains", &sagemaker_name_contains),
    OPTIONAL("CreationTimeBefore", &shape_timestamp),
    OPTIONAL("CreationTimeAfter", &shape_timestamp),
    OPTIONAL("LastModifiedTimeBefore", &shape_timestamp),
    OPTIONAL("LastModifiedTimeAfter", &shape_timestamp), OPTIONAL("StatusEquals", &status));
static const struct shape summary =
    STRUCTURE("EndpointSummary", REQUIRED("EndpointName", &sagemaker_endpoint_name),
              REQUIRED("EndpointArn", &shape_string), REQUIRED("CreationTime", &shape_timestamp),
              REQUIRED("LastModifiedTime", &shape_timestamp), REQUIRED("EndpointStatus", &status));
static const struct shape summaries = LIST("EndpointSummaryList", &summary);
static const struct shape list_output =
    STRUCTURE("ListEndpointsOutput", REQUIRED("Endpoints", &summaries),
              OPTIONAL("NextToken", &sagemaker_token));

static const struct shape delete_input =
    STRUCTURE("DeleteEndpointInput", REQUIRED("EndpointName", &sagemaker_endpoint_name));

static const struct shape serverless_update = STRUCTURE("ProductionVariantServerlessUpdateConfig");
static const struct shape change =
    STRUCTURE("DesiredWeightAndCapacity", REQUIRED("VariantName", &sagemaker_variant_name),
              OPTIONAL("DesiredWeight", &sagemaker_weight),
              OPTIONAL("DesiredInstanceCount", &sagemaker_count),
              OPTIONAL("ServerlessUpdateConfig", &serverless_update));
static const struct shape changes = LIST("DesiredWeightAndCapacityList", &change, AT_LEAST(1));
static const struct shape update_weights_input = STRUCTURE(
    "UpdateEndpointWeightsAndCapacitiesInput", REQUIRED("EndpointName", &sagemaker_endpoint_name),
    REQUIRED("DesiredWeightsAndCapacities", &changes));

/* --- outcomes of control ---------------------------------------------------------------------- */

/* @r: not 0; @subject: what the outcome is about, where endpoint.h says so */
static int refuse(struct api_call *call, const char *name, int r, const char *subject)
{
    switch (r) {
    case ENDPOINT_E_EXISTS:
        return sagemaker_arn_error(call, "endpoint", name,
                                   "Cannot create already existing endpoint \"%s\".");
    case ENDPOINT_E_NOT_FOUND:
        return sagemaker_arn_error(call, "endpoint", name, "Could not find endpoint \"%s\".");
    case ENDPOINT_E_IN_PROGRESS:
        return sagemaker_arn_error(call, "endpoint", name,
                                   "Cannot update in-progress endpoint \"%s\".");
    case ENDPOINT_E_FAILED:
        return sagemaker_arn_error(call, "endpoint", name,
                                   "Cannot update endpoint \"%s\" because its status is Failed; "
                                   "it can only be deleted.");
    case ENDPOINT_E_NO_CONFIG:
        return sagemaker_arn_error(call, "endpoint-config", input_text(call, "EndpointConfigName"),
                                   "Could not find endpoint configuration \"%s\".");
    case ENDPOINT_E_NO_MODEL:
        return sagemaker_arn_error(call, "model", subject, "Could not find model \"%s\".");
    case ENDPOINT_E_NO_VARIANT:
        return api_error(call, "ValidationException",
                         "The variant name(s) \"%s\" is/are not present within endpoint "
                         "configuration.",
                         subject);
    case ENDPOINT_E_ZERO:
        return api_error(call, "ValidationException",
                         "DesiredInstanceCount of variant \"%s\" must be at least 1, unless "
                         "a scalable target with MinCapacity 0 is registered for it.",
                         subject);
    case ENDPOINT_E_LIMIT:
        return api_error(call, "ResourceLimitExceeded",
                         "The account-level service limit is %u Instances of all endpoints "
                         "together and %d endpoints, which this request would exceed.",
                         call->control->settings.instances_max, ENDPOINTS_MAX);
    default:
        return fault(r);
    }
}

static int answer_arn(struct api_call *call, const char *name)
{
    char arn[ARN_BYTES];

    arn_of(call->control, "endpoint", name, arn);
    call->output = json_pack("{s:s}", "EndpointArn", arn);
    return 0;
}

/* --- CreateEndpoint, DeleteEndpoint ----------------------------------------------------------- */

static int create_endpoint(struct api_call *call)
{
    const char *name = input_text(call, "EndpointName");
    const char *subject = NULL;
    int r = endpoint_create(call->control, name, input_text(call, "EndpointConfigName"),
                            input_get(call, "Tags"), &subject);

    return r ? refuse(call, name, r, subject) : answer_arn(call, name);
}

static int delete_endpoint(struct api_call *call)
{
    const char *name = input_text(call, "EndpointName");
    int r = endpoint_delete(call->control, name);

    return r ? refuse(call, name, r, NULL) : 0;
}

/* --- DescribeEndpoint, ListEndpoints ---------------------------------------------------------- */

/* What summaries and descriptions share. */
static json_t *identify(const struct api_call *call, const struct endpoint *e)
{
    char arn[ARN_BYTES];

    arn_of(call->control, "endpoint", e->name, arn);
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "EndpointName", e->name, "EndpointArn", arn,
                     "EndpointStatus", endpoint_status_text(e->status), "CreationTime",
                     sagemaker_timestamp(e->created), "LastModifiedTime",
                     sagemaker_timestamp(e->modified));
}

static json_t *describe_progress(const struct variant *v)
{
    if (variant_status(v) == VARIANT_STEADY)
        return NULL;
    return json_pack("[{s:s, s:o}]", "Status", variant_status_text(variant_status(v)), "StartTime",
                     sagemaker_timestamp(v->status_since));
}

static json_t *describe_variant(const struct variant *v)
{
    struct variant_counts counts = variant_counts(v);

    return json_pack(
        "{s:s, s:[{s:s, s:s, s:o}], s:f, s:f, s:i, s:i, s:s, s:o*, s:O*, s:O*}", "VariantName",
        v->name, "DeployedImages", "SpecifiedImage", v->image, "ResolvedImage", v->image,
        "ResolutionTime", sagemaker_timestamp(v->endpoint->created), "CurrentWeight",
        v->current_weight, "DesiredWeight", v->desired_weight, "CurrentInstanceCount",
        (int)counts.in_service, "DesiredInstanceCount", (int)counts.desired, "InstanceType",
        v->instance_type, "VariantStatus", describe_progress(v), "RoutingConfig",
        json_object_get(v->definition, "RoutingConfig"), "ManagedInstanceScaling",
        json_object_get(v->definition, "ManagedInstanceScaling"));
}

static json_t *describe_variants(const struct endpoint *e)
{
    json_t *list = json_array();

    for (size_t i = 0; i < e->n_variants; i++) {
        if (json_array_append_new(list, describe_variant(&e->variants[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Until an endpoint was in service for the first time, its variants are those of a deployment to
 * come. */
static int add_variants(const struct endpoint *e, json_t *output)
{
    json_t *variants = describe_variants(e);
    json_t *pending;

    if (!variants)
        return fault(-ENOMEM);
    if (e->status != ENDPOINT_CREATING)
        return json_object_set_new(output, "ProductionVariants", variants) ? fault(-ENOMEM) : 0;
    pending =
        json_pack("{s:s, s:o, s:o}", "EndpointConfigName", e->config_name, "ProductionVariants",
                  variants, "StartTime", sagemaker_timestamp(e->created));
    return json_object_set_new(output, "PendingDeploymentSummary", pending) ? fault(-ENOMEM) : 0;
}

static int describe_endpoint(struct api_call *call)
{
    const char *name = input_text(call, "EndpointName");
    const struct endpoint *e = endpoint_find(call->control, name);
    json_t *metrics;
    int r = 0;

    if (!e)
        return refuse(call, name, ENDPOINT_E_NOT_FOUND, NULL);
    call->output = identify(call, e);
    if (!call->output)
        return fault(-ENOMEM);
    r = json_object_set_new(call->output, "EndpointConfigName", json_string(e->config_name));
    if (!r && e->failure_reason[0])
        r = json_object_set_new(call->output, "FailureReason", json_string(e->failure_reason));
    metrics = json_object_get(e->config_definition, "MetricsConfig");
    if (!r && metrics)
        r = json_object_set(call->output, "MetricsConfig", metrics);
    return r ? fault(-ENOMEM) : fault(add_variants(e, call->output));
}

static int list_endpoints(struct api_call *call)
{
    json_t *items = json_array();

    map_for_each (slot, &call->control->endpoints) {
        if (json_array_append_new(items, identify(call, slot->value)) != 0) {
            json_decref(items);
            return fault(-ENOMEM);
        }
    }
    return sagemaker_list(call, "Endpoints", items, "EndpointName");
}

/* --- UpdateEndpointWeightsAndCapacities ------------------------------------------------------- */

static struct variant_change read_change(json_t *given)
{
    json_t *weight = json_object_get(given, "DesiredWeight");
    json_t *count = json_object_get(given, "DesiredInstanceCount");

    return (struct variant_change){
        .variant = json_string_value(json_object_get(given, "VariantName")),
        .has_weight = weight != NULL,
        .weight = json_number_value(weight),
        .has_count = count != NULL,
        .count = (unsigned)json_integer_value(count),
    };
}

static int update_weights_and_capacities(struct api_call *call)
{
    const char *name = input_text(call, "EndpointName");
    json_t *given = input_get(call, "DesiredWeightsAndCapacities");
    size_t n = json_array_size(given);
    autofree(mem_free) struct variant_change *list = calloc(n, sizeof(*list));
    const char *subject = NULL;
    int r;

    if (!list)
        return fault(-ENOMEM);
    for (size_t i = 0; i < n; i++) {
        if (json_object_get(json_array_get(given, i), "ServerlessUpdateConfig"))
            return sagemaker_unsupported(call, "ServerlessUpdateConfig");
        list[i] = read_change(json_array_get(given, i));
    }
    r = endpoint_update_weights_and_capacities(call->control, name, list, n, &subject);
    return r ? refuse(call, name, r, subject) : answer_arn(call, name);
}

const struct operation sagemaker_endpoint_operations[] = {
    { "CreateEndpoint", &create_input, &arn_output, create_endpoint },
    { "DescribeEndpoint", &describe_input, &describe_output, describe_endpoint },
    { "ListEndpoints", &list_input, &list_output, list_endpoints },
    { "DeleteEndpoint", &delete_input, NULL, delete_endpoint },
    { "UpdateEndpointWeightsAndCapacities", &update_weights_input, &arn_output,
      update_weights_and_capacities },
    { NULL },
};
