/* Every service that answers, in the order in which unknown-service errors name them. */
#include "api/services.h"

const struct service *const services[] = {
    &application_autoscaling_service,
    &cloudwatch_service,
    &sagemaker_service,
    &sts_service,
    &weir_service,
    NULL,
};
