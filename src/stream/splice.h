/* stream/splice.h: bytes that pass from one socket to another through a pipe in the kernel,
 * for stream.c. See stream_splice() in stream.h.
 */
#pragma once
#include "stream/stream.h"

/* The engine has those in use; closed pipes are cheaper to make anew than to keep many. */
struct stream_splice {
    struct list_link link; /* of the engine's active or spare ones */
    int pipe[2];
    size_t in_pipe;
    uint64_t left;       /* of @from's bytes, not in the pipe yet */
    struct stream *from; /* NULL: its last byte is in the pipe */
    struct stream *to;
};

/** stream_splice_end() - let go of both streams; what is in the pipe is lost */
void stream_splice_end(struct stream_splice *p);
/** stream_splice_from(), stream_splice_to() - the one that a stream gives to or takes from */
struct stream_splice *stream_splice_from(const struct stream *s);
struct stream_splice *stream_splice_to(const struct stream *s);
void stream_splice_free_spare(struct stream_engine *e);

/** stream_splice_push() - what is in the pipe leaves before everything else of @s, which takes.
 * Return: 0, also if the socket is full, or a negative errno. */
int stream_splice_push(struct stream *s, bool *ret_progress);
/** stream_splice_pull() - @s, which gives, can be read */
void stream_splice_pull(struct stream *s);
/** stream_splice_drop() - @s, which takes, sends nothing more: what has not left its source is received
 * there */
void stream_splice_drop(struct stream *s);
/** stream_splice_break() - @s, which gives, is closed: what is in the pipe has lost its meaning with
 * the rest of it */
void stream_splice_break(struct stream *s);
