#include "model/rows.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rows_deinit(struct rows *rows)
{
    free(rows->starts);
    free(rows->columns);
    free(rows->values);
    *rows = (struct rows){ 0 };
}

void rows_clear(struct rows *rows)
{
    rows->n_rows = 0;
    rows->n_values = 0;
    rows->width = 0;
    rows->sparse = false;
    rows->lowest_column = UINT32_MAX;
    if (rows->starts)
        rows->starts[0] = 0;
}

static int grow(void **memory, size_t n, size_t size)
{
    void *p = reallocarray(*memory, n, size);

    if (!p)
        return -ENOMEM;
    *memory = p;
    return 0;
}

int rows_add(struct rows *rows, uint32_t column, float value)
{
    if (isnan(value))
        return 0;
    if (rows->n_values == rows->values_capacity) {
        size_t n = rows->values_capacity ? 2 * rows->values_capacity : 256;

        if (grow((void **)&rows->columns, n, sizeof(*rows->columns)) ||
            grow((void **)&rows->values, n, sizeof(*rows->values)))
            return -ENOMEM;
        rows->values_capacity = n;
    }
    if (column < rows->lowest_column)
        rows->lowest_column = column;
    rows->columns[rows->n_values] = column;
    rows->values[rows->n_values++] = value;
    return 0;
}

int rows_end(struct rows *rows)
{
    if (rows->n_rows + 2 > rows->rows_capacity) {
        size_t n = rows->rows_capacity ? 2 * rows->rows_capacity : 64;

        if (grow((void **)&rows->starts, n, sizeof(*rows->starts)))
            return -ENOMEM;
        rows->rows_capacity = n;
        rows->starts[0] = 0;
    }
    rows->starts[++rows->n_rows] = rows->n_values;
    return 0;
}

void rows_move(struct rows *rows, int by)
{
    assert(by == 1 || (by == -1 && rows->lowest_column > 0));

    for (size_t i = 0; i < rows->n_values; i++)
        rows->columns[i] += (uint32_t)by;
    if (rows->n_values > 0)
        rows->lowest_column += (uint32_t)by;
    rows->width += (size_t)by;
}

int rows_refuse(char *ret_why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(ret_why, ROWS_WHY_BYTES, format, args);
    va_end(args);
    return ROWS_E_BAD;
}

int rows_parse_number(struct slice text, float *ret)
{
    char copy[64], *end;

    if (text.size == 0 || text.size >= sizeof(copy))
        return -EINVAL;
    /* strtof() would also take hexadecimal numbers, infinities and leading white space. */
    for (size_t i = 0; i < text.size; i++) {
        if (!text.data[i] || !strchr("0123456789+-.eEnaNA", text.data[i]))
            return -EINVAL;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret = strtof(copy, &end);
    return *end || isinf(*ret) ? -EINVAL : 0;
}
