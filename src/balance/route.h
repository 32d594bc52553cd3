/* balance/route.h: what to serve, as one immutable value.
 *
 * The main thread builds a route from what control said and hands it to every worker; nobody
 * changes it after that. It is counted: each worker holds the route it serves and the older ones
 * that requests still use, and the last one to let go frees it.
 */
#pragma once
#include <stdatomic.h>

#include "balance/registry.h"
#include "base/map.h"
#include "base/random.h"
#include "base/text.h"

struct route_target {
    struct target *target; /* one reference */
    unsigned index;        /* among all targets of the route */
    bool draining;
    bool near;                /* in the proxy's own zone */
    double weight;            /* its own times its zone's */
    unsigned concurrency_max; /* its own, else its group's; 0: no bound */
};

struct route_group {
    struct link_target_group config; /* its own lists are empty: see below */
    struct gauge *gauge;             /* one reference */
    unsigned index;                  /* among the groups */
    struct route_target *targets;
    size_t n_targets;
};

struct route_variant {
    char name[LINK_NAME_BYTES];
    double weight;
    const struct route_group *group; /* NULL: control has not told us about it */
};

struct route_endpoint {
    char name[LINK_NAME_BYTES];
    char model_name[LINK_NAME_BYTES];
    struct route_variant *variants;
    size_t n_variants;
};

struct route_path {
    char prefix[LINK_NAME_BYTES];
    size_t length;
    const struct route_group *group; /* NULL: there is no such group */
};

struct route {
    atomic_uint refs;
    uint64_t revision; /* control's number for it */
    uint64_t serial;   /* ours: control starts over when it is restarted */
    struct link_settings settings;
    struct map credentials; /* access key id -> struct link_credential */
    struct map endpoints;   /* name -> struct route_endpoint */
    struct map groups_by_id;
    struct route_group *groups;
    size_t n_groups;
    size_t n_targets;         /* of all groups */
    struct route_path *paths; /* longest first */
    size_t n_paths;
};

/**
 * route_new() - build what @state describes
 * @registry: where targets and gauges come from
 * @serial:   greater than 0, and than that of the route before
 * @now:      targets that are new take requests since then
 * Targets with an address that cannot be parsed are left out.
 * Return: 0 or -ENOMEM.
 */
int route_new(const struct link_snapshot *state, struct registry *registry, uint64_t serial,
              ms_t now, struct route **ret_route);
struct route *route_ref(struct route *route);
struct route *route_unref(struct route *route); /* NULL is fine; returns NULL; any thread */
DEFINE_AUTOFREE(struct route *, route_unref)

const struct route_endpoint *route_endpoint(const struct route *route, const char *name);
const struct route_variant *route_variant(const struct route_endpoint *e, const char *name);

/** route_match() - where requests for @path go; NULL if nowhere */
const struct route_path *route_match(const struct route *route, struct slice path);
/** route_path() - the one with that very prefix, or NULL */
const struct route_path *route_path(const struct route *route, const char *prefix);

/** route_choose() - a variant at random by weight; all weights zero count as equal.
 * Return: NULL if the endpoint has no variant. */
const struct route_variant *route_choose(const struct route_endpoint *e, struct random *random);
