/* metrics/search_tree.h: what search.c and search_parse.c share: a search as it is kept. */
#pragma once
#include "metrics/search.h"

enum search_kind { SEARCH_TERM, SEARCH_EXACT, SEARCH_ALL, SEARCH_ANY, SEARCH_NOT };

struct search_node {
    enum search_kind kind;
    const char *property, *text;      /* of terms; property NULL: anywhere */
    struct search_node *first, *next; /* of the others: what they join */
};

struct search {
    const char *namespace; /* NULL: any */
    const char *dimensions[METRICS_DIMENSIONS_MAX];
    size_t n_dimensions;            /* 0: any */
    const struct search_node *root; /* NULL: everything */
    size_t n_nodes, n_terms;
    char *strings; /* of the nodes, NUL-terminated, in the same allocation */
    struct search_node nodes[];
};
