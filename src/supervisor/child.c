#include "supervisor/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/error.h"

enum { WORDS_MAX = 1024 };

/* --- in the new process ----------------------------------------------------------------------- */

static noreturn void give_up(const char *what)
{
    dprintf(STDERR_FILENO, "weir: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static noreturn void run_program(const struct child *c)
{
    char *words[WORDS_MAX + 3], number[16], path[32];
    size_t n = 0;

    for (; c->spec->command[n] && n < WORDS_MAX; n++)
        words[n] = c->spec->command[n];
    if (c->ready_fd >= 0) {
        snprintf(number, sizeof(number), "%d", c->ready_fd);
        words[n++] = (char *)"--ready-fd";
        words[n++] = number;
        if (fcntl(c->ready_fd, F_SETFD, 0) < 0)
            give_up("cannot pass a pipe on");
    }
    words[n] = NULL;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", c->binary_fd);
    /* stays open: if the file is a script, its interpreter opens it by that path */
    if (fcntl(c->binary_fd, F_SETFD, 0) == 0)
        execv(path, words);
    give_up("cannot run weir's own program");
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
    signal(SIGUSR1, SIG_IGN); /* wishes that come before it can hear them shall not end it */
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        give_up("cannot set up the output");
    for (size_t i = 0; i < c->spec->n_fds; i++)
        if (fcntl(c->spec->fds[i], F_SETFD, 0) < 0)
            give_up("cannot pass a socket on");
    run_program(c);
}

/* --- in the supervisor ------------------------------------------------------------------------ */

const char *child_name(const struct child *c)
{
    return c->spec->command[1];
}

static void log_end(const struct child *c, int status, ms_t wait)
{
    if (!c->wanted)
        log_info(c->log, "program ended", "program=%s pid=%d code=%d signal=%d", child_name(c),
                 (int)c->pid, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    else if (status != -1 && WIFSIGNALED(status))
        log_error(c->log, "program was killed, starting it again",
                  "program=%s pid=%d signal=%d wait_ms=%" PRId64, child_name(c), (int)c->pid,
                  WTERMSIG(status), wait);
    else
        log_error(c->log, "program ended, starting it again",
                  "program=%s pid=%d code=%d wait_ms=%" PRId64, child_name(c), (int)c->pid,
                  status == -1 ? -1 : WEXITSTATUS(status), wait);
}

void child_run(struct child *c)
{
    int r = child_start(c);

    if (r == 0)
        return;
    log_error(c->log, "program not started, trying again", "program=%s error=\"%s\" wait_ms=%d",
              child_name(c), strerror(-r), (int)RESTART_MAX_MS);
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
        child_run(c);
    else
        loop_timer_after(&c->start_again, wait);
}

static void start_again_due(struct loop_timer *timer)
{
    child_run(container_of(timer, struct child, start_again));
}

struct child *child_new(struct loop *loop, struct log *log, const struct child_spec *spec,
                        int binary_fd, void (*ended)(struct child *c), void *context)
{
    struct child *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->loop = loop;
    c->log = log;
    c->spec = spec;
    c->ready_fd = -1;
    c->ended = ended;
    c->context = context;
    c->binary_fd = binary_fd;
    list_link_init(&c->link);
    loop_timer_init(loop, &c->start_again, start_again_due);
    return c;
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
    c->ready_fd = -1;
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
    log_info(c->log, "program started", "program=%s pid=%d", child_name(c), (int)pid);
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

struct child *child_free(struct child *c)
{
    if (!c)
        return NULL;
    list_remove(&c->link);
    loop_timer_cancel(&c->start_again);
    if (c->pid) {
        loop_process_remove(&c->process);
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
    }
    free(c);
    return NULL;
}
