#include "supervisor/front.h"

#include <errno.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "base/error.h"

/* A socket that does not share its port can only be bound where nobody listens. For port 0 it also
 * finds the port. */
static int probe(const struct address *address, struct address *ret_bound)
{
    autofree(fd_close) int fd = -1;
    int r;

    r = address_listen(address, false, &fd);
    if (r == 0)
        r = address_of(fd, ret_bound);
    return r;
}

int front_open(const struct address *address, size_t n, int *ret_fds, struct address *ret_bound)
{
    struct address bound;
    int r;

    r = probe(address, &bound);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = address_listen(&bound, true, &ret_fds[i]);
        while (r && i > 0)
            fd_close(ret_fds[--i]);
    }
    if (r)
        return r;
    *ret_bound = bound;
    return 0;
}

struct address front_reachable(const struct address *bound)
{
    struct address a = *bound;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a.storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.storage;

    if (a.any.sa_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY))
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (a.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
        v6->sin6_addr = in6addr_loopback;
    return a;
}
