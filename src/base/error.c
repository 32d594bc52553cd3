#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fault_at(int r, const char *func, const char *file, int line)
{
    int saved = errno;

    if (r != 0 && getenv("WEIR_TRACE_FAULTS"))
        fprintf(stderr, "fault: %s (%s:%d): %d %s\n", func, file, line, r,
                r < 0 ? strerror(-r) : "unexpected outcome");
    errno = saved;
    return r > 0 ? -ENOTRECOVERABLE : r;
}
