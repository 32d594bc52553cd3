/* auth/permission.h: what a key may do. Three things can be allowed: to invoke endpoints whose names
 * fit a pattern, to read (operations that show and change nothing), and everything. Pure. */
#pragma once
#include <stdbool.h>

enum {
    PERMISSION_PATTERN_CHARS = 63,   /* of one pattern */
    PERMISSION_PATTERNS_BYTES = 1024 /* of all patterns of a key, with the spaces between them */
};

/** permission_pattern_is_valid() - letters, digits, '-', and '*' for any number of characters */
bool permission_pattern_is_valid(const char *pattern);

/** permission_may_invoke() - @patterns: with spaces between them; names of endpoints have no case */
bool permission_may_invoke(const char *patterns, const char *endpoint);

/** permission_reads() - whether the operation changes nothing, by its name */
bool permission_reads(const char *operation);
