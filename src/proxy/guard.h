/* proxy/guard.h: how much clients may have of us, one client and all of them together.
 *
 * One guard for all threads: a few relaxed counters and the table of client addresses. A connection
 * is admitted when it is accepted and has a pass until it is closed; each request shows the pass.
 * Who is refused hears 503, or 429 for too many requests, and when to come back; nothing else
 * happens, so that a flood costs its senders more than us.
 *
 * Of a trusted proxy's connections every request counts for the client that its X-Forwarded-For
 * names, and the proxy's own address has no limits.
 */
#pragma once
#include "base/cleanup.h"
#include "base/log.h"
#include "http/message.h"
#include "proxy/client_table.h"

struct guard_settings {
    unsigned connections_max;        /* of all clients; 0: as many as the threads take */
    unsigned client_connections_max; /* of one address; 0: any number */
    unsigned client_requests_per_s;  /* of one address; 0: any number */
    unsigned client_burst;           /* 0: the requests of two seconds */
    struct network_list trusted;
    size_t kept_bytes_max;   /* request bodies kept in memory */
    size_t memory_bytes_max; /* of the whole process; 0: any amount */
};
#define GUARD_SETTINGS_DEFAULT ((struct guard_settings){ .kept_bytes_max = (size_t)1 << 30 })

enum {
    GUARD_E_FULL = 1,    /* there are as many connections, or addresses, as may be */
    GUARD_E_CLIENT_FULL, /* this client has as many connections as it may */
    GUARD_E_RATE,        /* this client asks more often than it may */
    GUARD_E_MEMORY,      /* we have taken as much memory as we may */
};

struct guard;

/* A connection's, given back with guard_leave(). */
struct guard_pass {
    struct network_address address;
    struct client_entry *entry; /* NULL: not counted for its address */
    bool is_ip, is_trusted;
};

/** guard_new() - @seed: for the table's key. Return: 0 or -ENOMEM. */
int guard_new(const struct guard_settings *settings, uint64_t seed, struct guard **ret_guard);
struct guard *guard_free(struct guard *g);
DEFINE_AUTOFREE(struct guard *, guard_free)

/* Any thread: */

/** guard_admit() - a client has connected. Return: 0, or GUARD_E_*, then there is no pass. */
int guard_admit(struct guard *g, const struct address *peer, us_t now, struct guard_pass *ret_pass);
void guard_leave(struct guard *g, struct guard_pass *pass);
/** guard_note_full() - a client was refused before it was asked about: a thread has all that it can take */
void guard_note_full(struct guard *g);

/**
 * guard_request() - a client sends a request
 * @ret_wait_s: if it is refused, when to come back
 * Return: 0, GUARD_E_RATE or GUARD_E_FULL.
 */
int guard_request(struct guard *g, const struct guard_pass *pass, const struct http_head *head,
                  us_t now, unsigned *ret_wait_s);
/** guard_client() - who sends it: the connection's address, or the one that trusted proxies name.
 * Return: whether it is known. */
bool guard_client(const struct guard *g, const struct guard_pass *pass,
                  const struct http_head *head, struct network_address *ret_address);

/** guard_keep() - @size more bytes of a body are to stay in memory. Return: whether they may. */
bool guard_keep(struct guard *g, size_t size);
void guard_release(struct guard *g, size_t size);

/* The main thread: */

/** guard_look() - once a second: how much memory there is, and who was refused */
void guard_look(struct guard *g, struct log *log, ms_t now);
/** guard_look_at() - the same, with @memory bytes in use */
void guard_look_at(struct guard *g, size_t memory, struct log *log, ms_t now);
