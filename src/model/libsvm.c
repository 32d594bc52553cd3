#include <string.h>

#include "model/rows.h"

/* Takes the next line, without its comment, off @rest. */
static bool next_line(struct slice *rest, struct slice *ret_line)
{
    const char *at;
    size_t n;

    if (rest->size == 0)
        return false;
    at = memchr(rest->data, '\n', rest->size);
    n = at ? (size_t)(at - rest->data) : rest->size;
    *ret_line = (struct slice){ rest->data, n };
    n += at != NULL;
    rest->data += n;
    rest->size -= n;
    at = memchr(ret_line->data, '#', ret_line->size);
    if (at)
        ret_line->size = (size_t)(at - ret_line->data);
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool next_word(struct slice *rest, struct slice *ret_word)
{
    size_t n = 0;

    while (rest->size > 0 && is_space(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
    while (n < rest->size && !is_space(rest->data[n]))
        n++;
    *ret_word = (struct slice){ rest->data, n };
    rest->data += n;
    rest->size -= n;
    return n > 0;
}

static int shown(struct slice s)
{
    return s.size < 64 ? (int)s.size : 64;
}

/* "index:value"; @low is one more than the index before it, because they must ascend. */
static int parse_pair(struct slice word, uint64_t *low, struct rows *rows, char *ret_why)
{
    const char *colon = memchr(word.data, ':', word.size);
    size_t n = colon ? (size_t)(colon - word.data) : word.size;
    uint64_t index;
    float value;

    if (!colon || text_to_u64((struct slice){ word.data, n }, ROWS_COLUMNS_MAX - 1, &index) != 0 ||
        rows_parse_number((struct slice){ colon + 1, word.size - n - 1 }, &value) != 0)
        return rows_refuse(ret_why, "row %zu: '%.*s' is not index:value", rows->n_rows + 1,
                           shown(word), word.data);
    if (index < *low)
        return rows_refuse(ret_why, "row %zu: the indices do not ascend at '%.*s'",
                           rows->n_rows + 1, shown(word), word.data);
    *low = index + 1;
    if (index + 1 > rows->width)
        rows->width = (size_t)index + 1;
    return rows_add(rows, (uint32_t)index, value);
}

static int parse_line(struct slice line, struct rows *rows, char *ret_why)
{
    struct slice word;
    uint64_t low = 0;
    float label;

    for (size_t i = 0; next_word(&line, &word); i++) {
        int r;

        if (i == 0 && rows_parse_number(word, &label) == 0)
            continue;
        if (word.size > 4 && memcmp(word.data, "qid:", 4) == 0)
            continue;
        r = parse_pair(word, &low, rows, ret_why);
        if (r)
            return r;
    }
    return rows_end(rows);
}

static bool is_blank(struct slice line)
{
    struct slice word;

    return !next_word(&line, &word);
}

int rows_parse_libsvm(struct slice text, struct rows *ret, char ret_why[ROWS_WHY_BYTES])
{
    struct slice line;

    rows_clear(ret);
    ret->sparse = true;
    while (next_line(&text, &line)) {
        int r = is_blank(line) ? 0 : parse_line(line, ret, ret_why);

        if (r)
            return r;
    }
    return ret->n_rows > 0 ? 0 : rows_refuse(ret_why, "there is no row");
}
