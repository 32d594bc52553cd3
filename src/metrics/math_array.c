/* Functions that make, choose from and order arrays; PERIOD, TIME_SERIES and IF. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/math_tree.h"

/* --- arrays ----------------------------------------------------------------------------------- */

static bool included(const struct math_input *input, const char *part)
{
    return input->metric && (!part || strstr(input->id, part));
}

MATH_FUNCTION(metrics)
{
    const struct math_scope *scope = run->scope;
    const char *part = call->n_args > 0 ? call->nodes[0]->text : NULL;
    size_t n = 0;
    int r;

    for (size_t i = 0; i < scope->n_inputs; i++)
        n += included(&scope->inputs[i], part);
    r = math_array_new(run, n, ret);
    if (r)
        return r;
    n = 0;
    for (size_t i = 0; i < scope->n_inputs; i++)
        if (included(&scope->inputs[i], part))
            ret->series[n++] = *scope->inputs[i].value.series;
    return 0;
}

MATH_FUNCTION(metric_count)
{
    *ret = math_scalar((double)call->args[0].n_series);
    return 0;
}

/* Series @k of an array; one without points if there is none. */
static int pick(struct math_run *run, const struct math_value *array, size_t k,
                struct math_value *ret)
{
    if (array->n_series == 0)
        return math_series_new(run, NULL, ret);
    *ret = (struct math_value){ .type = MATH_SERIES, .series = &array->series[k], .n_series = 1 };
    return 0;
}

MATH_FUNCTION(first)
{
    return pick(run, &call->args[0], 0, ret);
}

MATH_FUNCTION(last)
{
    return pick(run, &call->args[0], call->args[0].n_series - 1, ret);
}

/* An index within 0..@max. */
static size_t clamp(double number, size_t max)
{
    if (!(number > 0))
        return 0;
    return number < (double)max ? (size_t)number : max;
}

MATH_FUNCTION(slice)
{
    const struct math_value *array = &call->args[0];
    size_t from = clamp(call->args[1].scalar, array->n_series);
    size_t to = call->n_args > 2 ? clamp(call->args[2].scalar, array->n_series) : array->n_series;

    *ret = *array;
    ret->n_series = to > from ? to - from : 0;
    if (from < array->n_series)
        ret->series = &array->series[from];
    return 0;
}

struct ranked {
    double rank; /* NAN: no points; those come last */
    size_t index;
    bool descending;
};

static int compare_ranked(const void *one, const void *other)
{
    const struct ranked *a = one, *b = other;

    if (isnan(a->rank) != isnan(b->rank))
        return isnan(a->rank) ? 1 : -1;
    if (a->rank < b->rank || a->rank > b->rank)
        return (a->rank < b->rank) != a->descending ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

MATH_FUNCTION(sort)
{
    const struct math_value *array = &call->args[0];
    bool descending = *call->nodes[2]->text == 'D';
    size_t n = array->n_series;
    struct ranked *ranking;
    void *memory;
    int r = math_read(run, n);

    if (!r)
        r = math_alloc(run->arena, n, sizeof(*ranking), &memory);
    if (!r)
        r = math_array_new(run, n, ret);
    if (r)
        return r;
    ranking = memory;
    for (size_t k = 0; k < n; k++)
        ranking[k] = (struct ranked){
            .rank = math_reduce_word(call->nodes[1]->text, &array->series[k], run->scope->n_slots),
            .index = k,
            .descending = descending,
        };
    qsort(ranking, n, sizeof(*ranking), compare_ranked);
    for (size_t k = 0; k < n; k++)
        ret->series[k] = array->series[ranking[k].index];
    if (call->n_args > 3)
        ret->n_series = clamp(call->args[3].scalar, n);
    return 0;
}

MATH_FUNCTION(remove_empty)
{
    const struct math_value *array = &call->args[0];
    size_t n = 0;
    int r = math_read(run, array->n_series);

    if (!r)
        r = math_array_new(run, array->n_series, ret);
    if (r)
        return r;
    for (size_t k = 0; k < array->n_series; k++)
        if (!isnan(math_reduce_word("MIN", &array->series[k], run->scope->n_slots)))
            ret->series[n++] = array->series[k];
    ret->n_series = n;
    return 0;
}

/* --- PERIOD and TIME_SERIES ------------------------------------------------------------------- */

MATH_FUNCTION(period)
{
    const struct math_input *input = &run->scope->inputs[call->nodes[0]->input];

    if (!input->metric)
        return math_refuse(run->error, call->nodes[0]->position,
                           "PERIOD takes a metric here, not the result of an expression");
    *ret = math_scalar(input->period_s);
    return 0;
}

MATH_FUNCTION(time_series)
{
    int r = math_series_new(run, NULL, ret);

    for (size_t i = 0; !r && i < run->scope->n_slots; i++)
        ret->series->values[i] = call->args[0].scalar;
    return r;
}

/* --- IF --------------------------------------------------------------------------------------- */

/* What one slot has; NAN: no point, or no third argument. */
static double at(const struct math_call *call, size_t arg, size_t slot)
{
    if (arg >= call->n_args)
        return NAN;
    return call->args[arg].type == MATH_SCALAR ? call->args[arg].scalar
                                               : call->args[arg].series->values[slot];
}

/* A condition of one number chooses a whole series, or a number for all slots of the other one. */
static int choose(struct math_run *run, struct math_call *call, struct math_value *ret)
{
    double condition = call->args[0].scalar;
    size_t chosen = condition != 0 ? 1 : 2;
    const struct math_series *shape =
        call->args[1].type == MATH_SERIES ? call->args[1].series : call->args[2].series;
    int r = math_series_new(run, shape, ret);

    if (r || isnan(condition) || chosen >= call->n_args)
        return r;
    if (call->args[chosen].type == MATH_SERIES) {
        *ret = call->args[chosen];
        return 0;
    }
    for (size_t i = shape->first; i < run->scope->n_slots; i += shape->every)
        ret->series->values[i] = call->args[chosen].scalar;
    return 0;
}

MATH_FUNCTION(if)
{
    const struct math_value *condition = &call->args[0];
    bool series = condition->type == MATH_SERIES;
    int r;

    for (size_t i = 0; i < call->n_args; i++)
        series |= call->args[i].type == MATH_SERIES;
    if (!series)
        return math_refuse(run->error, call->node->position,
                           "IF needs a time series among its arguments");
    if (condition->type == MATH_SCALAR)
        return choose(run, call, ret);
    r = math_series_new(run, condition->series, ret);
    for (size_t i = 0; !r && i < run->scope->n_slots; i++) {
        double test = at(call, 0, i), value = at(call, 1, i);

        if (isnan(test))
            continue;
        if (test != 0)
            ret->series->values[i] = isnan(value) && !run->scope->strict ? 0 : value;
        else
            ret->series->values[i] = at(call, 2, i);
    }
    return r;
}
