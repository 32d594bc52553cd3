/* Every service that answers, in the order in which unknown-service errors name them. */
#include "api/service.h"

const struct service *const services[] = {
    NULL,
};
