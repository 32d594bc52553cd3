#include "proxy/target.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

char *target_key(const char *group, const struct link_target *config)
{
    return text_format("%s|%s|%s", group, config->id, config->address);
}

/* The shared part must start a cache line, which malloc() does not promise. */
static void *line_aligned(size_t size)
{
    void *p = aligned_alloc(64, (size + 63) & ~(size_t)63);

    if (p)
        memset(p, 0, size);
    return p;
}

int target_new(const char *group, const struct link_target *config, struct target **ret_target)
{
    struct target *t = line_aligned(sizeof(*t));
    int r;

    if (!t)
        return -ENOMEM;
    atomic_init(&t->refs, 1);
    atomic_init(&t->health, TARGET_HEALTHY);
    memcpy(t->group, group, strlen(group) + 1);
    memcpy(t->id, config->id, sizeof(t->id));
    t->key = target_key(group, config);
    r = t->key ? address_parse(config->address, &t->address) : -ENOMEM;
    if (r) {
        target_unref(t);
        return r;
    }
    *ret_target = t;
    return 0;
}

struct target *target_ref(struct target *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

struct target *target_unref(struct target *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return NULL;
    free(t->key);
    free(t);
    return NULL;
}

int gauge_new(const char *id, struct gauge **ret_gauge)
{
    struct gauge *g = line_aligned(sizeof(*g));

    if (!g)
        return -ENOMEM;
    atomic_init(&g->refs, 1);
    memcpy(g->id, id, strlen(id) + 1);
    *ret_gauge = g;
    return 0;
}

struct gauge *gauge_ref(struct gauge *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

struct gauge *gauge_unref(struct gauge *g)
{
    if (g && atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) == 1)
        free(g);
    return NULL;
}
