#include "balance/drain.h"

#include <errno.h>
#include <stdlib.h>

struct leaver {
    struct target *target; /* one reference */
    ms_t until;            /* its requests may take so long */
    uint64_t since;        /* serial of the first route in which it drains */
    uint64_t serial;       /* of the last one */
    bool told;
};

static struct leaver *leaver_free(struct leaver *l)
{
    if (l)
        target_unref(l->target);
    free(l);
    return NULL;
}
DEFINE_AUTOFREE(struct leaver *, leaver_free)

void drain_init(struct drain *d, uint64_t seed,
                void (*drained)(const struct target *t, void *context),
                void (*cut)(struct target *t, void *context), void *context)
{
    *d = (struct drain){ .drained = drained, .cut = cut, .context = context };
    map_init(&d->leaving, seed);
}

void drain_deinit(struct drain *d)
{
    map_for_each (slot, &d->leaving) {
        leaver_free(slot->value);
    }
    map_deinit(&d->leaving);
}

static int follow_target(struct drain *d, const struct route *route,
                         const struct route_group *group, struct target *target, ms_t now)
{
    struct leaver *known = map_get(&d->leaving, target->key);
    autofree(leaver_free) struct leaver *l = NULL;
    ms_t delay = group->config.deregistration_delay_ms;
    int r;

    if (known) {
        known->serial = route->serial;
        return 0;
    }
    l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->target = target_ref(target);
    l->until = delay > MS_FOREVER - now ? MS_FOREVER : now + delay;
    l->since = l->serial = route->serial;
    r = map_put(&d->leaving, target->key, l);
    if (!r)
        l = NULL;
    return r;
}

static struct leaver *gone(struct drain *d, uint64_t serial)
{
    map_for_each (slot, &d->leaving) {
        struct leaver *l = slot->value;

        if (l->serial != serial)
            return l;
    }
    return NULL;
}

int drain_follow(struct drain *d, const struct route *route, ms_t now)
{
    struct leaver *l;
    int r = 0;

    for (size_t i = 0; i < route->n_groups; i++) {
        const struct route_group *g = &route->groups[i];

        for (size_t k = 0; k < g->n_targets && !r; k++) {
            if (g->targets[k].draining)
                r = follow_target(d, route, g, g->targets[k].target, now);
            else /* registered again while it was leaving */
                atomic_store(&g->targets[k].target->cut, false);
        }
    }
    while (!r && (l = gone(d, route->serial))) {
        map_remove(&d->leaving, l->target->key);
        leaver_free(l);
    }
    return r;
}

static void look_at(struct drain *d, struct leaver *l, uint64_t served, ms_t now)
{
    if (l->told || served < l->since)
        return;
    /* acquire pairs with target_end(): what the last request did is done for us, too */
    if (atomic_load_explicit(&l->target->in_flight, memory_order_acquire) == 0) {
        l->told = true;
        d->drained(l->target, d->context);
    } else if (now >= l->until && !atomic_exchange(&l->target->cut, true)) {
        d->cut(l->target, d->context);
    }
}

void drain_look(struct drain *d, uint64_t served, ms_t now)
{
    map_for_each (slot, &d->leaving) {
        look_at(d, slot->value, served, now);
    }
}

void drain_repeat(struct drain *d)
{
    map_for_each (slot, &d->leaving) {
        ((struct leaver *)slot->value)->told = false;
    }
}
