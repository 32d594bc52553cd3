/* cli/options.h: reading the command lines of weir's programs.
 *
 * A program has a table for getopt_long() and a function that takes one value; the rest (the loop,
 * --help, what is said about a mistake) is the same for all and stands here, as do the kinds of
 * values that several programs take.
 */
#pragma once
#include <getopt.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

struct option_reader {
    const char *command; /* "proxy" */
    const char *usage;   /* what --help prints */
    const struct option *table;
    int help; /* the id of --help */
    /* @value is NULL for an option that has none. Return: 0, or else @value cannot be. */
    int (*take)(void *context, int id, const char *value);
};

/** options_read() - take every option. Return: COMMAND_OK, COMMAND_USAGE (was said), or -1 after
 * --help. */
int options_read(const struct option_reader *reader, int argc, char **argv, void *context);

/** options_wrong_value() - say that option --@name cannot be @value, and what @usage, the text of
 * --help, says of it. Return: COMMAND_USAGE. */
int options_wrong_value(const char *command, const char *usage, const char *name,
                        const char *value);

/* Each returns 0, or -EINVAL if @text is no such value. */

/** option_number() - @min..@max in digits */
int option_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
/** option_seconds() - whole seconds up to @max, as milliseconds */
int option_seconds(const char *text, uint64_t max, ms_t *ret_ms);
/** option_address() - "ADDR:PORT" */
int option_address(const char *text);
/** option_choice() - one of two words. @ret is 1 for the second one. */
int option_choice(const char *text, const char *zero, const char *one, int *ret);
int option_log_format(const char *text, enum log_format *ret);
/** option_descriptor() - the number of a descriptor that is open */
int option_descriptor(const char *text, int *ret_fd);
/** option_descriptors() - up to @max of them, between commas */
int option_descriptors(const char *text, size_t max, int *ret_fds, size_t *ret_n);

/** option_inherit() - make a descriptor that we were started with ours: non-blocking, and not for
 * the programs that we start. Return: 0 or -errno. */
int option_inherit(int fd);
