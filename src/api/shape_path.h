/* api/shape_path.h: where in a request a value stands, as AWS's error messages write it:
 * "productionVariants.1.member.instanceType". Frames live on the stack of whoever walks a value. */
#pragma once
#include <stddef.h>

#include "base/buffer.h"

struct shape_path {
    const struct shape_path *up; /* NULL: a member of the request itself */
    const char *name;            /* of a member or a map's entry; NULL: an item of a list */
    size_t index;                /* of a list's item, from 1 */
};

/** shape_path_write() - @path may be NULL, the request itself. Return: 0 or a negative errno. */
int shape_path_write(const struct shape_path *path, struct buffer *out);
