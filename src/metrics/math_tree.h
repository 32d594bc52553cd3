/* metrics/math_tree.h: what the files of metric math share: the tree of an expression.
 *
 * math_expression.c has the tree, math_parse.c makes it, math_print.c writes it, math_evaluate.c
 * computes it. Operators are in math_operator.c; functions are listed in math_function.c and
 * computed in math_reduce.c, math_series.c, math_array.c and math_search.c.
 */
#pragma once
#include <math.h>

#include "metrics/math_expression.h"

enum math_kind {
    MATH_NUMBER,
    MATH_TEXT,  /* METRICS' and SEARCH's arguments */
    MATH_NAME,  /* of a query */
    MATH_WORD,  /* AVG, ASC, REPEAT ... where a function takes one */
    MATH_MINUS, /* unary */
    MATH_BINARY,
    MATH_CALL,
    MATH_LIST,
};

struct math_node {
    enum math_kind kind;
    size_t position;                       /* in the text, from 1 */
    double number;                         /* MATH_NUMBER */
    const char *text;                      /* MATH_TEXT, MATH_NAME, MATH_WORD */
    const struct math_operator *operation; /* MATH_BINARY */
    const struct math_function *function;  /* MATH_CALL */
    size_t input;                          /* MATH_NAME, when bound */
    struct math_search *search;            /* of SEARCH() */
    struct math_node *first, *next;        /* operands, arguments, elements */
};

struct math {
    const struct math_node *root;
    size_t n_nodes;
    char *strings;            /* of the nodes, NUL-terminated, in the same allocation */
    struct math_node nodes[]; /* each takes at least one byte of the text */
};

struct math_operator {
    const char *text, *other; /* "AND", "&&" */
    unsigned precedence;      /* higher binds tighter */
    bool right;               /* a ^ b ^ c is a ^ (b ^ c) */
    double (*apply)(double a, double b);
};
enum { MATH_PRECEDENCE_UNARY = 6, MATH_PRECEDENCE_POWER = 7, MATH_PRECEDENCE_OPERAND = 8 };

/* Ended by a row without text; a text comes before those it begins with. */
extern const struct math_operator math_operators[];

/* While one expression is evaluated. */
struct math_run {
    const struct math_scope *scope;
    struct math_arena *arena;
    struct math_error *error;
};

struct math_call {
    const struct math_node *node;
    const struct math_node *nodes[4]; /* arguments */
    struct math_value args[4];        /* their values, where they have one */
    size_t n_args;
};
enum { MATH_ARGS_MAX = 4 };

/* Arguments, one letter each; what follows a ? may be left out:
 *   s scalar, t series, a array, m series or array, x scalar or series
 *   p a metric's id, q a text, n a number, f AVG|MIN|MAX|SUM, o ASC|DESC,
 *   F a value or REPEAT|LINEAR */
struct math_function {
    const char *name, *args;
    int (*run)(struct math_run *run, struct math_call *call, struct math_value *ret);
    bool across; /* what it makes of one slot hangs on others: not where these are strict */
};

/** math_function_find() - NULL if there is none */
const struct math_function *math_function_find(const char *name);
/** math_function_elsewhere() - CloudWatch has it, and this has not */
bool math_function_elsewhere(const char *name);

/** math_refuse() - fill in @error. Return: MATH_E_REFUSED, as analysers can see. */
#define math_refuse(...) (math_tell(__VA_ARGS__), MATH_E_REFUSED)
void math_tell(struct math_error *error, size_t position, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- making values ---------------------------------------------------------------------------- */

/** math_finite() - a result, or none */
static inline double math_finite(double value)
{
    return isfinite(value) ? value : NAN;
}

struct math_value math_scalar(double number);
/** math_series_new() - a series without points, of @like's periods and origin; of every slot and no
 * origin if that is NULL */
int math_series_new(struct math_run *run, const struct math_series *like,
                    struct math_value *ret_value);
/** math_array_new() - @n series that are to be filled in */
int math_array_new(struct math_run *run, size_t n, struct math_value *ret_value);
/** math_map() - each series of @value by itself through @each, which fills in the points of @to;
 * NULL leaves them out */
int math_map(struct math_run *run, const struct math_value *value,
             void (*each)(const struct math_run *run, const struct math_series *from,
                          struct math_series *to),
             struct math_value *ret);
/** math_periods_join() - the periods of @to and @other become periods of @to */
void math_periods_join(struct math_series *to, const struct math_series *other);

/** math_refuse_across() - in a strict scope: @node looks at other slots. Return: MATH_E_REFUSED. */
int math_refuse_across(struct math_run *run, const struct math_node *node);

/** math_read() - @n_series are about to be read whole. Return: 0 or MATH_E_LIMIT. */
int math_read(struct math_run *run, size_t n_series);

/** math_operate() - @a operator @b. */
int math_operate(struct math_run *run, const struct math_node *node, const struct math_value *a,
                 const struct math_value *b, struct math_value *ret);
int math_negate(struct math_run *run, const struct math_value *value, struct math_value *ret);

/* --- functions, by file ----------------------------------------------------------------------- */

#define MATH_FUNCTION(name)                                                                        \
    int math_##name(struct math_run *run, struct math_call *call, struct math_value *ret)

/* math_reduce.c: series -> scalar, array -> series */
MATH_FUNCTION(sum);
MATH_FUNCTION(avg);
MATH_FUNCTION(min);
MATH_FUNCTION(max);
MATH_FUNCTION(stddev);
MATH_FUNCTION(datapoint_count);
/** math_reduce_word() - one series by AVG, MIN, MAX or SUM; NAN without points */
double math_reduce_word(const char *word, const struct math_series *s, size_t n_slots);

/* math_series.c: along each series */
MATH_FUNCTION(abs);
MATH_FUNCTION(ceil);
MATH_FUNCTION(floor);
MATH_FUNCTION(log);
MATH_FUNCTION(log10);
MATH_FUNCTION(rate);
MATH_FUNCTION(diff);
MATH_FUNCTION(diff_time);
MATH_FUNCTION(running_sum);
MATH_FUNCTION(fill);
MATH_FUNCTION(minute);
MATH_FUNCTION(hour);
MATH_FUNCTION(day);
MATH_FUNCTION(date);
MATH_FUNCTION(month);
MATH_FUNCTION(year);
MATH_FUNCTION(epoch);

/* math_array.c: arrays, and what is left */
MATH_FUNCTION(metrics);
MATH_FUNCTION(metric_count);
MATH_FUNCTION(first);
MATH_FUNCTION(last);
MATH_FUNCTION(slice);
MATH_FUNCTION(sort);
MATH_FUNCTION(remove_empty);
MATH_FUNCTION(period);
MATH_FUNCTION(time_series);
MATH_FUNCTION(if);

/* math_search.c */
MATH_FUNCTION(search);
/** math_search_new() - what @call's arguments say. Return: 0, MATH_E_REFUSED or -ENOMEM. */
int math_search_new(const struct math_node *call, struct math_search **ret,
                    struct math_error *ret_error);
struct math_search *math_search_free(struct math_search *s);
