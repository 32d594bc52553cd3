#include "api/weir.h"

const struct service weir_service = {
    .name = "weir",
    .signing_name = "weir",
    .protocols = SERVICE_JSON,
    .target_prefix = "Weir",
    .json_version = "1.1",
    .constraint_error = "ValidationException",
    .token_error = "ValidationException",
    .groups = (const struct operation *const[]){ weir_status_operations, weir_key_operations,
                                                 weir_cost_operations, NULL },
};
