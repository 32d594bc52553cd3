#include "operations.h"

static const struct operation *nth_operation(size_t n)
{
    for (const struct service *const *s = services; *s; s++)
        for (const struct operation *const *group = (*s)->groups; *group; group++)
            for (const struct operation *o = *group; o->name; o++)
                if (n-- == 0)
                    return o;
    return NULL;
}

const struct operation *operation_named(struct slice name)
{
    const struct operation *o;
    size_t n, sum = 0;

    for (n = 0; (o = nth_operation(n)) != NULL; n++) {
        if (slice_is(name, o->name))
            return o;
    }
    for (size_t i = 0; i < name.size; i++)
        sum += (unsigned char)name.data[i];
    return nth_operation(sum % n);
}
