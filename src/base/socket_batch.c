#include "base/socket_batch.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WEIR_IO_URING
#include <liburing.h>
#endif

struct call {
    int fd;
    bool sends, done;
    struct iovec piece; /* what is received, or all that is sent if it is in one piece */
    struct msghdr message;
    ssize_t *result;
};

struct socket_batch {
#ifdef WEIR_IO_URING
    struct io_uring ring;
    bool opened; /* the ring is there */
#endif
    bool refused; /* call by call, from now on */
    unsigned n_calls;
    struct call calls[SOCKET_BATCH_MAX];
};

/* --- filling ---------------------------------------------------------------------------------- */

static struct call *add(struct socket_batch *b, int fd, bool sends, ssize_t *result)
{
    struct call *c = &b->calls[b->n_calls++];

    assert(b->n_calls <= SOCKET_BATCH_MAX);
    c->fd = fd;
    c->sends = sends;
    c->done = false;
    c->message = (struct msghdr){ .msg_iov = &c->piece, .msg_iovlen = 1 };
    c->result = result;
    return c;
}

void socket_batch_receive(struct socket_batch *b, int fd, char *data, size_t size, ssize_t *result)
{
    add(b, fd, false, result)->piece = (struct iovec){ data, size };
}

void socket_batch_send(struct socket_batch *b, int fd, const struct iovec *parts, size_t n,
                       ssize_t *result)
{
    struct call *c = add(b, fd, true, result);

    if (n == 1) {
        c->piece = *parts;
        return;
    }
    c->message.msg_iov = (struct iovec *)parts;
    c->message.msg_iovlen = n;
}

/* --- running ---------------------------------------------------------------------------------- */

enum { SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL, RECEIVE_FLAGS = MSG_DONTWAIT };

static ssize_t call_now(const struct call *c)
{
    ssize_t n = c->sends ? sendmsg(c->fd, &c->message, SEND_FLAGS)
                         : recv(c->fd, c->piece.iov_base, c->piece.iov_len, RECEIVE_FLAGS);

    return n < 0 ? -errno : n;
}

static void run_one_by_one(struct socket_batch *b)
{
    for (unsigned i = 0; i < b->n_calls; i++)
        if (!b->calls[i].done)
            *b->calls[i].result = call_now(&b->calls[i]);
}

#ifdef WEIR_IO_URING
static void submit(struct socket_batch *b, unsigned i)
{
    struct call *c = &b->calls[i];
    struct io_uring_sqe *e = io_uring_get_sqe(&b->ring);

    assert(e); /* the ring is as long as a batch, and empty between two */
    if (!c->sends)
        io_uring_prep_recv(e, c->fd, c->piece.iov_base, c->piece.iov_len, RECEIVE_FLAGS);
    else if (c->message.msg_iov == &c->piece)
        io_uring_prep_send(e, c->fd, c->piece.iov_base, c->piece.iov_len, SEND_FLAGS);
    else
        io_uring_prep_sendmsg(e, c->fd, &c->message, SEND_FLAGS);
    io_uring_sqe_set_data64(e, i);
}

/* Return: how many calls have come back. */
static unsigned take_results(struct socket_batch *b)
{
    struct io_uring_cqe *e;
    unsigned head, n = 0;

    io_uring_for_each_cqe(&b->ring, head, e)
    {
        struct call *c = &b->calls[e->user_data];

        *c->result = e->res;
        c->done = true;
        n++;
    }
    io_uring_cq_advance(&b->ring, n);
    return n;
}

/* As no call waits, all have come back when io_uring_enter() does, unless a signal came between. */
static int run_ring(struct socket_batch *b)
{
    unsigned left = b->n_calls;
    int r = 0;

    for (unsigned i = 0; i < b->n_calls; i++)
        submit(b, i);
    while (left > 0 && (r >= 0 || r == -EINTR)) {
        r = io_uring_submit_and_wait(&b->ring, left);
        left -= take_results(b);
    }
    return left > 0 ? r : 0;
}

static int open_ring(struct socket_batch *b)
{
    struct io_uring_params p = { .flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                                          IORING_SETUP_DEFER_TASKRUN };
    int r = io_uring_queue_init_params(SOCKET_BATCH_MAX, &b->ring, &p);

    b->opened = r == 0;
    return r == -ENOSYS || r == -EINVAL ? -ENOTSUP : r;
}

static void close_ring(struct socket_batch *b)
{
    if (b->opened)
        io_uring_queue_exit(&b->ring);
}
#else
static int run_ring(struct socket_batch *b)
{
    (void)b;
    return -ENOTSUP;
}

static int open_ring(struct socket_batch *b)
{
    (void)b;
    return -ENOTSUP;
}

static void close_ring(struct socket_batch *b)
{
    (void)b;
}
#endif

void socket_batch_run(struct socket_batch *b)
{
    if (!b->refused && run_ring(b))
        b->refused = true; /* what is left in the ring stays there for ever */
    if (b->refused)
        run_one_by_one(b);
    b->n_calls = 0;
}

/* --- life ------------------------------------------------------------------------------------- */

/* A ring that can be made need not be one that may be used: a filter of system calls may allow the
 * one and not the other. */
static int try_out(struct socket_batch *b)
{
    char text[2] = "ab", data[4];
    const struct iovec word = { text, sizeof(text) };
    ssize_t sent = -1, got = -1, none = -1;
    int fds[2], r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        return -errno;
    socket_batch_send(b, fds[0], &word, 1, &sent);
    socket_batch_receive(b, fds[1], data, sizeof(data), &got);
    socket_batch_receive(b, fds[1], data, sizeof(data), &none);
    r = run_ring(b);
    b->n_calls = 0;
    close(fds[0]);
    close(fds[1]);
    if (r)
        return r;
    return sent == 2 && got == 2 && none == -EAGAIN ? 0 : -ENOTSUP;
}

int socket_batch_new(struct socket_batch **ret_batch)
{
    autofree(socket_batch_free) struct socket_batch *b = calloc(1, sizeof(*b));
    int r;

    if (!b)
        return -ENOMEM;
    r = open_ring(b);
    if (!r)
        r = try_out(b);
    if (r)
        return r;
    *ret_batch = steal(b);
    return 0;
}

struct socket_batch *socket_batch_free(struct socket_batch *b)
{
    if (!b)
        return NULL;
    close_ring(b);
    free(b);
    return NULL;
}

static void *make_one(void *context)
{
    struct socket_batch *b = NULL;
    int r = socket_batch_new(&b);

    (void)context;
    socket_batch_free(b);
    return (void *)(intptr_t)r;
}

int socket_batch_is_there(void)
{
    pthread_t thread;
    void *result;
    int r = pthread_create(&thread, NULL, make_one, NULL);

    if (r)
        return -r;
    pthread_join(thread, &result);
    return (int)(intptr_t)result;
}
