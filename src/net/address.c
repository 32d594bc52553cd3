#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

static const char unix_prefix[] = "unix:";

static int parse_unix(const char *path, struct address *ret)
{
    size_t n = strlen(path);

    if (path[0] != '/' || n >= sizeof(ret->local.sun_path))
        return -EINVAL;
    *ret = (struct address){ .size = (socklen_t)sizeof(ret->local) };
    ret->local.sun_family = AF_UNIX;
    memcpy(ret->local.sun_path, path, n + 1);
    return 0;
}

static int parse_v6(const char *host, uint16_t port, struct address *ret)
{
    struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

    if (inet_pton(AF_INET6, host, &a.sin6_addr) != 1)
        return -EINVAL;
    *ret = (struct address){ .size = sizeof(a) };
    memcpy(&ret->storage, &a, sizeof(a));
    return 0;
}

static int parse_v4(const char *host, uint16_t port, struct address *ret)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

    if (host[0] == '\0')
        host = "0.0.0.0";
    else if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
        return -EINVAL;
    *ret = (struct address){ .size = sizeof(a) };
    memcpy(&ret->storage, &a, sizeof(a));
    return 0;
}

int address_parse(const char *text, struct address *ret)
{
    char host[INET6_ADDRSTRLEN];
    const char *colon;
    uint64_t port;
    size_t n;

    if (strncmp(text, unix_prefix, strlen(unix_prefix)) == 0)
        return parse_unix(text + strlen(unix_prefix), ret);

    colon = strrchr(text, ':');
    if (!colon || text_to_u64(slice_from(colon + 1), UINT16_MAX, &port))
        return -EINVAL;
    n = (size_t)(colon - text);
    if (n >= 2 && text[0] == '[' && colon[-1] == ']') {
        if (n - 2 >= sizeof(host))
            return -EINVAL;
        memcpy(host, text + 1, n - 2);
        host[n - 2] = '\0';
        return parse_v6(host, (uint16_t)port, ret);
    }
    if (n >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, n);
    host[n] = '\0';
    return parse_v4(host, (uint16_t)port, ret);
}

void address_text(const struct address *a, char ret_text[ADDRESS_TEXT_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (a->any.sa_family == AF_UNIX) {
        snprintf(ret_text, ADDRESS_TEXT_BYTES, "%s%.*s", unix_prefix,
                 (int)sizeof(a->local.sun_path), a->local.sun_path);
    } else if (a->any.sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->storage;

        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(ret_text, ADDRESS_TEXT_BYTES, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->storage;

        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(ret_text, ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(v4->sin_port));
    }
}

unsigned address_port(const struct address *a)
{
    if (a->any.sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&a->storage)->sin6_port);
    return a->any.sa_family == AF_INET ? ntohs(((const struct sockaddr_in *)&a->storage)->sin_port)
                                       : 0;
}

bool address_is_loopback(const struct address *a)
{
    if (a->any.sa_family == AF_UNIX)
        return true;
    if (a->any.sa_family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)&a->storage)->sin6_addr;

        return IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
    }
    return ntohl(((const struct sockaddr_in *)&a->storage)->sin_addr.s_addr) >> 24 == 127;
}

/* Answers go out whole, so nothing is gained by holding back small segments. Accepted sockets
 * inherit the option from the listening one. */
static void set_no_delay(const struct address *a, int fd)
{
    const int on = 1;

    if (a->any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int open_socket(const struct address *a, int *ret_fd)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    set_no_delay(a, fd);
    *ret_fd = fd;
    return 0;
}

static int set_sharing(const struct address *a, int fd, bool reuse_port)
{
    const int on = 1, off = 0;

    if (a->any.sa_family == AF_UNIX)
        return 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    if (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return -errno;
    if (a->any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
        return -errno;
    return 0;
}

/* A socket file that nobody answers on is left over from a process that died. */
static bool is_left_over(const struct address *a)
{
    autofree(fd_close) int fd = -1;
    struct stat st;

    if (a->any.sa_family != AF_UNIX)
        return false;
    if (lstat(a->local.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    if (open_socket(a, &fd))
        return false;
    return connect(fd, &a->any, a->size) < 0 && errno == ECONNREFUSED;
}

int address_listen(const struct address *a, bool reuse_port, int *ret_fd)
{
    autofree(fd_close) int fd = -1;
    int r;

    r = open_socket(a, &fd);
    if (r)
        return r;
    r = set_sharing(a, fd, reuse_port);
    if (r)
        return r;
    if (bind(fd, &a->any, a->size) < 0) {
        if (errno != EADDRINUSE || !is_left_over(a))
            return -errno;
        if (unlink(a->local.sun_path) < 0 || bind(fd, &a->any, a->size) < 0)
            return -errno;
    }
    /* before anybody can connect */
    if (a->any.sa_family == AF_UNIX && chmod(a->local.sun_path, 0600) < 0)
        return -errno;
    if (listen(fd, SOMAXCONN) < 0)
        return -errno;
    *ret_fd = fd_steal(&fd);
    return 0;
}

int address_of(int fd, struct address *ret)
{
    struct address a = { .size = sizeof(a.storage) };

    if (getsockname(fd, &a.any, &a.size) < 0)
        return fault(-errno);
    *ret = a;
    return 0;
}

int address_connect(const struct address *a, int *ret_fd)
{
    autofree(fd_close) int fd = -1;
    int r;

    r = open_socket(a, &fd);
    if (r)
        return r;
    if (connect(fd, &a->any, a->size) < 0 && errno != EINPROGRESS)
        return -errno;
    *ret_fd = fd_steal(&fd);
    return 0;
}
