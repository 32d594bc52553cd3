/* base/loop.h: one thread's event loop.
 *
 * A loop waits for descriptors (epoll), timers, signals (signalfd) and exits of processes (pidfd),
 * and calls back, one at a time. The clock is read once per wake-up; callbacks see that instant
 * through loop_now(). Watchers are embedded in their owners' structs: the loop allocates nothing
 * for them, and owners remove them before they die. A watcher may remove itself or any other from a
 * callback. Not thread-safe: from other threads use base/mailbox.h.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"

struct loop;

/** loop_new() - @clock is borrowed for the loop's life. Return: 0 or a negative errno. */
int loop_new(struct clock *clock, struct loop **ret_loop);
struct loop *loop_free(struct loop *loop);
DEFINE_AUTOFREE(struct loop *, loop_free)

/** loop_run() - until loop_stop(). Return: 0, or a negative errno if waiting failed. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/** loop_turn() - wait at most @max_wait ms for something, run what is due once, return */
int loop_turn(struct loop *loop, ms_t max_wait);

ms_t loop_now(const struct loop *loop);       /* monotonic, at this wake-up */
us_t loop_now_us(const struct loop *loop);    /* the same instant, finer */
wall_ms_t loop_wall(const struct loop *loop); /* calendar time at this wake-up */
struct clock *loop_clock(const struct loop *loop);

/* --- descriptors: level triggered unless LOOP_EDGE is wanted ---------------------------------- */

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_HANGUP = 4, /* error or hang-up; always reported */
    LOOP_END = 8,    /* the peer has sent its last; reported if LOOP_EDGE is wanted */
    LOOP_EDGE = 16,  /* report changes only: read and write until -EAGAIN */
};

struct loop_io {
    uint32_t magic;
    int fd;          /* borrowed */
    unsigned events; /* LOOP_READ | LOOP_WRITE | LOOP_EDGE wanted now */
    void (*ready)(struct loop_io *io, unsigned events);
    struct loop *loop; /* NULL: not watched */
};

/** loop_io_add() - watch @fd; @io is filled in. Return: 0 or a negative errno. */
int loop_io_add(struct loop *loop, struct loop_io *io, int fd, unsigned events,
                void (*ready)(struct loop_io *io, unsigned events));
int loop_io_change(struct loop_io *io, unsigned events);
void loop_io_remove(struct loop_io *io); /* before the descriptor is closed; twice is harmless */
/** loop_io_close() - remove, and close the descriptor, which has no duplicate: saves a system call.
 * io->fd is -1 then; twice is harmless. */
void loop_io_close(struct loop_io *io);

/* --- timers: one-shot; set again to repeat ---------------------------------------------------- */

struct loop_timer {
    uint32_t magic;
    ms_t at;
    struct heap_node node;
    struct list_link due; /* taken off the heap, about to be called */
    bool is_set;
    void (*fired)(struct loop_timer *timer);
    struct loop *loop;
};

void loop_timer_init(struct loop *loop, struct loop_timer *t,
                     void (*fired)(struct loop_timer *timer));
/** loop_timer_set() - fire at the monotonic instant @at, replacing an earlier setting */
void loop_timer_set(struct loop_timer *t, ms_t at);
void loop_timer_after(struct loop_timer *t, ms_t delay); /* at loop_now() + delay */
void loop_timer_cancel(struct loop_timer *t);
bool loop_timer_is_set(const struct loop_timer *t);

/* --- later in this turn ----------------------------------------------------------------------- */

struct loop_task {
    struct list_link link;
    void (*run)(struct loop_task *task);
};

void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *task));
/** loop_defer() - run once when the current turn's callbacks are done; deferring twice runs once.
 * What a task defers runs in the next turn, which then does not wait. */
void loop_defer(struct loop *loop, struct loop_task *t);
/** loop_soon() - the same, but once the turn's descriptors have been heard, before its timers. What
 * a timer or a task asks for runs in the next turn, which then does not wait. */
void loop_soon(struct loop *loop, struct loop_task *t);
void loop_task_cancel(struct loop_task *t);

/* --- signals ---------------------------------------------------------------------------------- */

struct loop_signal {
    uint32_t magic;
    int signo;
    int fd;
    struct loop_io io;
    void (*caught)(struct loop_signal *signal);
};

/** loop_signal_add() - blocks @signo for the calling thread and watches it; one watcher for each
 * signal. It stays blocked after removal. Return: 0 or -errno. */
int loop_signal_add(struct loop *loop, struct loop_signal *s, int signo,
                    void (*caught)(struct loop_signal *signal));
void loop_signal_remove(struct loop_signal *s);

/* --- processes -------------------------------------------------------------------------------- */

struct loop_process {
    uint32_t magic;
    pid_t pid;
    int pidfd;
    struct loop_io io;
    /* @status as waitpid() gives it; -1 when the process was not our child and nobody can know */
    void (*exited)(struct loop_process *process, int status);
};

/** loop_process_add() - watch @pid until it exits, and reap it if it is our child. A process that
 * is already gone gives -ESRCH. The watcher removes itself before it calls back. */
int loop_process_add(struct loop *loop, struct loop_process *p, pid_t pid,
                     void (*exited)(struct loop_process *process, int status));
void loop_process_remove(struct loop_process *p);
