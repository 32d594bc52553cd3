/* http/chars.h: which byte may stand where (RFC 9110 §5.5, §5.6.2; RFC 3986), inside src/http. */
#pragma once
#include <stdint.h>

#include "base/text.h"

enum {
    CHAR_TOKEN = 1,  /* methods, field names, transfer codings */
    CHAR_VALUE = 2,  /* field values: tab, space, visible ASCII and bytes over 127 */
    CHAR_TARGET = 4, /* request targets: visible ASCII without "#", quotes, "<", ">" and "\" */
    CHAR_HOST = 8,   /* a registered name or address without port and brackets */
    CHAR_DIGIT = 16,
};

extern const uint8_t char_classes[256];

static inline bool char_is(char c, unsigned classes)
{
    return (char_classes[(unsigned char)c] & classes) != 0;
}

/** chars_are() - whether all of @s is of one of @classes; true for an empty slice */
bool chars_are(struct slice s, unsigned classes);

/** chars_are_value() - chars_are(s, CHAR_VALUE), eight bytes at a time */
bool chars_are_value(struct slice s);

/** char_hex() - the value of a hex digit, or -1 */
int char_hex(char c);
