#include "api/cloudwatch_query.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/random.h"

/* What one call may use: 8 million numbers, metrics included. That bounds its time, too. */
enum { ARENA_BYTES = 64 << 20, PERIOD_DEFAULT_S = 60 };

static const char validation[] = "ValidationError";

struct computation {
    struct api_call *call;
    struct cloudwatch_query *queries;
    size_t n_queries;
    struct cloudwatch_range range;
    struct cloudwatch_math *m;
    struct map ids; /* id -> query */
};

static int refuse(struct api_call *call, const struct cloudwatch_query *q, int r,
                  const struct math_error *error)
{
    if (r == MATH_E_REFUSED)
        return api_error(call, validation, "Error in expression '%s': %s (at position %zu)", q->id,
                         error->text, error->position);
    if (r == MATH_E_LIMIT)
        return api_error(call, validation,
                         "The expressions of this request take too much to compute; ask for a "
                         "shorter range, a longer period or fewer metrics.");
    return fault(r);
}

int cloudwatch_math_parse(struct api_call *call, struct cloudwatch_query *query,
                          const char *expression)
{
    struct math_error error;
    int r = math_parse(expression, &query->math, &error);

    return r ? refuse(call, query, r, &error) : 0;
}

void cloudwatch_math_deinit(struct cloudwatch_math *m)
{
    free(m->inputs);
    math_arena_deinit(&m->arena);
}

/* --- names ------------------------------------------------------------------------------------ */

static size_t find(const void *context, const char *id)
{
    const struct computation *c = context;
    const struct cloudwatch_query *found = map_get(&c->ids, id);

    return found ? (size_t)(found - c->queries) : MATH_NONE;
}

static int bind_all(struct computation *c)
{
    for (size_t i = 0; i < c->n_queries; i++)
        if (map_put(&c->ids, c->queries[i].id, &c->queries[i]) != 0)
            return fault(-ENOMEM);
    for (size_t i = 0; i < c->n_queries; i++) {
        struct cloudwatch_query *q = &c->queries[i];
        struct math_error error;

        if (q->math && math_bind(q->math, find, c, &error) != 0)
            return refuse(c->call, q, MATH_E_REFUSED, &error);
    }
    return 0;
}

/* --- metrics on the grid ---------------------------------------------------------------------- */

/* Which metrics the expressions use: those become inputs. */
static void mark_used(struct computation *c)
{
    for (size_t i = 0; i < c->n_queries; i++) {
        const struct math *math = c->queries[i].math;
        bool all = math && math_uses_metrics(math);
        size_t cursor = 0, input;

        if (!math)
            continue;
        while ((input = math_next_input(math, &cursor)) != MATH_NONE)
            c->m->inputs[input].metric = !c->queries[input].math;
        for (size_t k = 0; all && k < c->n_queries; k++)
            c->m->inputs[k].metric = !c->queries[k].math;
    }
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
static void widen(const struct computation *c, unsigned period_s, wall_ms_t *end)
{
    struct math_scope *grid = &c->m->scope;
    wall_ms_t from, to;
    size_t n = cloudwatch_query_narrow(c->call, c->range, period_s, &from);

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

/* The period that an expression without metrics is computed by. */
static unsigned own_period(const struct computation *c)
{
    for (size_t i = 0; i < c->n_queries; i++)
        if (c->queries[i].math && c->queries[i].period_s)
            return c->queries[i].period_s;
    return PERIOD_DEFAULT_S;
}

static void lay_grid(const struct computation *c)
{
    struct math_scope *grid = &c->m->scope;
    wall_ms_t end = 0;

    for (size_t i = 0; i < c->n_queries; i++)
        if (c->m->inputs[i].metric)
            widen(c, c->queries[i].period_s, &end);
    if (grid->step_s == 0)
        widen(c, own_period(c), &end);
    grid->n_slots = (size_t)((end - grid->start) / (grid->step_s * MS_PER_S));
}

/* One metric's points, in the slots where its periods start. */
static int read_metric(const struct computation *c, const struct cloudwatch_query *q,
                       struct math_input *input)
{
    const struct math_scope *grid = &c->m->scope;
    wall_ms_t start;
    size_t n = cloudwatch_query_narrow(c->call, c->range, q->period_s, &start);
    autofree(mem_free) double *found = calloc(n + 1, sizeof(*found));
    struct math_series *series;
    void *memory, *values;
    int r;

    if (!found)
        return fault(-ENOMEM);
    r = math_alloc(&c->m->arena, 1, sizeof(*series), &memory);
    if (!r)
        r = math_alloc(&c->m->arena, grid->n_slots, sizeof(double), &values);
    if (r)
        return r;
    series = memory;
    *series = (struct math_series){
        .values = values,
        .first = (size_t)((start - grid->start) / (grid->step_s * MS_PER_S)),
        .every = q->period_s / grid->step_s,
        .origin = (size_t)(q - c->queries),
    };
    metrics_read(c->call->control->metrics, &q->name, q->unit, start, q->period_s, n, &q->stat,
                 found, NULL);
    for (size_t i = 0; i < grid->n_slots; i++)
        series->values[i] = NAN;
    for (size_t i = 0; i < n; i++)
        series->values[series->first + i * series->every] = found[i];
    input->period_s = q->period_s;
    input->value = (struct math_value){ .type = MATH_SERIES, .series = series, .n_series = 1 };
    return 0;
}

static int read_metrics(const struct computation *c)
{
    for (size_t i = 0; i < c->n_queries; i++) {
        const struct cloudwatch_query *q = &c->queries[i];
        int r = c->m->inputs[i].metric ? read_metric(c, q, &c->m->inputs[i]) : 0;

        if (r)
            return refuse(c->call, q, r, NULL);
    }
    return 0;
}

/* --- expressions ------------------------------------------------------------------------------ */

static int compute(struct computation *c, size_t i);

/* The expressions that @q names, first. They are as deep as there are queries, at most. */
static int compute_needed(struct computation *c, struct cloudwatch_query *q)
{
    size_t cursor = 0, input;
    int r = 0;

    q->state = QUERY_UNDER_WAY;
    while (!r && (input = math_next_input(q->math, &cursor)) != MATH_NONE)
        if (c->queries[input].math)
            r = compute(c, input);
    return r;
}

static int compute(struct computation *c, size_t i)
{
    struct cloudwatch_query *q = &c->queries[i];
    struct math_value *value = &c->m->inputs[i].value;
    struct math_error error;
    int r;

    if (q->state == QUERY_COMPUTED)
        return 0;
    if (q->state == QUERY_UNDER_WAY)
        return api_error(c->call, validation,
                         "Error in expression '%s': it depends on its own result", q->id);
    r = compute_needed(c, q);
    if (r)
        return r;
    r = math_evaluate(q->math, &c->m->scope, &c->m->arena, value, &error);
    if (r)
        return refuse(c->call, q, r, &error);
    if (q->return_data && value->type == MATH_SCALAR)
        return api_error(c->call, validation,
                         "Error in expression '%s': the result must be a time series or an array "
                         "of time series, not a scalar",
                         q->id);
    q->state = QUERY_COMPUTED;
    return 0;
}

static int compute_all(struct computation *c)
{
    int r = bind_all(c);

    if (r)
        return r;
    mark_used(c);
    lay_grid(c);
    r = read_metrics(c);
    for (size_t i = 0; !r && i < c->n_queries; i++)
        if (c->queries[i].math)
            r = compute(c, i);
    return r;
}

int cloudwatch_math_compute(struct api_call *call, struct cloudwatch_query *queries,
                            size_t n_queries, struct cloudwatch_range range,
                            struct cloudwatch_math *m)
{
    struct computation c = { call, queries, n_queries, range, m, { 0 } };
    bool any = false;
    uint64_t seed;
    int r;

    for (size_t i = 0; i < n_queries; i++)
        any |= queries[i].math != NULL;
    if (!any)
        return 0;
    *m = (struct cloudwatch_math){ .arena = MATH_ARENA_INIT(ARENA_BYTES) };
    m->inputs = calloc(n_queries, sizeof(*m->inputs));
    if (!m->inputs)
        return fault(-ENOMEM);
    m->scope.inputs = m->inputs;
    m->scope.n_inputs = n_queries;
    for (size_t i = 0; i < n_queries; i++)
        m->inputs[i].id = queries[i].id;
    random_secret(&seed, sizeof(seed));
    map_init(&c.ids, seed);
    r = compute_all(&c);
    map_deinit(&c.ids);
    return r;
}
