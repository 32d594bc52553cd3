#include "supervisor/door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

void door_say(struct door *door, const char *word, const char *text)
{
    char line[DOOR_LINE_BYTES];
    int n = snprintf(line, sizeof(line), "%s%s%s\n", word, text[0] ? " " : "", text);

    if (door->fd >= 0 && n < (int)sizeof(line))
        send(door->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void door_close(struct door *door)
{
    if (door->fd < 0)
        return;
    loop_io_remove(&door->io);
    door->fd = fd_close(door->fd);
}

static void refuse(struct door *door, const char *why)
{
    door_say(door, "failed", why);
    door_close(door);
}

static void take_line(struct door *door)
{
    static const char word[] = "upgrade";
    static const size_t n = sizeof(word) - 1;

    /* what comes after the line is of no interest, but that the other side leaves is */
    if (strcmp(door->line, word) == 0)
        door->asked(door, NULL);
    else if (strncmp(door->line, word, n) == 0 && door->line[n] == ' ' && door->line[n + 1] == '/')
        door->asked(door, door->line + n + 1);
    else
        refuse(door, "the server does not understand the question");
}

static void readable(struct loop_io *io, unsigned events)
{
    struct door *door = container_of(io, struct door, io);
    ssize_t n =
        recv(door->fd, door->line + door->size, sizeof(door->line) - door->size, MSG_DONTWAIT);
    char *end;
    (void)events;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        door_close(door);
        return;
    }
    door->size += (size_t)n;
    end = memchr(door->line, '\n', door->size);
    if (end) {
        *end = '\0';
        loop_io_change(io, 0);
        take_line(door);
    } else if (door->size == sizeof(door->line)) {
        refuse(door, "the question is too long");
    }
}

static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void knocked(struct loop_io *io, unsigned events)
{
    struct door *door = container_of(io, struct door, listener);
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    static const char busy[] = "failed another upgrade is under way\n";
    (void)events;

    if (fd < 0)
        return;
    if (door->fd >= 0)
        send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    else if (is_allowed(fd) && loop_io_add(door->loop, &door->io, fd, LOOP_READ, readable) == 0) {
        door->fd = fd;
        door->size = 0;
        return;
    }
    fd_close(fd);
}

int door_open(struct door *door, struct loop *loop, int fd,
              void (*asked)(struct door *door, const char *path))
{
    *door = (struct door){ .loop = loop, .fd = -1, .asked = asked };
    return fault(loop_io_add(loop, &door->listener, fd, LOOP_READ, knocked));
}

void door_deinit(struct door *door)
{
    door_close(door);
    loop_io_remove(&door->listener);
}
