#include "cli/report.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"

static int print_json(json_t *answer)
{
    if (json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) != 0)
        return command_failed("the answer cannot be printed");
    putchar('\n');
    return COMMAND_OK;
}

static int show(const struct report *report, const char *state, bool json)
{
    autofree(access_free) struct access *access = NULL;
    autofree(aws_client_free) struct aws_client *client = NULL;
    struct aws_failure failure;
    json_t *answer = NULL;
    int r = aws_client_for_command(state, &access, &client);

    if (r)
        return r;
    r = weir_call(client, report->operation, json_object(), &answer, &failure);
    if (r)
        return aws_command_failed(r, &failure);
    r = json ? print_json(answer) : report->print(answer);
    json_decref(answer);
    return r;
}

int report_run(const struct report *report, int argc, char **argv)
{
    static const struct option options[] = {
        { "state", required_argument, NULL, 's' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    const char *state = NULL;
    bool json = false;
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'h') {
            fputs(report->help, stdout);
            return COMMAND_OK;
        }
        if (o == 's')
            state = optarg;
        else if (o == 'j')
            json = true;
        else
            return command_misused(report->command, NULL);
    }
    if (optind < argc)
        return command_misused(report->command, "unexpected argument '%s'", argv[optind]);
    return show(report, state, json);
}
