#include "supervisor/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"

static int say(char **ret_why, const char *path, const char *what, int r)
{
    *ret_why = text_format("the state directory %s %s: %s", path, what, strerror(-r));
    return r;
}

static int open_directory(const char *path, struct state_dir *s, char **ret_why)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return say(ret_why, path, "cannot be made", -errno);
    s->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0)
        return say(ret_why, path, "cannot be used", -errno);
    s->path = realpath(path, NULL);
    if (!s->path)
        return say(ret_why, path, "cannot be used", -errno);
    return 0;
}

static int say_locked(int fd, const char *path, char **ret_why)
{
    char holder[16] = "";
    ssize_t n = pread(fd, holder, sizeof(holder) - 1, 0);

    while (n > 0 && (holder[n - 1] < '0' || holder[n - 1] > '9'))
        holder[--n] = '\0';
    *ret_why = text_format("the state directory %s is in use by another weir (pid %s)", path,
                           n > 0 ? holder : "unknown");
    return -EBUSY;
}

/* Only flock() is asked who runs: the number in the file may be of one that is long gone. */
static int lock(struct state_dir *s, char **ret_why)
{
    int fd = openat(s->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    char pid[16];
    int n;

    s->lock_fd = fd;
    if (fd < 0)
        return say(ret_why, s->path, "cannot be written", -errno);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? say_locked(fd, s->path, ret_why)
                                    : say(ret_why, s->path, "cannot be locked", -errno);
    n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
        return say(ret_why, s->path, "cannot be written", -errno);
    return 0;
}

int state_dir_open(const char *path, struct state_dir *ret, char **ret_why)
{
    struct state_dir s = STATE_DIR_NONE;
    int r;

    *ret_why = NULL;
    r = open_directory(path, &s, ret_why);
    if (r == 0)
        r = lock(&s, ret_why);
    if (r) {
        state_dir_close(&s);
        return fault(r);
    }
    *ret = s;
    return 0;
}

void state_dir_close(struct state_dir *s)
{
    free(s->path);
    fd_close(s->fd);
    fd_close(s->lock_fd);
    *s = STATE_DIR_NONE;
}

char *state_dir_file(const struct state_dir *s, const char *name)
{
    return text_format("%s/%s", s->path, name);
}

char *state_dir_socket(const struct state_dir *s, const char *name)
{
    struct sockaddr_un a;

    if (strlen(s->path) + 1 + strlen(name) < sizeof(a.sun_path))
        return text_format("unix:%s/%s", s->path, name);
    return text_format("unix:/proc/self/fd/%d/%s", s->fd, name);
}

int state_dir_write(const struct state_dir *s, const char *name, const char *text)
{
    autofree(mem_free) char *next = text_format("%s.next", name);
    autofree(fd_close) int fd = -1;
    size_t n = strlen(text);

    if (!next)
        return fault(-ENOMEM);
    fd = openat(s->fd, next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, text, n) != (ssize_t)n || renameat(s->fd, next, s->fd, name) < 0)
        return fault(errno ? -errno : -EIO);
    return 0;
}
