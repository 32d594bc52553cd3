#include "supervisor/binary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

static int open_file(const char *path, struct binary *b)
{
    char held[32];
    struct stat file;

    b->fd = open(path, O_PATH | O_CLOEXEC);
    if (b->fd < 0)
        return -errno;
    snprintf(held, sizeof(held), "/proc/self/fd/%d", b->fd);
    if (fstat(b->fd, &file) < 0 || access(held, X_OK) < 0)
        return -errno;
    return S_ISREG(file.st_mode) ? 0 : -EACCES;
}

int binary_own(struct binary *ret)
{
    struct binary b = BINARY_NONE;
    ssize_t n = readlink("/proc/self/exe", b.path, sizeof(b.path) - 1);
    int r;

    if (n < 0)
        return fault(-errno);
    b.path[n] = '\0';
    r = open_file("/proc/self/exe", &b);
    if (r) {
        binary_close(&b);
        return fault(r);
    }
    *ret = b;
    return 0;
}

int binary_open(const char *path, struct binary *ret)
{
    struct binary b = BINARY_NONE;
    int r;

    if (strlen(path) >= sizeof(b.path))
        return -ENAMETOOLONG;
    memcpy(b.path, path, strlen(path) + 1);
    r = open_file(path, &b);
    if (r) {
        binary_close(&b);
        return r;
    }
    *ret = b;
    return 0;
}

bool binary_is_current(const struct binary *b)
{
    struct stat held, named;

    if (fstat(b->fd, &held) < 0 || stat(b->path, &named) < 0)
        return true;
    return held.st_dev == named.st_dev && held.st_ino == named.st_ino &&
           held.st_mtim.tv_sec == named.st_mtim.tv_sec &&
           held.st_mtim.tv_nsec == named.st_mtim.tv_nsec;
}

void binary_close(struct binary *b)
{
    b->fd = fd_close(b->fd);
}
