#include "balance/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void registry_init(struct registry *r, uint64_t seed)
{
    map_init(&r->targets, seed);
    map_init(&r->gauges, seed);
}

void registry_deinit(struct registry *r)
{
    map_for_each (slot, &r->targets) {
        target_unref(slot->value);
    }
    map_for_each (slot, &r->gauges) {
        gauge_unref(slot->value);
    }
    map_deinit(&r->targets);
    map_deinit(&r->gauges);
}

int registry_target(struct registry *r, const char *group, const struct link_target *config,
                    ms_t now, struct target **ret_target)
{
    autofree(mem_free) char *key = target_key(group, config);
    autofree(target_unref) struct target *made = NULL;
    struct target *t;
    int e;

    if (!key)
        return -ENOMEM;
    t = map_get(&r->targets, key);
    if (!t) {
        e = target_new(group, config, now, &made);
        if (!e)
            e = map_put(&r->targets, key, made);
        if (e)
            return e;
        t = steal(made);
    }
    *ret_target = target_ref(t);
    return 0;
}

int registry_gauge(struct registry *r, const char *group, struct gauge **ret_gauge)
{
    autofree(gauge_unref) struct gauge *made = NULL;
    struct gauge *g = map_get(&r->gauges, group);
    int e;

    if (!g) {
        e = gauge_new(group, &made);
        if (!e)
            e = map_put(&r->gauges, group, made);
        if (e)
            return e;
        g = steal(made);
    }
    *ret_gauge = gauge_ref(g);
    return 0;
}

/* Entries may not be removed while a map is walked: start over after each. Few leave at a time. */
static struct target *lonely_target(struct registry *r)
{
    map_for_each (slot, &r->targets) {
        struct target *t = slot->value;

        if (atomic_load(&t->refs) == 1)
            return t;
    }
    return NULL;
}

static struct gauge *lonely_gauge(struct registry *r)
{
    map_for_each (slot, &r->gauges) {
        struct gauge *g = slot->value;

        if (atomic_load(&g->refs) == 1)
            return g;
    }
    return NULL;
}

void registry_sweep(struct registry *r)
{
    struct target *t;
    struct gauge *g;

    while ((t = lonely_target(r))) {
        map_remove(&r->targets, t->key);
        target_unref(t);
    }
    while ((g = lonely_gauge(r))) {
        map_remove(&r->gauges, g->id);
        gauge_unref(g);
    }
}
