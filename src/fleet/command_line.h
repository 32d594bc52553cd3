/* fleet/command_line.h: a command line in words, as a shell would split it, without a shell.
 *
 * Words are separated by spaces and tabs. '...' keeps everything as it is, "..." too but for \" and
 * \\, and outside quotes a backslash takes the next character as it is. Nothing else is special: no
 * variables, no wildcards, no pipes.
 */
#pragma once
#include "base/cleanup.h"

enum {
    COMMAND_LINE_E_EMPTY = 1, /* no word at all */
    COMMAND_LINE_E_QUOTE,     /* a quote is not closed, or a backslash stands at the end */
};

/** command_line_split() - @ret_words: NULL-terminated, to give to command_line_free().
 * Return: 0, COMMAND_LINE_E_EMPTY, COMMAND_LINE_E_QUOTE or -ENOMEM. */
int command_line_split(const char *line, char ***ret_words);
char **command_line_free(char **words);
DEFINE_AUTOFREE(char **, command_line_free)
