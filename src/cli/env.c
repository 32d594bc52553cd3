/* weir env: what AWS clients need to know, as shell exports. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/access.h"
#include "cli/command.h"

static const char help[] =
    "usage: weir env [--state DIR]\n"
    "\n"
    "Prints shell exports that point AWS clients at a weir server:\n"
    "\n"
    "  eval \"$(weir env)\"\n"
    "  aws sagemaker list-endpoints\n"
    "\n"
    "Options:\n"
    "  --state DIR   the server's state directory (default: $WEIR_STATE or ./weir-state)\n"
    "  --help        show this\n";

/* Single quotes mean the same to every shell; inside them, only they are special. */
static void print_quoted(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./:+=@,";

    if (*text && strspn(text, plain) == strlen(text)) {
        fputs(text, stdout);
        return;
    }
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text);
    }
    putchar('\'');
}

static void print_export(const char *name, const char *value)
{
    printf("export %s=", name);
    print_quoted(value);
    putchar('\n');
}

int command_env(int argc, char **argv)
{
    static const struct option options[] = {
        { "state", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    autofree(access_free) struct access *access = NULL;
    char why[ACCESS_WHY_BYTES];
    const char *state = NULL;
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'h') {
            fputs(help, stdout);
            return COMMAND_OK;
        }
        if (o != 's')
            return command_misused("env", NULL);
        state = optarg;
    }
    if (optind < argc)
        return command_misused("env", "unexpected argument '%s'", argv[optind]);
    if (access_find(state, &access, why) != 0)
        return command_failed("%s", why);
    print_export("AWS_ENDPOINT_URL", access->url);
    print_export("AWS_ACCESS_KEY_ID", access->access_key_id);
    print_export("AWS_SECRET_ACCESS_KEY", access->secret_access_key);
    if (access->session_token)
        print_export("AWS_SESSION_TOKEN", access->session_token);
    print_export("AWS_DEFAULT_REGION", access->region); /* the CLI and boto3 read this one */
    print_export("AWS_REGION", access->region);         /* and AWS's other clients this one */
    return COMMAND_OK;
}
