/* What SEARCH() finds: names in the store's order, at most QUERIES_FOUND_MAX, each read as a metric.
 * Looking at names counts as reading numbers does, so that no request searches for long. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "metrics/queries_list.h"
#include "metrics/search.h"

enum { READS_PER_NAME = 16, READS_PER_TERM = 32 };

unsigned queries_search_period(const struct queries_computation *c, size_t i,
                               const struct math_search *search)
{
    if (search->period_s)
        return search->period_s;
    return c->q->items[i].query.period_s ? c->q->items[i].query.period_s : QUERIES_PERIOD_DEFAULT_S;
}

/* One SEARCH() under way. */
struct hunt {
    struct queries_computation *c;
    const struct math_search *search;
    struct math_arena *arena;
    size_t first; /* its first metric in result->found */
};

static const char *copy_text(char **to, const char *text)
{
    char *copy = *to;

    *to = stpcpy(copy, text) + 1;
    return copy;
}

/* A name of its own memory. */
static int copy_name(struct math_arena *arena, const struct metric_name *name,
                     struct metric_name *ret)
{
    size_t bytes = strlen(name->namespace) + strlen(name->name) + 2;
    void *memory;
    char *to;
    int r;

    for (size_t i = 0; i < name->n_dimensions; i++)
        bytes += strlen(name->dimensions[i].name) + strlen(name->dimensions[i].value) + 2;
    r = math_alloc(arena, bytes, 1, &memory);
    if (r)
        return r;
    to = memory;
    ret->namespace = copy_text(&to, name->namespace);
    ret->name = copy_text(&to, name->name);
    ret->n_dimensions = name->n_dimensions;
    for (size_t i = 0; i < name->n_dimensions; i++)
        ret->dimensions[i] = (struct metric_dimension){ copy_text(&to, name->dimensions[i].name),
                                                        copy_text(&to, name->dimensions[i].value) };
    return 0;
}

/* Room comes for a whole search at once; what memory it takes counts. */
static int make_room(struct hunt *h)
{
    struct queries_result *result = h->c->result;
    size_t bytes = sizeof(*result->found) * QUERIES_FOUND_MAX;
    struct queries_found *found;

    if (bytes > h->arena->bytes_left)
        return MATH_E_LIMIT;
    found = reallocarray(result->found, result->n_found + QUERIES_FOUND_MAX, sizeof(*found));
    if (!found)
        return fault(-ENOMEM);
    h->arena->bytes_left -= bytes;
    result->found = found;
    return 0;
}

static int look_at(const struct metric_name *name, void *context)
{
    struct hunt *h = context;
    struct queries_result *result = h->c->result;
    size_t reads = READS_PER_NAME + READS_PER_TERM * search_terms(h->search->search);
    struct queries_found *found;

    if (reads > h->arena->reads_left)
        return MATH_E_LIMIT;
    h->arena->reads_left -= reads;
    if (!search_matches(h->search->search, name))
        return 0;
    if (result->n_found - h->first == QUERIES_FOUND_MAX) {
        result->more = true;
        return 0;
    }
    if (result->n_found == h->first) {
        int r = make_room(h);

        if (r)
            return r;
    }
    found = &result->found[result->n_found++];
    *found = (struct queries_found){
        .statistic_text = h->search->statistic_text,
        .period_s = queries_search_period(h->c, h->c->at, h->search),
    };
    return copy_name(h->arena, name, &found->name);
}

static int read_found(struct hunt *h, struct math_value *ret)
{
    struct queries_result *result = h->c->result;
    size_t n = result->n_found - h->first;
    void *memory;
    int r = math_alloc(h->arena, n, sizeof(struct math_series), &memory);

    if (r)
        return r;
    *ret = (struct math_value){ .type = MATH_ARRAY, .series = memory, .n_series = n };
    for (size_t i = 0; i < n; i++) {
        struct queries_found *found = &result->found[h->first + i];
        const struct queries_reading reading = { &found->name, METRIC_UNIT_ANY,
                                                 &h->search->statistic, found->period_s, 1 };

        found->first = h->first;
        found->n = n;
        r = queries_read_series(h->c, &reading, &ret->series[i]);
        if (r)
            return r;
        ret->series[i].origin = h->c->q->n + h->first + i;
    }
    return 0;
}

int queries_find(void *context, const struct math_search *search, struct math_arena *arena,
                 struct math_value *ret)
{
    struct queries_computation *c = context;
    struct hunt h = { c, search, arena, c->result->n_found };
    const struct metrics_filter filter = { .namespace = search_namespace(search->search),
                                           .active_since = c->view->active_since };
    int r = metrics_list(c->view->searched, &filter, look_at, &h);

    return r ? r : read_found(&h, ret);
}
