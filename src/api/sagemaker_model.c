/* Models: CreateModel, DescribeModel, ListModels, DeleteModel. */
#include "control/model.h"

#include <errno.h>
#include <string.h>

#include "api/sagemaker.h"
#include "base/error.h"

/* --- shapes ----------------------------------------------------------------------------------- */

static const struct shape hostname =
    STRING("ContainerHostname", AT_MOST(63), PATTERN("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"));
static const struct shape container_mode =
    STRING("ContainerMode", ENUM("SingleModel", "MultiModel"));
/* weir reads model data from the machine's own files, which SageMaker cannot */
static const struct shape url =
    STRING("Url", AT_MOST(1024),
           PATTERN_AS("^(https|s3)://([^/]+)/?(.*)$", "(https|s3)://([^/]+)/?(.*)|file:///.+"));
static const struct shape access_mode = STRING("RepositoryAccessMode", ENUM("Platform", "Vpc"));
static const struct shape image_config =
    STRUCTURE("ImageConfig", REQUIRED("RepositoryAccessMode", &access_mode));
static const struct shape package_name = STRING("VersionedArnOrName", BETWEEN(1, 176));
static const struct shape specification = STRING("InferenceSpecificationName", BETWEEN(1, 63),
                                                 PATTERN("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"));
static const struct shape cache_setting = STRING("ModelCacheSetting", ENUM("Enabled", "Disabled"));
static const struct shape multi_model_config =
    STRUCTURE("MultiModelConfig", OPTIONAL("ModelCacheSetting", &cache_setting));
/* These two are read only as far as saying that they are not supported takes. */
static const struct shape data_source = STRUCTURE("ModelDataSource");
static const struct shape additional_source = STRUCTURE("AdditionalModelDataSource");
static const struct shape additional_sources =
    LIST("AdditionalModelDataSources", &additional_source, AT_MOST(5));

static const struct shape container = STRUCTURE(
    "ContainerDefinition", OPTIONAL("ContainerHostname", &hostname),
    OPTIONAL("Image", &sagemaker_image), OPTIONAL("ImageConfig", &image_config),
    OPTIONAL("Mode", &container_mode), OPTIONAL("ModelDataUrl", &url),
    OPTIONAL("ModelDataSource", &data_source),
    OPTIONAL("AdditionalModelDataSources", &additional_sources),
    OPTIONAL("Environment", &sagemaker_environment), OPTIONAL("ModelPackageName", &package_name),
    OPTIONAL("InferenceSpecificationName", &specification),
    OPTIONAL("MultiModelConfig", &multi_model_config));
static const struct shape containers = LIST("ContainerDefinitionList", &container, AT_MOST(15));
static const struct shape execution_mode =
    STRING("InferenceExecutionMode", ENUM("Serial", "Direct"));
static const struct shape execution_config =
    STRUCTURE("InferenceExecutionConfig", REQUIRED("Mode", &execution_mode));

static const struct shape create_input =
    STRUCTURE("CreateModelInput", REQUIRED("ModelName", &sagemaker_model_name),
              OPTIONAL("PrimaryContainer", &container), OPTIONAL("Containers", &containers),
              OPTIONAL("InferenceExecutionConfig", &execution_config),
              OPTIONAL("ExecutionRoleArn", &sagemaker_role_arn), OPTIONAL("Tags", &sagemaker_tags),
              OPTIONAL("VpcConfig", &sagemaker_vpc_config),
              OPTIONAL("EnableNetworkIsolation", &shape_boolean));
static const struct shape create_output =
    STRUCTURE("CreateModelOutput", REQUIRED("ModelArn", &shape_string));

static const struct shape describe_input =
    STRUCTURE("DescribeModelInput", REQUIRED("ModelName", &sagemaker_model_name));
static const struct shape describe_output = STRUCTURE(
    "DescribeModelOutput", REQUIRED("ModelName", &sagemaker_model_name),
    OPTIONAL("PrimaryContainer", &container), OPTIONAL("Containers", &containers),
    OPTIONAL("InferenceExecutionConfig", &execution_config),
    OPTIONAL("ExecutionRoleArn", &sagemaker_role_arn), OPTIONAL("VpcConfig", &sagemaker_vpc_config),
    REQUIRED("CreationTime", &shape_timestamp), REQUIRED("ModelArn", &shape_string),
    OPTIONAL("EnableNetworkIsolation", &shape_boolean));

static const struct shape list_input =
    STRUCTURE("ListModelsInput", OPTIONAL("SortBy", &sagemaker_sort_key),
              OPTIONAL("SortOrder", &sagemaker_sort_order), OPTIONAL("NextToken", &sagemaker_token),
              OPTIONAL("MaxResults", &sagemaker_max_results),
              OPTIONAL("NameContains", &sagemaker_name_contains),
              OPTIONAL("CreationTimeBefore", &shape_timestamp),
              OPTIONAL("CreationTimeAfter", &shape_timestamp));
static const struct shape summary =
    STRUCTURE("ModelSummary", REQUIRED("ModelName", &sagemaker_model_name),
              REQUIRED("ModelArn", &shape_string), REQUIRED("CreationTime", &shape_timestamp));
static const struct shape summaries = LIST("ModelSummaryList", &summary);
static const struct shape list_output = STRUCTURE(
    "ListModelsOutput", REQUIRED("Models", &summaries), OPTIONAL("NextToken", &sagemaker_token));

static const struct shape delete_input =
    STRUCTURE("DeleteModelInput", REQUIRED("ModelName", &sagemaker_model_name));

/* --- handlers --------------------------------------------------------------------------------- */

static int check_container(struct api_call *call, json_t *given)
{
    const char *mode = json_string_value(json_object_get(given, "Mode"));
    const char *data = json_string_value(json_object_get(given, "ModelDataUrl"));

    if (json_object_get(given, "ModelPackageName"))
        return sagemaker_unsupported(call, "ModelPackageName");
    if (json_object_get(given, "ModelDataSource"))
        return sagemaker_unsupported(call, "ModelDataSource");
    if (json_array_size(json_object_get(given, "AdditionalModelDataSources")) > 0)
        return sagemaker_unsupported(call, "AdditionalModelDataSources");
    if (mode && strcmp(mode, "MultiModel") == 0)
        return sagemaker_unsupported(call, "Mode MultiModel");
    if (!json_object_get(given, "Image"))
        return api_error(call, "ValidationException", "A container needs an Image.");
    if (data && strncmp(data, "file://", strlen("file://")) != 0)
        return api_error(call, "ValidationException",
                         "ModelDataUrl '%s' is not supported: weir reads model data from files of "
                         "its machine, file:///path/to/model.tar.gz.",
                         data);
    return 0;
}

static int check_create(struct api_call *call)
{
    json_t *primary = input_get(call, "PrimaryContainer");
    json_t *several = input_get(call, "Containers");

    if (!primary && json_array_size(several) == 0)
        return api_error(call, "ValidationException",
                         "Either PrimaryContainer or Containers must be provided.");
    if (primary && several)
        return api_error(call, "ValidationException",
                         "PrimaryContainer and Containers must not both be provided.");
    if (json_array_size(several) > 1)
        return sagemaker_unsupported(call, "A model of several Containers");
    return check_container(call, primary ? primary : json_array_get(several, 0));
}

static int created(struct api_call *call, const char *name)
{
    char arn[ARN_BYTES];

    arn_of(call->control, "model", name, arn);
    call->output = json_pack("{s:s}", "ModelArn", arn);
    return 0;
}

static int create_model(struct api_call *call)
{
    const char *name = input_text(call, "ModelName");
    json_t *definition;
    int r = check_create(call);

    if (r)
        return r;
    definition = sagemaker_definition(call, "ModelName");
    if (!definition)
        return fault(-ENOMEM);
    r = model_create(call->control, name, definition, input_get(call, "Tags"));
    json_decref(definition);
    switch (r) {
    case 0:
        return created(call, name);
    case MODEL_E_EXISTS:
        return sagemaker_arn_error(call, "model", name,
                                   "Cannot create already existing model \"%s\".");
    case MODEL_E_LIMIT:
        return api_error(call, "ResourceLimitExceeded", "There are %d models, which is the limit.",
                         MODELS_MAX);
    default:
        return fault(r);
    }
}

static int unknown_model(struct api_call *call, const char *name)
{
    return sagemaker_arn_error(call, "model", name, "Could not find model \"%s\".");
}

/* What summaries and descriptions share. */
static json_t *identify(const struct api_call *call, const struct model *m)
{
    char arn[ARN_BYTES];

    arn_of(call->control, "model", m->name, arn);
    return json_pack("{s:s, s:s, s:o}", "ModelName", m->name, "ModelArn", arn, "CreationTime",
                     sagemaker_timestamp(m->created));
}

static int describe_model(struct api_call *call)
{
    const char *name = input_text(call, "ModelName");
    const struct model *m = model_find(call->control, name);

    if (!m)
        return unknown_model(call, name);
    call->output = identify(call, m);
    if (!call->output || json_object_update_missing(call->output, m->definition) != 0)
        return fault(-ENOMEM);
    return 0;
}

static int list_models(struct api_call *call)
{
    json_t *items = json_array();

    map_for_each (slot, &call->control->models) {
        if (json_array_append_new(items, identify(call, slot->value)) != 0) {
            json_decref(items);
            return fault(-ENOMEM);
        }
    }
    return sagemaker_list(call, "Models", items, "ModelName");
}

static int delete_model(struct api_call *call)
{
    const char *name = input_text(call, "ModelName");
    int r = model_delete(call->control, name);

    if (r == MODEL_E_NOT_FOUND)
        return unknown_model(call, name);
    return fault(r);
}

const struct operation sagemaker_model_operations[] = {
    { "CreateModel", &create_input, &create_output, create_model },
    { "DescribeModel", &describe_input, &describe_output, describe_model },
    { "ListModels", &list_input, &list_output, list_models },
    { "DeleteModel", &delete_input, NULL, delete_model },
    { NULL },
};
