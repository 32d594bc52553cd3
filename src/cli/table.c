#include "cli/table.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void add(struct table *t, char *text)
{
    char **more = text ? realloc(t->cells, (t->n_cells + 1) * sizeof(*more)) : NULL;

    if (!more) {
        free(text);
        t->error = -ENOMEM;
        return;
    }
    t->cells = more;
    t->cells[t->n_cells++] = text;
}

void table_init(struct table *t, const char *const *headings)
{
    *t = (struct table){ 0 };
    for (; *headings; headings++, t->n_columns++)
        add(t, strdup(*headings));
    assert(t->n_columns <= TABLE_COLUMNS_MAX);
}

void table_deinit(struct table *t)
{
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct table){ 0 };
}

/* What names say must not be obeyed by a terminal. */
static void disarm(char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            *text = '?';
}

void table_add(struct table *t, const char *format, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    if (text && !*text) {
        free(text);
        text = strdup("-");
    }
    if (text)
        disarm(text);
    add(t, text);
}

static bool to_the_right(const struct table *t, unsigned column)
{
    return t->cells[column][0] == '>';
}

/* what a cell shows: a heading hides its mark */
static const char *shown(const struct table *t, size_t cell)
{
    const char *text = t->cells[cell];

    return cell < t->n_columns && *text == '>' ? text + 1 : text;
}

/* in characters: bytes that go on with one do not count */
static int width_of(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

int table_print(const struct table *t, FILE *to)
{
    int width[TABLE_COLUMNS_MAX] = { 0 };

    if (t->error)
        return t->error;
    if (t->n_cells <= t->n_columns)
        return 0;
    for (size_t i = 0; i < t->n_cells; i++) {
        int n = width_of(shown(t, i));

        if (n > width[i % t->n_columns])
            width[i % t->n_columns] = n;
    }
    for (size_t i = 0; i < t->n_cells; i++) {
        unsigned column = (unsigned)(i % t->n_columns);
        bool last = column + 1 == t->n_columns;
        int missing = width[column] - width_of(shown(t, i));
        bool right = to_the_right(t, column);

        fprintf(to, "%*s%s%*s%s", right ? missing : 0, "", shown(t, i), right || last ? 0 : missing,
                "", last ? "\n" : "  ");
    }
    return 0;
}
