#include "supervisor/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"

void ready_cancel(struct ready *ready)
{
    if (ready->fd < 0)
        return;
    loop_io_remove(&ready->io);
    ready->fd = fd_close(ready->fd);
}

static void readable(struct loop_io *io, unsigned events)
{
    struct ready *ready = container_of(io, struct ready, io);
    char byte;
    ssize_t n = read(ready->fd, &byte, 1);
    (void)events;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    ready_cancel(ready);
    ready->heard(ready, n == 1);
}

int ready_wait(struct ready *ready, struct loop *loop,
               void (*heard)(struct ready *ready, bool serves), int *ret_fd)
{
    int ends[2], r;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return fault(-errno);
    r = loop_io_add(loop, &ready->io, ends[0], LOOP_READ, readable);
    if (r) {
        fd_close(ends[0]);
        fd_close(ends[1]);
        return fault(r);
    }
    ready->fd = ends[0];
    ready->heard = heard;
    *ret_fd = ends[1];
    return 0;
}

int ready_tell(int fd)
{
    if (fd < 0)
        return -1;
    while (write(fd, "r", 1) < 0 && errno == EINTR)
        continue;
    return fd_close(fd);
}
