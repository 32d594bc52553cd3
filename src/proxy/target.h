/* proxy/target.h: what every thread must know about a target, and about a target group.
 *
 * Everything else a worker uses is its own. These few numbers are shared because they mean
 * something only as a whole: least outstanding requests is wrong when each thread counts its own,
 * and a queue's bound is the group's. They are relaxed atomics, alone on a cache line per target.
 * Targets and gauges outlive the routes that name them, so that a new route keeps the counts.
 */
#pragma once
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "net/address.h"
#include "wire/link.h"

enum target_health {
    TARGET_HEALTHY,   /* since registration (control has pinged it), or says the last check */
    TARGET_UNHEALTHY, /* connects, but its checks fail: used when no target is healthy */
    TARGET_DOWN,      /* does not even connect: never used until a check succeeds */
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): a cache line alone is the point */
struct target {
    atomic_uint refs;
    char *key; /* group, id and address: another address is another target */
    char group[LINK_NAME_BYTES];
    char id[LINK_NAME_BYTES];
    struct address address;

    alignas(64) atomic_uint in_flight; /* picked and not finished yet, all threads */
    atomic_int health;                 /* enum target_health */
    atomic_bool cut;                   /* the deregistration delay is over: end its requests */
};

/** target_new() - healthy, idle. Return: 0, -EINVAL (bad address) or -ENOMEM. */
int target_new(const char *group, const struct link_target *config, struct target **ret_target);
struct target *target_ref(struct target *t);
struct target *target_unref(struct target *t); /* NULL is fine; returns NULL; any thread */
DEFINE_AUTOFREE(struct target *, target_unref)

/** target_key() - the registry's key, to free(); NULL if no memory */
char *target_key(const char *group, const struct link_target *config);

static inline enum target_health target_health(const struct target *t)
{
    return (enum target_health)atomic_load_explicit(&t->health, memory_order_relaxed);
}

static inline unsigned target_in_flight(const struct target *t)
{
    return atomic_load_explicit(&t->in_flight, memory_order_relaxed);
}

static inline void target_begin(struct target *t)
{
    atomic_fetch_add_explicit(&t->in_flight, 1, memory_order_relaxed);
}

/* Release: whoever reads 0 afterwards also sees that the request is over. */
static inline void target_end(struct target *t)
{
    atomic_fetch_sub_explicit(&t->in_flight, 1, memory_order_release);
}

/* --- the same for a target group -------------------------------------------------------------- */

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): as above */
struct gauge {
    atomic_uint refs;
    char id[LINK_NAME_BYTES];
    alignas(64) atomic_uint queued; /* requests that wait, all threads */
};

int gauge_new(const char *id, struct gauge **ret_gauge);
struct gauge *gauge_ref(struct gauge *g);
struct gauge *gauge_unref(struct gauge *g);
DEFINE_AUTOFREE(struct gauge *, gauge_unref)

static inline unsigned gauge_queued(const struct gauge *g)
{
    return atomic_load_explicit(&g->queued, memory_order_relaxed);
}
