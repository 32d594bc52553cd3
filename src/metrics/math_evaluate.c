#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/math_tree.h"

static int evaluate(struct math_run *run, const struct math_node *node, struct math_value *ret);

/* --- making values ---------------------------------------------------------------------------- */

struct math_value math_scalar(double number)
{
    return (struct math_value){ .type = MATH_SCALAR, .scalar = number };
}

int math_series_new(struct math_run *run, const struct math_series *like,
                    struct math_value *ret_value)
{
    size_t n = run->scope->n_slots;
    void *series, *values;
    int r = math_alloc(run->arena, 1, sizeof(struct math_series), &series);

    if (!r)
        r = math_alloc(run->arena, n, sizeof(double), &values);
    if (r)
        return r;
    *ret_value = (struct math_value){ .type = MATH_SERIES, .series = series, .n_series = 1 };
    *ret_value->series =
        like ? *like : (struct math_series){ .first = 0, .every = 1, .origin = MATH_NONE };
    ret_value->series->values = values;
    for (size_t i = 0; i < n; i++)
        ret_value->series->values[i] = NAN;
    return 0;
}

int math_array_new(struct math_run *run, size_t n, struct math_value *ret_value)
{
    void *series;
    int r = math_alloc(run->arena, n, sizeof(struct math_series), &series);

    if (!r)
        *ret_value = (struct math_value){ .type = MATH_ARRAY, .series = series, .n_series = n };
    return r;
}

int math_map(struct math_run *run, const struct math_value *value,
             void (*each)(const struct math_run *run, const struct math_series *from,
                          struct math_series *to),
             struct math_value *ret)
{
    struct math_value result;
    int r = math_array_new(run, value->n_series, &result);

    result.type = value->type;
    for (size_t k = 0; !r && k < value->n_series; k++) {
        struct math_value one;

        r = math_series_new(run, &value->series[k], &one);
        if (r)
            break;
        if (each)
            each(run, &value->series[k], one.series);
        result.series[k] = *one.series;
    }
    if (!r)
        *ret = result;
    return r;
}

int math_read(struct math_run *run, size_t n_series)
{
    size_t n;

    if (__builtin_mul_overflow(n_series, run->scope->n_slots, &n) || n > run->arena->reads_left)
        return MATH_E_LIMIT;
    run->arena->reads_left -= n;
    return 0;
}

int math_refuse_across(struct math_run *run, const struct math_node *node)
{
    return math_refuse(run->error, node->position, "%s looks at more than one period",
                       node->function->name);
}

static size_t common_divisor(size_t a, size_t b)
{
    while (b != 0) {
        size_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

void math_periods_join(struct math_series *to, const struct math_series *other)
{
    size_t apart = to->first > other->first ? to->first - other->first : other->first - to->first;

    to->every = common_divisor(common_divisor(to->every, other->every), apart);
    if (other->first < to->first)
        to->first = other->first;
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* Lists hold series, and arrays whose series they take over. */
static int evaluate_list(struct math_run *run, const struct math_node *node, struct math_value *ret)
{
    size_t n_elements = 0, n_series = 0, k = 0;
    struct math_value *elements;
    void *memory;
    int r;

    for (const struct math_node *n = node->first; n; n = n->next)
        n_elements++;
    r = math_alloc(run->arena, n_elements, sizeof(*elements), &memory);
    if (r)
        return r;
    elements = memory;
    for (const struct math_node *n = node->first; n; n = n->next, k++) {
        r = evaluate(run, n, &elements[k]);
        if (r)
            return r;
        if (elements[k].type == MATH_SCALAR)
            return math_refuse(run->error, n->position,
                               "a list holds time series, not a scalar; use TIME_SERIES");
        n_series += elements[k].n_series;
    }
    r = math_array_new(run, n_series, ret);
    if (r)
        return r;
    n_series = 0;
    for (k = 0; k < n_elements; k++)
        for (size_t i = 0; i < elements[k].n_series; i++)
            ret->series[n_series++] = elements[k].series[i];
    return 0;
}

static bool type_fits(char kind, enum math_type type)
{
    return kind == 's'   ? type == MATH_SCALAR
           : kind == 't' ? type == MATH_SERIES
           : kind == 'a' ? type == MATH_ARRAY
           : kind == 'm' ? type != MATH_SCALAR
           : kind == 'x' ? type != MATH_ARRAY
                         : true;
}

static const char *type_wanted(char kind)
{
    return kind == 's'   ? "a scalar"
           : kind == 't' ? "a time series"
           : kind == 'a' ? "an array of time series"
           : kind == 'm' ? "a time series or an array of them"
                         : "a scalar or a time series";
}

/* The value of one argument, where it is to have one. */
static int evaluate_arg(struct math_run *run, char kind, const struct math_call *call,
                        const struct math_node *arg, struct math_value *ret)
{
    int r;

    if (kind == 'f' || kind == 'o' || kind == 'q' || kind == 'n' ||
        (kind == 'F' && arg->kind == MATH_WORD))
        return 0;
    r = evaluate(run, arg, ret);
    if (!r && !type_fits(kind, ret->type))
        r = math_refuse(run->error, arg->position, "%s takes %s here, not %s",
                        call->node->function->name, type_wanted(kind), math_type_text(ret->type));
    return r;
}

static int evaluate_call(struct math_run *run, const struct math_node *node, struct math_value *ret)
{
    struct math_call call = { .node = node };
    const char *kind = node->function->args;
    int r = 0;

    if (run->scope->strict && node->function->across)
        return math_refuse_across(run, node);
    for (const struct math_node *arg = node->first; !r && arg; arg = arg->next) {
        kind += *kind == '?';
        call.nodes[call.n_args] = arg;
        r = evaluate_arg(run, *kind++, &call, arg, &call.args[call.n_args]);
        call.n_args++;
    }
    return r ? r : node->function->run(run, &call, ret);
}

static int evaluate_binary(struct math_run *run, const struct math_node *node,
                           struct math_value *ret)
{
    struct math_value left, right;
    int r = evaluate(run, node->first, &left);

    if (!r)
        r = evaluate(run, node->first->next, &right);
    return r ? r : math_operate(run, node, &left, &right, ret);
}

static int evaluate_minus(struct math_run *run, const struct math_node *node,
                          struct math_value *ret)
{
    struct math_value value;
    int r = evaluate(run, node->first, &value);

    return r ? r : math_negate(run, &value, ret);
}

static int evaluate(struct math_run *run, const struct math_node *node, struct math_value *ret)
{
    switch (node->kind) {
    case MATH_NUMBER:
        *ret = math_scalar(node->number);
        return 0;
    case MATH_NAME:
        *ret = run->scope->inputs[node->input].value;
        return 0;
    case MATH_TEXT:
        return math_refuse(run->error, node->position, "a string is no value");
    case MATH_WORD:
        return math_refuse(run->error, node->position, "'%.40s' is no value", node->text);
    case MATH_MINUS:
        return evaluate_minus(run, node, ret);
    case MATH_BINARY:
        return evaluate_binary(run, node, ret);
    case MATH_CALL:
        return evaluate_call(run, node, ret);
    case MATH_LIST:
        return evaluate_list(run, node, ret);
    }
    abort();
}

int math_evaluate(const struct math *m, const struct math_scope *scope, struct math_arena *arena,
                  struct math_value *ret, struct math_error *ret_error)
{
    struct math_run run = { .scope = scope, .arena = arena, .error = ret_error };

    return evaluate(&run, m->root, ret);
}
