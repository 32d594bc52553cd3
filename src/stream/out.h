/* stream/out.h: what a stream sends and has not sent yet, for stream.c.
 *
 * As long as the turn lasts, pieces are collected where they lie. What a full socket leaves over is
 * copied to memory of its own, unless it was promised to stay. One exists while a stream has output;
 * a few unused ones are kept by the engine.
 */
#pragma once
#include "stream/stream.h"

struct stream_out;

struct stream_out *stream_out_new(struct stream_engine *e); /* NULL if no memory */
struct stream_out *stream_out_free(struct stream_engine *e, struct stream_out *o);
void stream_out_free_spare(struct stream_engine *e);

/* Add to the end. Return: 0, -ENOBUFS (more than STREAM_OUT_MAX is not ours to hold) or -ENOMEM. */
int stream_out_lend(struct stream_out *o, const char *data, size_t size);  /* for this turn */
int stream_out_refer(struct stream_out *o, const char *data, size_t size); /* as long as it takes */
int stream_out_copy(struct stream_out *o, const char *data, size_t size);

size_t stream_out_size(const struct stream_out *o);
/** stream_out_parts() - what to send; @room: for a single part */
const struct iovec *stream_out_parts(const struct stream_out *o, struct iovec *room, size_t *ret_n);
/** stream_out_consume() - @n bytes have left. Return: whether nothing is left. */
bool stream_out_consume(struct stream_out *o, size_t n);
/** stream_out_settle() - the turn is over: let go of what was lent. Return: 0 or -ENOMEM. */
int stream_out_settle(struct stream_out *o);
