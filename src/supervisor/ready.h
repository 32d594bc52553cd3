/* supervisor/ready.h: how a program that was just started says that it serves.
 *
 * It inherits one end of a pipe and writes into it when it is ready. If it ends before, the pipe
 * closes without a word.
 */
#pragma once
#include "base/loop.h"

struct ready {
    struct loop_io io;
    int fd;                                          /* -1: nobody is waited for */
    void (*heard)(struct ready *ready, bool serves); /* once */
};

#define READY_NONE ((struct ready){ .fd = -1 })

/** ready_wait() - @ret_fd is for the program, and to be closed here once that was started */
int ready_wait(struct ready *ready, struct loop *loop,
               void (*heard)(struct ready *ready, bool serves), int *ret_fd);
void ready_cancel(struct ready *ready); /* twice is harmless */

/** ready_tell() - in the program: say so, and close @fd; -1: nobody asks. Return: -1. */
int ready_tell(int fd);
