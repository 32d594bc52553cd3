#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "metrics/queries_list.h"

enum { ROW_ARENA_BYTES = 16 << 20, TRIAL_PERIODS = 5 };

static int limit(struct queries_error *ret_error)
{
    snprintf(ret_error->text, sizeof(ret_error->text), "The expressions take too much to compute");
    return QUERIES_E_LIMIT;
}

/* --- the grid --------------------------------------------------------------------------------- */

static unsigned period_of(const struct queries_computation *c, size_t i)
{
    return c->view->period_s ? c->view->period_s : c->q->items[i].query.period_s;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Widens the grid so that periods of @period_s fit; a grid without a step is not there yet. */
static void widen(const struct queries_computation *c, unsigned period_s, wall_ms_t *end)
{
    struct math_scope *grid = &c->result->scope;
    wall_ms_t from, to;
    size_t n = c->view->span(c->view->context, period_s, &from);

    to = from + (wall_ms_t)n * period_s * MS_PER_S;
    if (grid->step_s == 0) {
        grid->step_s = period_s;
        grid->start = from;
        *end = to;
        return;
    }
    grid->step_s = (unsigned)common_divisor(
        common_divisor(grid->step_s, period_s),
        (from > grid->start ? from - grid->start : grid->start - from) / MS_PER_S);
    grid->start = from < grid->start ? from : grid->start;
    *end = to > *end ? to : *end;
}

/* The period that expressions are computed by where they use no metric. */
static unsigned own_period(const struct queries_computation *c)
{
    for (size_t i = 0; i < c->q->n; i++)
        if (c->q->items[i].math && period_of(c, i))
            return period_of(c, i);
    return QUERIES_PERIOD_DEFAULT_S;
}

static void lay_grid(const struct queries_computation *c)
{
    struct math_scope *grid = &c->result->scope;
    wall_ms_t end = 0;

    for (size_t i = 0; i < c->q->n; i++) {
        const struct math *math = c->q->items[i].math;
        const struct math_search *search;
        size_t cursor = 0;

        if (c->q->items[i].used)
            widen(c, period_of(c, i), &end);
        while (math && (search = math_next_search(math, &cursor)))
            widen(c, queries_search_period(c, i, search), &end);
    }
    if (grid->step_s == 0)
        widen(c, own_period(c), &end);
    grid->n_slots = (size_t)((end - grid->start) / (grid->step_s * MS_PER_S));
}

/* --- metrics ---------------------------------------------------------------------------------- */

/* What is read by a shorter period than the query's own, told as if it were of that. */
static double scale_of(const struct queries_computation *c, size_t i)
{
    const struct metric_query *query = &c->q->items[i].query;

    return metric_statistic_grows(&query->statistic) && query->period_s
               ? (double)query->period_s / period_of(c, i)
               : 1;
}

int queries_read_series(const struct queries_computation *c, const struct queries_reading *reading,
                        struct math_series *ret)
{
    struct math_scope *grid = &c->result->scope;
    wall_ms_t start;
    size_t n = c->view->span(c->view->context, reading->period_s, &start);
    autofree(mem_free) double *found = calloc(n + 1, sizeof(*found));
    void *values;
    int r;

    if (!found)
        return fault(-ENOMEM);
    r = math_alloc(&c->result->arena, grid->n_slots, sizeof(double), &values);
    if (r)
        return r;
    *ret = (struct math_series){
        .values = values,
        .first = (size_t)((start - grid->start) / (grid->step_s * MS_PER_S)),
        .every = reading->period_s / grid->step_s,
    };
    /* without data there are zeros, so that types can be tried out */
    if (c->view->metrics)
        metrics_read(c->view->metrics, reading->name, reading->unit, start, reading->period_s, n,
                     reading->statistic, found, NULL);
    for (size_t k = 0; k < grid->n_slots; k++)
        ret->values[k] = NAN;
    for (size_t k = 0; k < n; k++)
        ret->values[ret->first + k * ret->every] = found[k] * reading->scale;
    return 0;
}

static int read_metric(const struct queries_computation *c, size_t i)
{
    const struct metric_query *query = &c->q->items[i].query;
    struct math_input *input = &c->result->inputs[i];
    unsigned period_s = period_of(c, i);
    const struct queries_reading reading = { &query->name, query->unit, &query->statistic, period_s,
                                             scale_of(c, i) };
    struct math_series *series;
    void *memory;
    int r = math_alloc(&c->result->arena, 1, sizeof(*series), &memory);

    if (r)
        return r;
    series = memory;
    r = queries_read_series(c, &reading, series);
    if (r)
        return r;
    series->origin = i;
    input->period_s = query->period_s ? query->period_s : period_s;
    input->value = (struct math_value){ .type = MATH_SERIES, .series = series, .n_series = 1 };
    return 0;
}

/* --- all -------------------------------------------------------------------------------------- */

/* Return: 0, MATH_E_REFUSED (c->at: of which), MATH_E_LIMIT or -ENOMEM */
static int compute(struct queries_computation *c, struct math_error *ret_error)
{
    const struct queries *q = c->q;
    int r = 0;

    for (size_t i = 0; i < q->n; i++) {
        c->result->inputs[i].id = q->items[i].query.id;
        c->result->inputs[i].metric = q->items[i].used;
    }
    lay_grid(c);
    for (size_t i = 0; !r && i < q->n; i++)
        if (q->items[i].used)
            r = read_metric(c, i);
    for (size_t k = 0; !r && k < q->n_order; k++) {
        c->at = q->order[k];
        r = math_evaluate(q->items[c->at].math, &c->result->scope, &c->result->arena,
                          &c->result->inputs[c->at].value, ret_error);
    }
    return r;
}

int queries_compute(const struct queries *q, const struct queries_view *view,
                    struct queries_result *ret, struct queries_error *ret_error)
{
    struct queries_computation c = { q, view, ret, 0 };
    struct math_error error;
    int r;

    *ret = (struct queries_result){ .arena = MATH_ARENA_INIT(view->arena_bytes) };
    ret->inputs = calloc(q->n, sizeof(*ret->inputs));
    if (!ret->inputs)
        return fault(-ENOMEM);
    ret->scope = (struct math_scope){ .inputs = ret->inputs,
                                      .n_inputs = q->n,
                                      .strict = view->strict,
                                      .find = view->searched ? queries_find : NULL,
                                      .find_context = &c };
    r = compute(&c, &error);
    ret->scope.find = NULL;
    if (r == MATH_E_REFUSED)
        return queries_refuse(q, c.at, &error, ret_error);
    return r == MATH_E_LIMIT ? limit(ret_error) : fault(r);
}

void queries_result_deinit(struct queries_result *r)
{
    free(r->inputs);
    free(r->found);
    math_arena_deinit(&r->arena);
}

/* --- one series ------------------------------------------------------------------------------- */

static size_t row_span(const void *context, unsigned period_s, wall_ms_t *ret_start)
{
    const struct queries_row *row = context;

    *ret_start = row->end - (wall_ms_t)row->n * period_s * MS_PER_S;
    return row->n;
}

int queries_compute_row(const struct queries *q, const struct metrics *metrics,
                        const struct queries_row *row, struct queries_result *ret,
                        struct queries_error *ret_error)
{
    const struct queries_view view = {
        .metrics = metrics,
        .span = row_span,
        .context = row,
        .period_s = row->period_s,
        .strict = row->strict,
        .arena_bytes = ROW_ARENA_BYTES,
    };

    return queries_compute(q, &view, ret, ret_error);
}

/* Types are known when something is computed, so that is tried once without data. */
int queries_check_series(const struct queries *q, size_t result, unsigned period_s, bool strict,
                         struct queries_error *ret_error)
{
    const struct queries_row row = {
        .end = (wall_ms_t)TRIAL_PERIODS * period_s * MS_PER_S,
        .period_s = period_s,
        .n = TRIAL_PERIODS,
        .strict = strict,
    };
    struct queries_result computed;
    int r;

    if (queries_searches(q)) {
        snprintf(ret_error->text, sizeof(ret_error->text),
                 "SEARCH is not supported on Metric Alarms.");
        return QUERIES_E_REFUSED;
    }
    r = queries_compute_row(q, NULL, &row, &computed, ret_error);
    if (!r) {
        const struct math_value *value = &computed.inputs[result].value;

        if (value->type == MATH_SCALAR || value->n_series != 1) {
            snprintf(ret_error->text, sizeof(ret_error->text),
                     "Error in expression '%.60s': the result must be a single time series, not %s",
                     q->items[result].query.id, math_type_text(value->type));
            r = QUERIES_E_REFUSED;
        }
    }
    queries_result_deinit(&computed);
    return r == QUERIES_E_LIMIT ? QUERIES_E_REFUSED : r;
}

int queries_read(const struct queries *q, size_t result, const struct metrics *metrics,
                 const struct queries_row *row, double *ret_values)
{
    struct queries_result computed;
    struct queries_error error;
    int r = queries_compute_row(q, metrics, row, &computed, &error);

    if (!r) {
        const struct math_value *value = &computed.inputs[result].value;

        /* how many there are may hang on the data */
        if (value->type == MATH_SCALAR || value->n_series != 1)
            r = QUERIES_E_REFUSED;
        else
            memcpy(ret_values, value->series[0].values, row->n * sizeof(*ret_values));
    }
    queries_result_deinit(&computed);
    return r < 0 ? fault(r) : r;
}
