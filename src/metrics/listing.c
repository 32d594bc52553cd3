#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/store.h"

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct metric_sorted *)a)->key, ((const struct metric_sorted *)b)->key);
}

static int sort_names(struct metrics *m)
{
    struct metric_sorted *sorted;
    size_t n = 0;

    if (!m->sorted_stale)
        return 0;
    sorted = reallocarray(m->sorted, m->names.size + 1, sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    map_for_each (slot, &m->names)
        sorted[n++] = (struct metric_sorted){ slot->key, slot->value };
    qsort(sorted, n, sizeof(*sorted), by_key);
    m->sorted = sorted;
    m->n_sorted = n;
    m->sorted_stale = false;
    return 0;
}

/* the first name whose key is later than @key */
static size_t later_than(const struct metrics *m, const char *key)
{
    size_t low = 0, high = m->n_sorted;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(m->sorted[middle].key, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* the first name that may match: names of one namespace stand together */
static size_t position(const struct metrics *m, const struct metrics_filter *f)
{
    size_t first = f->namespace ? later_than(m, f->namespace) : 0, after = 0;
    struct metric_key key;

    if (f->after && metric_key_make(&key, f->after) == 0)
        after = later_than(m, key.text);
    return first > after ? first : after;
}

static bool has_dimension(const struct metric_name *name, const struct metric_dimension *wanted)
{
    for (size_t i = 0; i < name->n_dimensions; i++)
        if (strcmp(name->dimensions[i].name, wanted->name) == 0)
            return !wanted->value || strcmp(name->dimensions[i].value, wanted->value) == 0;
    return false;
}

static bool matches(const struct metrics_filter *f, const struct metric_name *name)
{
    if (f->name && strcmp(f->name, name->name) != 0)
        return false;
    for (size_t i = 0; i < f->n_dimensions; i++)
        if (!has_dimension(name, &f->dimensions[i]))
            return false;
    return true;
}

int metrics_list(struct metrics *m, const struct metrics_filter *filter,
                 int (*each)(const struct metric_name *name, void *context), void *context)
{
    struct metric_key storage;
    struct metric_name name;
    int r = sort_names(m);

    for (size_t i = r == 0 ? position(m, filter) : m->n_sorted; r == 0 && i < m->n_sorted; i++) {
        if (m->sorted[i].entry->newest < filter->active_since)
            continue;
        if (metric_key_split(m->sorted[i].key, &storage, &name) != 0)
            continue;
        if (filter->namespace && strcmp(name.namespace, filter->namespace) != 0)
            break;
        if (matches(filter, &name))
            r = each(&name, context);
    }
    return r;
}
