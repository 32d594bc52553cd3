/* What stands behind the proxies in the benchmark: one thread, answers every request with as many
 * bytes as its path says ("/128", "/1024").
 *
 * usage: bench-backend N     listens on N free ports of 127.0.0.1 and prints them on one line
 *
 * It shall cost as little as possible, so that what is measured is the proxy before it. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "http/parser.h"
#include "net/address.h"

enum {
    PORTS_MAX = 16,
    ANSWER_MAX = 1 << 20,
    SCRATCH_BYTES = 256 << 10,
    IN_BYTES_MAX = 1 << 20,
    EVENTS = 256,
};

struct connection {
    int fd;
    bool listens;
    bool in_body;
    size_t answer_bytes;
    struct http_body body;
    struct buffer in; /* of a head that is not complete */
    struct buffer out;
};

static char scratch[SCRATCH_BYTES], zeros[ANSWER_MAX];

static void stop(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int epoll, struct connection *c)
{
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, .data.ptr = c };

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e))
        stop("epoll_ctl");
}

static struct connection *connection_new(int epoll, int fd, bool listens)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (!c)
        stop("calloc");
    *c = (struct connection){ .fd = fd,
                              .listens = listens,
                              .in = BUFFER_INIT(IN_BYTES_MAX),
                              .out = BUFFER_INIT(4 * ANSWER_MAX) };
    watch(epoll, c);
    return c;
}

static void hang_up(struct connection *c)
{
    close(c->fd);
    buffer_deinit(&c->in);
    buffer_deinit(&c->out);
    free(c);
}

static void accept_all(int epoll, const struct connection *listener)
{
    static const int on = 1;
    int fd;

    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        connection_new(epoll, fd, false);
    }
    if (errno != EAGAIN)
        stop("accept");
}

/* --- one connection: false when it has ended --------------------------------------------------- */

static bool flush(struct connection *c)
{
    ssize_t n;

    while (buffer_size(&c->out) > 0) {
        n = send(c->fd, buffer_data(&c->out), buffer_size(&c->out), MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN;
        buffer_consume(&c->out, (size_t)n);
    }
    return true;
}

static bool answer(struct connection *c)
{
    if (buffer_printf(&c->out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", c->answer_bytes) ||
        buffer_append(&c->out, zeros, c->answer_bytes))
        return false;
    return flush(c);
}

static bool take_head(struct connection *c, const char *data, size_t size, size_t *ret_used)
{
    static const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    static struct http_head head;
    const char *why;
    size_t scanned = 0;
    uint64_t bytes;
    int r = http_parse_request(data, size, &limits, &scanned, &head, ret_used, &why);

    if (r == HTTP_AGAIN) {
        *ret_used = 0;
        return true;
    }
    if (r || text_to_u64((struct slice){ head.target.data + 1, head.target.size - 1 }, ANSWER_MAX,
                         &bytes))
        return false;
    c->answer_bytes = bytes;
    c->in_body = true;
    http_body_init(&c->body, &head);
    return true;
}

static bool take_body(struct connection *c, const char *data, size_t size, size_t *ret_used)
{
    struct slice content;
    const char *why;
    int r = http_body_next(&c->body, data, size, ret_used, &content, &why);

    if (r == HTTP_AGAIN)
        return true;
    c->in_body = false;
    return r == 0 && answer(c);
}

static bool take(struct connection *c, const char *data, size_t size, size_t *ret_used)
{
    bool begun;
    size_t used;

    *ret_used = 0;
    do {
        used = 0;
        begun = c->in_body;
        if (!(c->in_body ? take_body(c, data + *ret_used, size - *ret_used, &used)
                         : take_head(c, data + *ret_used, size - *ret_used, &used)))
            return false;
        *ret_used += used;
    } while (used > 0 || begun != c->in_body);
    return true;
}

static bool receive(struct connection *c)
{
    ssize_t n;
    size_t used;

    while ((n = recv(c->fd, scratch, sizeof(scratch), 0)) > 0) {
        if (buffer_size(&c->in) == 0) {
            if (!take(c, scratch, (size_t)n, &used) ||
                buffer_append(&c->in, scratch + used, (size_t)n - used))
                return false;
        } else {
            if (buffer_append(&c->in, scratch, (size_t)n) ||
                !take(c, buffer_data(&c->in), buffer_size(&c->in), &used))
                return false;
            buffer_consume(&c->in, used);
        }
        if ((size_t)n < sizeof(scratch))
            return true; /* drained; what comes later makes an event */
    }
    return n < 0 && errno == EAGAIN;
}

static void serve(int epoll, struct connection *c, uint32_t events)
{
    bool goes_on = true;

    if (c->listens) {
        accept_all(epoll, c);
        return;
    }
    if (events & EPOLLIN)
        goes_on = receive(c);
    if (goes_on && events & EPOLLOUT)
        goes_on = flush(c);
    if (!goes_on || events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
        hang_up(c);
}

static void listen_on(int epoll, const char *separator)
{
    struct address address;
    int fd;

    if (address_parse("127.0.0.1:0", &address) || address_listen(&address, false, &fd) ||
        address_of(fd, &address))
        stop("listen");
    connection_new(epoll, fd, true);
    printf("%s%u", separator, ntohs(((struct sockaddr_in *)&address.storage)->sin_port));
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC), n = argc == 2 ? atoi(argv[1]) : 0;

    if (n < 1 || n > PORTS_MAX) {
        fprintf(stderr, "usage: bench-backend N (1..%d)\n", PORTS_MAX);
        return 2;
    }
    for (int i = 0; i < n; i++)
        listen_on(epoll, i ? " " : "");
    printf("\n");
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);

        if (ready < 0 && errno != EINTR)
            stop("epoll_wait");
        for (int i = 0; i < ready; i++)
            serve(epoll, events[i].data.ptr, events[i].events);
    }
}
