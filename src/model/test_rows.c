#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/rows.h"

typedef int parse_function(struct slice text, struct rows *ret, char ret_why[ROWS_WHY_BYTES]);

/* "column:value column:value; ..." for each row, to compare */
static void print_rows(const struct rows *rows, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t row = 0; row < rows->n_rows; row++) {
        if (row > 0)
            n += (size_t)snprintf(out + n, size - n, "; ");
        for (uint64_t i = rows->starts[row]; i < rows->starts[row + 1]; i++)
            n += (size_t)snprintf(out + n, size - n, "%s%u:%g", i > rows->starts[row] ? " " : "",
                                  rows->columns[i], (double)rows->values[i]);
    }
}

struct reading {
    const char *text;
    size_t width;
    const char *want; /* the rows, or with ROWS_E_BAD the reason */
    int result;
};

static void check_readings(parse_function *parse, const struct reading *cases, size_t n)
{
    autorows struct rows rows = { 0 };

    for (size_t i = 0; i < n; i++) {
        char why[ROWS_WHY_BYTES] = "", printed[1000];
        int r = parse(slice_from(cases[i].text), &rows, why);

        if (r != cases[i].result)
            print_error("case: %s (%s)\n", cases[i].text, why);
        assert_int_equal(r, cases[i].result);
        if (r) {
            assert_string_equal(why, cases[i].want);
            continue;
        }
        print_rows(&rows, printed, sizeof(printed));
        assert_string_equal(printed, cases[i].want);
        assert_int_equal(rows.width, cases[i].width);
    }
}

static void csv_is_read(void **state)
{
    const struct reading cases[] = {
        { "1,2.5,-3e2", 3, "0:1 1:2.5 2:-300", 0 },
        { "1,2\n3,4\n", 2, "0:1 1:2; 0:3 1:4", 0 },
        { "1,2\r\n3,4\r\n\r\n", 2, "0:1 1:2; 0:3 1:4", 0 },
        { "  1 , 2 ", 2, "0:1 1:2", 0 },
        { "1,,3", 3, "0:1 2:3", 0 },
        { ",,", 3, "", 0 },
        { "1,nan,NaN", 3, "0:1", 0 },
        { "7", 1, "0:7", 0 },
        { "1\n\n3", 1, "0:1; ; 0:3", 0 },
        { "1;2", 2, "0:1 1:2", 0 },
        { "1\t2\t", 2, "0:1 1:2", 0 },
        { "1 2", 2, "0:1 1:2", 0 },
        { "1|2", 2, "0:1 1:2", 0 },
        { "1, 2; 3", 0, "row 1, column 2: '2; 3' is not a number", ROWS_E_BAD },
        { "", 0, "there is no row", ROWS_E_BAD },
        { " \r\n ", 0, "there is no row", ROWS_E_BAD },
        { "a,b\n1,2", 0, "row 1, column 1: 'a' is not a number", ROWS_E_BAD },
        { "1,2\n3", 0, "row 2 has 1 columns, but the first has 2", ROWS_E_BAD },
        { "1,2\n\n3,4", 0, "row 2 has 1 columns, but the first has 2", ROWS_E_BAD },
        { "\"1\",2", 0, "row 1, column 1: '\"1\"' is not a number", ROWS_E_BAD },
        { "1,inf", 0, "row 1, column 2: 'inf' is not a number", ROWS_E_BAD },
        { "1,1e99", 0, "row 1, column 2: '1e99' is not a number", ROWS_E_BAD },
        { "1,0x10", 0, "row 1, column 2: '0x10' is not a number", ROWS_E_BAD },
        { "1,2e", 0, "row 1, column 2: '2e' is not a number", ROWS_E_BAD },
        { "1,\xff", 0, "row 1, column 2: '\xff' is not a number", ROWS_E_BAD },
    };

    check_readings(rows_parse_csv, cases, sizeof(cases) / sizeof(cases[0]));
}

static void bytes_after_a_nul_are_not_lost(void **state)
{
    autorows struct rows rows = { 0 };
    char why[ROWS_WHY_BYTES];

    assert_int_equal(rows_parse_csv(SLICE("1,2\0003"), &rows, why), ROWS_E_BAD);
    assert_int_equal(rows_parse_libsvm(SLICE("0:2\0003"), &rows, why), ROWS_E_BAD);
    assert_int_equal(rows_parse_json(SLICE("[1]\0"), &rows, why), ROWS_E_BAD);
}

static void libsvm_is_read(void **state)
{
    const struct reading cases[] = {
        { "1 0:2 3:4.5", 4, "0:2 3:4.5", 0 },
        { "0:2 3:4.5\n", 4, "0:2 3:4.5", 0 },
        { "1 1:2\n\n2 2:3 # note\n# note\n", 3, "1:2; 2:3", 0 },
        { "1 qid:7 5:1\r\n", 6, "5:1", 0 },
        { "1\t1:nan 2:3", 3, "2:3", 0 },
        { "1\n2", 0, "; ", 0 },
        { "", 0, "there is no row", ROWS_E_BAD },
        { "\n# only\n", 0, "there is no row", ROWS_E_BAD },
        { "1,2,3", 0, "row 1: '1,2,3' is not index:value", ROWS_E_BAD },
        { "1 1:2 3", 0, "row 1: '3' is not index:value", ROWS_E_BAD },
        { "1 1:2\n1 a:2", 0, "row 2: 'a:2' is not index:value", ROWS_E_BAD },
        { "1 -1:2", 0, "row 1: '-1:2' is not index:value", ROWS_E_BAD },
        { "1 1:", 0, "row 1: '1:' is not index:value", ROWS_E_BAD },
        { "1 1:x", 0, "row 1: '1:x' is not index:value", ROWS_E_BAD },
        { "1 16777216:1", 0, "row 1: '16777216:1' is not index:value", ROWS_E_BAD },
        { "1 2:1 1:1", 0, "row 1: the indices do not ascend at '1:1'", ROWS_E_BAD },
        { "1 2:1 2:1", 0, "row 1: the indices do not ascend at '2:1'", ROWS_E_BAD },
    };

    check_readings(rows_parse_libsvm, cases, sizeof(cases) / sizeof(cases[0]));
}

static void json_is_read(void **state)
{
    const struct reading cases[] = {
        { "[[1, 2.5], [3, null]]", 2, "0:1 1:2.5; 0:3", 0 },
        { "[1, 2]", 2, "0:1 1:2", 0 },
        { "{\"instances\": [[1, 2]]}", 2, "0:1 1:2", 0 },
        { "{\"instances\": [{\"features\": [1]}, [2]], \"configuration\": {}}", 1, "0:1; 0:2", 0 },
        { "[{\"features\": [1, 2]}]", 2, "0:1 1:2", 0 },
        { "[]", 0, "there is no row", ROWS_E_BAD },
        { "{\"instances\": []}", 0, "there is no row", ROWS_E_BAD },
        { "{}", 0, "expected [[...], ...] or {\"instances\": [...]}", ROWS_E_BAD },
        { "[[]]", 0, "row 1 has 0 columns", ROWS_E_BAD },
        { "[[1], [1, 2]]", 0, "row 2 has 2 columns, but the first has 1", ROWS_E_BAD },
        { "[[1], 2]", 0, "row 2 is neither a list of numbers nor {\"features\": [...]}",
          ROWS_E_BAD },
        { "[[\"1\"]]", 0, "row 1, column 1 is neither a number nor null", ROWS_E_BAD },
        { "[[true]]", 0, "row 1, column 1 is neither a number nor null", ROWS_E_BAD },
        { "[[1e300]]", 0, "row 1, column 1 is too large", ROWS_E_BAD },
        { "[{\"data\": [1]}]", 0, "row 1 is neither a list of numbers nor {\"features\": [...]}",
          ROWS_E_BAD },
    };

    check_readings(rows_parse_json, cases, sizeof(cases) / sizeof(cases[0]));
}

static void broken_json_tells_its_line(void **state)
{
    autorows struct rows rows = { 0 };
    char why[ROWS_WHY_BYTES];

    assert_int_equal(rows_parse_json(SLICE("[\n[1,"), &rows, why), ROWS_E_BAD);
    assert_memory_equal(why, "line 2: ", 8);
    assert_int_equal(rows_parse_json((struct slice){ 0 }, &rows, why), ROWS_E_BAD);
}

static void columns_move_both_ways(void **state)
{
    autorows struct rows rows = { 0 };
    char why[ROWS_WHY_BYTES], printed[100];

    assert_int_equal(rows_parse_libsvm(SLICE("1 1:5 3:7\n1 2:6"), &rows, why), 0);
    assert_int_equal(rows.lowest_column, 1);
    rows_move(&rows, -1);
    print_rows(&rows, printed, sizeof(printed));
    assert_string_equal(printed, "0:5 2:7; 1:6");
    assert_int_equal(rows.width, 3);
    rows_move(&rows, 1);
    print_rows(&rows, printed, sizeof(printed));
    assert_string_equal(printed, "1:5 3:7; 2:6");
}

static void large_bodies_grow_the_rows(void **state)
{
    static char text[40000 * 4];
    autorows struct rows rows = { 0 };
    char why[ROWS_WHY_BYTES];
    size_t n = 0;

    for (int i = 0; i < 40000; i++)
        n += (size_t)sprintf(text + n, "%d,%c", i % 10, i % 2 ? '\n' : '7');
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rows_parse_csv((struct slice){ text, n }, &rows, why), 0);
        assert_int_equal(rows.n_rows, 20000);
        assert_int_equal(rows.width, 3);
        assert_int_equal(rows.n_values, 40000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_read),
        cmocka_unit_test(bytes_after_a_nul_are_not_lost),
        cmocka_unit_test(libsvm_is_read),
        cmocka_unit_test(json_is_read),
        cmocka_unit_test(broken_json_tells_its_line),
        cmocka_unit_test(columns_move_both_ways),
        cmocka_unit_test(large_bodies_grow_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
