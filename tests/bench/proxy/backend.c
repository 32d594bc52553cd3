/* What stands behind the proxies in the benchmarks: one thread that plays a fleet of model servers.
 *
 * usage: bench-backend [--unix FOLDER] [--slots N] [--service-us T,T...] COUNT
 *
 * Listens on COUNT free ports of 127.0.0.1, and prints them on one line; with --unix also at
 * FOLDER/0.sock and so on. It answers /BYTES with that many bytes, and /stream/COUNT/BYTES/US with
 * so many chunks of so many bytes, one every US microseconds. With --service-us the first target
 * takes the first T for a request to /BYTES, the second the second, the others the last one; --slots
 * is how many requests a target works on at a time (default: any number), others wait. /0 is never
 * kept waiting: it is what health checks ask for.
 *
 * It shall cost as little as possible, so that what is measured is the proxy before it. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agenda.h"
#include "base/buffer.h"
#include "http/parser.h"
#include "net/address.h"

enum {
    TARGETS_MAX = 16,
    ANSWER_MAX = 1 << 20,
    SCRATCH_BYTES = 256 << 10,
    IN_BYTES_MAX = 1 << 20,
    EVENTS = 256,
};

struct target {
    us_t service_us;
    unsigned slots, busy;
    struct list waiting; /* connections, in order */
};

struct connection {
    int fd;
    bool listens;
    bool in_body;
    bool served; /* in a slot of the target */
    bool full;   /* the socket is: see watch() */
    struct target *target;
    struct task task; /* the answer, or the next chunk of it */
    struct list_link link;
    unsigned long answer_bytes, chunks, period_us; /* of the request */
    struct http_body body;
    struct buffer in; /* of a head that is not complete */
    struct buffer out;
};

static char scratch[SCRATCH_BYTES], zeros[ANSWER_MAX];
static struct target targets[TARGETS_MAX];
static struct heap agenda;
static int epoll;

static void stop(const char *what)
{
    perror(what);
    exit(1);
}

static us_t clock_us(void)
{
    return clock_real()->mono_us(clock_real());
}

/* --- connections ------------------------------------------------------------------------------ */

static void answer_due(struct task *task, us_t now);

/* Whoever waits for room in a Unix socket is woken each time that its peer reads something, and the
 * peer, a proxy that is measured, pays for it: so only while there is none. */
static void watch(struct connection *c, bool full, int operation)
{
    struct epoll_event e = { .events = EPOLLIN | EPOLLET | EPOLLRDHUP | (full ? EPOLLOUT : 0u),
                             .data.ptr = c };

    if (epoll_ctl(epoll, operation, c->fd, &e))
        stop("epoll_ctl");
    c->full = full;
}

static void connection_new(int fd, struct target *target, bool listens)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (!c)
        stop("calloc");
    *c = (struct connection){ .fd = fd,
                              .listens = listens,
                              .target = target,
                              .task.due = answer_due,
                              .in = BUFFER_INIT(IN_BYTES_MAX),
                              .out = BUFFER_INIT(4 * ANSWER_MAX) };
    list_link_init(&c->link);
    watch(c, false, EPOLL_CTL_ADD);
}

static void leave_slot(struct connection *c, us_t now);

static void hang_up(struct connection *c)
{
    list_remove(&c->link);
    agenda_remove(&agenda, &c->task);
    leave_slot(c, clock_us());
    close(c->fd);
    buffer_deinit(&c->in);
    buffer_deinit(&c->out);
    free(c);
}

static void accept_all(const struct connection *listener)
{
    static const int on = 1;
    int fd;

    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* no such thing on Unix */
        connection_new(fd, listener->target, false);
    }
    if (errno != EAGAIN)
        stop("accept");
}

/* --- answers: false when the connection has ended --------------------------------------------- */

static bool flush(struct connection *c)
{
    ssize_t n;

    while (buffer_size(&c->out) > 0) {
        n = send(c->fd, buffer_data(&c->out), buffer_size(&c->out), MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN && !c->full)
            watch(c, true, EPOLL_CTL_MOD);
        if (n < 0)
            return errno == EAGAIN;
        buffer_consume(&c->out, (size_t)n);
    }
    if (c->full)
        watch(c, false, EPOLL_CTL_MOD);
    return true;
}

static bool answer_whole(struct connection *c)
{
    return !buffer_printf(&c->out, "HTTP/1.1 200 OK\r\nContent-Length: %lu\r\n\r\n",
                          c->answer_bytes) &&
           !buffer_append(&c->out, zeros, c->answer_bytes) && flush(c);
}

static bool answer_chunk(struct connection *c)
{
    int r = buffer_printf(&c->out, "%lx\r\n", c->answer_bytes);

    if (!r)
        r = buffer_append(&c->out, zeros, c->answer_bytes);
    if (!r)
        r = buffer_append(&c->out, "\r\n", 2);
    if (!r && --c->chunks == 0)
        r = buffer_append(&c->out, "0\r\n\r\n", 5);
    return !r && flush(c);
}

static bool begin_stream(struct connection *c)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    agenda_add(&agenda, &c->task, clock_us() + (us_t)c->period_us);
    return !buffer_append(&c->out, head, sizeof(head) - 1) && flush(c);
}

static void take_slot(struct connection *c, us_t now)
{
    c->served = true;
    c->target->busy++;
    agenda_add(&agenda, &c->task, now + c->target->service_us);
}

static void leave_slot(struct connection *c, us_t now)
{
    struct connection *next;

    if (!c->served)
        return;
    c->served = false;
    c->target->busy--;
    next = list_first_entry(&c->target->waiting, struct connection, link);
    if (next) {
        list_remove(&next->link);
        take_slot(next, now);
    }
}

static void answer_due(struct task *task, us_t now)
{
    struct connection *c = container_of(task, struct connection, task);
    bool goes_on = c->chunks ? answer_chunk(c) : answer_whole(c);

    leave_slot(c, now);
    if (!goes_on)
        hang_up(c);
    else if (c->chunks)
        agenda_add(&agenda, task, now + (us_t)c->period_us);
}

static bool answer(struct connection *c)
{
    struct target *t = c->target;

    if (c->chunks)
        return begin_stream(c);
    if (t->service_us == 0 || c->answer_bytes == 0)
        return answer_whole(c);
    if (t->busy < t->slots)
        take_slot(c, clock_us());
    else
        list_push_back(&t->waiting, &c->link);
    return true;
}

/* --- requests --------------------------------------------------------------------------------- */

static bool read_path(struct connection *c, struct slice path)
{
    char text[64];
    int end = 0;

    c->chunks = 0;
    if (path.size >= sizeof(text))
        return false;
    memcpy(text, path.data, path.size);
    text[path.size] = '\0';
    if (sscanf(text, "/stream/%5lu/%7lu/%7lu%n", &c->chunks, &c->answer_bytes, &c->period_us,
               &end) != 3 &&
        sscanf(text, "/%7lu%n", &c->answer_bytes, &end) != 1)
        return false;
    return (size_t)end == path.size && c->answer_bytes <= ANSWER_MAX;
}

static bool take_head(struct connection *c, const char *data, size_t size, size_t *ret_used)
{
    static const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    static struct http_head head;
    const char *why;
    size_t scanned = 0;
    int r = http_parse_request(data, size, &limits, &scanned, &head, ret_used, &why);

    if (r == HTTP_AGAIN) {
        *ret_used = 0;
        return true;
    }
    if (r || !read_path(c, head.target))
        return false;
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

static void serve(struct connection *c, uint32_t events)
{
    bool goes_on = true;

    if (c->listens) {
        accept_all(c);
        return;
    }
    if (events & EPOLLIN)
        goes_on = receive(c);
    if (goes_on && events & EPOLLOUT)
        goes_on = flush(c);
    if (!goes_on || events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
        hang_up(c);
}

/* --- the program ------------------------------------------------------------------------------ */

static int listen_on(const char *text, struct target *target)
{
    struct address address;
    int fd;

    if (address_parse(text, &address) || address_listen(&address, false, &fd))
        stop(text);
    connection_new(fd, target, true);
    return fd;
}

static void open_targets(int count, unsigned slots, const char *service_us, const char *folder)
{
    us_t us = 0;

    for (int i = 0; i < count; i++) {
        struct target *t = &targets[i];
        struct address address;
        char path[PATH_MAX];

        if (*service_us) {
            us = strtol(service_us, (char **)&service_us, 10);
            service_us += *service_us == ',';
        }
        *t = (struct target){ .service_us = us, .slots = slots };
        list_init(&t->waiting);
        if (address_of(listen_on("127.0.0.1:0", t), &address))
            stop("getsockname");
        printf("%s%u", i ? " " : "", ntohs(((struct sockaddr_in *)&address.storage)->sin_port));
        snprintf(path, sizeof(path), "unix:%s/%d.sock", folder ? folder : "", i);
        if (folder)
            listen_on(path, t);
    }
    printf("\n");
    fflush(stdout);
}

static void run(void)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        const struct task *next = agenda_first(&agenda);
        us_t left = next ? next->at - clock_us() : 0;
        const struct timespec wait = { left > 0 ? left / US_PER_S : 0,
                                       left > 0 ? left % US_PER_S * 1000 : 0 };
        int ready = epoll_pwait2(epoll, events, EVENTS, next ? &wait : NULL, NULL);

        if (ready < 0 && errno != EINTR)
            stop("epoll_pwait2");
        for (int i = 0; i < ready; i++)
            serve(events[i].data.ptr, events[i].events);
        if (next)
            agenda_run(&agenda, clock_us());
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "unix", required_argument, NULL, 'u' },
                                             { "slots", required_argument, NULL, 's' },
                                             { "service-us", required_argument, NULL, 't' },
                                             { 0 } };
    const char *folder = NULL, *service_us = "";
    unsigned slots = UINT_MAX;
    int count, option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) > 0) {
        if (option == 'u')
            folder = optarg;
        else if (option == 's')
            slots = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 't')
            service_us = optarg;
    }
    count = optind == argc - 1 ? atoi(argv[optind]) : 0;
    if (count < 1 || count > TARGETS_MAX || slots < 1) {
        fprintf(stderr, "usage: bench-backend [--unix FOLDER] [--slots N] [--service-us T,T...] "
                        "COUNT (1..16)\n");
        return 2;
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    heap_init(&agenda, agenda_before);
    open_targets(count, slots, service_us, folder);
    run();
}
