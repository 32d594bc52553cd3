/* api/json.h: AWS JSON 1.0 and 1.1 bodies. */
#pragma once
#include "api/shape.h"
#include "base/text.h"

enum { JSON_E_MALFORMED = 1 };

/**
 * json_decode() - an object; an empty body is an empty one
 * @ret_why: with JSON_E_MALFORMED, a sentence to free()
 *
 * Refuses duplicate members, invalid UTF-8 and NUL characters. Return: 0, JSON_E_MALFORMED, -errno.
 */
int json_decode(struct slice body, json_t **ret_value, char **ret_why);

/** json_encode() - what @shape has of @value; timestamps as seconds with at most 3 decimals */
int json_encode(const struct shape *shape, json_t *value, struct buffer *out);

/** json_write_text() - @text as a JSON string */
int json_write_text(const char *text, struct buffer *out);
