/* control/test_json.h: JSON that reads well within C, for tests */
#pragma once
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

/** parse() - an object, with ' for "; its braces may be left out. To be json_decref()'ed. */
static inline json_t *parse(const char *text)
{
    autofree(mem_free) char *copy = text_format(*text == '{' ? "%s" : "{%s}", text);
    json_error_t error;
    json_t *value;

    assert_non_null(copy);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    value = json_loads(copy, 0, &error);
    if (!value)
        fail_msg("%s: %s", error.text, copy);
    return value;
}
