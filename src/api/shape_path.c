#include "api/shape_path.h"

#include <ctype.h>
#include <stdint.h>

#include "base/error.h"

int shape_path_write(const struct shape_path *path, struct buffer *out)
{
    int r;

    if (!path)
        return 0;
    r = shape_path_write(path->up, out);
    if (r)
        return fault(r);
    if (path->up) {
        r = buffer_puts(out, ".");
        if (r)
            return fault(r);
    }
    if (!path->name)
        return fault(buffer_printf(out, "%zu.member", path->index));
    return fault(buffer_printf(out, "%c%s", tolower((unsigned char)path->name[0]),
                               path->name[0] ? path->name + 1 : ""));
}
