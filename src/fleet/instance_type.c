#include "fleet/instance_type.h"

#include <errno.h>
#include <string.h>

enum { TYPES_MAX = 128 };

/* Beyond AWS's rows, those that a config file adds; they are written once, at program start. */
static struct instance_type types[TYPES_MAX] = {
    { "ml.t2.medium", 2, 4, 0, 0.056 },      { "ml.m4.xlarge", 4, 16, 0, 0.24 },
    { "ml.m5.large", 2, 8, 0, 0.115 },       { "ml.m5.xlarge", 4, 16, 0, 0.23 },
    { "ml.m5.2xlarge", 8, 32, 0, 0.461 },    { "ml.m5.4xlarge", 16, 64, 0, 0.922 },
    { "ml.m5.12xlarge", 48, 192, 0, 2.765 }, { "ml.m5.24xlarge", 96, 384, 0, 5.53 },
    { "ml.c5.large", 2, 4, 0, 0.102 },       { "ml.c5.xlarge", 4, 8, 0, 0.204 },
    { "ml.c5.2xlarge", 8, 16, 0, 0.408 },    { "ml.c5.4xlarge", 16, 32, 0, 0.816 },
    { "ml.c5.9xlarge", 36, 72, 0, 1.836 },   { "ml.c6i.xlarge", 4, 8, 0, 0.204 },
    { "ml.g4dn.xlarge", 4, 16, 1, 0.7364 },  { "ml.g4dn.2xlarge", 8, 32, 1, 0.94 },
    { "ml.g5.xlarge", 4, 16, 1, 1.408 },     { "ml.g5.2xlarge", 8, 32, 1, 1.515 },
    { "ml.g5.4xlarge", 16, 64, 1, 2.03 },    { "ml.g5.8xlarge", 32, 128, 1, 3.06 },
    { "ml.g5.12xlarge", 48, 192, 4, 7.09 },  { "ml.g5.48xlarge", 192, 768, 8, 20.36 },
    { "ml.g6.xlarge", 4, 16, 1, 1.127 },     { "ml.g6.12xlarge", 48, 192, 4, 5.752 },
    { "ml.p3.2xlarge", 8, 61, 1, 3.825 },    { "ml.p4d.24xlarge", 96, 1152, 8, 37.688 },
};

static struct instance_type *find(const char *name)
{
    struct instance_type *t = types;

    while (t < types + TYPES_MAX && t->name && strcmp(t->name, name) != 0)
        t++;
    return t < types + TYPES_MAX ? t : NULL;
}

const struct instance_type *instance_type_find(const char *name)
{
    const struct instance_type *t = find(name);

    return t && t->name ? t : NULL;
}

const struct instance_type *instance_types(size_t *ret_n)
{
    size_t n = 0;

    while (n < TYPES_MAX && types[n].name)
        n++;
    *ret_n = n;
    return types;
}

int instance_type_define(const struct instance_type *type)
{
    struct instance_type *t = find(type->name);
    const char *name;

    if (!t)
        return -ENOSPC;
    name = t->name ? t->name : strdup(type->name);
    if (!name)
        return -ENOMEM;
    *t = *type;
    t->name = name;
    return 0;
}
