/* tls/rig.h: an authority, the files that a server reads, and clients that meet it in memory, for tests. */
#pragma once
#include <stdint.h>

#include "base/clock.h"
#include "tls/server.h"

enum { RIG_PATH_BYTES = 320 };

struct rig {
    char folder[32]; /* everything is in there, and goes with it */
    EVP_PKEY *key;   /* the authority's */
    X509 *authority;
    long serial;
};

void rig_init(struct rig *r);
void rig_deinit(struct rig *r);

/** rig_path() - of a file in the folder; valid until the eighth call after it */
const char *rig_path(const struct rig *r, const char *file);
void rig_write(const struct rig *r, const char *file, const void *data, size_t size);
/** rig_write_authority() - what clients' certificates are judged by */
void rig_write_authority(const struct rig *r, const char *file);

/** rig_make() - a certificate, and its key
 * @names: "DNS:one.test,IP:127.0.0.1"; NULL: no alternative names */
X509 *rig_make(struct rig *r, const char *common_name, const char *names, EVP_PKEY **ret_key);
/** rig_issue() - write one to NAME.crt and NAME.key */
void rig_issue(struct rig *r, const char *name, const char *common_name, const char *names);
/** rig_write_pem() - write certificate and key, either of which may be NULL, into one file */
void rig_write_pem(const struct rig *r, const char *file, X509 *certificate, EVP_PKEY *key);

/* A client and the server's side of its connection. */
struct meeting {
    SSL *client, *server;
    bool agreed; /* both sides have shaken hands */
    /* the session that the client can come back with, also after the meeting's end; NULL: none */
    SSL_SESSION *session;
};

/** rig_client() - TLS 1.2 or 1.3, which believes everything; to SSL_CTX_free() */
SSL_CTX *rig_client(int version);
/**
 * rig_meet() - let a client of @ctx shake hands with @server
 * @name:    to ask for; NULL: none
 * @session: to come back with; NULL: none
 */
struct meeting rig_meet(const struct tls_server *server, SSL_CTX *ctx, const char *name,
                        SSL_SESSION *session);
void meeting_end(struct meeting *m); /* with its session */
/** meeting_is_with() - whether the server has shown a certificate for that common name */
bool meeting_is_with(const struct meeting *m, const char *common_name);
