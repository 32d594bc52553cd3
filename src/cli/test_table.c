#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const headings[] = { "NAME", ">COUNT", "WHY", NULL };

static char *print(const struct table *t)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    assert_int_equal(table_print(t, to), 0);
    fclose(to);
    return text;
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    autotable struct table t;
    char *text;

    table_init(&t, headings);
    table_add(&t, "%s", "a-long-name");
    table_add(&t, "%d", 7);
    table_add(&t, "because");
    table_add(&t, "b");
    table_add(&t, "%d", 1234567);
    table_add(&t, "%s", "");
    text = print(&t);
    assert_string_equal(text, "NAME           COUNT  WHY\n"
                              "a-long-name        7  because\n"
                              "b            1234567  -\n");
    free(text);
}

static void names_move_no_cursor(void **state)
{
    autotable struct table t;
    char *text;

    table_init(&t, headings);
    table_add(&t, "%s", "a\033[2Jb\n");
    table_add(&t, "1");
    table_add(&t, "gr\xc3\xbc\xc3\x9f");
    text = print(&t);
    assert_string_equal(text, "NAME     COUNT  WHY\na?[2Jb?      1  gr\xc3\xbc\xc3\x9f\n");
    free(text);
}

static void names_of_any_script_are_aligned(void **state)
{
    autotable struct table t;
    char *text;

    table_init(&t, headings);
    table_add(&t, "gr\xc3\xbc\xc3\x9f");
    table_add(&t, "1");
    table_add(&t, "a");
    table_add(&t, "abcdef");
    table_add(&t, "2");
    table_add(&t, "b");
    text = print(&t);
    assert_string_equal(text, "NAME    COUNT  WHY\n"
                              "gr\xc3\xbc\xc3\x9f        1  a\n"
                              "abcdef      2  b\n");
    free(text);
}

static void a_table_without_rows_prints_nothing(void **state)
{
    autotable struct table t;
    char *text;

    table_init(&t, headings);
    text = print(&t);
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(names_move_no_cursor),
        cmocka_unit_test(names_of_any_script_are_aligned),
        cmocka_unit_test(a_table_without_rows_prints_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
