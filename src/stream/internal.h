/* stream/internal.h: what stream.c, batch.c and splice.c know of each other. */
#pragma once
#include "stream/stream.h"

enum { STREAM_READ_MIN = 64 << 10 /* room for a read; with less, everything is sent first */ };

/* What was received and not used, while nobody can use it. */
struct stream_rest {
    size_t size;
    char data[];
};

/* Edge triggered, a short read says as much as one that finds nothing: what comes later is a new
 * event. Only the end of the stream may have been told already. @n: as recv() returned it. */
static inline bool stream_may_have_more(const struct stream *s, ssize_t n, size_t size)
{
    return n > 0 && ((size_t)n == size || s->ending);
}

/** stream_take() - show the owner what has come
 * @data:   in the lent buffer: room for the @kept bytes of s->rest, and behind them
 * @n:      bytes, or 0 or a negative errno, as received
 * @retake: s->rest is to be shown even without more */
void stream_take(struct stream *s, char *data, size_t kept, ssize_t n, bool retake);
/** stream_read_now() - never from inside a callback: it may send everything to make room */
void stream_read_now(struct stream *s);
/** stream_read_on() - in this turn or the next, never from inside this call */
void stream_read_on(struct stream *s);
/** stream_keep_rest() - in place of what was kept before. Return: 0 or -ENOMEM. */
int stream_keep_rest(struct stream *s, const char *data, size_t size);
/** stream_end() - no more input. @error: 0 or a negative errno. */
void stream_end(struct stream *s, int error);

/** stream_account() - @sent bytes of the output have left, or a negative errno says why not; nobody is
 * called back. Return: 0, also if the socket is full, or a negative errno. */
int stream_account(struct stream *s, ssize_t sent, bool *ret_progress);
/** stream_note_blocked() - after an attempt to send: whether there is to be another one when the socket
 * takes more */
void stream_note_blocked(struct stream *s);
/** stream_send_all() - of the whole worker; the lent buffer is empty then */
void stream_send_all(struct stream_engine *e);
