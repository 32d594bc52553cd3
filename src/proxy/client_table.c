#include "proxy/client_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAYS = 8,      /* entries that an address may have */
    TRIES = 4,     /* when an entry is taken away in the moment that we found it */
    V6_BYTES = 8,  /* of an IPv6 address that count: a customer has a whole /64 (RFC 6177) */
    FRACTION = 64, /* of a microsecond: 10 million requests a second are 6.4 of them apart */
};

#define CLIENT_FREE     UINT64_C(0)
#define CLIENT_CHANGING UINT64_C(1)

int client_table_init(struct client_table *t, size_t n, uint64_t key)
{
    assert(n >= WAYS && (n & (n - 1)) == 0);
    *t = (struct client_table){ .n = n, .key = key };
    t->entries = calloc(n, sizeof(*t->entries));
    return t->entries ? 0 : -ENOMEM;
}

void client_table_deinit(struct client_table *t)
{
    free(t->entries);
    t->entries = NULL;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* The finisher of SplitMix64, with the key mixed in before each half. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t name_of(const struct client_table *t, const struct network_address *a)
{
    uint64_t halves[2], h;

    memcpy(halves, a->bytes, sizeof(halves));
    if (!network_address_is_v4(a))
        memset((char *)halves + V6_BYTES, 0, sizeof(halves) - V6_BYTES);
    h = mix(mix(halves[0] ^ t->key) + halves[1] + t->key);
    return h > CLIENT_CHANGING ? h : h + 2;
}

static bool is_idle(struct client_entry *e, int64_t now)
{
    return atomic_load_explicit(&e->connections, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&e->paid_us64, memory_order_relaxed) <= now;
}

static struct client_entry *claim(struct client_entry *bucket, uint64_t name, int64_t now)
{
    for (unsigned i = 0; i < WAYS; i++) {
        struct client_entry *e = &bucket[i];
        uint64_t old = atomic_load_explicit(&e->name, memory_order_relaxed);

        if (old == CLIENT_CHANGING || (old != CLIENT_FREE && !is_idle(e, now)))
            continue;
        if (!atomic_compare_exchange_strong(&e->name, &old, CLIENT_CHANGING))
            continue;
        atomic_store_explicit(&e->paid_us64, 0, memory_order_relaxed);
        atomic_store(&e->name, name);
        return e;
    }
    return NULL;
}

static struct client_entry *find(struct client_table *t, uint64_t name, int64_t now)
{
    struct client_entry *bucket = &t->entries[(name >> 8) & (t->n - 1) & ~(size_t)(WAYS - 1)];

    for (unsigned i = 0; i < WAYS; i++)
        if (atomic_load_explicit(&bucket[i].name, memory_order_acquire) == name)
            return &bucket[i];
    return claim(bucket, name, now);
}

/* --- counting --------------------------------------------------------------------------------- */

int client_table_connect(struct client_table *t, const struct network_address *a, unsigned max,
                         us_t now, struct client_entry **ret_entry)
{
    uint64_t name = name_of(t, a);

    for (unsigned i = 0; i < TRIES; i++) {
        struct client_entry *e = find(t, name, now * FRACTION);

        if (!e)
            return CLIENT_TABLE_E_FULL;
        if (atomic_fetch_add(&e->connections, 1) >= max) {
            atomic_fetch_sub(&e->connections, 1);
            return CLIENT_TABLE_E_LIMIT;
        }
        if (atomic_load(&e->name) == name) {
            *ret_entry = e;
            return 0;
        }
        atomic_fetch_sub(&e->connections, 1); /* somebody else's by now */
    }
    return CLIENT_TABLE_E_FULL;
}

void client_table_disconnect(struct client_entry *e)
{
    atomic_fetch_sub_explicit(&e->connections, 1, memory_order_relaxed);
}

/* A token bucket as one number: until when the address has paid for its requests. Each one costs
 * 1/per_s of a second; no more than a burst may be paid ahead (ITU-T I.371, the virtual scheduling
 * form of the leaky bucket). */
int client_table_request(struct client_table *t, const struct network_address *a, unsigned per_s,
                         unsigned burst, us_t now, us_t *ret_wait_us)
{
    int64_t at = now * FRACTION, cost = INT64_C(1000000) * FRACTION / per_s;
    struct client_entry *e = find(t, name_of(t, a), at);
    int64_t paid, from, ahead;

    if (!e)
        return CLIENT_TABLE_E_FULL;
    paid = atomic_load_explicit(&e->paid_us64, memory_order_relaxed);
    do {
        from = paid > at ? paid : at;
        ahead = from - at - cost * (burst - 1);
        if (ahead > 0) {
            *ret_wait_us = ahead / FRACTION + 1;
            return CLIENT_TABLE_E_LIMIT;
        }
    } while (!atomic_compare_exchange_weak_explicit(&e->paid_us64, &paid, from + cost,
                                                    memory_order_relaxed, memory_order_relaxed));
    return 0;
}
