/* fleet/identity.h: which process is meant, until the machine restarts: its pid and when it started.
 *
 * Its text, "PID:START", is the handle by which control finds an instance again. A copy is written into
 * the instance's directory before control can store the handle, for launches that are cut short.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct identity {
    pid_t pid;
    uint64_t start_time; /* clock ticks since boot */
};

enum { IDENTITY_TEXT_BYTES = 40 };
void identity_text(const struct identity *i, char ret_text[IDENTITY_TEXT_BYTES]);
/** identity_parse() - Return: whether @text is an identity */
bool identity_parse(const char *text, struct identity *ret);

/** identity_lives() - whether this very process runs; one that ended and was not waited for does not */
bool identity_lives(const struct identity *i);

/** identity_write() - into the file "process" of @directory. Return: 0 or a negative errno. */
int identity_write(const char *directory, const struct identity *i);
/** identity_read() - Return: whether there is one */
bool identity_read(const char *directory, struct identity *ret);
