#include "supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/error.h"
#include "net/client.h"
#include "supervisor/child.h"

enum {
    ENDS_BEFORE_READY_MAX = 5,
    HEALTH_INTERVAL_MS = 20,
    HEALTH_TIMEOUT_MS = 5000,
    PROXY_STOP_MS = 70000,   /* the longest invocation takes 60 s */
    CONTROL_STOP_MS = 60000, /* an instance gets 30 s from SIGTERM to SIGKILL */
};

enum phase { STARTING, RUNNING, STOPPING_PROXY, STOPPING_CONTROL };

struct supervisor {
    struct loop *loop;
    struct log *log;
    const struct supervisor_settings *settings;
    enum phase phase;
    struct child control, proxy;
    struct client *client;
    struct loop_timer health, deadline;
    struct loop_signal term, interrupt, hangup, child_ended;
    bool asked_twice; /* control was asked to kill the instances */
    int result;
};

/* --- readiness -------------------------------------------------------------------------------- */

static void health_answered(const struct client_answer *answer, void *context)
{
    struct supervisor *s = context;

    if (s->phase != STARTING)
        return;
    if (answer->error || answer->head->status != 200) {
        loop_timer_after(&s->health, HEALTH_INTERVAL_MS);
        return;
    }
    s->phase = RUNNING;
    s->settings->ready(s->settings->context);
}

static void health_due(struct loop_timer *timer)
{
    struct supervisor *s = container_of(timer, struct supervisor, health);
    static const char request[] =
        "GET /healthz HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n";

    if (client_request(s->client, SLICE(request), "GET", HEALTH_TIMEOUT_MS, health_answered, s))
        loop_timer_after(timer, HEALTH_INTERVAL_MS);
}

/* --- stopping --------------------------------------------------------------------------------- */

static void finish(struct supervisor *s, int result)
{
    s->result = result;
    loop_stop(s->loop);
}

static void stop_control(struct supervisor *s)
{
    s->phase = STOPPING_CONTROL;
    if (!child_let_end(&s->control)) {
        finish(s, 0);
        return;
    }
    child_signal(&s->control, SIGTERM);
    loop_timer_after(&s->deadline, CONTROL_STOP_MS);
}

static void stop(struct supervisor *s)
{
    s->phase = STOPPING_PROXY;
    loop_timer_cancel(&s->health);
    for (size_t i = 0; i < s->settings->n_listen_fds; i++)
        s->settings->listen_fds[i] = fd_close(s->settings->listen_fds[i]);
    if (!child_let_end(&s->proxy)) {
        stop_control(s);
        return;
    }
    child_signal(&s->proxy, SIGTERM);
    loop_timer_after(&s->deadline, PROXY_STOP_MS);
}

/* Ends the step that is under way; the next follows when the program's end is told. */
static void hasten(struct supervisor *s, const char *why)
{
    struct child *c = s->phase == STOPPING_PROXY ? &s->proxy : &s->control;

    log_warn(s->log, "killing a program that has not stopped yet", "program=%s why=\"%s\"",
             c->command[1], why);
    child_signal(c, SIGKILL);
}

static void deadline_passed(struct loop_timer *timer)
{
    hasten(container_of(timer, struct supervisor, deadline), "time is over");
}

static void asked_to_stop(struct supervisor *s, const char *signal_name)
{
    if (s->phase == STOPPING_CONTROL && !s->asked_twice) {
        s->asked_twice = true;
        child_signal(&s->control, SIGTERM); /* it kills the instances that do not stop */
        return;
    }
    if (s->phase == STOPPING_PROXY || s->phase == STOPPING_CONTROL) {
        hasten(s, "asked again");
        return;
    }
    log_info(s->log, "stopping", "signal=%s", signal_name);
    stop(s);
}

static void term_caught(struct loop_signal *signal)
{
    asked_to_stop(container_of(signal, struct supervisor, term), "SIGTERM");
}

static void interrupt_caught(struct loop_signal *signal)
{
    asked_to_stop(container_of(signal, struct supervisor, interrupt), "SIGINT");
}

static void hangup_caught(struct loop_signal *signal)
{
    struct supervisor *s = container_of(signal, struct supervisor, hangup);

    log_info(s->log, "SIGHUP ignored; there is nothing to reload");
}

/* --- children that end ------------------------------------------------------------------------ */

/* Waits for orphans that ended. One of the two programs may stand in front of them: its end is told
 * by its pidfd, and then we are called again. */
static void reap_orphans(struct supervisor *s)
{
    for (;;) {
        siginfo_t info = { 0 };

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
            info.si_pid == s->control.pid || info.si_pid == s->proxy.pid)
            return;
        waitpid(info.si_pid, NULL, 0);
    }
}

static void child_ended_caught(struct loop_signal *signal)
{
    reap_orphans(container_of(signal, struct supervisor, child_ended));
}

static void judge_end(struct supervisor *s, struct child *c)
{
    reap_orphans(s);
    if (s->phase == STARTING && c->n_ends >= ENDS_BEFORE_READY_MAX) {
        child_let_end(c);
        finish(s, SUPERVISOR_E_GAVE_UP);
    } else if (s->phase == STOPPING_PROXY && c == &s->proxy) {
        stop_control(s);
    } else if (s->phase == STOPPING_CONTROL && c == &s->control) {
        finish(s, 0);
    }
}

static void control_ended(struct child *c)
{
    judge_end(container_of(c, struct supervisor, control), c);
}

static void proxy_ended(struct child *c)
{
    judge_end(container_of(c, struct supervisor, proxy), c);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int watch_signals(struct supervisor *s)
{
    int r;

    r = loop_signal_add(s->loop, &s->term, SIGTERM, term_caught);
    if (r == 0)
        r = loop_signal_add(s->loop, &s->interrupt, SIGINT, interrupt_caught);
    if (r == 0)
        r = loop_signal_add(s->loop, &s->hangup, SIGHUP, hangup_caught);
    if (r == 0)
        r = loop_signal_add(s->loop, &s->child_ended, SIGCHLD, child_ended_caught);
    return fault(r);
}

static int start(struct supervisor *s)
{
    int r;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return fault(-errno);
    r = watch_signals(s);
    if (r == 0)
        r = client_new(s->loop, s->settings->address, &CLIENT_SETTINGS_DEFAULT, &s->client);
    if (r == 0)
        r = child_start(&s->control);
    if (r == 0)
        r = child_start(&s->proxy);
    if (r == 0)
        loop_timer_after(&s->health, HEALTH_INTERVAL_MS);
    return fault(r);
}

static void deinit(struct supervisor *s)
{
    client_free(s->client);
    child_deinit(&s->proxy);
    child_deinit(&s->control);
    loop_timer_cancel(&s->health);
    loop_timer_cancel(&s->deadline);
    loop_signal_remove(&s->term);
    loop_signal_remove(&s->interrupt);
    loop_signal_remove(&s->hangup);
    loop_signal_remove(&s->child_ended);
}

int supervisor_run(struct loop *loop, struct log *log, const struct supervisor_settings *settings)
{
    struct supervisor s = { .loop = loop, .log = log, .settings = settings };
    int r;

    signal(SIGPIPE, SIG_IGN);
    child_init(&s.control, loop, log, settings->control, settings->control_fds,
               settings->n_control_fds, control_ended);
    child_init(&s.proxy, loop, log, settings->proxy, settings->proxy_fds, settings->n_proxy_fds,
               proxy_ended);
    loop_timer_init(loop, &s.health, health_due);
    loop_timer_init(loop, &s.deadline, deadline_passed);
    r = start(&s);
    if (r == 0)
        r = loop_run(loop);
    deinit(&s);
    return r ? fault(r) : s.result;
}
