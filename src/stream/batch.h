/* stream/batch.h: the receives of many streams in one system call, and their sends.
 *
 * Who can be read waits until the turn's events are all heard, and then those are read together,
 * each into a slice of the lent buffer; only then owners are called, one after the other. So an
 * owner's callback may concern a stream whose bytes have been received and not been shown: if it
 * was closed they are dropped, if it wants none for now they are kept, and a way for a splice is not
 * made before they were shown. TLS streams, and those that splice, are read and sent by themselves.
 */
#pragma once
#include "stream/stream.h"

struct stream_batch;

int stream_batch_new(struct stream_batch **ret_batch); /* as socket_batch_new() */
struct stream_batch *stream_batch_free(struct stream_batch *b);

/** stream_batch_read() - read streams from the front of @reads, and call their owners
 * Return: false if fewer than two of them can be read together; then nothing has happened but that
 * everything may have been sent to make room. */
bool stream_batch_read(struct stream_engine *e, struct list *reads);
/** stream_batch_send() - the same for the front of e->sends */
bool stream_batch_send(struct stream_engine *e);
