/* Functions along each series: by value, from point to point, for gaps, and by time (UTC). */
#include <math.h>
#include <string.h>
#include <time.h>

#include "metrics/math_tree.h"

/* --- by value --------------------------------------------------------------------------------- */

#define BY_VALUE(name, function)                                                                   \
    static void name##_each(const struct math_run *run, const struct math_series *from,            \
                            struct math_series *to)                                                \
    {                                                                                              \
        for (size_t i = 0; i < run->scope->n_slots; i++)                                           \
            to->values[i] = math_finite(function(from->values[i]));                                \
    }                                                                                              \
    MATH_FUNCTION(name)                                                                            \
    {                                                                                              \
        return math_map(run, call->args, name##_each, ret);                                        \
    }

BY_VALUE(abs, fabs)
BY_VALUE(ceil, ceil)
BY_VALUE(floor, floor)
BY_VALUE(log, log)
BY_VALUE(log10, log10)

/* --- from point to point ---------------------------------------------------------------------- */

enum step { STEP_VALUE, STEP_TIME, STEP_RATE };

/* The first point has none before it, and so no difference. */
static void steps(const struct math_run *run, const struct math_series *from,
                  struct math_series *to, enum step step)
{
    size_t last = MATH_NONE;

    for (size_t i = 0; i < run->scope->n_slots; i++) {
        if (isnan(from->values[i]))
            continue;
        if (last != MATH_NONE) {
            double value = from->values[i] - from->values[last];
            double time = (double)(i - last) * run->scope->step_s;

            to->values[i] = math_finite(step == STEP_VALUE  ? value
                                        : step == STEP_TIME ? time
                                                            : value / time);
        }
        last = i;
    }
}

static void diff_each(const struct math_run *run, const struct math_series *from,
                      struct math_series *to)
{
    steps(run, from, to, STEP_VALUE);
}

static void diff_time_each(const struct math_run *run, const struct math_series *from,
                           struct math_series *to)
{
    steps(run, from, to, STEP_TIME);
}

static void rate_each(const struct math_run *run, const struct math_series *from,
                      struct math_series *to)
{
    steps(run, from, to, STEP_RATE);
}

static void running_sum_each(const struct math_run *run, const struct math_series *from,
                             struct math_series *to)
{
    double sum = 0;

    for (size_t i = 0; i < run->scope->n_slots; i++) {
        if (isnan(from->values[i]))
            continue;
        sum += from->values[i];
        to->values[i] = math_finite(sum);
    }
}

MATH_FUNCTION(diff)
{
    return math_map(run, call->args, diff_each, ret);
}

MATH_FUNCTION(diff_time)
{
    return math_map(run, call->args, diff_time_each, ret);
}

MATH_FUNCTION(rate)
{
    return math_map(run, call->args, rate_each, ret);
}

MATH_FUNCTION(running_sum)
{
    return math_map(run, call->args, running_sum_each, ret);
}

/* --- gaps ------------------------------------------------------------------------------------- */

/* Before the first point there is nothing to repeat. */
static void repeat_each(const struct math_run *run, const struct math_series *from,
                        struct math_series *to)
{
    double last = NAN;

    for (size_t i = 0; i < run->scope->n_slots; i++) {
        if (!isnan(from->values[i]))
            to->values[i] = last = from->values[i];
        else if (i >= from->first && (i - from->first) % from->every == 0)
            to->values[i] = last;
    }
}

/* Between two points; before the first and after the last there is no line. */
static void linear_each(const struct math_run *run, const struct math_series *from,
                        struct math_series *to)
{
    size_t last = MATH_NONE;

    for (size_t i = 0; i < run->scope->n_slots; i++) {
        double end = from->values[i];

        if (isnan(end))
            continue;
        to->values[i] = end;
        for (size_t k = last == MATH_NONE ? i : last + from->every; k < i; k += from->every) {
            double part = (double)(k - last) / (double)(i - last);

            to->values[k] = from->values[last] * (1 - part) + end * part;
        }
        last = i;
    }
}

static void fill_with(const struct math_run *run, const struct math_series *from,
                      const struct math_value *with, struct math_series *to)
{
    for (size_t i = 0; i < run->scope->n_slots; i++) {
        if (!isnan(from->values[i]))
            to->values[i] = from->values[i];
        else if (i >= from->first && (i - from->first) % from->every == 0)
            to->values[i] = with->type == MATH_SCALAR ? with->scalar : with->series->values[i];
    }
}

MATH_FUNCTION(fill)
{
    const struct math_value *value = &call->args[0], *with = &call->args[1];
    const struct math_node *filler = call->nodes[1];
    int r;

    if (filler->kind == MATH_WORD)
        return math_map(run, value, *filler->text == 'R' ? repeat_each : linear_each, ret);
    if (with->type == MATH_ARRAY)
        return math_refuse(run->error, filler->position,
                           "FILL takes a scalar, a time series, REPEAT or LINEAR here, not %s",
                           math_type_text(with->type));
    r = math_map(run, value, NULL, ret);
    for (size_t k = 0; !r && k < value->n_series; k++)
        fill_with(run, &value->series[k], with, &ret->series[k]);
    return r;
}

/* --- by time ---------------------------------------------------------------------------------- */

static double second(const struct math_run *run, size_t slot)
{
    return floor((double)run->scope->start / MS_PER_S) + (double)slot * run->scope->step_s;
}

static struct tm calendar(const struct math_run *run, size_t slot)
{
    time_t t = (time_t)second(run, slot);
    struct tm tm = { 0 };

    gmtime_r(&t, &tm);
    return tm;
}

/* Fills every slot of the series' periods with a number made of its time. */
#define BY_TIME(name, number)                                                                      \
    static void name##_each(const struct math_run *run, const struct math_series *from,            \
                            struct math_series *to)                                                \
    {                                                                                              \
        for (size_t i = from->first; i < run->scope->n_slots; i += from->every) {                  \
            struct tm tm = calendar(run, i);                                                       \
                                                                                                   \
            to->values[i] = (number);                                                              \
        }                                                                                          \
    }                                                                                              \
    MATH_FUNCTION(name)                                                                            \
    {                                                                                              \
        return math_map(run, call->args, name##_each, ret);                                        \
    }

BY_TIME(minute, tm.tm_min)
BY_TIME(hour, tm.tm_hour)
BY_TIME(day, tm.tm_wday ? tm.tm_wday : 7) /* Monday is 1 */
BY_TIME(date, tm.tm_mday)
BY_TIME(month, tm.tm_mon + 1)
BY_TIME(year, tm.tm_year + 1900)

static void epoch_each(const struct math_run *run, const struct math_series *from,
                       struct math_series *to)
{
    for (size_t i = from->first; i < run->scope->n_slots; i += from->every)
        to->values[i] = second(run, i);
}

MATH_FUNCTION(epoch)
{
    return math_map(run, call->args, epoch_each, ret);
}
