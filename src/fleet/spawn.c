#include "fleet/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "fleet/model_data.h"
#include "fleet/output.h"

enum {
    FAILED_STATUS = 127, /* as a shell's, when it cannot run a program */
    FAILURE_BYTES_MAX = 2048,
};

/* A model that does not fit here does not fit an AWS instance's disk either. */
static const struct model_data_limits limits = {
    .bytes_max = 512ull << 30,
    .members_max = 1000000,
};

/* --- in the new process ----------------------------------------------------------------------- */

/* Writes the sentence where spawn_failure() finds it, and into the output. */
static noreturn void __attribute__((format(printf, 2, 3)))
fail(const struct spawn *s, const char *format, ...)
{
    autofree(mem_free) char *path = text_format("%s/failure", s->directory);
    char why[FAILURE_BYTES_MAX];
    va_list args;
    int fd, n;

    va_start(args, format);
    n = vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    if (n >= (int)sizeof(why))
        n = (int)sizeof(why) - 1;
    fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640) : -1;
    /* Without it the exit status and the output still tell. */
    if (fd < 0 || write(fd, why, (size_t)n) < 0)
        dprintf(STDOUT_FILENO, "weir: the reason could not be written down\n");
    dprintf(STDOUT_FILENO, "weir: %s\n", why);
    _exit(FAILED_STATUS);
}

/* As after login: nothing blocked, nothing caught or ignored. */
static void reset_signals(void)
{
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_up_descriptors(const struct spawn *s, int output)
{
    int input = open("/dev/null", O_RDONLY);

    if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 || input < 0 ||
        dup2(input, STDIN_FILENO) < 0)
        _exit(FAILED_STATUS);
    if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
        fail(s, "cannot close descriptors: %s", strerror(errno));
}

/* A bound for writable private memory, where there are no cgroups. RLIMIT_AS would count mappings
 * that cost nothing. Programs with sanitizers reserve terabytes of what this counts. */
static void limit_memory(double gib)
{
#ifndef __SANITIZE_ADDRESS__
    const rlim_t bytes = (rlim_t)(gib * 1073741824.0);
    const struct rlimit data = { .rlim_cur = bytes, .rlim_max = bytes };

    setrlimit(RLIMIT_DATA, &data); /* fails under a lower hard limit, which then is the bound */
#else
    (void)gib;
#endif
}

/* As many CPUs as the type has, other ones for each instance. */
static void limit_cpus(double vcpus, unsigned turn)
{
    unsigned want = (unsigned)ceil(vcpus), n, from;
    cpu_set_t all, some;

    if (sched_getaffinity(0, sizeof(all), &all) < 0)
        return; /* more CPUs than cpu_set_t has */
    n = (unsigned)CPU_COUNT(&all);
    if (want >= n)
        return;
    from = turn % n * want % n;
    CPU_ZERO(&some);
    for (unsigned cpu = 0, i = 0; i < n && cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && (i++ + n - from) % n < want)
            CPU_SET(cpu, &some);
    sched_setaffinity(0, sizeof(some), &some);
}

static void set_limits(const struct spawn *s)
{
    const struct rlimit no_core = { 0 };
    int r;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0)
        fail(s, "cannot limit the process: %s", strerror(errno));
    if (!s->cgroup) {
        limit_cpus(s->vcpus, s->turn);
        limit_memory(s->memory_gib);
        return;
    }
    r = cgroup_enter(s->cgroup);
    if (r)
        fail(s, "cannot enter the process's cgroup: %s", strerror(-r));
}

static void place_model(const struct spawn *s)
{
    autofree(mem_free) char *directory = text_format("%s/model", s->directory);
    char *why = NULL;
    int r;

    if (!s->model_path)
        return;
    r = directory ? model_data_place(s->model_path, directory, &limits, &why) : -ENOMEM;
    if (r)
        fail(s, "%s", why ? why : strerror(-r));
}

static noreturn void become(const struct spawn *s, int output)
{
    setsid();
    reset_signals();
    set_up_descriptors(s, output);
    set_limits(s);
    umask(022);
    place_model(s);
    if (chdir(s->directory) < 0)
        fail(s, "cannot enter %s: %s", s->directory, strerror(errno));
    execvpe(s->command[0], s->command, s->environment);
    fail(s, "cannot run %s: %s", s->command[0], strerror(errno));
}

/* --- in the caller ---------------------------------------------------------------------------- */

int spawn(const struct spawn *s, pid_t *ret_pid)
{
    autofree(fd_close) int output = output_open(s->directory);
    sigset_t all, before;
    pid_t pid;

    if (output < 0)
        return fault(output);
    /* No signal may be handled in the new process before its handlers are gone. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        become(s, output);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return fault(-errno);

    *ret_pid = pid;
    return 0;
}

char *spawn_failure(const char *directory)
{
    autofree(mem_free) char *path = text_format("%s/failure", directory);
    autofree(fd_close) int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    char why[FAILURE_BYTES_MAX];
    ssize_t n = fd < 0 ? -1 : read(fd, why, sizeof(why) - 1);

    return n > 0 ? slice_dup((struct slice){ why, (size_t)n }) : NULL;
}
