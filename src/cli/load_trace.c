#include "cli/load_trace.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMESTAMP_CHARS_MAX = 40 };

/* Nobody replays more; instants in microseconds and sums of requests stay far from overflow. */
static const double length_s_max = 1e9, count_max = 1e12;
static const char too_long[] = "at this speed the trace takes more than 30 years";

struct row {
    wall_ms_t at;
    double value;
};

struct rows {
    struct row *row;
    size_t n;
    bool counts; /* the value column counts */
};

/* --- reading ---------------------------------------------------------------------------------- */

int load_timestamp_parse(struct slice s, wall_ms_t *ret_time)
{
    char text[TIMESTAMP_CHARS_MAX + 2];
    double seconds;

    if (text_to_double(s, &seconds) == 0) {
        if (fabs(seconds) > 1e12)
            return -EINVAL;
        *ret_time = (wall_ms_t)llround(seconds * 1000);
        return 0;
    }
    if (s.size < 11 || s.size > TIMESTAMP_CHARS_MAX)
        return -EINVAL;
    memcpy(text, s.data, s.size);
    text[s.size] = '\0';
    if (text[10] == ' ')
        text[10] = 'T';
    if (text_from_iso8601(slice_from(text), ret_time) == 0)
        return 0;
    text[s.size] = 'Z';
    text[s.size + 1] = '\0';
    return text_from_iso8601(slice_from(text), ret_time);
}

static int refuse(char *ret_why, size_t line, const char *what)
{
    snprintf(ret_why, LOAD_WHY_BYTES, "line %zu: %s", line, what);
    return -EINVAL;
}

/* Takes the text up to @end, or all, off the front; without quotes around it. */
static struct slice take_until(struct slice *rest, char end)
{
    const char *stop = rest->size ? memchr(rest->data, end, rest->size) : NULL;
    struct slice s = { rest->data, stop ? (size_t)(stop - rest->data) : rest->size };
    size_t taken = s.size + (stop != NULL);

    rest->data += taken;
    rest->size -= taken;
    if (s.size > 0 && s.data[s.size - 1] == '\r')
        s.size--;
    s = slice_trim(s);
    if (s.size >= 2 && s.data[0] == '"' && s.data[s.size - 1] == '"')
        s = (struct slice){ s.data + 1, s.size - 2 };
    return s;
}

static int add_row(struct rows *rows, struct row row)
{
    if ((rows->n & (rows->n - 1)) == 0) {
        size_t capacity = rows->n ? 2 * rows->n : 1;
        struct row *grown = reallocarray(rows->row, capacity, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        rows->row = grown;
    }
    rows->row[rows->n++] = row;
    return 0;
}

/* Whether the first line is a header; if so, it tells what the rows are. */
static bool is_header(struct slice line, bool *ret_counts)
{
    struct slice first = take_until(&line, ','), second = take_until(&line, ',');
    wall_ms_t unused;

    *ret_counts = slice_is_nocase(first, "timestamp") && slice_is_nocase(second, "value");
    return load_timestamp_parse(first, &unused) != 0;
}

static int read_row(struct slice text, size_t line, struct rows *rows, char *ret_why)
{
    struct slice timestamp = take_until(&text, ','), value = take_until(&text, ',');
    struct row row = { .value = 1 };

    if (load_timestamp_parse(timestamp, &row.at))
        return refuse(ret_why, line, "no timestamp in the first column");
    if (rows->counts &&
        (text_to_double(value, &row.value) || !(row.value >= 0 && row.value <= count_max)))
        return refuse(ret_why, line, "the value is not a number of requests");
    if (rows->n > 0 && row.at < rows->row[rows->n - 1].at)
        return refuse(ret_why, line, "the timestamp goes back");
    if (rows->n > 0 && rows->counts && row.at == rows->row[rows->n - 1].at)
        return refuse(ret_why, line, "the timestamp is there twice");
    return add_row(rows, row);
}

static int read_rows(struct slice text, struct rows *rows, char *ret_why)
{
    for (size_t line = 1; text.size > 0; line++) {
        struct slice row = take_until(&text, '\n');
        bool counts;
        int r;

        if (row.size == 0)
            continue;
        if (line == 1 && is_header(row, &counts)) {
            rows->counts = counts;
            continue;
        }
        r = read_row(row, line, rows, ret_why);
        if (r)
            return r;
    }
    return 0;
}

/* --- planning --------------------------------------------------------------------------------- */

static bool wanted(const struct load_trace_options *options, wall_ms_t at)
{
    return (!options->has_from || at >= options->from) && (!options->has_to || at < options->to);
}

static size_t first_wanted(const struct rows *rows, const struct load_trace_options *options)
{
    size_t i = 0;

    while (i < rows->n && !wanted(options, rows->row[i].at))
        i++;
    return i;
}

static int plan_piece(struct load_plan *plan, double length_ms, double requests,
                      const struct load_trace_options *options)
{
    double length_s = length_ms / 1000 / options->speedup;
    double rate = requests * options->scale / length_s;

    return load_plan_add(plan, (struct load_piece){ length_s, rate, rate });
}

/* A period ends where the next row begins; the last one is taken to be as long as the one
 * before. */
static int plan_counts(const struct rows *rows, const struct load_trace_options *options,
                       wall_ms_t start, struct load_plan *plan, char *ret_why)
{
    size_t i = first_wanted(rows, options);
    int r = 0;

    if (i < rows->n && rows->row[i].at > start)
        r = plan_piece(plan, (double)(rows->row[i].at - start), 0, options);
    for (; !r && i < rows->n && wanted(options, rows->row[i].at); i++) {
        const struct row *row = &rows->row[i];
        wall_ms_t period = i + 1 < rows->n ? row[1].at - row->at : row->at - row[-1].at;
        wall_ms_t used = period;

        if (options->has_to && row->at + period > options->to)
            used = options->to - row->at;
        r = plan_piece(plan, (double)used, row->value * (double)used / (double)period, options);
    }
    if (!r && load_plan_length_s(plan) > length_s_max)
        r = refuse(ret_why, 1, too_long);
    return r;
}

static int plan_instants(const struct rows *rows, const struct load_trace_options *options,
                         wall_ms_t start, struct load_plan *plan, char *ret_why)
{
    plan->scale = options->scale;
    plan->instants = calloc(rows->n, sizeof(*plan->instants));
    if (!plan->instants)
        return -ENOMEM;
    for (size_t i = first_wanted(rows, options); i < rows->n && wanted(options, rows->row[i].at);
         i++) {
        double after_ms = (double)(rows->row[i].at - start) / options->speedup;

        if (after_ms > length_s_max * 1000)
            return refuse(ret_why, 1, too_long);
        plan->instants[plan->n_instants++] = (us_t)(after_ms * (double)US_PER_MS);
    }
    return 0;
}

int load_trace_parse(struct slice text, const struct load_trace_options *options,
                     struct load_plan *ret_plan, char ret_why[LOAD_WHY_BYTES])
{
    struct load_plan plan = { 0 };
    struct rows rows = { 0 };
    size_t first;
    int r;

    assert(options->speedup > 0 && options->scale > 0);
    r = read_rows(text, &rows, ret_why);
    first = first_wanted(&rows, options);
    assert(first == rows.n || rows.row);
    if (!r && (first == rows.n || !wanted(options, rows.row[first].at)))
        r = refuse(ret_why, 1, "no row lies in the chosen part");
    if (!r && rows.counts && rows.n < 2)
        r = refuse(ret_why, 2, "one row alone does not tell how long its period is");
    if (!r) {
        wall_ms_t start = options->has_from ? options->from : rows.row[first].at;

        r = rows.counts ? plan_counts(&rows, options, start, &plan, ret_why)
                        : plan_instants(&rows, options, start, &plan, ret_why);
    }
    free(rows.row);
    if (r)
        load_plan_deinit(&plan);
    else
        *ret_plan = plan;
    return r;
}
