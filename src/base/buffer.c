#include "base/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 256 };

/* Room for @n more bytes, whatever the ceiling. Moving down is done only when at least as many
 * bytes were consumed as have to be moved, so that its cost stays in proportion to what passed
 * through. */
static int make_room(struct buffer *b, size_t n)
{
    size_t size = buffer_size(b), capacity = b->capacity ? b->capacity : FIRST_BYTES;
    char *memory;

    if (b->capacity - b->end >= n)
        return 0;
    if (b->start >= size && b->capacity >= size + n) {
        memmove(b->memory, b->memory + b->start, size);
        b->start = 0;
        b->end = size;
        return 0;
    }

    while (capacity < size + n)
        capacity *= 2;
    memory = malloc(capacity);
    if (!memory)
        return -ENOMEM;
    if (size > 0)
        memcpy(memory, b->memory + b->start, size);
    free(b->memory);
    b->memory = memory;
    b->capacity = capacity;
    b->start = 0;
    b->end = size;
    return 0;
}

void buffer_deinit(struct buffer *b)
{
    free(b->memory);
    *b = BUFFER_INIT(b->max_bytes);
}

int buffer_reserve(struct buffer *b, size_t n)
{
    if (n > b->max_bytes || buffer_size(b) > b->max_bytes - n)
        return -ENOBUFS;
    return make_room(b, n);
}

char *buffer_tail(struct buffer *b)
{
    return b->memory + b->end;
}

void buffer_commit(struct buffer *b, size_t n)
{
    assert(n <= b->capacity - b->end);
    b->end += n;
}

void buffer_consume(struct buffer *b, size_t n)
{
    assert(n <= buffer_size(b));
    b->start += n;
    if (b->start == b->end)
        b->start = b->end = 0;
}

void buffer_clear(struct buffer *b)
{
    b->start = b->end = 0;
}

void buffer_truncate(struct buffer *b, size_t n)
{
    assert(n <= buffer_size(b));
    b->end = b->start + n;
}

int buffer_append_growing(struct buffer *b, const void *data, size_t n)
{
    int r;

    if (n == 0)
        return 0;
    r = buffer_reserve(b, n);
    if (r)
        return r;
    memcpy(buffer_tail(b), data, n);
    b->end += n;
    return 0;
}

int buffer_puts(struct buffer *b, const char *text)
{
    return buffer_append(b, text, strlen(text));
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    int r;

    va_start(args, format);
    r = buffer_vprintf(b, format, args);
    va_end(args);
    return r;
}

int buffer_vprintf(struct buffer *b, const char *format, va_list args)
{
    va_list again;
    int length, r;

    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return -EINVAL;

    r = buffer_reserve(b, (size_t)length);
    if (r)
        return r;
    r = make_room(b, (size_t)length + 1); /* vsnprintf() ends with a NUL, which is not counted */
    if (r)
        return r;
    vsnprintf(buffer_tail(b), (size_t)length + 1, format, args);
    b->end += (size_t)length;
    return 0;
}

const char *buffer_cstr(struct buffer *b)
{
    if (make_room(b, 1))
        return NULL;
    *buffer_tail(b) = '\0';
    return buffer_data(b);
}
