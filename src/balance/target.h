/* balance/target.h: what every thread must know about a target, and about a target group.
 *
 * Everything else a worker uses is its own. These few numbers are shared because they mean
 * something only as a whole: least outstanding requests is wrong when each thread counts its own,
 * and a cap or a queue's bound is not the thread's. They are atomics, alone on a cache line per
 * target; all are relaxed but the requests in flight, which queue.c relies on.
 * Targets and gauges outlive the routes that name them, so that a new route keeps the counts.
 */
#pragma once
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "net/address.h"
#include "wire/link.h"

enum target_health {
    TARGET_HEALTHY,   /* since registration (control has pinged it), or says the last check */
    TARGET_UNHEALTHY, /* connects, but its checks fail: used when no target is healthy */
    TARGET_DOWN,      /* does not even connect: never used until a check succeeds */
};

/* On cache lines of its own, alone. */
struct target {
    atomic_uint refs;
    char *key; /* group, id and address: another address is another target */
    char group[LINK_NAME_BYTES];
    char id[LINK_NAME_BYTES];
    struct address address;
    struct address local; /* preferred for requests; size 0: none */
    uint64_t hash;        /* of the id: the same in every proxy and after a restart */

    alignas(64) atomic_uint in_flight;     /* picked and not finished yet, all threads */
    atomic_int health;                     /* enum target_health */
    atomic_uint service_us, service_at_ms; /* see speed.h */
    atomic_llong since_ms;                 /* it takes requests: see capacity.h */
    atomic_uint answered;                  /* requests since then */
    atomic_uint failures, ejections;       /* in a row: see eject.h */
    atomic_llong ejected_until_ms;
    atomic_bool cut; /* the deregistration delay is over: end its requests */
};

/** target_new() - healthy, idle, taking requests since @now. Return: 0, -EINVAL (bad address) or
 * -ENOMEM. */
int target_new(const char *group, const struct link_target *config, ms_t now,
               struct target **ret_target);
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
    return atomic_load(&t->in_flight);
}

/** target_begin() - count one more in flight, unless there are @max. Return: whether it was. */
static inline bool target_begin(struct target *t, unsigned max)
{
    unsigned n = atomic_load(&t->in_flight);

    /* Adding first and looking afterwards would let a third thread see a full target in between,
     * and wait for a slot that is free. */
    while (n < max)
        if (atomic_compare_exchange_weak(&t->in_flight, &n, n + 1))
            return true;
    return false;
}

/* Whoever reads 0 afterwards also sees that the request is over. */
static inline void target_end(struct target *t)
{
    atomic_fetch_sub(&t->in_flight, 1);
}

/** target_starts_over() - it takes requests again, as if it were new */
static inline void target_starts_over(struct target *t, ms_t now)
{
    atomic_store_explicit(&t->since_ms, now, memory_order_relaxed);
    atomic_store_explicit(&t->answered, 0, memory_order_relaxed);
}

static inline bool target_is_ejected(const struct target *t, ms_t now)
{
    return now < atomic_load_explicit(&t->ejected_until_ms, memory_order_relaxed);
}

/* --- the same for a target group -------------------------------------------------------------- */

struct gauge {
    atomic_uint refs;
    char id[LINK_NAME_BYTES];
    alignas(64) atomic_uint queued; /* requests that wait, all threads; read by every request */
    pthread_mutex_t lock;           /* of the two below: see queue.h */
    struct list waiting;
    uint64_t queued_bytes;
    alignas(64) atomic_uint turn; /* of round robin; written by every request */
};

int gauge_new(const char *id, struct gauge **ret_gauge);
struct gauge *gauge_ref(struct gauge *g);
struct gauge *gauge_unref(struct gauge *g);
DEFINE_AUTOFREE(struct gauge *, gauge_unref)

static inline unsigned gauge_queued(const struct gauge *g)
{
    return atomic_load(&g->queued);
}
