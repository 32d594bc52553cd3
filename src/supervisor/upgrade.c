#include "supervisor/upgrade.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

enum {
    READY_MS = 30000,
    CONTROL_END_MS = 10000, /* it has nothing to wait for */
};

static const char no_memory[] = "there is no memory for another program";

/* --- the end ---------------------------------------------------------------------------------- */

static void over(struct upgrade *u, bool good)
{
    u->step = UPGRADE_IDLE;
    loop_timer_cancel(&u->deadline);
    ready_cancel(&u->ready);
    u->events.over(good, u->why, u->events.context);
}

static void succeed(struct upgrade *u)
{
    struct programs *p = u->programs;

    u->proxy->ended = u->control->ended = p->ended;
    u->proxy->context = u->control->context = p->context;
    child_keep(u->control);
    programs_retire(p, p->proxy, SIGUSR2);
    programs_retire(p, p->control, SIGUSR2); /* has ended */
    p->proxy = steal(u->proxy);
    p->control = steal(u->control);
    binary_close(&p->binary);
    p->binary = u->binary;
    u->binary = BINARY_NONE;
    u->why = "";
    over(u, true);
}

/* The old control is started again, unless it never ended. */
static void restore(struct upgrade *u)
{
    struct programs *p = u->programs;

    programs_retire(p, steal(u->control), SIGKILL);
    if (u->step == UPGRADE_CONTROL || u->step == UPGRADE_BACK)
        child_run(p->control);
    binary_close(&u->binary);
    over(u, false);
}

static void fail(struct upgrade *u, const char *why)
{
    bool served = u->step != UPGRADE_PROXY;

    u->why = why;
    ready_cancel(&u->ready);
    loop_timer_cancel(&u->deadline);
    /* A proxy that served has clients, and one that did not may have accepted some. */
    programs_retire(u->programs, steal(u->proxy), served ? SIGUSR2 : SIGTERM);
    if (u->control && u->control->pid) {
        /* two of them must never run */
        child_signal(u->control, SIGKILL);
        u->step = UPGRADE_BACK;
        return;
    }
    restore(u);
}

/* --- step by step ----------------------------------------------------------------------------- */

static void say(struct upgrade *u, const char *what)
{
    u->events.said(what, u->events.context);
}

/* Start @c and wait until it serves. Return: 0 or a negative errno. */
static int start(struct upgrade *u, struct child *c,
                 void (*heard)(struct ready *ready, bool serves))
{
    int r = ready_wait(&u->ready, u->programs->loop, heard, &c->ready_fd);
    int fd = c->ready_fd;

    if (r)
        return r;
    r = child_start(c);
    child_let_end(c); /* if it ends before it serves, once is enough */
    fd_close(fd);
    loop_timer_after(&u->deadline, READY_MS);
    return r;
}

static void control_ready(struct ready *ready, bool serves)
{
    struct upgrade *u = container_of(ready, struct upgrade, ready);

    if (serves)
        succeed(u);
    else if (u->control->pid == 0)
        fail(u, "the new control plane ended before it served; the server's log says why");
    /* else its end is told in a moment */
}

static void control_ended(struct child *c)
{
    struct upgrade *u = c->context;

    if (u->step == UPGRADE_BACK)
        restore(u);
    else
        fail(u, "the new control plane ended before it served; the server's log says why");
}

static void start_control(struct upgrade *u)
{
    struct programs *p = u->programs;

    u->step = UPGRADE_CONTROL;
    say(u, "starting the new control plane");
    u->control = programs_child(p, &p->control_spec, &u->binary, control_ended, u);
    if (!u->control)
        fail(u, no_memory);
    else if (start(u, u->control, control_ready))
        fail(u, "the new control plane could not be started");
}

static void old_control_ended(struct child *c)
{
    struct upgrade *u = c->context;

    c->ended = u->programs->ended;
    c->context = u->programs->context;
    start_control(u);
}

static void end_old_control(struct upgrade *u)
{
    struct child *c = u->programs->control;

    u->step = UPGRADE_OLD_CONTROL;
    if (!child_let_end(c)) {
        start_control(u);
        return;
    }
    c->ended = old_control_ended;
    c->context = u;
    child_signal(c, SIGUSR2);
    loop_timer_after(&u->deadline, CONTROL_END_MS);
}

static void proxy_ready(struct ready *ready, bool serves)
{
    struct upgrade *u = container_of(ready, struct upgrade, ready);

    if (!serves)
        return; /* its end is told in a moment */
    child_keep(u->proxy);
    say(u, "the new proxy serves");
    end_old_control(u);
}

static void proxy_ended(struct child *c)
{
    struct upgrade *u = c->context;

    /* once it served, it is started again like any other */
    if (u->step == UPGRADE_PROXY)
        fail(u, "the new proxy ended before it served; the server's log says why");
}

static void too_late(struct loop_timer *timer)
{
    struct upgrade *u = container_of(timer, struct upgrade, deadline);

    if (u->step == UPGRADE_OLD_CONTROL)
        child_signal(u->programs->control, SIGKILL); /* it can live with that */
    else if (u->step == UPGRADE_PROXY)
        fail(u, "the new proxy did not serve within 30 s");
    else if (u->step == UPGRADE_CONTROL)
        fail(u, "the new control plane did not serve within 30 s");
}

/* --- beginning -------------------------------------------------------------------------------- */

void upgrade_begin(struct upgrade *u, const char *path)
{
    struct programs *p = u->programs;
    int r;

    assert(u->step == UPGRADE_IDLE);
    r = binary_open(path, &u->binary);
    if (r) {
        u->why = strerror(-r);
        over(u, false);
        return;
    }
    u->step = UPGRADE_PROXY;
    say(u, "starting the new proxy");
    u->proxy = programs_child(p, &p->proxy_spec, &u->binary, proxy_ended, u);
    if (!u->proxy)
        fail(u, no_memory);
    else if (start(u, u->proxy, proxy_ready))
        fail(u, "the new proxy could not be started");
}

void upgrade_hurry(struct upgrade *u)
{
    if (u->step == UPGRADE_PROXY)
        fail(u, "the server was asked to stop");
}

bool upgrade_has(const struct upgrade *u, pid_t pid)
{
    return (u->proxy && u->proxy->pid == pid) || (u->control && u->control->pid == pid);
}

void upgrade_init(struct upgrade *u, struct loop *loop, struct programs *p,
                  const struct upgrade_events *events)
{
    *u = (struct upgrade){
        .programs = p, .events = *events, .binary = BINARY_NONE, .ready = READY_NONE
    };
    loop_timer_init(loop, &u->deadline, too_late);
}

void upgrade_deinit(struct upgrade *u)
{
    ready_cancel(&u->ready);
    loop_timer_cancel(&u->deadline);
    u->proxy = child_free(u->proxy);
    u->control = child_free(u->control);
    binary_close(&u->binary);
}
