/* base/socket_batch.h: many receives and sends in one system call, by io_uring.
 *
 * A batch is filled, run, and filled again. Nothing in it waits: what a socket cannot do at once
 * gives -EAGAIN, as a call on a non-blocking socket does, so that when socket_batch_run() returns
 * every result is there and the kernel has let go of all memory. io_uring is used for what it saves
 * in entering the kernel, and for nothing else: no call outlives its batch, nothing has to be
 * cancelled, and closing a descriptor means what it always did.
 *
 * Should the kernel refuse a batch, its calls are made one by one, and so are all later ones.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/cleanup.h"

enum { SOCKET_BATCH_MAX = 64 };

struct socket_batch;

/**
 * socket_batch_new() - one for the calling thread, which alone may run it; and try it out
 * Once it is freed the kernel may interrupt that thread in a call that waits (EINTR) to clean up.
 * Return: 0; -ENOTSUP (weir was built without it, or the kernel is too old); another negative errno
 * that tells why the kernel does not let us.
 */
int socket_batch_new(struct socket_batch **ret_batch);
struct socket_batch *socket_batch_free(struct socket_batch *b); /* NULL is fine; returns NULL */
DEFINE_AUTOFREE(struct socket_batch *, socket_batch_free)

/** socket_batch_is_there() - whether socket_batch_new() works. Return: as that; the calling thread
 * hears nothing of it later. */
int socket_batch_is_there(void);

/* Add a call, of SOCKET_BATCH_MAX at most. *@result, bytes or a negative errno, is written by
 * socket_batch_run(); until then it, @data, @parts and what they point to stay. */
void socket_batch_receive(struct socket_batch *b, int fd, char *data, size_t size, ssize_t *result);
void socket_batch_send(struct socket_batch *b, int fd, const struct iovec *parts, size_t n,
                       ssize_t *result);
/** socket_batch_run() - make all calls, in their order; the batch is empty then */
void socket_batch_run(struct socket_batch *b);
