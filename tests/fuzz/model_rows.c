/* Rows for a model, as CSV, libsvm and JSON: whatever was read is in order. */
#include <math.h>

#include "fuzz.h"
#include "model/rows.h"

static void check_rows(const struct rows *rows)
{
    MUST(rows->n_rows > 0 && rows->starts[0] == 0);
    MUST(rows->starts[rows->n_rows] == rows->n_values);
    for (size_t row = 0; row < rows->n_rows; row++) {
        MUST(rows->starts[row] <= rows->starts[row + 1]);
        for (uint64_t i = rows->starts[row]; i < rows->starts[row + 1]; i++) {
            MUST(rows->columns[i] < rows->width && rows->columns[i] >= rows->lowest_column);
            MUST(i == rows->starts[row] || rows->columns[i - 1] < rows->columns[i]);
            MUST(isfinite(rows->values[i]));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int (*const readers[])(struct slice, struct rows *, char *) = {
        rows_parse_csv,
        rows_parse_libsvm,
        rows_parse_json,
    };
    autorows struct rows rows = { 0 };

    for (size_t i = 0; i < 3; i++) {
        char why[ROWS_WHY_BYTES] = "";
        int r = readers[i](fuzz_slice(data, size), &rows, why);

        MUST(r == 0 || (r == ROWS_E_BAD && why[0]));
        if (r == 0)
            check_rows(&rows);
    }
    return 0;
}
