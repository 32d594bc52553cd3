#include "cli/load_options.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"

/* What the program's main file would print, for the tests to look at */
static char said[512];

int command_failed(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(said, sizeof(said), format, args);
    va_end(args);
    return COMMAND_FAILED;
}

int command_misused(const char *command, const char *format, ...)
{
    va_list args;

    (void)command;
    if (!format)
        return COMMAND_USAGE;
    va_start(args, format);
    vsnprintf(said, sizeof(said), format, args);
    va_end(args);
    return COMMAND_USAGE;
}

enum { ARGS_MAX = 24 };

/* @line: arguments separated by single spaces; lives as long as the options */
static int parse(char *line, struct load_options *o)
{
    char *argv[ARGS_MAX + 1] = { (char[]){ "weir load" } }, *save = NULL;
    int argc = 1;

    for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_true(argc < ARGS_MAX);
        argv[argc++] = word;
    }
    optind = 0; /* getopt_long() starts anew */
    opterr = 0;
    return load_options_parse(argc, argv, o);
}

static void good_lines(void **state)
{
    char line[] = "--endpoint e --ramp 10:20.5 --duration 2 --body b --connections 7 --backlog 0 "
                  "--timeout 0.5 --arrivals poisson --seed 9 --json --quiet";
    struct load_options o = { 0 };
    struct load_plan plan = { 0 };

    (void)state;
    assert_int_equal(parse(line, &o), COMMAND_OK);
    assert_string_equal(o.endpoint, "e");
    assert_int_equal(o.connections, 7);
    assert_int_equal(o.backlog, 0);
    assert_true(o.timeout_s == 0.5);
    assert_int_equal(o.arrivals, LOAD_POISSON);
    assert_int_equal(o.seed, 9);
    assert_true(o.json && o.quiet);
    assert_int_equal(load_options_plan(&o, &plan), COMMAND_OK);
    assert_int_equal(plan.n_pieces, 1);
    assert_true(plan.pieces[0].rate_from == 10 && plan.pieces[0].rate_to == 20.5);
    load_plan_deinit(&plan);
}

static void mistakes_are_usage_errors(void **state)
{
    static const struct {
        const char *line, *said;
    } cases[] = {
        { "", "--endpoint and --url" },
        { "--endpoint e --url http://h/ --rate 1 --duration 1", "--endpoint and --url" },
        { "--url http://h/", "--rate, --ramp and --trace" },
        { "--url http://h/ --rate 1 --trace t", "--rate, --ramp and --trace" },
        { "--url http://h/ --rate 1", "--duration is needed" },
        { "--url http://h/ --trace t --duration 1", "--duration does not go" },
        { "--url http://h/ --rate 1 --duration 1 --speedup 2", "go with --trace only" },
        { "--url http://h/ --rate 1 --duration 1 --body a --body-lines b", "do not go together" },
        { "--endpoint e --rate 1 --duration 1", "needs --body" },
        { "--url http://h/ --trace t --from 5 --to 5", "--from is not before --to" },
        { "--url http://h/ --rate 1 --duration 0", "--duration cannot be '0'" },
        { "--url http://h/ --rate 1 --duration 1s", "--duration cannot be '1s'" },
        { "--url http://h/ --connections 0", "--connections cannot be '0'" },
        { "--url http://h/ --arrivals often", "--arrivals cannot be 'often'" },
        { "--url http://h/ --trace t --from noon", "--from cannot be 'noon'" },
        { "--url http://h/ --rate 1 --duration 1 extra", "unexpected argument 'extra'" },
        { "--unknown", "" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct load_options o;
        char line[256];

        said[0] = '\0';
        snprintf(line, sizeof(line), "%s", cases[i].line);
        assert_int_equal(parse(line, &o), COMMAND_USAGE);
        assert_non_null(strstr(said, cases[i].said));
    }
}

static void bad_rates_are_usage_errors(void **state)
{
    static const char *const bad[] = {
        "--rate 0", "--rate -1", "--rate x", "--ramp 5", "--ramp 0:0", "--ramp 1:2:3", "--ramp :",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct load_plan plan = { 0 };
        struct load_options o;
        char line[256];

        snprintf(line, sizeof(line), "--url http://h/ --duration 1 %s", bad[i]);
        assert_int_equal(parse(line, &o), COMMAND_OK);
        assert_int_equal(load_options_plan(&o, &plan), COMMAND_USAGE);
        assert_int_equal(plan.n_pieces, 0);
    }
}

static void missing_files_are_named(void **state)
{
    char trace[] = "--url http://127.0.0.1/ --trace /nonexistent/trace",
         body[] = "--url http://127.0.0.1/ --rate 1 --duration 1 --body /nonexistent/body";
    struct load_target target = { 0 };
    struct load_plan plan = { 0 };
    struct load_options o;

    (void)state;
    assert_int_equal(parse(trace, &o), COMMAND_OK);
    assert_int_equal(load_options_plan(&o, &plan), COMMAND_FAILED);
    assert_non_null(strstr(said, "/nonexistent/trace"));
    assert_int_equal(parse(body, &o), COMMAND_OK);
    assert_int_equal(load_options_target(&o, &target), COMMAND_FAILED);
    assert_non_null(strstr(said, "/nonexistent/body"));
    load_target_deinit(&target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),
        cmocka_unit_test(mistakes_are_usage_errors),
        cmocka_unit_test(bad_rates_are_usage_errors),
        cmocka_unit_test(missing_files_are_named),
    };

    return cmocka_run_group_tests_name("cli/load_options", tests, NULL, NULL);
}
