/* supervisor/programs.h: the supervisor's children: control and proxy, and proxies of versions
 * before, which end when their last connection does.
 *
 * Signals that they understand: SIGTERM, end everything in order (control its instances, too);
 * SIGUSR2, another one has taken or will take your place, so end and leave the rest alone; SIGUSR1
 * (proxy), open your log files anew.
 */
#pragma once
#include "supervisor/binary.h"
#include "supervisor/child.h"

struct programs {
    struct loop *loop;
    struct log *log;
    struct child_spec control_spec, proxy_spec;
    struct binary binary; /* what control and proxy run */
    struct child *control, *proxy;
    struct list retired; /* of struct child: not started again */
    struct loop_task sweep;
    void (*ended)(struct child *c); /* whichever of them; c->context is ours */
    void *context;
};

/** programs_init() - not started yet. Return: 0 or a negative errno; programs_deinit() either
 * way. */
int programs_init(struct programs *p, struct loop *loop, struct log *log,
                  const struct child_spec *control, const struct child_spec *proxy,
                  void (*ended)(struct child *c), void *context);
int programs_start(struct programs *p);
/** programs_deinit() - kills what still runs */
void programs_deinit(struct programs *p);

/** programs_child() - one more child, which runs @binary; the caller's. NULL if no memory. */
struct child *programs_child(struct programs *p, const struct child_spec *spec,
                             const struct binary *binary, void (*ended)(struct child *c),
                             void *context);
/** programs_retire() - take over @c, tell it @signo, and forget it when it has ended */
void programs_retire(struct programs *p, struct child *c, int signo);
size_t programs_retired(const struct programs *p);

/** programs_signal_proxies() - every proxy, retired ones too. Return: how many run. */
size_t programs_signal_proxies(struct programs *p, int signo);
/** programs_has() - whether one of them is process @pid */
bool programs_has(const struct programs *p, pid_t pid);
