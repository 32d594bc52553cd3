/* proxy/stream_splice.h: bytes that pass from one socket to another through a pipe in the kernel,
 * for stream.c. See stream_splice() in stream.h.
 */
#pragma once
#include "proxy/stream.h"

/* The engine has those in use; closed pipes are cheaper to make anew than to keep many. */
struct stream_splice {
    struct list_link link; /* of the engine's active or spare ones */
    int pipe[2];
    size_t in_pipe;
    uint64_t left;       /* of @from's bytes, not in the pipe yet */
    struct stream *from; /* NULL: its last byte is in the pipe */
    struct stream *to;
};

/** stream_splice_begin() - Return: 0, -EMFILE (enough are under way) or another negative errno */
int stream_splice_begin(struct stream *from, struct stream *to, uint64_t bytes);
/** stream_splice_end() - let go of both streams; what is in the pipe is lost */
void stream_splice_end(struct stream_splice *p);
/** stream_splice_from(), stream_splice_to() - the one that a stream gives to or takes from */
struct stream_splice *stream_splice_from(const struct stream *s);
struct stream_splice *stream_splice_to(const struct stream *s);
void stream_splice_free_spare(struct stream_engine *e);

/**
 * stream_splice_fill() - from the socket into the pipe, if that is empty
 * Return: bytes; 0 the peer has said its last; -EAGAIN nothing for now; another negative errno.
 * After the last byte @p lets go of its source.
 */
ssize_t stream_splice_fill(struct stream_splice *p);
/** stream_splice_drain() - from the pipe into the socket, until it is empty. Return: 0; -EAGAIN the
 * socket takes no more; another negative errno. */
int stream_splice_drain(struct stream_splice *p);
