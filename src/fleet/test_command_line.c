#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/command_line.h"

static void splits_as_a_shell_would(void **state)
{
    static const struct {
        const char *line;
        const char *words[5];
    } cases[] = {
        { "/bin/server", { "/bin/server" } },
        { "  a \t b\nc  ", { "a", "b", "c" } },
        { "a 'b c' \"d e\"", { "a", "b c", "d e" } },
        { "a'b'\"c\"d", { "abcd" } },
        { "'' a \"\"", { "", "a", "" } },
        { "a\\ b \\' \\\\", { "a b", "'", "\\" } },
        { "\"a\\\"b\\\\c\\d\"", { "a\"b\\c\\d" } },
        { "'a\\' b", { "a\\", "b" } },
        { "$HOME *|;&", { "$HOME", "*|;&" } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char **words;
        size_t n = 0;

        assert_int_equal(command_line_split(cases[i].line, &words), 0);
        for (; cases[i].words[n]; n++)
            assert_string_equal(words[n], cases[i].words[n]);
        assert_null(words[n]);
        command_line_free(words);
    }
}

/* Config files have lines of up to a MiB: memory must not grow with its square. */
static void many_words_take_little_memory(void **state)
{
    enum { WORDS = 100000 };
    char *line = malloc(2 * WORDS + 1);
    char **words;
    size_t n = 0;

    (void)state;
    assert_non_null(line);
    for (size_t i = 0; i < WORDS; i++)
        memcpy(line + 2 * i, "a ", 3);
    assert_int_equal(command_line_split(line, &words), 0);
    while (words[n])
        n++;
    assert_int_equal(n, WORDS);
    command_line_free(words);
    free(line);
}

static void refuses_what_is_not_finished(void **state)
{
    char **words;

    (void)state;
    assert_int_equal(command_line_split("", &words), COMMAND_LINE_E_EMPTY);
    assert_int_equal(command_line_split(" \t", &words), COMMAND_LINE_E_EMPTY);
    assert_int_equal(command_line_split("a 'b", &words), COMMAND_LINE_E_QUOTE);
    assert_int_equal(command_line_split("a \"b", &words), COMMAND_LINE_E_QUOTE);
    assert_int_equal(command_line_split("a \"b\\", &words), COMMAND_LINE_E_QUOTE);
    assert_int_equal(command_line_split("a b\\", &words), COMMAND_LINE_E_QUOTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_as_a_shell_would),
        cmocka_unit_test(many_words_take_little_memory),
        cmocka_unit_test(refuses_what_is_not_finished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
