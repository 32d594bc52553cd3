#include "fleet/environment.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

/* The index of @name, or n if it is not set. */
static size_t find(const struct environment *e, const char *name)
{
    size_t length = strlen(name), i = 0;

    while (i < e->n &&
           (strncmp(e->variables[i], name, length) != 0 || e->variables[i][length] != '='))
        i++;
    return i;
}

int environment_set(struct environment *e, const char *name, const char *value)
{
    size_t i = find(e, name);
    char *variable = text_format("%s=%s", name, value);
    char **grown;

    if (!variable)
        return fault(-ENOMEM);
    if (i < e->n) {
        free(e->variables[i]);
        e->variables[i] = variable;
        return 0;
    }
    grown = reallocarray(e->variables, e->n + 2, sizeof(*grown));
    if (!grown) {
        free(variable);
        return fault(-ENOMEM);
    }
    e->variables = grown;
    grown[e->n++] = variable;
    grown[e->n] = NULL;
    return 0;
}

int environment_printf(struct environment *e, const char *name, const char *format, ...)
{
    autofree(mem_free) char *value = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&value, format, args);
    va_end(args);
    if (n < 0) {
        value = NULL;
        return fault(-ENOMEM);
    }
    return fault(environment_set(e, name, value));
}

void environment_deinit(struct environment *e)
{
    for (size_t i = 0; i < e->n; i++)
        free(e->variables[i]);
    free(e->variables);
    *e = (struct environment){ 0 };
}
