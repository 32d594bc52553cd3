/* metrics/math_expression.h: CloudWatch's metric math, as in "100 * SUM(METRICS("err")) / FILL(requests, 0)".
 *
 * An expression is parsed once, bound to the queries that it names, and evaluated on a grid: slots
 * of one length that all series share. A series of a longer period has points in some slots only.
 * Arithmetic on two series takes a point that only one of them has as 0 in the other; where neither
 * has one, where the result is no finite number and where something is divided by 0, there is none.
 *
 * Not here: ANOMALY_DETECTION_BAND, INSIGHT_RULE_METRIC, SERVICE_QUOTA and SELECT queries;
 * they are refused by name. Pure: no clock, no I/O. Source: CloudWatch User Guide, "Metric math".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "metrics/metrics.h"

enum { MATH_TEXT_MAX = 2048, MATH_DEPTH_MAX = 64, MATH_ERROR_BYTES = 160 };
#define MATH_NONE ((size_t)-1)

struct search; /* search.h */

enum {
    MATH_E_REFUSED = 1, /* math_error says what is wrong, and where */
    MATH_E_LIMIT,       /* the arena is used up */
};

struct math_error {
    size_t position; /* in the expression, from 1 */
    char text[MATH_ERROR_BYTES];
};

/* --- expressions ------------------------------------------------------------------------------ */

struct math;

/** math_parse() - Return: 0, MATH_E_REFUSED or -ENOMEM */
int math_parse(const char *text, struct math **ret, struct math_error *ret_error);
struct math *math_free(struct math *m);
DEFINE_AUTOFREE(struct math *, math_free)

/** math_print() - the expression with no more parentheses than it needs; parses to an equal one
 * Return: 0, or what the buffer says */
int math_print(const struct math *m, struct buffer *out);

/** math_bind() - connect the names in @m with inputs
 * @find: index of the input called @id, or MATH_NONE
 *
 * Return: 0 or MATH_E_REFUSED, for an unknown name. */
int math_bind(struct math *m, size_t (*find)(const void *context, const char *id),
              const void *context, struct math_error *ret_error);

/** math_next_input() - an input that @m names; may repeat. *@cursor starts at 0.
 * Return: MATH_NONE at the end. What METRICS() stands for is not told. */
size_t math_next_input(const struct math *m, size_t *cursor);
bool math_uses_metrics(const struct math *m); /* calls METRICS() */

/* One SEARCH() in an expression. */
struct math_search {
    struct search *search;
    struct metric_statistic statistic;
    const char *statistic_text;
    unsigned period_s; /* 0: not given */
};
/** math_next_search() - the next one in @m; *@cursor starts at 0. Return: NULL at the end. */
const struct math_search *math_next_search(const struct math *m, size_t *cursor);

/* --- values ----------------------------------------------------------------------------------- */

/* Where evaluation puts what it makes: freed together, limited together. */
struct math_arena {
    struct math_block *blocks;
    size_t bytes_left;
    size_t reads_left; /* numbers that may be looked at where nothing is made of each */
};
#define MATH_ARENA_INIT(bytes) ((struct math_arena){ .bytes_left = (bytes), .reads_left = (bytes) })
void math_arena_deinit(struct math_arena *a);
/** math_alloc() - @n zeroed elements. Return: 0, MATH_E_LIMIT or -ENOMEM. */
int math_alloc(struct math_arena *a, size_t n, size_t size, void **ret);

struct math_series {
    double *values;      /* one per slot of the grid; NAN: no point */
    size_t first, every; /* its periods start in slots first, first + every, ... */
    size_t
        origin; /* the input that it was made of, or what find() says; MATH_NONE: none or several */
};

struct math_value {
    enum math_type { MATH_SCALAR, MATH_SERIES, MATH_ARRAY } type;
    double scalar;              /* NAN where there is none */
    struct math_series *series; /* one, or those of an array */
    size_t n_series;            /* 1 with MATH_SERIES */
};

/* What an expression may name: a metric, or another expression, evaluated before. */
struct math_input {
    const char *id;
    bool metric;       /* METRICS() includes it, PERIOD() knows it; its value is MATH_SERIES */
    unsigned period_s; /* of a metric */
    struct math_value value;
};

struct math_scope {
    wall_ms_t start; /* the grid: slot i is [start + i * step, start + (i + 1) * step) */
    unsigned step_s;
    size_t n_slots;
    const struct math_input *inputs; /* by the indices that math_bind() was told */
    size_t n_inputs;
    /* Each slot stands for itself: there is a point only where all that it is made of have one, and
     * what looks at other slots (RATE, SORT, the SUM of one series ...) is refused. FILL may. */
    bool strict;
    /* Makes an array of what @search finds; its series' origins are the finder's own matter.
     * Return: as math_evaluate(). NULL: SEARCH() is refused. */
    int (*find)(void *context, const struct math_search *search, struct math_arena *arena,
                struct math_value *ret);
    void *find_context;
};

/** math_evaluate() - the value of @m, which was bound; it may share memory with the inputs
 * Return: 0, MATH_E_REFUSED, MATH_E_LIMIT or -ENOMEM */
int math_evaluate(const struct math *m, const struct math_scope *scope, struct math_arena *arena,
                  struct math_value *ret, struct math_error *ret_error);

/** math_type_text() - "a scalar" ... */
const char *math_type_text(enum math_type type);
