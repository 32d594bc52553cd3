/* supervisor/binary.h: a version of weir's program file, held so that it can be run again.
 *
 * Programs are started from an open file and not from a name, because the programs must fit each
 * other: whatever takes the name meanwhile runs only when an upgrade was asked for.
 */
#pragma once
#include <limits.h>
#include <stdbool.h>

struct binary {
    int fd;              /* -1: none; programs inherit it, as an interpreter opens it again */
    char path[PATH_MAX]; /* by which it was opened; for our own, where it was at the start */
};

#define BINARY_NONE ((struct binary){ .fd = -1 })

/** binary_own() - the file that we run. Return: 0 or -errno. */
int binary_own(struct binary *ret);
/** binary_open() - a file by its name. Return: 0 or -errno (-EACCES: it is not executable). */
int binary_open(const char *path, struct binary *ret);
/** binary_is_current() - whether the name that @b was opened by still leads to it; true if to nothing */
bool binary_is_current(const struct binary *b);
void binary_close(struct binary *b);
