#include "supervisor/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/error.h"

/* Our own file, even if another version has taken its name: the programs must fit each other. */
static const char own_executable[] = "/proc/self/exe";

/* --- in the new process ----------------------------------------------------------------------- */

static noreturn void give_up(const char *what)
{
    dprintf(STDERR_FILENO, "weir: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static noreturn void become(const struct child *c, pid_t parent)
{
    sigset_t none;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        give_up("cannot follow the supervisor's end");
    if (getppid() != parent)
        _exit(1);  /* it ended before we said that we want to follow it */
    setpgid(0, 0); /* Ctrl-C is the supervisor's, which stops the programs in order */
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        give_up("cannot set up the output");
    for (size_t i = 0; i < c->n_fds; i++)
        if (fcntl(c->fds[i], F_SETFD, 0) < 0)
            give_up("cannot pass a socket on");
    execv(own_executable, c->command);
    give_up("cannot run weir's own program");
}

/* --- in the supervisor ------------------------------------------------------------------------ */

static const char *name_of(const struct child *c)
{
    return c->command[1];
}

static void log_end(const struct child *c, int status, ms_t wait)
{
    if (!c->wanted)
        log_info(c->log, "program ended", "program=%s pid=%d", name_of(c), (int)c->pid);
    else if (status != -1 && WIFSIGNALED(status))
        log_error(c->log, "program was killed, starting it again",
                  "program=%s pid=%d signal=%d wait_ms=%" PRId64, name_of(c), (int)c->pid,
                  WTERMSIG(status), wait);
    else
        log_error(c->log, "program ended, starting it again",
                  "program=%s pid=%d code=%d wait_ms=%" PRId64, name_of(c), (int)c->pid,
                  status == -1 ? -1 : WEXITSTATUS(status), wait);
}

static void start_or_wait(struct child *c)
{
    int r = child_start(c);

    if (r == 0)
        return;
    log_error(c->log, "program not started, trying again", "program=%s error=\"%s\" wait_ms=%d",
              name_of(c), strerror(-r), (int)RESTART_MAX_MS);
    loop_timer_after(&c->start_again, RESTART_MAX_MS);
}

static void process_exited(struct loop_process *process, int status)
{
    struct child *c = container_of(process, struct child, process);
    ms_t wait = restart_ended(&c->restart, loop_now(c->loop));

    log_end(c, status, wait);
    c->pid = 0;
    c->n_ends++;
    c->ended(c);
    if (!c->wanted)
        return;
    if (wait == 0)
        start_or_wait(c);
    else
        loop_timer_after(&c->start_again, wait);
}

static void start_again_due(struct loop_timer *timer)
{
    start_or_wait(container_of(timer, struct child, start_again));
}

void child_init(struct child *c, struct loop *loop, struct log *log, char *const *command,
                const int *fds, size_t n_fds, void (*ended)(struct child *c))
{
    *c = (struct child){
        .loop = loop,
        .log = log,
        .command = command,
        .fds = fds,
        .n_fds = n_fds,
        .ended = ended,
    };
    loop_timer_init(loop, &c->start_again, start_again_due);
}

int child_start(struct child *c)
{
    pid_t parent = getpid(), pid;
    sigset_t all, before;
    int r;

    assert(c->pid == 0);
    c->wanted = true;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        become(c, parent);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return fault(-errno);
    r = loop_process_add(c->loop, &c->process, pid, process_exited);
    if (r) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return fault(r);
    }
    c->pid = pid;
    restart_started(&c->restart, loop_now(c->loop));
    log_info(c->log, "program started", "program=%s pid=%d", name_of(c), (int)pid);
    return 0;
}

void child_signal(struct child *c, int signo)
{
    if (c->pid)
        kill(c->pid, signo);
}

bool child_let_end(struct child *c)
{
    c->wanted = false;
    loop_timer_cancel(&c->start_again);
    return c->pid != 0;
}

void child_deinit(struct child *c)
{
    loop_timer_cancel(&c->start_again);
    if (!c->pid)
        return;
    loop_process_remove(&c->process);
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
    c->pid = 0;
}
