/* supervisor/child.h: one of weir's programs, kept running.
 *
 * A child runs the same executable as we do. It dies with us, however we die; in between it is
 * started again whenever it ends, with the waits of restart.h.
 */
#pragma once
#include <stdbool.h>

#include "base/log.h"
#include "base/loop.h"
#include "supervisor/restart.h"

struct child {
    struct loop *loop;
    struct log *log;
    char *const *command; /* borrowed; command[1] is the program's name */
    const int *fds;       /* borrowed: descriptors it inherits, under the same numbers */
    size_t n_fds;
    bool wanted; /* start it again when it ends */
    pid_t pid;   /* 0: not running */
    unsigned n_ends;
    struct restart restart;
    struct loop_process process;
    struct loop_timer start_again;
    void (*ended)(struct child *c); /* told of each end, before it is started again */
};

void child_init(struct child *c, struct loop *loop, struct log *log, char *const *command,
                const int *fds, size_t n_fds, void (*ended)(struct child *c));
/** child_start() - start it and keep it running. Return: 0 or a negative errno. */
int child_start(struct child *c);
/** child_signal() - send it a signal, if it runs */
void child_signal(struct child *c, int signo);
/** child_let_end() - from now on it is not started again. Return: whether it still runs. */
bool child_let_end(struct child *c);
/** child_deinit() - kills it, if it still runs */
void child_deinit(struct child *c);
