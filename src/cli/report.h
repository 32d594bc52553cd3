/* cli/report.h: commands that ask a server one thing and show the answer, as tables or as JSON. */
#pragma once
#include "cli/aws_client.h"

struct report {
    const char *command; /* "status" */
    const char *help;
    const char *operation; /* of weir's own service */
    /* tables for people. Return: a COMMAND_* code. */
    int (*print)(json_t *answer);
};

/** report_run() - the whole command: options --state, --json and --help. Return: a COMMAND_*
 * code. */
int report_run(const struct report *report, int argc, char **argv);
