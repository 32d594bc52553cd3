/* api/services.h: the services that services.c lists, each defined in a file of its own. */
#pragma once
#include "api/service.h"

extern const struct service application_autoscaling_service, cloudwatch_service, sagemaker_service,
    sts_service, weir_service;
