/* store/segments.h: records in files that only grow: a stream cut into segments, oldest first.
 *
 * For what is too much and too little worth for the store: it is written by a thread of its own, so
 * that a slow disk never holds up who appends, and what was appended in the last moments before a
 * power cut may be missing. A process that is killed loses only what it had not appended. Each
 * frame carries its length and a checksum; reading a segment ends where they do not fit, which is
 * where a crash tore it, and goes on with the next. What was read is never appended to: every run
 * starts a segment of its own.
 */
#pragma once
#include <stdint.h>

#include "base/buffer.h"
#include "base/log.h"

struct segments;

enum {
    SEGMENTS_FRAME_BYTES_MAX = 64 << 20,
    SEGMENTS_BACKLOG_BYTES_MAX = 128 << 20, /* appended and not written yet */
};

enum { SEGMENTS_E_BEHIND = 1 /* the disk does not keep up, the frame was not taken */ };

/** segments_open() - what is in @directory, made if it is not there; a new segment is begun
 * @log: of the owner's thread; borrowed */
int segments_open(const char *directory, struct log *log, struct segments **ret);
/** segments_free() - when all that was appended is written */
struct segments *segments_free(struct segments *s);
DEFINE_AUTOFREE(struct segments *, segments_free)

/**
 * segments_read() - each whole frame that earlier runs left, in order
 * @each:        may stop a segment with a positive result, and the walk with a negative one, which
 *               is returned
 * Return: 0 or a negative errno. What cannot be read is logged and left out.
 */
int segments_read(struct segments *s,
                  int (*each)(uint64_t segment, const void *frame, size_t n, void *context),
                  void *context);

/** segments_append() - take @frame over, which is not empty; it is then
 * Return: 0, SEGMENTS_E_BEHIND or -ENOMEM: then @frame is as it was. */
int segments_append(struct segments *s, struct buffer *frame);
/** segments_rotate() - begin another segment. Return: 0 or -ENOMEM. */
int segments_rotate(struct segments *s);
uint64_t segments_current(const struct segments *s); /* the number of the one begun last */
/** segments_drop_before() - delete older segments than @number as soon as all that was appended is
 * on disk; they stay if anything from @number on could not be written. Return: 0 or -ENOMEM. */
int segments_drop_before(struct segments *s, uint64_t number);

uint64_t segments_bytes(const struct segments *s); /* on disk */
/** segments_error() - why nothing can be written to the current segment, as a negative errno; 0: it
 * can. Frames are dropped then, until the next rotation. */
int segments_error(const struct segments *s);
