/* metrics/queries.h: a list of metric queries: metrics, and expressions of them, by id.
 *
 * GetMetricData's queries, an alarm's Metrics and a scaling policy's are all such a list. It is
 * checked once: every expression can be parsed, names what is there, and does not depend on itself.
 * Then it is computed as often as needed, all on one grid, whose slots are as long as the periods of
 * the metrics that expressions use have in common.
 *
 * queries.c makes lists, queries_compute.c computes them. Pure: no clock, no I/O; what is computed
 * takes memory for as long as the caller keeps it.
 */
#pragma once
#include "metrics/math_expression.h"
#include "metrics/metrics.h"

enum { QUERIES_MAX = 500, QUERIES_FOUND_MAX = 500 /* by one SEARCH() */ };

enum {
    QUERIES_E_REFUSED = 1, /* *ret_error says what is wrong */
    QUERIES_E_LIMIT,       /* it takes too much to compute */
};

struct queries_error {
    char text[MATH_ERROR_BYTES + 128]; /* a sentence, maybe cut within a character */
};

/* One query. Strings are borrowed for as long as the list lives. */
struct metric_query {
    const char *id;
    const char *expression; /* NULL: a metric */
    unsigned period_s;      /* of a metric; of an expression, where no metric gives one; or 0 */
    bool wanted;            /* a metric to be read even if no expression uses it */
    struct metric_name name;
    enum metric_unit unit;
    struct metric_statistic statistic;
};

struct queries;

/** queries_id_valid() - a lower case letter, then letters, digits and underscores */
bool queries_id_valid(const char *id);

/**
 * queries_new() - check and keep a list
 * @list: copied; @n: 1..QUERIES_MAX
 *
 * Return: 0, QUERIES_E_REFUSED or -ENOMEM.
 */
int queries_new(const struct metric_query *list, size_t n, struct queries **ret,
                struct queries_error *ret_error);
struct queries *queries_free(struct queries *q);
DEFINE_AUTOFREE(struct queries *, queries_free)

size_t queries_count(const struct queries *q);
const struct metric_query *queries_nth(const struct queries *q, size_t i);
bool queries_used(const struct queries *q, size_t i); /* a metric: is wanted, or in an expression */

bool queries_searches(const struct queries *q); /* calls SEARCH() */

/* --- computing -------------------------------------------------------------------------------- */

/* What is to be computed of a list. */
struct queries_view {
    const struct metrics *metrics; /* NULL: there are no data */
    struct metrics *searched;      /* where SEARCH() looks; NULL: it is refused */
    wall_ms_t active_since;        /* it finds no metrics without data since then */
    /* how many periods of @period_s are looked at; the first one starts at *@ret_start */
    size_t (*span)(const void *context, unsigned period_s, wall_ms_t *ret_start);
    const void *context;
    /* Read all metrics by this period instead of their own, and tell what grows with a period's
     * length (Sum, SampleCount ...) as it would be over their own; 0: by their own. */
    unsigned period_s;
    bool strict; /* as in math_scope */
    size_t arena_bytes;
};

/* A metric that was found. The text is the query's. */
struct queries_found {
    struct metric_name name;
    const char *statistic_text;
    unsigned period_s;
    size_t first, n; /* found by the same SEARCH(): result->found[first .. first + n - 1] */
};

/* What came out: scope.inputs has a value for each expression and each metric that is used, by the
 * queries' indices. */
struct queries_result {
    struct math_arena arena;
    struct math_scope scope;
    struct math_input *inputs;
    /* What SEARCH() found: the origins of its series, counted on from those of the queries. */
    struct queries_found *found;
    size_t n_found;
    bool more; /* one of them found more than QUERIES_FOUND_MAX */
};
void queries_result_deinit(struct queries_result *r);

/**
 * queries_compute() - everything
 * @ret: to queries_result_deinit() whatever is returned
 *
 * Return: 0, QUERIES_E_REFUSED, QUERIES_E_LIMIT or -ENOMEM.
 */
int queries_compute(const struct queries *q, const struct queries_view *view,
                    struct queries_result *ret, struct queries_error *ret_error);

/* --- where one query's series is the result --------------------------------------------------- */

/* Periods in a row. */
struct queries_row {
    wall_ms_t end;     /* of the newest */
    unsigned period_s; /* of all metrics, as in queries_view */
    size_t n;
    bool strict;
};

/** queries_check_series() - that query @result is one time series, as far as that can be told
 * without data, and that nothing is searched. Return: 0, QUERIES_E_REFUSED or -ENOMEM. */
int queries_check_series(const struct queries *q, size_t result, unsigned period_s, bool strict,
                         struct queries_error *ret_error);

/** queries_compute_row() - as queries_compute(), over @row */
int queries_compute_row(const struct queries *q, const struct metrics *metrics,
                        const struct queries_row *row, struct queries_result *ret,
                        struct queries_error *ret_error);

/**
 * queries_read() - query @result's series over @row
 * @ret_values: row->n of them, oldest first; NAN: no point
 *
 * Return: 0, QUERIES_E_REFUSED (with these data it is no single series), QUERIES_E_LIMIT, -ENOMEM.
 */
int queries_read(const struct queries *q, size_t result, const struct metrics *metrics,
                 const struct queries_row *row, double *ret_values);
