/* stream/stream.h: bytes to and from one peer, a client's or a target's.
 *
 * A stream owns its socket, knows whether it can be read, and holds what has not left yet. What
 * comes in is read into one big buffer that the whole worker shares and is lent to the stream's
 * owner for the callback; what the owner does not use is kept and shown again with what comes next.
 * What the owner sends is collected and leaves at the end of the loop's turn, in one system call
 * for all of it, after everybody who had input was heard; until then it may lie in the lent buffer.
 * So nothing is copied that can be sent, and an idle stream has no memory but its struct.
 *
 * Descriptors are watched edge triggered, from the first to the last moment: in steady state there
 * is no system call but the receives and the sends, and where there is io_uring those of a turn go
 * together (batch.h). What turns bytes into a socket's and back is a
 * struct stream_ops: plain sockets here, TLS elsewhere.
 *
 * Callbacks may close any stream. The memory of a closed one must stay until the turn is over
 * (morgue.h).
 */
#pragma once
#include <sys/uio.h>

#include "base/buffer.h"
#include "base/loop.h"

struct stream;

enum {
    STREAM_LENT_BYTES = 256 << 10, /* the buffer that a worker lends */
    STREAM_OUT_HIGH = 512 << 10,   /* more unsent than this is congestion */
    STREAM_OUT_MAX = 2 << 20,      /* more is refused: owners heed stream_congested() */
};

/* What a worker's streams share. */
struct stream_engine {
    struct loop *loop;
    struct stream_batch *batch; /* receives and sends go together; NULL: one by one */
    struct loop_task hear;      /* with a batch: read */
    struct loop_task turn;      /* without one: read on; then send */
    struct list reads, sends;   /* of streams */
    struct list spare;          /* of struct stream_out */
    unsigned n_spare;
    struct list splices, spare_splices; /* of struct stream_splice */
    unsigned n_splices, n_spare_splices;
    char *lent;       /* STREAM_LENT_BYTES */
    size_t lent_used; /* the beginning of it may still be sent from */
    bool lending;     /* something unsent lies in it */
};

int stream_engine_init(struct stream_engine *e, struct loop *loop);
/** stream_engine_use_batches() - let io_uring make many receives and sends in one system call; before
 * there is a stream, and on the thread that turns the loop. Return: 0 or a negative errno, see
 * socket_batch_new(). */
int stream_engine_use_batches(struct stream_engine *e);
void stream_engine_deinit(struct stream_engine *e); /* every stream is closed */

/* How bytes reach the socket. */
struct stream_ops {
    /* Like recv(). Return: bytes; 0 the peer has properly said its last; -EAGAIN nothing for now;
     * another negative errno. Clears s->readable when there is nothing more until the next event. */
    ssize_t (*receive)(struct stream *s, char *data, size_t size);
    /* Like sendmsg(): take some of it. Return: bytes taken; -EAGAIN; another negative errno. Sets
     * s->held if it holds back output of its own, and is called again, perhaps without parts, when
     * the socket takes more. */
    ssize_t (*send)(struct stream *s, const struct iovec *parts, size_t n);
    /* Tell the peer that no more comes. Return: 0 or a negative errno. */
    int (*shut)(struct stream *s);
    /* Let go of s->transport, before the socket is closed. */
    void (*deinit)(struct stream *s);
};

extern const struct stream_ops stream_plain;

/* Who uses the bytes. */
struct stream_owner {
    /* All that has come and was not used yet, in the lent buffer. Return: how many bytes were used;
     * 0 is fine, so is closing the stream. */
    size_t (*received)(struct stream *s, const char *data, size_t size);
    /* Some output has left; all of it if not stream_unsent(). */
    void (*sent)(struct stream *s);
    /* Output cannot leave: the connect came to nothing (not s->connected), or the peer has gone, and
     * then there may be input nevertheless. Unsent output has been dropped. */
    void (*failed)(struct stream *s, int error);
    /* There will be no more input. @error: 0 the peer has properly said its last, or a negative
     * errno. */
    void (*ended)(struct stream *s, int error);
    /* The same, found out while no input is wanted, of which there may be some left. @reset: the
     * connection is broken both ways. May be NULL. */
    void (*hung_up)(struct stream *s, bool reset);
    /* @n bytes of the input have gone the way that stream_splice() has made; after the last of them
     * input is received() again. NULL: there is never such a way. */
    void (*spliced)(struct stream *s, size_t n);
};

struct stream {
    struct loop_io io; /* io.fd is ours; -1: closed */
    struct stream_engine *engine;
    const struct stream_ops *ops;
    const struct stream_owner *owner;
    void *transport;             /* of ops; NULL for plain sockets */
    struct stream_out *out;      /* not sent yet; NULL: nothing */
    struct stream_rest *rest;    /* received, not used yet; NULL: nothing */
    struct list_link read, send; /* of the engine's lists */
    int16_t error;               /* of a receive, not told yet; a negative errno or 0 */
    bool wants : 1;              /* input */
    bool readable : 1;           /* there may be input */
    bool ending : 1;             /* and after it the end */
    bool retake : 1;             /* show `rest` again, even without more */
    bool connected : 1;          /* bytes have left: the connect has succeeded */
    bool blocked : 1;            /* the socket was full */
    bool held : 1;               /* see stream_ops.send */
    bool failed : 1;             /* output is dropped */
    bool local : 1;              /* a Unix socket */
    bool gives : 1, takes : 1;   /* see stream_splice() */
    bool taken : 1;              /* what a batch has received is not shown yet */
};

/**
 * stream_open() - take over a connected or connecting socket
 * @local:       it is a Unix socket
 * @ops, @owner: constant
 * @transport:   for @ops, freed by its deinit()
 * Input is wanted at first. Return: 0, or a negative errno; then @fd and @transport are still the
 * caller's.
 */
int stream_open(struct stream *s, struct stream_engine *e, int fd, bool local,
                const struct stream_ops *ops, void *transport, const struct stream_owner *owner);
/** stream_close() - at once, with what is unsent. Twice is harmless. */
void stream_close(struct stream *s);
static inline bool stream_is_open(const struct stream *s)
{
    return s->io.fd >= 0;
}

/** stream_want() - whether received() is to be called. What has come already is shown in this turn
 * or the next, never from inside this call. */
void stream_want(struct stream *s, bool input);

/* --- output: nobody is called back from in here. 0, -ENOBUFS or -ENOMEM; a stream that cannot send
 * any more takes everything and drops it. --------------------------------------------------------- */

/** stream_send() - @data is copied, unless it lies in the lent buffer */
int stream_send(struct stream *s, const char *data, size_t size);
/** stream_send_kept() - @data stays as it is until it was sent or the stream is closed */
int stream_send_kept(struct stream *s, const char *data, size_t size);

/**
 * stream_splice() - let the next bytes of @from's input go to @to without looking at them
 * @bytes: to be worth it, some tens of thousands
 * They pass through a pipe in the kernel, uncopied, as fast as @to takes them. Until the last one has
 * come nothing else may be sent to @to. Closing either stream, or dropping @to's output, ends it.
 * Return: 0; -EBUSY (there is other input or output before them), -ENOTSUP (not two plain sockets)
 * or another negative errno: then input is received() as before.
 */
int stream_splice(struct stream *from, struct stream *to, uint64_t bytes);

/** stream_flush() - try to send now, for once: the stream is about to be closed */
void stream_flush(struct stream *s);
/** stream_drop_output() - send nothing more */
void stream_drop_output(struct stream *s);
/** stream_shut() - tell the peer that no more comes. Return: 0 or a negative errno. */
int stream_shut(struct stream *s);

/**
 * stream_fate() - after ended() without an error: whether the peer can have heard our last words
 * @bytes: of these; they were sent, and nothing since
 * Return: -ECONNRESET if it cannot have, or another error of the socket, or 0: who knows.
 */
int stream_fate(const struct stream *s, size_t bytes);

/** stream_unsent() - whether some output is still here */
static inline bool stream_unsent(const struct stream *s)
{
    return s->out || s->held;
}
/** stream_congested() - the peer reads slower than we write; sent() will be called */
bool stream_congested(const struct stream *s);
