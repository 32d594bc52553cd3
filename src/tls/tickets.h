/* tls/tickets.h: the keys under which clients carry their sessions themselves (RFC 5077, RFC 8446
 * §4.6.1).
 *
 * All threads and all generations of certificates share them, so that a session goes on whichever
 * thread takes the next connection, and after a reload. The newest key encrypts; older ones open
 * tickets until these have expired anyhow. Whoever learns a key can read what was sent in TLS 1.2
 * sessions under it: keys never leave memory, and are forgotten after some hours.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "base/clock.h"

enum {
    TLS_TICKET_KEYS = 3, /* the newest, and what may still come back */
    TLS_TICKET_NAME_BYTES = 16,
    TLS_TICKET_KEY_BYTES = 32,
};
#define TLS_TICKET_ROTATE_MS ((ms_t)3600 * MS_PER_S)
#define TLS_SESSION_S                                                                              \
    7200 /* TLS_TICKET_KEYS - 1 rotations: a ticket lives no longer than its key */

struct tls_ticket_key {
    unsigned char name[TLS_TICKET_NAME_BYTES];
    unsigned char cipher[TLS_TICKET_KEY_BYTES], mac[TLS_TICKET_KEY_BYTES];
};

struct tls_tickets {
    pthread_rwlock_t lock;
    struct tls_ticket_key keys[TLS_TICKET_KEYS]; /* newest first */
    unsigned n;
    ms_t rotated;
};

/** tls_tickets_init() - with one random key, made at @now. Return: 0 or a negative errno. */
int tls_tickets_init(struct tls_tickets *t, ms_t now);
void tls_tickets_deinit(struct tls_tickets *t);
/** tls_tickets_rotate() - a new key if the newest is old enough; 0 or -EIO if there is no randomness,
 * and the keys stay as they are */
int tls_tickets_rotate(struct tls_tickets *t, ms_t now);

/** tls_tickets_use() - let @ctx's sessions go under these keys; borrowed as long as it lives */
int tls_tickets_use(struct tls_tickets *t, SSL_CTX *ctx);
