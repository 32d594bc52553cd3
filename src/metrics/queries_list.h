/* metrics/queries_list.h: what queries.c and queries_compute.c share: how a list is kept. */
#pragma once
#include "metrics/queries.h"

enum { QUERIES_PERIOD_DEFAULT_S = 60 };

/* While a list is computed. */
struct queries_computation {
    const struct queries *q;
    const struct queries_view *view;
    struct queries_result *result;
    size_t at; /* the expression under way */
};

struct queries_item {
    struct metric_query query;
    struct math *math; /* NULL: a metric */
    bool used;
    enum { QUERY_FRESH, QUERY_UNDER_WAY, QUERY_ORDERED } state; /* while the order is found */
};

struct queries {
    size_t n;
    struct queries_item **by_id; /* sorted */
    size_t *order, n_order;      /* expressions, after those that they need */
    struct queries_item items[];
};

/** queries_refuse() - tell of query @i's expression. Return: QUERIES_E_REFUSED. */
int queries_refuse(const struct queries *q, size_t i, const struct math_error *why,
                   struct queries_error *ret_error);

/* What one metric's series is made of. */
struct queries_reading {
    const struct metric_name *name;
    enum metric_unit unit;
    const struct metric_statistic *statistic;
    unsigned period_s;
    double scale; /* that its values are multiplied by */
};
/** queries_read_series() - its points, in the slots where its periods start; no origin is set
 * Return: 0, MATH_E_LIMIT or -ENOMEM. */
int queries_read_series(const struct queries_computation *c, const struct queries_reading *reading,
                        struct math_series *ret);

/* queries_search.c */
/** queries_search_period() - of @search in the expression of query @i */
unsigned queries_search_period(const struct queries_computation *c, size_t i,
                               const struct math_search *search);
/** queries_find() - math_scope's find; @context: the computation */
int queries_find(void *context, const struct math_search *search, struct math_arena *arena,
                 struct math_value *ret);
