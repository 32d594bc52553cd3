/* operations.h: real operations, for targets whose input's first line names one. */
#pragma once
#include "api/services.h"
#include "base/text.h"

/** operation_named() - a name that nobody has stands for any one, always the same */
const struct operation *operation_named(struct slice name);
