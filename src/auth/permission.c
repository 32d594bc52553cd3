#include "auth/permission.h"

#include <string.h>

#include "base/text.h"

bool permission_pattern_is_valid(const char *pattern)
{
    size_t n = strlen(pattern);

    return n > 0 && n <= PERMISSION_PATTERN_CHARS &&
           strspn(pattern, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-*") == n;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Only the last star is ever gone back to: the one before has found its shortest fit, and a longer
 * one would help nothing that the last cannot. */
static bool fits(struct slice pattern, const char *name)
{
    const char *p = pattern.data, *end = pattern.data + pattern.size, *star = NULL, *after = NULL;

    while (*name) {
        if (p < end && *p == '*') {
            star = p++;
            after = name;
        } else if (p < end && lower(*p) == lower(*name)) {
            p++;
            name++;
        } else if (star) {
            p = star + 1;
            name = ++after;
        } else {
            return false;
        }
    }
    while (p < end && *p == '*')
        p++;
    return p == end;
}

bool permission_may_invoke(const char *patterns, const char *endpoint)
{
    while (*patterns) {
        size_t n = strcspn(patterns, " ");

        if (n > 0 && fits((struct slice){ patterns, n }, endpoint))
            return true;
        patterns += n;
        patterns += strspn(patterns, " ");
    }
    return false;
}

bool permission_reads(const char *operation)
{
    static const char *const verbs[] = { "Describe", "Get", "List", "BatchGet", "Search" };

    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        if (strncmp(operation, verbs[i], strlen(verbs[i])) == 0)
            return true;
    return false;
}
