/* api/weir.h: weir's own service, for its commands: AWS JSON 1.1 with the target prefix "Weir" and
 * the signing name "weir". It shows what AWS's APIs have no place for. */
#pragma once
#include "api/service.h"

extern const struct operation weir_status_operations[]; /* weir_status.c */
extern const struct operation weir_cost_operations[];   /* weir_cost.c */
extern const struct operation weir_key_operations[];    /* weir_key.c */
