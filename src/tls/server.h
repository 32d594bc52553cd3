/* tls/server.h: what a TLS server shows its clients: certificates, and what it asks of theirs.
 *
 * Immutable once made, shared by all threads. To reload, make another one from the same settings
 * and hand it out; connections stay with the one they began with. Which certificate a client gets
 * is decided by the name it asks for (SNI): the exact one first, then a wildcard, else the first
 * certificate.
 */
#pragma once
#include <openssl/ssl.h>

#include "base/cleanup.h"
#include "tls/tickets.h"

enum { TLS_CERTIFICATES_MAX = 1024 };

/* whether clients show certificates */
enum tls_clients {
    TLS_CLIENTS_ANY,      /* they are not asked */
    TLS_CLIENTS_OPTIONAL, /* asked; a bad certificate ends the handshake, none does not */
    TLS_CLIENTS_REQUIRED,
};

struct tls_files {
    const char *certificate; /* PEM: the certificate, then its chain */
    const char *key;         /* PEM; NULL: in the same file */
};

/* Beside a certificate NAME there may be NAME.ocsp: a DER response that is stapled. */
struct tls_settings {
    struct tls_files *files;
    size_t n_files;
    const char *directory; /* of NAME.crt or NAME.pem, and NAME.key; NULL: none */
    const char *client_ca; /* PEM; with TLS_CLIENTS_ANY unused */
    enum tls_clients clients;
};

struct tls_server;

/**
 * tls_server_new() - read all the files
 * @tickets: borrowed for longer than any connection
 * @ret_why: on failure, a sentence for the operator, to free()
 * Return: 0 or a negative errno.
 */
int tls_server_new(const struct tls_settings *settings, struct tls_tickets *tickets,
                   struct tls_server **ret_server, char **ret_why);
struct tls_server *tls_server_ref(struct tls_server *s);
struct tls_server *tls_server_unref(struct tls_server *s); /* NULL is fine */
DEFINE_AUTOFREE(struct tls_server *, tls_server_unref)

size_t tls_server_certificates(const struct tls_server *s);

/** tls_server_accept() - a new connection, its server's side; NULL if no memory */
SSL *tls_server_accept(const struct tls_server *s);
