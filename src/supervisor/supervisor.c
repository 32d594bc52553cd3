#include "supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/error.h"
#include "net/client.h"
#include "supervisor/door.h"
#include "supervisor/programs.h"
#include "supervisor/upgrade.h"

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
    struct programs programs;
    struct upgrade upgrade;
    struct door door;
    struct client *client;
    struct loop_timer health, deadline;
    struct loop_signal term, interrupt, hangup, reopen, child_ended;
    bool stop_later;  /* as soon as the upgrade is over */
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
    if (!child_let_end(s->programs.control)) {
        finish(s, 0);
        return;
    }
    child_signal(s->programs.control, SIGTERM);
    loop_timer_after(&s->deadline, CONTROL_STOP_MS);
}

static void stop(struct supervisor *s)
{
    s->phase = STOPPING_PROXY;
    loop_timer_cancel(&s->health);
    for (size_t i = 0; i < s->settings->n_listen_fds; i++)
        s->settings->listen_fds[i] = fd_close(s->settings->listen_fds[i]);
    child_let_end(s->programs.proxy);
    if (programs_signal_proxies(&s->programs, SIGTERM) == 0) {
        stop_control(s);
        return;
    }
    loop_timer_after(&s->deadline, PROXY_STOP_MS);
}

/* Ends the step that is under way; the next follows when the program's end is told. */
static void hasten(struct supervisor *s, const char *why)
{
    bool proxy = s->phase == STOPPING_PROXY;

    log_warn(s->log, "killing a program that has not stopped yet", "program=%s why=\"%s\"",
             proxy ? "proxy" : "control", why);
    if (proxy)
        programs_signal_proxies(&s->programs, SIGKILL);
    else
        child_signal(s->programs.control, SIGKILL);
}

static void deadline_passed(struct loop_timer *timer)
{
    hasten(container_of(timer, struct supervisor, deadline), "time is over");
}

static void asked_to_stop(struct supervisor *s, const char *signal_name)
{
    if (s->phase == STOPPING_CONTROL && !s->asked_twice) {
        s->asked_twice = true;
        child_signal(s->programs.control, SIGTERM); /* it kills the instances that do not stop */
        return;
    }
    if (s->phase == STOPPING_PROXY || s->phase == STOPPING_CONTROL) {
        hasten(s, "asked again");
        return;
    }
    log_info(s->log, "stopping", "signal=%s", signal_name);
    s->stop_later = true;
    upgrade_hurry(&s->upgrade);
    if (!upgrade_is_under_way(&s->upgrade) && (s->phase == STARTING || s->phase == RUNNING))
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

/* --- upgrades --------------------------------------------------------------------------------- */

static void upgrade_said(const char *what, void *context)
{
    struct supervisor *s = context;

    log_info(s->log, "upgrading", "step=\"%s\"", what);
    door_say(&s->door, "note", what);
}

static void upgrade_over(bool good, const char *why, void *context)
{
    struct supervisor *s = context;

    if (good)
        log_info(s->log, "upgraded", "file=\"%s\"", s->programs.binary.path);
    else
        log_error(s->log, "not upgraded, the old version goes on", "why=\"%s\"", why);
    door_say(&s->door, good ? "done" : "failed", why);
    door_close(&s->door);
    if (s->stop_later)
        stop(s);
}

static const char *why_no_upgrade(const struct supervisor *s)
{
    if (s->phase != RUNNING || s->stop_later)
        return s->phase == STARTING ? "the server is still starting" : "the server is stopping";
    if (upgrade_is_under_way(&s->upgrade))
        return "another upgrade is under way";
    if (programs_retired(&s->programs) >= UPGRADE_RETIRED_MAX)
        return "too many proxies of upgrades before still serve their last connections";
    return NULL;
}

static void begin_upgrade(struct supervisor *s, const char *path)
{
    const char *why = why_no_upgrade(s);

    if (!path)
        path = s->programs.binary.path;
    log_info(s->log, "upgrade asked for", "file=\"%s\"", path);
    if (!why) {
        upgrade_begin(&s->upgrade, path);
        return;
    }
    log_error(s->log, "not upgraded, the old version goes on", "why=\"%s\"", why);
    door_say(&s->door, "failed", why);
    door_close(&s->door);
}

static void door_asked(struct door *door, const char *path)
{
    begin_upgrade(container_of(door, struct supervisor, door), path);
}

static void hangup_caught(struct loop_signal *signal)
{
    struct supervisor *s = container_of(signal, struct supervisor, hangup);

    if (binary_is_current(&s->programs.binary)) {
        log_info(s->log,
                 "SIGHUP: the program file is the one that runs, certificates are read again",
                 "file=\"%s\"", s->programs.binary.path);
        programs_signal_proxies(&s->programs, SIGHUP);
    } else {
        begin_upgrade(s, NULL);
    }
}

static void reopen_caught(struct loop_signal *signal)
{
    struct supervisor *s = container_of(signal, struct supervisor, reopen);

    programs_signal_proxies(&s->programs, SIGUSR1);
}

/* --- children that end ------------------------------------------------------------------------ */

/* Waits for orphans that ended. One of our programs may stand in front of them: its end is told
 * by its pidfd, and then we are called again. */
static void reap_orphans(struct supervisor *s)
{
    for (;;) {
        siginfo_t info = { 0 };

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
            programs_has(&s->programs, info.si_pid) || upgrade_has(&s->upgrade, info.si_pid))
            return;
        waitpid(info.si_pid, NULL, 0);
    }
}

static void child_ended_caught(struct loop_signal *signal)
{
    reap_orphans(container_of(signal, struct supervisor, child_ended));
}

static void program_ended(struct child *c)
{
    struct supervisor *s = c->context;

    reap_orphans(s);
    if (s->phase == STARTING && c->n_ends >= ENDS_BEFORE_READY_MAX) {
        child_let_end(c);
        finish(s, SUPERVISOR_E_GAVE_UP);
    } else if (s->phase == STOPPING_PROXY && programs_signal_proxies(&s->programs, 0) == 0) {
        stop_control(s);
    } else if (s->phase == STOPPING_CONTROL && c == s->programs.control) {
        finish(s, 0);
    }
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
        r = loop_signal_add(s->loop, &s->reopen, SIGUSR1, reopen_caught);
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
        r = door_open(&s->door, s->loop, s->settings->door_fd, door_asked);
    if (r == 0)
        r = programs_start(&s->programs);
    if (r == 0)
        loop_timer_after(&s->health, HEALTH_INTERVAL_MS);
    return fault(r);
}

static void deinit(struct supervisor *s)
{
    client_free(s->client);
    upgrade_deinit(&s->upgrade);
    programs_deinit(&s->programs);
    door_deinit(&s->door);
    loop_timer_cancel(&s->health);
    loop_timer_cancel(&s->deadline);
    loop_signal_remove(&s->term);
    loop_signal_remove(&s->interrupt);
    loop_signal_remove(&s->hangup);
    loop_signal_remove(&s->reopen);
    loop_signal_remove(&s->child_ended);
}

int supervisor_run(struct loop *loop, struct log *log, const struct supervisor_settings *settings)
{
    struct supervisor s = { .loop = loop, .log = log, .settings = settings };
    const struct upgrade_events events = { upgrade_said, upgrade_over, &s };
    int r;

    signal(SIGPIPE, SIG_IGN);
    s.door.fd = -1;
    loop_timer_init(loop, &s.health, health_due);
    loop_timer_init(loop, &s.deadline, deadline_passed);
    upgrade_init(&s.upgrade, loop, &s.programs, &events);
    r = programs_init(&s.programs, loop, log, &settings->control, &settings->proxy, program_ended,
                      &s);
    if (r == 0)
        r = start(&s);
    if (r == 0)
        r = loop_run(loop);
    deinit(&s);
    return r ? fault(r) : s.result;
}
