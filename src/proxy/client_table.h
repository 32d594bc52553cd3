/* proxy/client_table.h: what each client address is doing, for all threads, in bounded memory.
 *
 * A fixed number of entries, eight to a bucket; an address that has no connection and no debt of
 * requests gives its entry to the next one. Threads share the table, as a limit for an address means
 * nothing if every thread has its own, but never wait for each other: entries are a few atomics, and
 * only threads that serve the same address meet there. Entries go by a keyed 64-bit hash in place of
 * the address; that two addresses share one is too unlikely to matter.
 *
 * Two threads that meet an address for the first time at once may give it two entries, of which one
 * is forgotten, and with it one connection or request.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"
#include "net/network.h"

struct client_entry {
    _Atomic uint64_t name;     /* hash of the address; CLIENT_FREE or CLIENT_CHANGING */
    _Atomic int64_t paid_us64; /* see client_table_request() */
    atomic_uint connections;
};

struct client_table {
    struct client_entry *entries;
    size_t n; /* a power of two, at least 8 */
    uint64_t key;
};

enum {
    CLIENT_TABLE_E_FULL = 1, /* no entry is free for this address */
    CLIENT_TABLE_E_LIMIT,    /* the address has as much as it may */
};

/** client_table_init() - Return: 0 or -ENOMEM. */
int client_table_init(struct client_table *t, size_t n, uint64_t key);
void client_table_deinit(struct client_table *t);

/**
 * client_table_connect() - one more connection of @a
 * @max:       it may have
 * @ret_entry: for client_table_disconnect()
 * Return: 0, CLIENT_TABLE_E_FULL or CLIENT_TABLE_E_LIMIT.
 */
int client_table_connect(struct client_table *t, const struct network_address *a, unsigned max,
                         us_t now, struct client_entry **ret_entry);
void client_table_disconnect(struct client_entry *e);

/**
 * client_table_request() - one more request of @a
 * @per_s, @burst: > 0; a bucket of @burst tokens, filled with @per_s tokens in a second
 * @ret_wait_us:   when there is no token, the time until there is one
 * Return: 0, CLIENT_TABLE_E_FULL or CLIENT_TABLE_E_LIMIT.
 */
int client_table_request(struct client_table *t, const struct network_address *a, unsigned per_s,
                         unsigned burst, us_t now, us_t *ret_wait_us);
