#include "proxy/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/place.h"

static struct worker_group *group_unref(struct worker_group *g)
{
    if (!g || --g->refs > 0)
        return NULL;
    free(g->stats);
    free(g);
    return NULL;
}

struct lease *lease_ref(struct lease *lease)
{
    lease->refs++;
    return lease;
}

struct lease *lease_unref(struct lease *lease)
{
    struct route *route;

    if (!lease || --lease->refs > 0)
        return NULL;
    route = lease->route;
    for (size_t i = 0; lease->groups && i < route->n_groups; i++)
        group_unref(lease->groups[i]);
    for (size_t i = 0; lease->pools && i < route->n_targets; i++)
        upstream_unref(lease->pools[i]);
    free(lease->groups);
    free(lease->pools);
    route_unref(route);
    free(lease);
    return NULL;
}
DEFINE_AUTOFREE(struct lease *, lease_unref)

/* --- building --------------------------------------------------------------------------------- */

static int find_group(struct worker *w, const char *id, struct worker_group **ret_group)
{
    struct worker_group *g = map_get(&w->groups, id);

    if (!g) {
        g = calloc(1, sizeof(*g));
        if (!g)
            return -ENOMEM;
        g->stats = stats_new();
        if (!g->stats || map_put(&w->groups, id, g)) {
            free(g->stats);
            free(g);
            return -ENOMEM;
        }
        memcpy(g->id, id, strlen(id) + 1);
        stats_reset(g->stats, id);
        list_init(&g->waiting);
        retry_init(&g->retries, loop_now(w->loop));
        g->refs = 1; /* the map's */
    }
    g->refs++;
    *ret_group = g;
    return 0;
}

static int find_pool(struct worker *w, struct target *target, bool is_h2,
                     struct upstream **ret_pool)
{
    struct upstream *pool = map_get(&w->pools, target->key);
    int r;

    if (pool && (pool->target != target || pool->is_h2 != is_h2)) {
        /* it was gone and has come back in between, or is to be asked in another way */
        upstream_retire(pool);
        map_remove(&w->pools, target->key);
        upstream_unref(pool);
        pool = NULL;
    }
    if (!pool) {
        r = upstream_new(w, target, is_h2, &pool);
        if (r)
            return r;
        r = map_put(&w->pools, target->key, pool);
        if (r) {
            upstream_unref(pool);
            return r;
        }
    }
    *ret_pool = upstream_ref(pool);
    return 0;
}

static int lease_new(struct worker *w, struct route *route, struct lease **ret_lease)
{
    autofree(lease_unref) struct lease *lease = calloc(1, sizeof(*lease));
    int r = 0;

    if (!lease)
        return -ENOMEM;
    lease->refs = 1;
    lease->route = route_ref(route);
    lease->groups = calloc(route->n_groups + 1, sizeof(struct worker_group *));
    lease->pools = calloc(route->n_targets + 1, sizeof(struct upstream *));
    if (!lease->groups || !lease->pools)
        return -ENOMEM;
    for (size_t i = 0; i < route->n_groups && !r; i++) {
        const struct route_group *g = &route->groups[i];

        r = find_group(w, g->config.id, &lease->groups[i]);
        for (size_t k = 0; k < g->n_targets && !r; k++)
            r = find_pool(w, g->targets[k].target, g->config.protocol_version != LINK_HTTP1,
                          &lease->pools[g->targets[k].index]);
    }
    if (r)
        return r;
    *ret_lease = steal(lease);
    return 0;
}

/* --- leaving the old -------------------------------------------------------------------------- */

/* A map may not be changed while it is walked: find one, remove it, start over. */
static struct upstream *old_pool(struct worker *w)
{
    map_for_each (slot, &w->pools) {
        struct upstream *pool = slot->value;

        if (pool->generation != w->generation)
            return pool;
    }
    return NULL;
}

static struct worker_group *old_group(struct worker *w)
{
    map_for_each (slot, &w->groups) {
        struct worker_group *g = slot->value;

        if (g->generation != w->generation)
            return g;
    }
    return NULL;
}

static void sweep(struct worker *w)
{
    const struct route *route = w->lease->route;
    struct upstream *pool;
    struct worker_group *g;

    w->generation++;
    for (size_t i = 0; i < route->n_groups; i++)
        w->lease->groups[i]->generation = w->generation;
    for (size_t i = 0; i < route->n_targets; i++)
        w->lease->pools[i]->generation = w->generation;
    while ((pool = old_pool(w))) {
        map_remove(&w->pools, pool->target->key);
        upstream_retire(pool);
        upstream_unref(pool);
    }
    while ((g = old_group(w))) {
        map_remove(&w->groups, g->id);
        group_unref(g);
    }
}

/* --- those who wait --------------------------------------------------------------------------- */

/* Everybody of ours leaves the queues, in order. */
static void release_queues(struct worker *w, struct list *ret_released)
{
    struct queue_entry *e;

    list_init(ret_released);
    map_for_each (slot, &w->groups) {
        struct worker_group *g = slot->value;

        while ((e = list_first_entry(&g->waiting, struct queue_entry, own))) {
            place_leave(container_of(e, struct exchange, queued));
            list_push_back(ret_released, &e->own);
        }
    }
}

static void start_all(struct list *released)
{
    struct queue_entry *e;

    while ((e = list_first_entry(released, struct queue_entry, own))) {
        list_remove(&e->own);
        exchange_resume(container_of(e, struct exchange, queued));
    }
}

int lease_install(struct worker *w, struct route *route)
{
    struct lease *lease, *old = w->lease;
    struct list released;
    int r;

    r = lease_new(w, route, &lease);
    if (r)
        return r;
    w->lease = lease;
    release_queues(w, &released);
    sweep(w);
    lease_unref(old);
    start_all(&released);
    return 0;
}

static void cut(struct upstream *pool)
{
    struct list busy;
    struct call *c;

    /* Ended requests may start others on the same pool: take those that run now, and only them. */
    list_init(&busy);
    list_move(&pool->busy, &busy);
    while ((c = list_first_entry(&busy, struct call, link))) {
        list_remove(&c->link);
        list_push_back(&pool->busy, &c->link);
        exchange_cut(c->exchange);
    }
}

void lease_cut(struct worker *w)
{
    if (!w->lease)
        return;
    for (size_t i = 0; i < w->lease->route->n_targets; i++) {
        struct upstream *pool = w->lease->pools[i];

        if (atomic_load(&pool->target->cut))
            cut(pool);
    }
}

void lease_drop_all(struct worker *w)
{
    map_for_each (slot, &w->pools) {
        upstream_retire(slot->value);
        upstream_unref(slot->value);
    }
    map_for_each (slot, &w->groups) {
        group_unref(slot->value);
    }
    w->lease = lease_unref(w->lease);
}
