/* metrics/queries_list.h: what queries.c and queries_compute.c share: how a list is kept. */
#pragma once
#include "metrics/queries.h"

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
