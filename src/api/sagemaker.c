#include "api/sagemaker.h"

json_t *sagemaker_timestamp(wall_ms_t t)
{
    return json_real((double)t / 1000);
}

json_t *sagemaker_definition(const struct api_call *call, const char *name_member)
{
    json_t *definition = json_copy(call->input);

    if (definition) {
        json_object_del(definition, name_member);
        json_object_del(definition, "Tags");
    }
    return definition;
}

int sagemaker_unsupported(struct api_call *call, const char *what)
{
    return api_error(call, "ValidationException", "%s is not supported by weir.", what);
}

const struct service sagemaker_service = {
    .name = "Amazon SageMaker",
    .signing_name = "sagemaker",
    .protocols = SERVICE_JSON,
    .target_prefix = "SageMaker",
    .json_version = "1.1",
    .constraint_error = "ValidationException",
    .token_error = "ValidationException",
    .groups =
        (const struct operation *const[]){
            sagemaker_model_operations,
            sagemaker_endpoint_config_operations,
            sagemaker_endpoint_operations,
            sagemaker_tag_operations,
            NULL,
        },
};
