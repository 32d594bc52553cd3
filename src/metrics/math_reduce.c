/* SUM, AVG, MIN, MAX, STDDEV and DATAPOINT_COUNT: a series becomes a scalar, all its points taken
 * together; an array becomes a series, slot by slot.
 *
 * In a slot where some series of an array have no point, AVG takes those as 0 and the others leave
 * them out (for SUM that is the same). A series' AVG is of the points that it has.
 */
#include <math.h>
#include <string.h>

#include "metrics/math_tree.h"

/* Welford's running mean and spread, which do not cancel. */
struct summary {
    size_t count;
    double sum, min, max, mean, spread;
};

static void summarize(struct summary *s, double value)
{
    double from_mean = value - s->mean;

    if (isnan(value))
        return;
    s->min = s->count == 0 || value < s->min ? value : s->min;
    s->max = s->count == 0 || value > s->max ? value : s->max;
    s->count++;
    s->sum += value;
    s->mean += from_mean / (double)s->count;
    s->spread += from_mean * (value - s->mean);
}

/* What is told of a summary of @n numbers, some of which may be missing. */
typedef double (*telling)(const struct summary *s, size_t n);

static double tell_sum(const struct summary *s, size_t n)
{
    return s->count ? s->sum : NAN;
}

static double tell_points_average(const struct summary *s, size_t n)
{
    return s->count ? s->sum / (double)s->count : NAN;
}

static double tell_average(const struct summary *s, size_t n)
{
    return s->count ? s->sum / (double)n : NAN;
}

static double tell_min(const struct summary *s, size_t n)
{
    return s->count ? s->min : NAN;
}

static double tell_max(const struct summary *s, size_t n)
{
    return s->count ? s->max : NAN;
}

static double tell_stddev(const struct summary *s, size_t n)
{
    return s->count ? sqrt(s->spread / (double)s->count) : NAN;
}

static double tell_count(const struct summary *s, size_t n)
{
    return (double)s->count;
}

static double reduce_series(const struct math_series *series, size_t n_slots, telling tell)
{
    struct summary s = { 0 };

    for (size_t i = 0; i < n_slots; i++)
        summarize(&s, series->values[i]);
    return math_finite(tell(&s, n_slots));
}

static int reduce(struct math_run *run, const struct math_call *call, telling of_series,
                  telling of_slot, struct math_value *ret)
{
    const struct math_value *value = &call->args[0];
    bool strict = run->scope->strict;
    int r = math_read(run, value->n_series);

    if (r)
        return r;
    if (strict && value->type == MATH_SERIES)
        return math_refuse_across(run, call->node);
    if (value->type == MATH_SERIES) {
        *ret = math_scalar(reduce_series(value->series, run->scope->n_slots, of_series));
        return 0;
    }
    r = math_series_new(run, value->n_series ? value->series : NULL, ret);
    if (r)
        return r;
    ret->series->origin = MATH_NONE;
    for (size_t k = 0; k < value->n_series; k++)
        math_periods_join(ret->series, &value->series[k]);
    for (size_t i = 0; i < run->scope->n_slots; i++) {
        struct summary s = { 0 };

        for (size_t k = 0; k < value->n_series; k++)
            summarize(&s, value->series[k].values[i]);
        if (s.count > 0 && (!strict || s.count == value->n_series))
            ret->series->values[i] = math_finite(of_slot(&s, value->n_series));
    }
    return 0;
}

double math_reduce_word(const char *word, const struct math_series *s, size_t n_slots)
{
    telling tell = strcmp(word, "SUM") == 0   ? tell_sum
                   : strcmp(word, "MIN") == 0 ? tell_min
                   : strcmp(word, "MAX") == 0 ? tell_max
                                              : tell_points_average;

    return reduce_series(s, n_slots, tell);
}

MATH_FUNCTION(sum)
{
    return reduce(run, call, tell_sum, tell_sum, ret);
}

MATH_FUNCTION(avg)
{
    return reduce(run, call, tell_points_average, tell_average, ret);
}

MATH_FUNCTION(min)
{
    return reduce(run, call, tell_min, tell_min, ret);
}

MATH_FUNCTION(max)
{
    return reduce(run, call, tell_max, tell_max, ret);
}

MATH_FUNCTION(stddev)
{
    return reduce(run, call, tell_stddev, tell_stddev, ret);
}

MATH_FUNCTION(datapoint_count)
{
    return reduce(run, call, tell_count, tell_count, ret);
}
