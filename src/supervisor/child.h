/* supervisor/child.h: one of weir's programs, kept running.
 *
 * It dies with us, however we die; in between it is started again whenever it ends, with the waits
 * of restart.h, from the same program file.
 */
#pragma once
#include <stdbool.h>

#include "base/log.h"
#include "base/loop.h"
#include "supervisor/restart.h"

struct child_spec {
    char *const *command; /* borrowed; command[1] is the program's name */
    const int *fds;       /* borrowed: descriptors it inherits, under the same numbers */
    size_t n_fds;
};

struct child {
    struct loop *loop;
    struct log *log;
    const struct child_spec *spec;
    int binary_fd;         /* of a struct binary, which outlives the last start */
    int ready_fd;          /* the next start, and only that, gets it as --ready-fd; -1: none */
    struct list_link link; /* for whoever owns several */
    bool wanted;           /* start it again when it ends */
    pid_t pid;             /* 0: not running */
    unsigned n_ends;
    struct restart restart;
    struct loop_process process;
    struct loop_timer start_again;
    void (*ended)(struct child *c); /* told of each end, before it is started again */
    void *context;                  /* for ended() */
};

/** child_new() - not started yet; NULL if no memory
 * @binary_fd: the program file */
struct child *child_new(struct loop *loop, struct log *log, const struct child_spec *spec,
                        int binary_fd, void (*ended)(struct child *c), void *context);
/** child_free() - kills it, if it still runs; not from its own ended() */
struct child *child_free(struct child *c);
const char *child_name(const struct child *c);

/** child_start() - start it and keep it running. Return: 0 or a negative errno. */
int child_start(struct child *c);
/** child_run() - the same; if it cannot be started now it will be later */
void child_run(struct child *c);
/** child_keep() - from now on it is started again when it ends, after child_let_end() */
static inline void child_keep(struct child *c)
{
    c->wanted = true;
}
/** child_signal() - send it a signal, if it runs */
void child_signal(struct child *c, int signo);
/** child_let_end() - from now on it is not started again. Return: whether it still runs. */
bool child_let_end(struct child *c);
