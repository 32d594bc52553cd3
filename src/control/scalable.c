#include "control/scalable.h"

#include <string.h>

static const struct scalable *const rows[] = { &scalable_variant, &scalable_custom };
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const struct scalable *scalable_find(const char *namespace, const char *dimension)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i]->namespace, namespace) == 0 &&
            strcmp(rows[i]->dimension, dimension) == 0)
            return rows[i];
    return NULL;
}

const struct scalable *scalable_of(const char *resource_id)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i]->names(resource_id))
            return rows[i];
    return NULL;
}
