#include "api/patterns.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/text.h"

struct patterns {
    struct map compiled; /* text -> regex_t */
};

int patterns_new(struct patterns **ret_patterns)
{
    struct patterns *p = calloc(1, sizeof(*p));

    if (!p)
        return fault(-ENOMEM);
    map_init(&p->compiled, 0);
    *ret_patterns = p;
    return 0;
}

struct patterns *patterns_free(struct patterns *p)
{
    if (!p)
        return NULL;
    map_for_each (slot, &p->compiled) {
        regfree(slot->value);
        free(slot->value);
    }
    map_deinit(&p->compiled);
    free(p);
    return NULL;
}

static int compile(struct patterns *p, const char *pattern, regex_t **ret_regex)
{
    /* AWS matches the whole value */
    autofree(mem_free) char *whole = text_format("^(%s)$", pattern);
    autofree(mem_free) regex_t *regex = calloc(1, sizeof(*regex));
    int r;

    if (!whole || !regex)
        return fault(-ENOMEM);
    r = regcomp(regex, whole, REG_EXTENDED | REG_NOSUB);
    if (r)
        return fault(r == REG_ESPACE ? -ENOMEM : -EINVAL);
    r = map_put(&p->compiled, pattern, regex);
    if (r) {
        regfree(regex);
        return fault(r);
    }
    *ret_regex = steal(regex);
    return 0;
}

int patterns_match(struct patterns *p, const char *pattern, const char *value, bool *ret_matches)
{
    regex_t *regex = map_get(&p->compiled, pattern);
    int r;

    if (!regex) {
        r = compile(p, pattern, &regex);
        if (r)
            return fault(r);
    }
    r = regexec(regex, value, 0, NULL, 0);
    if (r == REG_ESPACE)
        return fault(-ENOMEM);
    *ret_matches = r == 0;
    return 0;
}
