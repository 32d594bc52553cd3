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

/* the first name that is later than @after */
static size_t position(const struct metrics *m, const struct metric_name *after)
{
    size_t low = 0, high = m->n_sorted;
    struct metric_key key;

    if (!after || metric_key_make(&key, after) != 0)
        return 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(m->sorted[middle].key, key.text) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
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
    if ((f->namespace && strcmp(f->namespace, name->namespace) != 0) ||
        (f->name && strcmp(f->name, name->name) != 0))
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

    for (size_t i = r == 0 ? position(m, filter->after) : m->n_sorted; r == 0 && i < m->n_sorted;
         i++) {
        if (m->sorted[i].entry->newest < filter->active_since)
            continue;
        if (metric_key_split(m->sorted[i].key, &storage, &name) == 0 && matches(filter, &name))
            r = each(&name, context);
    }
    return r;
}
