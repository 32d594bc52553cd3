#include "control/alarm_watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { ARENA_BYTES = 16 << 20, TRIAL_PERIODS = 5 };

struct query {
    const char *id;
    bool returned;
    struct math *math; /* NULL: a metric */
    struct metric_name name;
    enum metric_unit unit;
    struct metric_statistic statistic;
    enum { FRESH, UNDER_WAY, COMPUTED } state; /* while the order of computing is found */
};

struct alarm_watch {
    json_t *configuration;
    unsigned period_s;
    bool is_math;
    size_t n, returned;                    /* 1 and 0 without math */
    size_t order[ALARM_WATCH_QUERIES_MAX]; /* expressions after those that they need */
    size_t n_order;
    struct query queries[]; /* as many as were given */
};

static int __attribute__((format(printf, 2, 3)))
refuse(char why[ALARM_WATCH_WHY_BYTES], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, ALARM_WATCH_WHY_BYTES, format, args);
    va_end(args);
    return ALARM_WATCH_E_REFUSED;
}

/* --- metrics ---------------------------------------------------------------------------------- */

static const char *text_of(json_t *value, const char *member)
{
    const char *text = json_string_value(json_object_get(value, member));

    return text ? text : "";
}

static void read_name(json_t *value, struct metric_name *ret)
{
    json_t *dimensions = json_object_get(value, "Dimensions"), *d;
    size_t i;

    *ret = (struct metric_name){ .namespace = text_of(value, "Namespace"),
                                 .name = text_of(value, "MetricName") };
    json_array_foreach (dimensions, i, d)
        if (i < METRICS_DIMENSIONS_MAX)
            ret->dimensions[ret->n_dimensions++] =
                (struct metric_dimension){ text_of(d, "Name"), text_of(d, "Value") };
}

/* @value: the metric's names are in @named, the rest in itself */
static int read_metric(json_t *named, json_t *value, const char *statistic, struct query *q,
                       char why[ALARM_WATCH_WHY_BYTES])
{
    const char *unit = json_string_value(json_object_get(value, "Unit"));

    read_name(named, &q->name);
    q->unit = METRIC_UNIT_ANY;
    if (unit && metric_unit_parse(unit, &q->unit) != 0)
        return refuse(why, "The value %s for parameter Unit is not supported.", unit);
    if (metric_statistic_parse(statistic, &q->statistic) != 0)
        return refuse(why, "The value %.60s for parameter ExtendedStatistic is not supported.",
                      statistic);
    return 0;
}

static int read_single(struct alarm_watch *w, char why[ALARM_WATCH_WHY_BYTES])
{
    json_t *c = w->configuration;
    json_t *extended = json_object_get(c, "ExtendedStatistic");

    w->period_s = (unsigned)json_integer_value(json_object_get(c, "Period"));
    w->n = 1;
    return read_metric(c, c, extended ? json_string_value(extended) : text_of(c, "Statistic"),
                       &w->queries[0], why);
}

/* --- metric math ------------------------------------------------------------------------------ */

static int read_stat(struct alarm_watch *w, struct query *q, json_t *stat,
                     char why[ALARM_WATCH_WHY_BYTES])
{
    unsigned period_s = (unsigned)json_integer_value(json_object_get(stat, "Period"));

    if (w->period_s != 0 && w->period_s != period_s)
        return refuse(why, "All metrics of an alarm must have the same Period");
    w->period_s = period_s;
    return read_metric(json_object_get(stat, "Metric"), stat, text_of(stat, "Stat"), q, why);
}

static int read_query(struct alarm_watch *w, json_t *given, struct query *q,
                      char why[ALARM_WATCH_WHY_BYTES])
{
    json_t *stat = json_object_get(given, "MetricStat");
    json_t *return_data = json_object_get(given, "ReturnData");
    struct math_error error;
    int r;

    q->id = text_of(given, "Id");
    q->returned = !return_data || json_is_true(return_data);
    for (const struct query *other = w->queries; other < q; other++)
        if (strcmp(other->id, q->id) == 0)
            return refuse(why, "The values for parameter id in Metrics are not unique.");
    if (stat)
        return read_stat(w, q, stat, why);
    r = math_parse(text_of(given, "Expression"), &q->math, &error);
    return r == MATH_E_REFUSED ? refuse(why, "Error in expression '%.60s': %s (at position %zu)",
                                        q->id, error.text, error.position)
                               : fault(r);
}

static size_t find(const void *context, const char *id)
{
    const struct alarm_watch *w = context;

    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->queries[i].id, id) == 0)
            return i;
    return MATH_NONE;
}

/* Puts query @i behind those that it names. They are as deep as there are queries, at most. */
static int order(struct alarm_watch *w, size_t i, char why[ALARM_WATCH_WHY_BYTES])
{
    struct query *q = &w->queries[i];
    size_t cursor = 0, input;
    int r = 0;

    if (!q->math || q->state == COMPUTED)
        return 0;
    if (q->state == UNDER_WAY)
        return refuse(why, "Error in expression '%.60s': it depends on its own result", q->id);
    q->state = UNDER_WAY;
    while (!r && (input = math_next_input(q->math, &cursor)) != MATH_NONE)
        r = order(w, input, why);
    q->state = COMPUTED;
    w->order[w->n_order++] = i;
    return r;
}

static int bind(struct alarm_watch *w, char why[ALARM_WATCH_WHY_BYTES])
{
    struct math_error error;
    int r = 0;

    for (size_t i = 0; i < w->n; i++) {
        struct query *q = &w->queries[i];

        if (q->math && math_bind(q->math, find, w, &error) != 0)
            return refuse(why, "Error in expression '%.60s': %s (at position %zu)", q->id,
                          error.text, error.position);
    }
    for (size_t i = 0; !r && i < w->n; i++)
        r = order(w, i, why);
    return r;
}

static int find_returned(struct alarm_watch *w, char why[ALARM_WATCH_WHY_BYTES])
{
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++)
        if (w->queries[i].returned) {
            w->returned = i;
            n++;
        }
    return n == 1 ? 0 : refuse(why, "Exactly one element of the metrics list should return data.");
}

/* --- computing -------------------------------------------------------------------------------- */

struct computation {
    const struct alarm_watch *watch;
    const struct metrics *metrics; /* NULL: there are no data */
    struct math_scope scope;
    struct math_arena arena;
    struct math_input inputs[ALARM_WATCH_QUERIES_MAX];
    struct math_error error;
};

static int read_input(struct computation *c, size_t i)
{
    const struct query *q = &c->watch->queries[i];
    size_t n = c->scope.n_slots;
    void *memory, *values;
    struct math_series *series;
    int r = math_alloc(&c->arena, 1, sizeof(*series), &memory);

    if (!r)
        r = math_alloc(&c->arena, n, sizeof(double), &values);
    if (r)
        return r;
    series = memory;
    *series = (struct math_series){ .values = values, .every = 1, .origin = i };
    if (c->metrics)
        metrics_read(c->metrics, &q->name, q->unit, c->scope.start, c->scope.step_s, n,
                     &q->statistic, series->values, NULL);
    c->inputs[i].metric = true;
    c->inputs[i].period_s = c->scope.step_s;
    c->inputs[i].value =
        (struct math_value){ .type = MATH_SERIES, .series = series, .n_series = 1 };
    return 0;
}

/* Return: 0, MATH_E_REFUSED, MATH_E_LIMIT or -ENOMEM */
static int compute(struct computation *c)
{
    const struct alarm_watch *w = c->watch;
    int r = 0;

    c->scope.inputs = c->inputs;
    c->scope.n_inputs = w->n;
    for (size_t i = 0; !r && i < w->n; i++) {
        c->inputs[i].id = w->queries[i].id;
        if (!w->queries[i].math)
            r = read_input(c, i);
    }
    for (size_t k = 0; !r && k < w->n_order; k++)
        r = math_evaluate(w->queries[w->order[k]].math, &c->scope, &c->arena,
                          &c->inputs[w->order[k]].value, &c->error);
    return r;
}

static void computation_init(struct computation *c, const struct alarm_watch *w,
                             const struct metrics *metrics, wall_ms_t end, size_t n)
{
    *c = (struct computation){
        .watch = w,
        .metrics = metrics,
        .scope = { .start = end - (wall_ms_t)n * w->period_s * MS_PER_S,
                   .step_s = w->period_s,
                   .n_slots = n },
        .arena = MATH_ARENA_INIT(ARENA_BYTES),
    };
}

/* Types are known when something is computed, so that is tried once without data. */
static int try_out(const struct alarm_watch *w, char why[ALARM_WATCH_WHY_BYTES])
{
    const struct math_value *value;
    struct computation c;
    int r;

    computation_init(&c, w, NULL, (wall_ms_t)TRIAL_PERIODS * w->period_s * MS_PER_S, TRIAL_PERIODS);
    r = compute(&c);
    value = &c.inputs[w->returned].value;
    if (r == MATH_E_REFUSED)
        r = refuse(why, "Error in expression: %s (at position %zu)", c.error.text,
                   c.error.position);
    else if (r == MATH_E_LIMIT)
        r = refuse(why, "The expressions of this alarm take too much to compute.");
    else if (!r && (value->type == MATH_SCALAR || value->n_series != 1))
        r = refuse(why, "Error in expression '%.60s': an alarm needs a single time series, not %s",
                   w->queries[w->returned].id, math_type_text(value->type));
    math_arena_deinit(&c.arena);
    return r;
}

static int read_math(struct alarm_watch *w, json_t *list, char why[ALARM_WATCH_WHY_BYTES])
{
    size_t i;
    json_t *given;
    int r = 0;

    w->is_math = true;
    json_array_foreach (list, i, given) {
        r = read_query(w, given, &w->queries[w->n++], why);
        if (r)
            return r;
    }
    if (w->period_s == 0)
        return refuse(why, "An alarm needs at least one metric.");
    r = find_returned(w, why);
    if (!r)
        r = bind(w, why);
    return r ? r : try_out(w, why);
}

/* --- outside ---------------------------------------------------------------------------------- */

int alarm_watch_new(json_t *configuration, struct alarm_watch **ret,
                    char ret_why[ALARM_WATCH_WHY_BYTES])
{
    json_t *list = json_object_get(configuration, "Metrics");
    size_t n = list ? json_array_size(list) : 1;
    autofree(alarm_watch_free) struct alarm_watch *w = NULL;
    int r;

    if (n > ALARM_WATCH_QUERIES_MAX)
        return refuse(ret_why, "An alarm has at most %d metrics and expressions.",
                      ALARM_WATCH_QUERIES_MAX);
    w = calloc(1, sizeof(*w) + n * sizeof(*w->queries));

    if (!w)
        return fault(-ENOMEM);
    w->configuration = json_incref(configuration);
    r = list ? read_math(w, list, ret_why) : read_single(w, ret_why);
    if (r)
        return r;
    *ret = steal(w);
    return 0;
}

struct alarm_watch *alarm_watch_free(struct alarm_watch *w)
{
    if (!w)
        return NULL;
    for (size_t i = 0; i < w->n; i++)
        math_free(w->queries[i].math);
    json_decref(w->configuration);
    free(w);
    return NULL;
}

unsigned alarm_watch_period_s(const struct alarm_watch *w)
{
    return w->period_s;
}

const char *alarm_watch_statistic(const struct alarm_watch *w)
{
    json_t *extended = json_object_get(w->configuration, "ExtendedStatistic");

    if (w->is_math)
        return NULL;
    return extended ? json_string_value(extended) : text_of(w->configuration, "Statistic");
}

const char *alarm_watch_unit(const struct alarm_watch *w)
{
    return json_string_value(json_object_get(w->configuration, "Unit"));
}

bool alarm_watch_percentile(const struct alarm_watch *w, double *ret_percent)
{
    if (w->is_math || w->queries[0].statistic.kind != STATISTIC_PERCENTILE)
        return false;
    *ret_percent = w->queries[0].statistic.percent;
    return true;
}

const struct metric_name *alarm_watch_name(const struct alarm_watch *w)
{
    return w->is_math ? NULL : &w->queries[0].name;
}

static int read_computed(const struct alarm_watch *w, const struct metrics *metrics, wall_ms_t end,
                         size_t n, double *ret_values)
{
    struct computation c;
    int r;

    computation_init(&c, w, metrics, end, n);
    r = compute(&c);
    if (!r && c.inputs[w->returned].value.n_series != 1)
        r = ALARM_WATCH_E_FAILED; /* how many there are may hang on the data */
    if (!r)
        memcpy(ret_values, c.inputs[w->returned].value.series[0].values, n * sizeof(*ret_values));
    math_arena_deinit(&c.arena);
    return r < 0 ? fault(r) : r > 0 ? ALARM_WATCH_E_FAILED : 0;
}

int alarm_watch_read(const struct alarm_watch *w, const struct metrics *metrics, wall_ms_t end,
                     size_t n, double *ret_values, double *ret_counts)
{
    const struct query *q = &w->queries[0];

    if (w->is_math) {
        memset(ret_counts, 0, n * sizeof(*ret_counts));
        return read_computed(w, metrics, end, n, ret_values);
    }
    metrics_read(metrics, &q->name, q->unit, end - (wall_ms_t)n * w->period_s * MS_PER_S,
                 w->period_s, n, &q->statistic, ret_values, ret_counts);
    return 0;
}
