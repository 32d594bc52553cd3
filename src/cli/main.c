/* The program: finds the command that was asked for and runs it. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

#define COMMAND(name, function, summary) { name, summary, function },
static const struct command commands[] = {
#include "cli/commands.def"
    { NULL, NULL, NULL },
};
#undef COMMAND

int command_failed(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("weir: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return COMMAND_FAILED;
}

int command_misused(const char *command, const char *format, ...)
{
    va_list args;

    if (format) {
        va_start(args, format);
        fprintf(stderr, "weir %s: ", command);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        va_end(args);
    }
    fprintf(stderr, "Try 'weir %s --help'.\n", command);
    return COMMAND_USAGE;
}

static void print_help(FILE *to)
{
    fputs("usage: weir COMMAND [OPTION...]\n"
          "\n"
          "Keeps a fleet of model servers level with its traffic, behind the APIs of Amazon\n"
          "SageMaker, Application Auto Scaling and CloudWatch.\n"
          "\n"
          "Commands:\n",
          to);
    for (const struct command *c = commands; c->name; c++)
        if (c->summary)
            fprintf(to, "  %-14s %s\n", c->name, c->summary);
    fputs("\n"
          "'weir COMMAND --help' tells about one of them; 'weir --version' prints the version.\n",
          to);
}

/* What was printed may not have arrived yet, on a disk that is full for one. */
static int say_all(int r)
{
    bool failed = ferror(stdout);

    errno = 0;
    if (fflush(stdout) != 0 || failed)
        return command_failed("cannot write what is to be printed: %s",
                              strerror(errno ? errno : EIO));
    return r;
}

static int run(const struct command *c, int argc, char **argv)
{
    char name[64]; /* getopt_long() begins its messages with argv[0] */

    snprintf(name, sizeof(name), "weir %s", c->name);
    argv[0] = name;
    return say_all(c->run(argc, argv));
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (!name) {
        print_help(stderr);
        return COMMAND_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return say_all(COMMAND_OK);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("weir " WEIR_VERSION);
        return say_all(COMMAND_OK);
    }
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(name, c->name) == 0)
            return run(c, argc - 1, argv + 1);

    fprintf(stderr, "weir: there is no command '%s'; 'weir --help' lists those there are\n", name);
    return COMMAND_USAGE;
}
