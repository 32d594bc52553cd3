/* base/buffer.h: bytes that grow at the end and are consumed at the front.
 *
 * A buffer has a ceiling, set at init; appends beyond it fail with -ENOBUFS and change nothing.
 * Unread bytes are always contiguous: buffer_data() .. + buffer_size().
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

struct buffer {
    char *memory;
    size_t start, end; /* unread bytes: memory[start .. end) */
    size_t capacity;   /* of memory */
    size_t max_bytes;  /* ceiling for unread bytes */
};

#define BUFFER_INIT(max) ((struct buffer){ .max_bytes = (max) })

void buffer_deinit(struct buffer *b); /* frees; the buffer stays usable, empty */
#define autobuffer __attribute__((cleanup(buffer_deinit)))

static inline char *buffer_data(const struct buffer *b)
{
    return b->start ? b->memory + b->start : b->memory; /* no arithmetic on NULL */
}

static inline size_t buffer_size(const struct buffer *b)
{
    return b->end - b->start;
}

/** buffer_reserve() - room for @n more bytes at buffer_tail(). Return: 0, -ENOBUFS, -ENOMEM. */
int buffer_reserve(struct buffer *b, size_t n);
/** buffer_tail() - where the next byte goes; valid for what buffer_reserve() promised */
char *buffer_tail(struct buffer *b);
/** buffer_commit() - @n bytes were written at buffer_tail() */
void buffer_commit(struct buffer *b, size_t n);
/** buffer_consume() - drop @n unread bytes at the front, n <= buffer_size() */
void buffer_consume(struct buffer *b, size_t n);
void buffer_clear(struct buffer *b); /* drop all unread bytes, keep the memory */
/** buffer_truncate() - drop all but the first @n unread bytes, n <= buffer_size() */
void buffer_truncate(struct buffer *b, size_t n);

/* Return: 0, -ENOBUFS or -ENOMEM; on failure nothing was added. */
int buffer_append_growing(struct buffer *b, const void *data, size_t n);
static inline int buffer_append(struct buffer *b, const void *data, size_t n)
{
    if (n > b->capacity - b->end || n > b->max_bytes - buffer_size(b))
        return buffer_append_growing(b, data, n);
    if (n > 0)
        memcpy(b->memory + b->end, data, n);
    b->end += n;
    return 0;
}
int buffer_puts(struct buffer *b, const char *text);
int buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buffer_vprintf(struct buffer *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/** buffer_cstr() - the unread bytes as a NUL-terminated string, NUL not counted; NULL if no
 * memory */
const char *buffer_cstr(struct buffer *b);
