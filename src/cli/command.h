/* cli/command.h: what people type.
 *
 * `weir NAME ...` runs the command of that name with argv[0] = "weir NAME"; options are read with
 * getopt_long() and every command knows --help. A command is a file and a row in commands.def:
 * the rows give dispatch and the list that `weir --help` prints.
 */
#pragma once

enum {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1, /* said why on stderr, in one line */
    COMMAND_USAGE = 2,  /* was called wrongly */
};

struct command {
    const char *name;
    const char *summary; /* one line for the list; NULL: started by weir itself, not listed */
    int (*run)(int argc, char **argv);
};

#define COMMAND(name, function, summary) int function(int argc, char **argv);
#include "cli/commands.def"
#undef COMMAND

/** command_failed() - print "weir: ..." on stderr. Return: COMMAND_FAILED. */
int command_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** command_misused() - print "weir @command: ..." and where help is. Return: COMMAND_USAGE.
 * @format: NULL when getopt_long() has printed the mistake already */
int command_misused(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
