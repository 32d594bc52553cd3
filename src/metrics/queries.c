#include "metrics/queries.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "metrics/queries_list.h"

bool queries_id_valid(const char *id)
{
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

    return *id >= 'a' && *id <= 'z' && id[strspn(id, rest)] == '\0';
}

int queries_refuse(const struct queries *q, size_t i, const struct math_error *why,
                   struct queries_error *ret_error)
{
    snprintf(ret_error->text, sizeof(ret_error->text),
             "Error in expression '%.60s': %s (at position %zu)", q->items[i].query.id, why->text,
             why->position);
    return QUERIES_E_REFUSED;
}

/* --- ids -------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    const struct queries_item *const *one = a, *const *other = b;

    return strcmp((*one)->query.id, (*other)->query.id);
}

static int sort_ids(struct queries *q, struct queries_error *ret_error)
{
    for (size_t i = 0; i < q->n; i++)
        q->by_id[i] = &q->items[i];
    qsort(q->by_id, q->n, sizeof(struct queries_item *), compare_ids);
    for (size_t i = 1; i < q->n; i++)
        if (compare_ids(&q->by_id[i - 1], &q->by_id[i]) == 0) {
            snprintf(ret_error->text, sizeof(ret_error->text), "The id '%.60s' is not unique",
                     q->by_id[i]->query.id);
            return QUERIES_E_REFUSED;
        }
    return 0;
}

static size_t find(const void *context, const char *id)
{
    const struct queries *q = context;
    const struct queries_item wanted = { .query = { .id = id } };
    const struct queries_item *key = &wanted, *const * found;

    found = bsearch(&key, q->by_id, q->n, sizeof(struct queries_item *), compare_ids);
    return found ? (size_t)(*found - q->items) : MATH_NONE;
}

/* --- expressions ------------------------------------------------------------------------------ */

static int parse(struct queries *q, struct queries_error *ret_error)
{
    struct math_error error;

    for (size_t i = 0; i < q->n; i++) {
        struct queries_item *item = &q->items[i];
        int r =
            item->query.expression ? math_parse(item->query.expression, &item->math, &error) : 0;

        if (!r && item->math && math_bind(item->math, find, q, &error) != 0)
            r = MATH_E_REFUSED;
        if (r)
            return r == MATH_E_REFUSED ? queries_refuse(q, i, &error, ret_error) : fault(r);
    }
    return 0;
}

/* Which metrics are to be read. */
static void mark_used(struct queries *q)
{
    for (size_t i = 0; i < q->n; i++) {
        const struct math *math = q->items[i].math;
        bool all = math && math_uses_metrics(math);
        size_t cursor = 0, input;

        q->items[i].used |= !math && q->items[i].query.wanted;
        while (math && (input = math_next_input(math, &cursor)) != MATH_NONE)
            q->items[input].used |= !q->items[input].math;
        for (size_t k = 0; all && k < q->n; k++)
            q->items[k].used |= !q->items[k].math;
    }
}

/* Puts query @i behind those that it names. They are as deep as there are queries, at most. */
static int order(struct queries *q, size_t i, struct queries_error *ret_error)
{
    struct queries_item *item = &q->items[i];
    size_t cursor = 0, input;
    int r = 0;

    if (!item->math || item->state == QUERY_ORDERED)
        return 0;
    if (item->state == QUERY_UNDER_WAY) {
        snprintf(ret_error->text, sizeof(ret_error->text),
                 "Error in expression '%.60s': it depends on its own result", item->query.id);
        return QUERIES_E_REFUSED;
    }
    item->state = QUERY_UNDER_WAY;
    while (!r && (input = math_next_input(item->math, &cursor)) != MATH_NONE)
        r = order(q, input, ret_error);
    item->state = QUERY_ORDERED;
    q->order[q->n_order++] = i;
    return r;
}

/* --- life ------------------------------------------------------------------------------------- */

int queries_new(const struct metric_query *list, size_t n, struct queries **ret,
                struct queries_error *ret_error)
{
    autofree(queries_free) struct queries *q = NULL;
    int r;

    assert(n >= 1 && n <= QUERIES_MAX);
    q = calloc(1, sizeof(*q) + n * sizeof(*q->items));
    if (!q)
        return fault(-ENOMEM);
    q->n = n;
    for (size_t i = 0; i < n; i++)
        q->items[i].query = list[i];
    q->by_id = calloc(n, sizeof(struct queries_item *));
    q->order = calloc(n, sizeof(*q->order));
    if (!q->by_id || !q->order)
        return fault(-ENOMEM);
    r = sort_ids(q, ret_error);
    if (!r)
        r = parse(q, ret_error);
    for (size_t i = 0; !r && i < n; i++)
        r = order(q, i, ret_error);
    if (r)
        return r;
    mark_used(q);
    *ret = steal(q);
    return 0;
}

struct queries *queries_free(struct queries *q)
{
    if (!q)
        return NULL;
    for (size_t i = 0; i < q->n; i++)
        math_free(q->items[i].math);
    free(q->by_id);
    free(q->order);
    free(q);
    return NULL;
}

size_t queries_count(const struct queries *q)
{
    return q->n;
}

const struct metric_query *queries_nth(const struct queries *q, size_t i)
{
    assert(i < q->n);
    return &q->items[i].query;
}

bool queries_used(const struct queries *q, size_t i)
{
    assert(i < q->n);
    return q->items[i].used;
}

bool queries_searches(const struct queries *q)
{
    for (size_t i = 0; i < q->n; i++) {
        size_t cursor = 0;

        if (q->items[i].math && math_next_search(q->items[i].math, &cursor))
            return true;
    }
    return false;
}
