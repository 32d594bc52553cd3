/* base/cleanup.h: early returns that free what they leave behind.
 *
 * `autofree(x_free) struct x *p` frees at the end of the scope, whatever path leads there;
 * `steal(p)` takes the object out before that. Freeing functions accept NULL (or -1) and return it.
 */
#pragma once
#include <stdlib.h>
#include <unistd.h>

#define autofree(fn) __attribute__((cleanup(fn##_at)))
#define DEFINE_AUTOFREE(type, fn)                                                                  \
    static inline void fn##_at(type *p)                                                            \
    {                                                                                              \
        *p = fn(*p);                                                                               \
    }
#define steal(p)                                                                                   \
    ({                                                                                             \
        __typeof__(p) v_ = (p);                                                                    \
        (p) = NULL;                                                                                \
        v_;                                                                                        \
    })

/** mem_free() - free(), in the shape autofree() wants; for strings and plain memory */
static inline void *mem_free(void *p)
{
    free(p);
    return NULL;
}

static inline void mem_free_at(void *p)
{
    free(*(void **)p);
}

/** fd_close() - close a descriptor; -1 is fine. Returns -1. */
static inline int fd_close(int fd)
{
    if (fd >= 0)
        close(fd);
    return -1;
}
DEFINE_AUTOFREE(int, fd_close)

/** fd_steal() - the descriptor in *@fd, which becomes -1 */
static inline int fd_steal(int *fd)
{
    int v = *fd;
    *fd = -1;
    return v;
}
