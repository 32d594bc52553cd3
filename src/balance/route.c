#include "balance/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const double WEIGHT_MIN = 1e-6, WEIGHT_MAX = 1e6;

static void group_deinit(struct route_group *g)
{
    for (size_t i = 0; i < g->n_targets; i++)
        target_unref(g->targets[i].target);
    free(g->targets);
    gauge_unref(g->gauge);
}

static void *endpoint_free(struct route_endpoint *e)
{
    if (e)
        free(e->variants);
    free(e);
    return NULL;
}
DEFINE_AUTOFREE(struct route_endpoint *, endpoint_free)

static void credential_free(struct link_credential *c)
{
    if (c)
        explicit_bzero(c, sizeof(*c));
    free(c);
}

static struct route *route_free(struct route *route)
{
    for (size_t i = 0; i < route->n_groups; i++)
        group_deinit(&route->groups[i]);
    free(route->groups);
    free(route->paths);
    map_for_each (slot, &route->endpoints) {
        endpoint_free(slot->value);
    }
    map_for_each (slot, &route->credentials) {
        credential_free(slot->value);
    }
    map_deinit(&route->endpoints);
    map_deinit(&route->groups_by_id);
    map_deinit(&route->credentials);
    free(route);
    return NULL;
}

struct route *route_ref(struct route *route)
{
    atomic_fetch_add_explicit(&route->refs, 1, memory_order_relaxed);
    return route;
}

struct route *route_unref(struct route *route)
{
    if (route && atomic_fetch_sub_explicit(&route->refs, 1, memory_order_acq_rel) == 1)
        return route_free(route);
    return NULL;
}

static double zone_weight(const struct link_target_group *config, const char *zone)
{
    for (size_t i = 0; i < config->n_zones; i++)
        if (strcmp(config->zones[i].zone, zone) == 0)
            return config->zones[i].weight;
    return 1;
}

/* Sums and quotients of weights are to stay numbers. */
static double bounded(double weight)
{
    return weight > WEIGHT_MAX                 ? WEIGHT_MAX
           : weight > 0 && weight < WEIGHT_MIN ? WEIGHT_MIN
                                               : weight;
}

static void describe(struct route_target *t, const struct link_target *from,
                     const struct link_target_group *config, const struct link_settings *settings)
{
    t->draining = from->draining;
    t->weight = bounded(bounded(from->weight) * bounded(zone_weight(config, from->zone)));
    t->near = settings->zone[0] && strcmp(from->zone, settings->zone) == 0;
    t->concurrency_max = from->concurrency_max ? from->concurrency_max : config->concurrency_max;
}

static int add_group(struct route *route, const struct link_target_group *config,
                     struct registry *registry, ms_t now)
{
    struct route_group *g = &route->groups[route->n_groups];
    int r;

    g->config = *config;
    g->config.targets = NULL;
    g->config.n_targets = 0;
    g->config.zones = NULL;
    g->config.n_zones = 0;
    g->index = (unsigned)route->n_groups++;
    g->targets = calloc(config->n_targets + 1, sizeof(*g->targets));
    r = g->targets ? registry_gauge(registry, config->id, &g->gauge) : -ENOMEM;
    if (!r)
        r = map_put(&route->groups_by_id, config->id, g);
    for (size_t i = 0; i < config->n_targets && !r; i++) {
        struct route_target *t = &g->targets[g->n_targets];

        r = registry_target(registry, config->id, &config->targets[i], now, &t->target);
        if (r == -EINVAL) {
            r = 0;
            continue;
        }
        if (r)
            break;
        describe(t, &config->targets[i], config, &route->settings);
        t->index = (unsigned)route->n_targets++;
        g->n_targets++;
    }
    return r;
}

static int add_endpoint(struct route *route, const struct link_endpoint *config)
{
    autofree(endpoint_free) struct route_endpoint *e = calloc(1, sizeof(*e));
    int r;

    if (!e)
        return -ENOMEM;
    memcpy(e->name, config->name, sizeof(e->name));
    memcpy(e->model_name, config->model_name, sizeof(e->model_name));
    e->variants = calloc(config->n_variants + 1, sizeof(*e->variants));
    if (!e->variants)
        return -ENOMEM;
    for (; e->n_variants < config->n_variants; e->n_variants++) {
        const struct link_variant *from = &config->variants[e->n_variants];
        struct route_variant *v = &e->variants[e->n_variants];

        memcpy(v->name, from->name, sizeof(v->name));
        v->weight = from->weight;
        v->group = map_get(&route->groups_by_id, from->target_group);
    }
    if (map_get(&route->endpoints, e->name))
        return 0; /* named twice: the first one counts */
    r = map_put(&route->endpoints, e->name, e);
    if (!r)
        e = NULL;
    return r;
}

static int longest_first(const void *a, const void *b)
{
    const struct route_path *one = a, *other = b;

    return (one->length < other->length) - (one->length > other->length);
}

static int add_paths(struct route *route, const struct link_snapshot *state)
{
    route->paths = calloc(state->n_routes + 1, sizeof(*route->paths));
    if (!route->paths)
        return -ENOMEM;
    for (; route->n_paths < state->n_routes; route->n_paths++) {
        const struct link_route *from = &state->routes[route->n_paths];
        struct route_path *p = &route->paths[route->n_paths];

        memcpy(p->prefix, from->path_prefix, sizeof(p->prefix));
        p->length = strlen(p->prefix);
        p->group = map_get(&route->groups_by_id, from->target_group);
    }
    qsort(route->paths, route->n_paths, sizeof(*route->paths), longest_first);
    return 0;
}

static int add_credential(struct route *route, const struct link_credential *c)
{
    struct link_credential *copy = malloc(sizeof(*copy));
    struct link_credential *old = map_get(&route->credentials, c->access_key_id);
    int r;

    if (!copy)
        return -ENOMEM;
    *copy = *c;
    r = map_put(&route->credentials, c->access_key_id, copy);
    credential_free(r ? copy : old);
    return r;
}

int route_new(const struct link_snapshot *state, struct registry *registry, uint64_t serial,
              ms_t now, struct route **ret_route)
{
    autofree(route_unref) struct route *route = calloc(1, sizeof(*route));
    uint64_t seed;
    int r = 0;

    if (!route)
        return -ENOMEM;
    random_secret(&seed, sizeof(seed));
    atomic_init(&route->refs, 1);
    route->revision = state->revision;
    route->serial = serial;
    route->settings = state->settings;
    map_init(&route->credentials, seed);
    map_init(&route->endpoints, seed);
    map_init(&route->groups_by_id, seed);
    route->groups = calloc(state->n_target_groups + 1, sizeof(*route->groups));
    if (!route->groups)
        return -ENOMEM;
    for (size_t i = 0; i < state->n_target_groups && !r; i++)
        r = add_group(route, &state->target_groups[i], registry, now);
    for (size_t i = 0; i < state->n_endpoints && !r; i++)
        r = add_endpoint(route, &state->endpoints[i]);
    for (size_t i = 0; i < state->n_credentials && !r; i++)
        r = add_credential(route, &state->credentials[i]);
    if (!r)
        r = add_paths(route, state);
    if (r)
        return r;
    *ret_route = steal(route);
    return 0;
}

const struct route_endpoint *route_endpoint(const struct route *route, const char *name)
{
    return map_get(&route->endpoints, name);
}

const struct route_variant *route_variant(const struct route_endpoint *e, const char *name)
{
    for (size_t i = 0; i < e->n_variants; i++)
        if (strcmp(e->variants[i].name, name) == 0)
            return &e->variants[i];
    return NULL;
}

const struct route_path *route_match(const struct route *route, struct slice path)
{
    for (size_t i = 0; i < route->n_paths; i++) {
        const struct route_path *p = &route->paths[i];

        if (path.size >= p->length && memcmp(path.data, p->prefix, p->length) == 0)
            return p;
    }
    return NULL;
}

const struct route_path *route_path(const struct route *route, const char *prefix)
{
    for (size_t i = 0; i < route->n_paths; i++)
        if (strcmp(route->paths[i].prefix, prefix) == 0)
            return &route->paths[i];
    return NULL;
}

const struct route_variant *route_choose(const struct route_endpoint *e, struct random *random)
{
    double total = 0, at;

    if (e->n_variants <= 1)
        return e->n_variants ? &e->variants[0] : NULL;
    for (size_t i = 0; i < e->n_variants; i++)
        total += e->variants[i].weight;
    if (total <= 0)
        return &e->variants[random_below(random, (uint32_t)e->n_variants)];
    at = random_unit(random) * total;
    for (size_t i = 0; i < e->n_variants; i++) {
        at -= e->variants[i].weight;
        if (at < 0)
            return &e->variants[i];
    }
    /* rounding has carried us past the end: the last one that may be chosen */
    for (size_t i = e->n_variants; i-- > 1;)
        if (e->variants[i].weight > 0)
            return &e->variants[i];
    return &e->variants[0];
}
