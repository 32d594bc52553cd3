#include "health/matcher.h"

#include <ctype.h>
#include <stddef.h>

enum { DIGITS_MAX = 3 };

/* Return: what comes behind the number, or NULL. */
static const char *read_number(const char *at, unsigned *ret)
{
    int digits = 0;

    for (*ret = 0; isdigit((unsigned char)*at); at++)
        if (++digits <= DIGITS_MAX)
            *ret = *ret * 10 + (unsigned)(*at - '0');
    return digits > 0 && digits <= DIGITS_MAX ? at : NULL;
}

/* Return: what comes behind the range, a comma or the end, or NULL. */
static const char *read_range(const char *at, unsigned *ret_first, unsigned *ret_last)
{
    at = read_number(at, ret_first);
    *ret_last = *ret_first;
    if (at && *at == '-')
        at = read_number(at + 1, ret_last);
    return at && (*at == ',' || *at == '\0') && *ret_first <= *ret_last ? at : NULL;
}

/* Return: whether all of it can be read. */
static bool read_all(const char *text, unsigned code, bool *ret_has)
{
    unsigned first, last;

    *ret_has = false;
    for (const char *at = text;; at++) {
        at = read_range(at, &first, &last);
        if (!at)
            return false;
        *ret_has = *ret_has || (code >= first && code <= last);
        if (*at == '\0')
            return true;
    }
}

bool matcher_is_valid(const char *text)
{
    bool has;

    return read_all(text, 0, &has);
}

bool matcher_has(const char *text, unsigned code)
{
    bool has;

    return read_all(text, code, &has) && has;
}
