/* fleet/environment.h: the variables a new program is given, as execve() wants them. */
#pragma once
#include <stddef.h>

struct environment {
    char **variables; /* "NAME=value", NULL-terminated once something was set */
    size_t n;
};

/** environment_set() - @name becomes @value, in place of what it was. Return: 0 or -ENOMEM. */
int environment_set(struct environment *e, const char *name, const char *value);
/** environment_printf() - the same, formatted */
int environment_printf(struct environment *e, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void environment_deinit(struct environment *e);
