/* Endpoint configurations: CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs,
 * DeleteEndpointConfig. */
#include "control/endpoint_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/sagemaker.h"
#include "base/error.h"

#define KIND "endpoint-config"

/* --- shapes ----------------------------------------------------------------------------------- */

/* the members of a configuration that may be set and are shown again */
#define CONFIG_MEMBERS                                                                             \
    OPTIONAL("DataCaptureConfig", &sagemaker_data_capture_config),                                 \
        OPTIONAL("KmsKeyId", &sagemaker_kms_key),                                                  \
        OPTIONAL("AsyncInferenceConfig", &sagemaker_async_config),                                 \
        OPTIONAL("ExplainerConfig", &sagemaker_explainer_config),                                  \
        OPTIONAL("ShadowProductionVariants", &sagemaker_variant_list),                             \
        OPTIONAL("ExecutionRoleArn", &sagemaker_role_arn),                                         \
        OPTIONAL("VpcConfig", &sagemaker_vpc_config),                                              \
        OPTIONAL("EnableNetworkIsolation", &shape_boolean),                                        \
        OPTIONAL("MetricsConfig", &sagemaker_metrics_config)

static const struct shape create_input =
    STRUCTURE("CreateEndpointConfigInput", REQUIRED("EndpointConfigName", &sagemaker_config_name),
              REQUIRED("ProductionVariants", &sagemaker_variant_list),
              OPTIONAL("Tags", &sagemaker_tags), CONFIG_MEMBERS);
static const struct shape create_output =
    STRUCTURE("CreateEndpointConfigOutput", REQUIRED("EndpointConfigArn", &shape_string));

static const struct shape describe_input = STRUCTURE(
    "DescribeEndpointConfigInput", REQUIRED("EndpointConfigName", &sagemaker_config_name));
static const struct shape describe_output = STRUCTURE(
    "DescribeEndpointConfigOutput", REQUIRED("EndpointConfigName", &sagemaker_config_name),
    REQUIRED("EndpointConfigArn", &shape_string),
    REQUIRED("ProductionVariants", &sagemaker_variant_list),
    REQUIRED("CreationTime", &shape_timestamp), CONFIG_MEMBERS);

static const struct shape list_input =
    STRUCTURE("ListEndpointConfigsInput", OPTIONAL("SortBy", &sagemaker_sort_key),
              OPTIONAL("SortOrder", &sagemaker_sort_order), OPTIONAL("NextToken", &sagemaker_token),
              OPTIONAL("MaxResults", &sagemaker_max_results),
              OPTIONAL("NameContains", &sagemaker_name_contains),
              OPTIONAL("CreationTimeBefore", &shape_timestamp),
              OPTIONAL("CreationTimeAfter", &shape_timestamp));
static const struct shape summary = STRUCTURE(
    "EndpointConfigSummary", REQUIRED("EndpointConfigName", &sagemaker_config_name),
    REQUIRED("EndpointConfigArn", &shape_string), REQUIRED("CreationTime", &shape_timestamp));
static const struct shape summaries = LIST("EndpointConfigSummaryList", &summary);
static const struct shape list_output =
    STRUCTURE("ListEndpointConfigsOutput", REQUIRED("EndpointConfigs", &summaries),
              OPTIONAL("NextToken", &sagemaker_token));

static const struct shape delete_input =
    STRUCTURE("DeleteEndpointConfigInput", REQUIRED("EndpointConfigName", &sagemaker_config_name));

/* --- handlers --------------------------------------------------------------------------------- */

static int check_variant(struct api_call *call, json_t *variant)
{
    json_t *scaling = json_object_get(variant, "ManagedInstanceScaling");
    const char *status = json_string_value(json_object_get(scaling, "Status"));

    if (json_object_get(variant, "ServerlessConfig"))
        return sagemaker_unsupported(call, "ServerlessConfig");
    if (json_object_get(variant, "InstancePools"))
        return sagemaker_unsupported(call, "InstancePools");
    if (status && strcmp(status, "ENABLED") == 0)
        return api_error(call, "ValidationException",
                         "ManagedInstanceScaling is not supported with the given EndpointConfig "
                         "setup.");
    return 0;
}

static bool valid_frequency(json_int_t seconds)
{
    static const json_int_t valid[] = { 10, 30, 60, 120, 180, 240, 300 };

    for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++)
        if (valid[i] == seconds)
            return true;
    return false;
}

static int check_create(struct api_call *call)
{
    json_t *capture = input_get(call, "DataCaptureConfig");
    json_t *frequency =
        json_object_get(input_get(call, "MetricsConfig"), "MetricPublishFrequencyInSeconds");
    size_t i;
    json_t *variant;
    int r = 0;

    if (input_get(call, "ShadowProductionVariants"))
        return sagemaker_unsupported(call, "ShadowProductionVariants");
    if (input_get(call, "AsyncInferenceConfig"))
        return sagemaker_unsupported(call, "AsyncInferenceConfig");
    if (input_get(call, "ExplainerConfig"))
        return sagemaker_unsupported(call, "ExplainerConfig");
    if (capture && !json_is_false(json_object_get(capture, "EnableCapture")))
        return sagemaker_unsupported(call, "DataCaptureConfig");
    if (frequency && !valid_frequency(json_integer_value(frequency)))
        return api_error(call, "ValidationException",
                         "MetricPublishFrequencyInSeconds must be one of 10, 30, 60, 120, 180, 240 "
                         "and 300.");
    json_array_foreach (input_get(call, "ProductionVariants"), i, variant) {
        r = check_variant(call, variant);
        if (r)
            break;
    }
    return r;
}

static int created(struct api_call *call, const char *name)
{
    char arn[ARN_BYTES];

    arn_of(call->control, KIND, name, arn);
    call->output = json_pack("{s:s}", "EndpointConfigArn", arn);
    return 0;
}

static int unknown_instance_type(struct api_call *call, const char *type)
{
    return api_error(call, "ResourceLimitExceeded",
                     "The account-level service limit '%s for endpoint usage' is 0 Instances, with "
                     "current utilization of 0 Instances and a request delta of 1 Instances. weir "
                     "does not know the size of this type; its configuration file can define it.",
                     type);
}

/* @r: what endpoint_config_create() returned, not 0 */
static int refuse_create(struct api_call *call, const char *name, int r, const char *subject)
{
    switch (r) {
    case ENDPOINT_CONFIG_E_EXISTS:
        return sagemaker_arn_error(call, KIND, name,
                                   "Cannot create already existing endpoint configuration \"%s\".");
    case ENDPOINT_CONFIG_E_LIMIT:
        return api_error(call, "ResourceLimitExceeded",
                         "There are %d endpoint configurations, which is the limit.",
                         ENDPOINT_CONFIGS_MAX);
    case ENDPOINT_CONFIG_E_NO_MODEL:
        return sagemaker_arn_error(call, "model", subject, "Could not find model \"%s\".");
    case ENDPOINT_CONFIG_E_DUPLICATE:
        return api_error(call, "ValidationException",
                         "Variant names must be unique in an endpoint configuration; \"%s\" is "
                         "there twice.",
                         subject);
    case ENDPOINT_CONFIG_E_INSTANCE_TYPE:
        return unknown_instance_type(call, subject);
    case ENDPOINT_CONFIG_E_INCOMPLETE:
        return api_error(call, "ValidationException",
                         "Variant \"%s\" needs ModelName, InstanceType and InitialInstanceCount.",
                         subject);
    default:
        return fault(r);
    }
}

static int create_endpoint_config(struct api_call *call)
{
    const char *name = input_text(call, "EndpointConfigName");
    const char *subject = NULL;
    json_t *definition;
    int r = check_create(call);

    if (r)
        return r;
    definition = sagemaker_definition(call, "EndpointConfigName");
    if (!definition)
        return fault(-ENOMEM);
    r = endpoint_config_create(call->control, name, definition, input_get(call, "Tags"), &subject);
    r = r ? refuse_create(call, name, r, subject) : created(call, name);
    json_decref(definition);
    return r;
}

static int unknown_config(struct api_call *call, const char *name)
{
    return sagemaker_arn_error(call, KIND, name, "Could not find endpoint configuration \"%s\".");
}

/* What summaries and descriptions share. */
static json_t *identify(const struct api_call *call, const struct endpoint_config *config)
{
    char arn[ARN_BYTES];

    arn_of(call->control, KIND, config->name, arn);
    return json_pack("{s:s, s:s, s:o}", "EndpointConfigName", config->name, "EndpointConfigArn",
                     arn, "CreationTime", sagemaker_timestamp(config->created));
}

static int describe_endpoint_config(struct api_call *call)
{
    const char *name = input_text(call, "EndpointConfigName");
    const struct endpoint_config *config = endpoint_config_find(call->control, name);

    if (!config)
        return unknown_config(call, name);
    call->output = identify(call, config);
    if (!call->output || json_object_update_missing(call->output, config->definition) != 0)
        return fault(-ENOMEM);
    return 0;
}

static int list_endpoint_configs(struct api_call *call)
{
    json_t *items = json_array();

    map_for_each (slot, &call->control->endpoint_configs) {
        if (json_array_append_new(items, identify(call, slot->value)) != 0) {
            json_decref(items);
            return fault(-ENOMEM);
        }
    }
    return sagemaker_list(call, "EndpointConfigs", items, "EndpointConfigName");
}

static int delete_endpoint_config(struct api_call *call)
{
    const char *name = input_text(call, "EndpointConfigName");
    int r = endpoint_config_delete(call->control, name);

    if (r == ENDPOINT_CONFIG_E_NOT_FOUND)
        return unknown_config(call, name);
    return fault(r);
}

const struct operation sagemaker_endpoint_config_operations[] = {
    { "CreateEndpointConfig", &create_input, &create_output, create_endpoint_config },
    { "DescribeEndpointConfig", &describe_input, &describe_output, describe_endpoint_config },
    { "ListEndpointConfigs", &list_input, &list_output, list_endpoint_configs },
    { "DeleteEndpointConfig", &delete_input, NULL, delete_endpoint_config },
    { NULL },
};
