/* base/text.h: strings: slices, numbers, formatting. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"

/* bytes that belong to somebody else; not NUL-terminated */
struct slice {
    const char *data;
    size_t size;
};

#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })
struct slice slice_from(const char *text); /* NULL gives an empty slice */
bool text_equal_nocase(const char *a, const char *b,
                       size_t n); /* ASCII only, as in HTTP field names */
/* Inline, so that most comparisons with a constant end at its length. */
static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
    return a.size == b.size && text_equal_nocase(a.data, b.data, a.size);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, (struct slice){ text, text ? strlen(text) : 0 });
}

static inline bool slice_is_nocase(struct slice a, const char *text)
{
    return slice_equal_nocase(a, (struct slice){ text, text ? strlen(text) : 0 });
}

struct slice slice_trim(struct slice s); /* without spaces and tabs at both ends */
char *slice_dup(struct slice s);         /* NUL-terminated copy to free(); NULL if no memory */

/** text_format() - asprintf() that returns the string to free(), or NULL if no memory */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whole-string number parsing: no sign where unsigned, no spaces, no trailing bytes.
 * Return: 0, -EINVAL (not a number) or -ERANGE (outside [min, max]). */
int text_to_u64(struct slice s, uint64_t max, uint64_t *ret_value);
int text_to_i64(struct slice s, int64_t min, int64_t max, int64_t *ret_value);
int text_to_double(struct slice s, double *ret_value); /* finite decimal numbers only */

/** text_utf8_length() - bytes of the UTF-8 character (RFC 3629) at @text, which has @n > 0 bytes; 0 if
 * there is none */
size_t text_utf8_length(const char *text, size_t n);
/** text_repair_utf8() - "?" for each byte of @text that is not part of a UTF-8 character */
void text_repair_utf8(char *text);

/** text_hex() - lower-case hex of @n bytes into @ret_hex (2n + 1 bytes) */
void text_hex(const void *bytes, size_t n, char *ret_hex);
/** text_hex_u64() - the 16 lower-case hex digits of @value, without a NUL */
void text_hex_u64(uint64_t value, char ret_digits[16]);
/** text_unhex() - @hex (2n digits) into @ret_bytes. Return: 0 or -EINVAL. */
int text_unhex(struct slice hex, void *ret_bytes, size_t n);

enum { TEXT_ISO8601_BYTES = 32 };
/** text_iso8601() - "2026-01-02T03:04:05.678Z" */
void text_iso8601(wall_ms_t t, char ret_text[TEXT_ISO8601_BYTES]);
/** text_from_iso8601() - accepts an offset or Z, optional fraction. Return: 0 or -EINVAL. */
int text_from_iso8601(struct slice s, wall_ms_t *ret_time);
