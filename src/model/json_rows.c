#include <math.h>

#include <jansson.h>

#include "model/rows.h"

static int read_cell(const json_t *cell, struct rows *rows, size_t column, char *ret_why)
{
    float value = NAN;

    if (json_is_number(cell))
        value = (float)json_number_value(cell);
    else if (!json_is_null(cell))
        return rows_refuse(ret_why, "row %zu, column %zu is neither a number nor null",
                           rows->n_rows + 1, column + 1);
    if (isinf(value))
        return rows_refuse(ret_why, "row %zu, column %zu is too large", rows->n_rows + 1,
                           column + 1);
    return rows_add(rows, (uint32_t)column, value);
}

static int read_row(const json_t *row, struct rows *rows, char *ret_why)
{
    size_t n, i;
    json_t *cell;

    if (json_is_object(row))
        row = json_object_get(row, "features");
    if (!json_is_array(row))
        return rows_refuse(ret_why,
                           "row %zu is neither a list of numbers nor {\"features\": [...]}",
                           rows->n_rows + 1);
    n = json_array_size(row);
    if (n == 0 || n > ROWS_COLUMNS_MAX)
        return rows_refuse(ret_why, "row %zu has %zu columns", rows->n_rows + 1, n);
    if (rows->n_rows > 0 && n != rows->width)
        return rows_refuse(ret_why, "row %zu has %zu columns, but the first has %zu",
                           rows->n_rows + 1, n, rows->width);
    rows->width = n;
    json_array_foreach (row, i, cell) {
        int r = read_cell(cell, rows, i, ret_why);

        if (r)
            return r;
    }
    return rows_end(rows);
}

static int read_rows(const json_t *root, struct rows *rows, char *ret_why)
{
    const json_t *list = json_is_object(root) ? json_object_get(root, "instances") : root;
    json_t *row;
    size_t i;

    if (!json_is_array(list))
        return rows_refuse(ret_why, "expected [[...], ...] or {\"instances\": [...]}");
    if (json_array_size(list) == 0)
        return rows_refuse(ret_why, "there is no row");
    if (list == root && !json_is_array(json_array_get(list, 0)) &&
        !json_is_object(json_array_get(list, 0)))
        return read_row(list, rows, ret_why);
    json_array_foreach (list, i, row) {
        int r = read_row(row, rows, ret_why);

        if (r)
            return r;
    }
    return 0;
}

int rows_parse_json(struct slice text, struct rows *ret, char ret_why[ROWS_WHY_BYTES])
{
    json_error_t error;
    json_t *root;
    int r;

    rows_clear(ret);
    root = json_loadb(text.data ? text.data : "", text.size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return rows_refuse(ret_why, "line %d: %s", error.line, error.text);
    r = read_rows(root, ret, ret_why);
    json_decref(root);
    return r;
}
