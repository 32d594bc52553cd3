#include "fleet/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

enum { STAT_BYTES = 1024, CHILDREN_BYTES = 16384, DESCENDANTS_MAX = 1024 };

/* Fields of /proc/PID/stat that are used here. */
struct stat_line {
    char state;
    uint64_t utime, stime, cutime, cstime, starttime; /* clock ticks */
    int64_t rss_pages;
};

static int read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    autofree(fd_close) int fd = -1;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    n = read(fd, text, size - 1);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    return 0;
}

static int read_stat(pid_t pid, struct stat_line *ret)
{
    char text[STAT_BYTES];
    const char *end;
    int r, n;

    r = read_proc(pid, "stat", text, sizeof(text));
    if (r)
        return r;
    end = strrchr(text, ')'); /* the command name before it may hold anything */
    if (!end)
        return -EBADMSG;
    n = sscanf(end + 1,
               " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64 " %*d %*d %*d %*d %" SCNu64 " %*u %" SCNd64,
               &ret->state, &ret->utime, &ret->stime, &ret->cutime, &ret->cstime, &ret->starttime,
               &ret->rss_pages);
    return n == 7 ? 0 : -EBADMSG;
}

int proc_start_time(pid_t pid, uint64_t *ret_ticks)
{
    struct stat_line line;
    int r;

    r = read_stat(pid, &line);
    if (r)
        return r;
    if (line.state == 'Z' || line.state == 'X')
        return -ESRCH;
    *ret_ticks = line.starttime;
    return 0;
}

/* Adds the children of @pid to @pids. Where the kernel does not list them there are none. */
static size_t add_children(pid_t pid, pid_t *pids, size_t n)
{
    char name[48], text[CHILDREN_BYTES], *p = text, *end;

    snprintf(name, sizeof(name), "task/%d/children", (int)pid);
    if (read_proc(pid, name, text, sizeof(text)))
        return n;
    while (n < DESCENDANTS_MAX) {
        long child = strtol(p, &end, 10);

        if (end == p || child <= 0)
            break;
        pids[n++] = (pid_t)child;
        p = end;
    }
    return n;
}

int proc_usage(pid_t pid, uint64_t *ret_cpu_us, uint64_t *ret_memory_bytes)
{
    uint64_t ticks = 0, pages = 0;
    pid_t pids[DESCENDANTS_MAX] = { pid };
    size_t n = 1;
    int r;

    for (size_t i = 0; i < n; i++) {
        struct stat_line line;

        r = read_stat(pids[i], &line);
        if (r && i == 0)
            return r;
        if (r)
            continue; /* it ended meanwhile; its parent has its time once it was waited for */
        ticks += line.utime + line.stime + line.cutime + line.cstime;
        pages += line.rss_pages > 0 ? (uint64_t)line.rss_pages : 0;
        n = add_children(pids[i], pids, n);
    }
    *ret_cpu_us = ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    *ret_memory_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}
