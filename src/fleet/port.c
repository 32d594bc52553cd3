#include "fleet/port.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

enum {
    PORT_LOWEST = 10240, /* well-known services live below */
    EPHEMERAL_LOWEST_DEFAULT = 32768,
    TRIES = 64,
};

/* The first port that the kernel may give to an outgoing connection. */
static unsigned ephemeral_lowest(void)
{
    autofree(fd_close) int fd =
        open("/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC);
    char text[32] = "";
    unsigned lowest;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (n <= 0 || sscanf(text, "%u", &lowest) != 1)
        return EPHEMERAL_LOWEST_DEFAULT;
    return lowest;
}

/* Binds without SO_REUSEADDR, so that a port with old connections in TIME_WAIT counts as used: the
 * server may bind without it too. @port 0 lets the kernel choose. */
static int try_port(uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons(port),
    };
    autofree(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(a);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &size) < 0)
        return -errno;
    *ret_port = ntohs(a.sin_port);
    return 0;
}

int port_choose(struct random *random, bool (*taken)(uint16_t port, void *context), void *context,
                uint16_t *ret_port)
{
    unsigned end = ephemeral_lowest();
    uint16_t port = 0;
    int r;

    for (unsigned i = 0; i < TRIES && end > PORT_LOWEST; i++) {
        port = (uint16_t)(PORT_LOWEST + random_below(random, end - PORT_LOWEST));
        if (!taken(port, context) && try_port(port, ret_port) == 0)
            return 0;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        r = try_port(0, &port);
        if (r)
            return fault(r);
        if (!taken(port, context)) {
            *ret_port = port;
            return 0;
        }
    }
    return fault(-EADDRINUSE);
}
