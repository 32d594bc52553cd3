/* model/rows.h: the rows that a request asks about, and how they are read from its body.
 *
 * Rows are kept sparse (CSR): a value that is not there is missing, whether it was an empty cell, a
 * JSON null or an index that libsvm left out. That is what the trees were trained with.
 * Rows are reused from request to request, so that a busy server seldom allocates.
 */
#pragma once
#include "base/cleanup.h"
#include "base/text.h"

enum { ROWS_E_BAD = 1 }; /* the text is not what it claims to be; the reason is written down */

enum { ROWS_WHY_BYTES = 256, ROWS_COLUMNS_MAX = 1 << 24 };

struct rows {
    size_t n_rows, n_values;
    size_t width;           /* columns: the same in each row; libsvm: the highest index + 1 */
    bool sparse;            /* came as libsvm: @width is only what was seen */
    uint32_t lowest_column; /* of all values; UINT32_MAX: there is none */
    uint64_t *starts;       /* n_rows + 1: where each row begins among the values */
    uint32_t *columns;
    float *values;
    size_t rows_capacity, values_capacity;
};

void rows_deinit(struct rows *rows); /* zeroed rows are fine */
void rows_clear(struct rows *rows);  /* empty, memory kept */
#define autorows __attribute__((cleanup(rows_deinit)))

/** rows_add() - a value of the row that rows_end() will end; NAN is not stored. Return: 0,
 * -ENOMEM. */
int rows_add(struct rows *rows, uint32_t column, float value);
int rows_end(struct rows *rows);

/** rows_move() - renumber all columns by @by, 1 or -1; with -1 there must be no value in column
 * 0 */
void rows_move(struct rows *rows, int by);

/* Readers replace what is in @ret. A body without any row is bad.
 * Return: 0, ROWS_E_BAD with a sentence in @ret_why, or -ENOMEM. */

/** rows_parse_csv() - numbers; no header, no quotes; empty cells are missing. The separator is the
 * first of comma, tab, semicolon, "|" and space that occurs in the first line. */
int rows_parse_csv(struct slice text, struct rows *ret, char ret_why[ROWS_WHY_BYTES]);

/** rows_parse_libsvm() - "[label] [qid:n] index:value ..." per line, "#" starts a comment */
int rows_parse_libsvm(struct slice text, struct rows *ret, char ret_why[ROWS_WHY_BYTES]);

/** rows_parse_json() - [[1, null], ...], [1, 2] for one row, or {"instances": [[...] or
 * {"features": [...]}, ...]} */
int rows_parse_json(struct slice text, struct rows *ret, char ret_why[ROWS_WHY_BYTES]);

/* What the readers share. */

/** rows_refuse() - write down why. Return: ROWS_E_BAD. */
int rows_refuse(char *ret_why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** rows_parse_number() - a whole cell as a float: decimal, "nan" for missing; infinities are
 * refused */
int rows_parse_number(struct slice text, float *ret);
