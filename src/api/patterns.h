/* api/patterns.h: the regular expressions of shapes, compiled once (see shape.h for their life). */
#pragma once
#include <stdbool.h>

#include "api/shape.h"

/** patterns_match() - whether the whole of @value matches the POSIX extended expression @pattern.
 * Return: 0, -EINVAL (no such expression), or -ENOMEM. */
int patterns_match(struct patterns *p, const char *pattern, const char *value, bool *ret_matches);
