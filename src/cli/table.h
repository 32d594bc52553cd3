/* cli/table.h: text in columns. */
#pragma once
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 16 };

struct table {
    unsigned n_columns;
    char **cells; /* n_cells, row by row; the first row is the heading */
    size_t n_cells;
    int error; /* 0, or the first failure to add a cell */
};

/** table_init() - @headings: NULL-terminated; one that starts with ">" has its column aligned to
 * the right */
void table_init(struct table *t, const char *const *headings);
void table_deinit(struct table *t);
#define autotable __attribute__((cleanup(table_deinit)))

/** table_add() - the next cell, in reading order; "" shows as "-" */
void table_add(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** table_print() - nothing if there is but the heading. Return: 0, or the negative errno for which
 * a cell is missing. */
int table_print(const struct table *t, FILE *to);
