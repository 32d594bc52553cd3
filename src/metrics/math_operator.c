#include <math.h>

#include "metrics/math_tree.h"

static double or (double a, double b)
{
    return a != 0 || b != 0;
}

static double and (double a, double b)
{
    return a != 0 && b != 0;
}

static double equal(double a, double b)
{
    return !(a < b) && !(a > b);
}

static double different(double a, double b)
{
    return a < b || a > b;
}

static double at_most(double a, double b)
{
    return a <= b;
}

static double at_least(double a, double b)
{
    return a >= b;
}

static double less(double a, double b)
{
    return a < b;
}

static double more(double a, double b)
{
    return a > b;
}

static double add(double a, double b)
{
    return a + b;
}

static double subtract(double a, double b)
{
    return a - b;
}

static double multiply(double a, double b)
{
    return a * b;
}

static double divide(double a, double b)
{
    return b != 0 ? a / b : NAN;
}

const struct math_operator math_operators[] = {
    { "OR", "||", 1, false, or },
    { "AND", "&&", 2, false, and},
    { "==", NULL, 3, false, equal },
    { "!=", NULL, 3, false, different },
    { "<=", NULL, 3, false, at_most },
    { ">=", NULL, 3, false, at_least },
    { "<", NULL, 3, false, less },
    { ">", NULL, 3, false, more },
    { "+", NULL, 4, false, add },
    { "-", NULL, 4, false, subtract },
    { "*", NULL, 5, false, multiply },
    { "/", NULL, 5, false, divide },
    { "^", NULL, MATH_PRECEDENCE_POWER, true, pow },
    { NULL, NULL, 0, false, NULL },
};

/* Of two numbers that are there. */
static double combine(const struct math_operator *o, double a, double b)
{
    return math_finite(o->apply(a, b));
}

static void operate_series(const struct math_run *run, const struct math_operator *o,
                           const struct math_series *a, const struct math_series *b,
                           struct math_series *to)
{
    for (size_t i = 0; i < run->scope->n_slots; i++) {
        double x = a->values[i], y = b->values[i];
        bool none = run->scope->strict ? isnan(x) || isnan(y) : isnan(x) && isnan(y);

        to->values[i] = none ? NAN : combine(o, isnan(x) ? 0 : x, isnan(y) ? 0 : y);
    }
}

static void operate_scalar(const struct math_run *run, const struct math_operator *o,
                           const struct math_value *a, const struct math_value *b,
                           struct math_series *to, size_t k)
{
    const double *values = a->type == MATH_SCALAR ? b->series[k].values : a->series[k].values;

    for (size_t i = 0; i < run->scope->n_slots; i++) {
        double x = a->type == MATH_SCALAR ? a->scalar : values[i];
        double y = b->type == MATH_SCALAR ? b->scalar : values[i];

        to->values[i] = isnan(x) || isnan(y) ? NAN : combine(o, x, y);
    }
}

/* Series @k of @value, or its only one. */
static const struct math_series *nth(const struct math_value *value, size_t k)
{
    return &value->series[value->type == MATH_ARRAY ? k : 0];
}

static int operate_nth(struct math_run *run, const struct math_operator *o,
                       const struct math_value *a, const struct math_value *b, size_t k,
                       struct math_value *ret)
{
    const struct math_value *shape = a->type == MATH_ARRAY || b->type == MATH_SCALAR ? a : b;
    bool scalar = a->type == MATH_SCALAR || b->type == MATH_SCALAR;
    int r = math_series_new(run, nth(shape, k), ret);

    if (r)
        return r;
    if (scalar) {
        operate_scalar(run, o, a, b, ret->series, shape->type == MATH_ARRAY ? k : 0);
        return 0;
    }
    math_periods_join(ret->series, nth(a, k));
    math_periods_join(ret->series, nth(b, k));
    operate_series(run, o, nth(a, k), nth(b, k), ret->series);
    return 0;
}

int math_operate(struct math_run *run, const struct math_node *node, const struct math_value *a,
                 const struct math_value *b, struct math_value *ret)
{
    const struct math_operator *o = node->operation;
    const struct math_value *array = a->type == MATH_ARRAY ? a : b;
    int r;

    if (a->type == MATH_SCALAR && b->type == MATH_SCALAR) {
        *ret = math_scalar(isnan(a->scalar) || isnan(b->scalar) ? NAN
                                                                : combine(o, a->scalar, b->scalar));
        return 0;
    }
    if (array->type != MATH_ARRAY)
        return operate_nth(run, o, a, b, 0, ret);
    if (a->type == b->type && a->n_series != b->n_series)
        return math_refuse(run->error, node->position,
                           "%s between arrays of %zu and %zu time series", o->text, a->n_series,
                           b->n_series);
    r = math_array_new(run, array->n_series, ret);
    for (size_t k = 0; !r && k < array->n_series; k++) {
        struct math_value one;

        r = operate_nth(run, o, a, b, k, &one);
        if (!r)
            ret->series[k] = *one.series;
    }
    return r;
}

static void negate(const struct math_run *run, const struct math_series *from,
                   struct math_series *to)
{
    for (size_t i = 0; i < run->scope->n_slots; i++)
        to->values[i] = -from->values[i];
}

int math_negate(struct math_run *run, const struct math_value *value, struct math_value *ret)
{
    if (value->type != MATH_SCALAR)
        return math_map(run, value, negate, ret);
    *ret = math_scalar(-value->scalar);
    return 0;
}
