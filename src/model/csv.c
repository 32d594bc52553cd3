#include <math.h>
#include <string.h>

#include "model/rows.h"

enum { SNIFFED_BYTES = 512 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice strip(struct slice s)
{
    while (s.size > 0 && is_space(s.data[0])) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && is_space(s.data[s.size - 1]))
        s.size--;
    return s;
}

/* Takes what stands before @separator off @rest. Return: false if there was nothing left to
 * take. */
static bool cut(struct slice *rest, char separator, struct slice *ret_part)
{
    const char *at;

    if (!rest->data)
        return false;
    at = memchr(rest->data, separator, rest->size);
    *ret_part = *rest;
    if (!at) {
        *rest = (struct slice){ 0 };
        return true;
    }
    ret_part->size = (size_t)(at - rest->data);
    rest->size -= ret_part->size + 1;
    rest->data = at + 1;
    return true;
}

static char sniff(struct slice text)
{
    const char *lf = memchr(text.data, '\n', text.size);
    size_t n = lf ? (size_t)(lf - text.data) : text.size;

    if (n > SNIFFED_BYTES)
        n = SNIFFED_BYTES;
    for (const char *c = ",\t;| "; *c; c++) {
        if (memchr(text.data, *c, n))
            return *c;
    }
    return ',';
}

static int parse_cell(struct slice cell, struct rows *rows, size_t column, char *ret_why)
{
    float value = NAN;

    cell = strip(cell);
    if (column >= ROWS_COLUMNS_MAX)
        return rows_refuse(ret_why, "row %zu has more than %d columns", rows->n_rows + 1,
                           ROWS_COLUMNS_MAX);
    if (cell.size > 0 && rows_parse_number(cell, &value) != 0)
        return rows_refuse(ret_why, "row %zu, column %zu: '%.*s' is not a number", rows->n_rows + 1,
                           column + 1, cell.size < 64 ? (int)cell.size : 64, cell.data);
    return rows_add(rows, (uint32_t)column, value);
}

static int parse_line(struct slice line, char separator, struct rows *rows, char *ret_why)
{
    struct slice cell;
    size_t n = 0;
    int r;

    while (cut(&line, separator, &cell)) {
        r = parse_cell(cell, rows, n++, ret_why);
        if (r)
            return r;
    }
    if (rows->n_rows > 0 && n != rows->width)
        return rows_refuse(ret_why, "row %zu has %zu columns, but the first has %zu",
                           rows->n_rows + 1, n, rows->width);
    rows->width = n;
    return rows_end(rows);
}

int rows_parse_csv(struct slice text, struct rows *ret, char ret_why[ROWS_WHY_BYTES])
{
    struct slice line;
    char separator;

    rows_clear(ret);
    text = strip(text);
    if (text.size == 0)
        return rows_refuse(ret_why, "there is no row");
    separator = sniff(text);
    while (cut(&text, '\n', &line)) {
        int r = parse_line(line, separator, ret, ret_why);

        if (r)
            return r;
    }
    return 0;
}
