/* Rows of CSV, libsvm and JSON: well-formed, and as CSV and JSON they read back. */
#include "model/rows.h"

#include <math.h>

#include "base/buffer.h"
#include "fuzz.h"

enum { CELLS_MAX = 4096 /* written out */ };

typedef int parse_function(struct slice text, struct rows *ret, char ret_why[ROWS_WHY_BYTES]);

static void check_rows(const struct rows *rows)
{
    uint32_t lowest = UINT32_MAX;

    MUST(rows->n_rows > 0 && rows->starts[0] == 0);
    MUST(rows->starts[rows->n_rows] == rows->n_values);
    for (size_t row = 0; row < rows->n_rows; row++) {
        MUST(rows->starts[row] <= rows->starts[row + 1]);
        for (size_t i = rows->starts[row]; i < rows->starts[row + 1]; i++) {
            MUST(rows->columns[i] < rows->width && rows->width <= ROWS_COLUMNS_MAX);
            MUST(i == rows->starts[row] || rows->columns[i - 1] < rows->columns[i]);
            MUST(isfinite(rows->values[i]));
            lowest = rows->columns[i] < lowest ? rows->columns[i] : lowest;
        }
    }
    MUST(lowest == rows->lowest_column);
}

static void check_equal(const struct rows *a, const struct rows *b)
{
    MUST(a->n_rows == b->n_rows && a->n_values == b->n_values && a->width == b->width);
    MUST(memcmp(a->starts, b->starts, (a->n_rows + 1) * sizeof(*a->starts)) == 0);
    for (size_t i = 0; i < a->n_values; i++)
        MUST(a->columns[i] == b->columns[i] && a->values[i] == b->values[i]);
}

static void write_row(const struct rows *rows, size_t row, const char *missing, struct buffer *out)
{
    size_t i = rows->starts[row];

    for (size_t column = 0; column < rows->width; column++) {
        if (column > 0)
            MUST(buffer_puts(out, ",") == 0);
        if (i < rows->starts[row + 1] && rows->columns[i] == column)
            MUST(buffer_printf(out, "%.9g", (double)rows->values[i++]) == 0);
        else
            MUST(buffer_puts(out, missing) == 0);
    }
}

static void check_written(const struct rows *rows, bool json)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 20);
    autorows struct rows again = { 0 };
    char why[ROWS_WHY_BYTES];
    struct slice text;

    for (size_t row = 0; row < rows->n_rows; row++) {
        MUST(buffer_puts(&out, !json ? "" : row > 0 ? ",[" : "[[") == 0);
        write_row(rows, row, json ? "null" : "nan", &out);
        MUST(buffer_puts(&out, json ? "]" : "\n") == 0);
    }
    if (json)
        MUST(buffer_puts(&out, "]") == 0);
    text = (struct slice){ buffer_data(&out), buffer_size(&out) };
    MUST((json ? rows_parse_json : rows_parse_csv)(text, &again, why) == 0);
    check_equal(rows, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static parse_function *const functions[] = { rows_parse_csv, rows_parse_libsvm,
                                                 rows_parse_json };
    autorows struct rows rows = { 0 };

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        char why[ROWS_WHY_BYTES] = "";
        int r = functions[i](fuzz_slice(data, size), &rows, why);

        MUST(r == 0 || (r == ROWS_E_BAD && why[0]));
        if (r)
            continue;
        check_rows(&rows);
        if (rows.width == 0 || rows.width > CELLS_MAX / rows.n_rows)
            continue;
        check_written(&rows, false);
        check_written(&rows, true);
    }
    return 0;
}
