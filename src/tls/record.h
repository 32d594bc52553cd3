/* tls/record.h: TLS 1.3 records of an established connection (RFC 8446 §5), without OpenSSL's SSL.
 *
 * When the handshake is over nothing is left to do but to seal and to open records, and for that an
 * SSL object is ten kilobytes too large and copies too often. So the keys are taken over from it,
 * and it goes. Ciphers are OpenSSL's (EVP); key schedule, sequence numbers and key updates are here.
 * Only TLS 1.3: its records are simple, and all clients of today speak it.
 */
#pragma once
#include <stdbool.h>
#include <sys/uio.h>

#include <openssl/ssl.h>

enum {
    TLS_RECORD_HEAD = 5,
    TLS_RECORD_CONTENT_MAX = 16384,
    TLS_RECORD_AROUND = TLS_RECORD_HEAD + 1 + 16, /* head, type, tag */
    TLS_RECORD_SEALED_MAX = TLS_RECORD_CONTENT_MAX + 256,
    TLS_SECRET_MAX = 48,
};

enum tls_content { TLS_ALERT = 21, TLS_HANDSHAKE = 22, TLS_DATA = 23 };

/* What the handshake has agreed on, as it becomes known. */
struct tls_secrets {
    unsigned char client[TLS_SECRET_MAX], server[TLS_SECRET_MAX];
    size_t client_size, server_size;
};

/** tls_secrets_catch() - @secrets shall have @ssl's, as long as that lives */
int tls_secrets_catch(SSL *ssl, struct tls_secrets *secrets);
/** tls_secrets_let() - let tls_secrets_catch() work with connections of @ctx */
void tls_secrets_let(SSL_CTX *ctx);

struct tls_direction {
    EVP_CIPHER_CTX *cipher;
    unsigned char secret[TLS_SECRET_MAX], iv[12];
    uint64_t sequence;
};

struct tls_record {
    struct tls_direction read, write;
    unsigned short suite;
};

/**
 * tls_record_init() - take over the server's side of @ssl, whose handshake has just ended
 * @written: records that it has written since then
 * Return: 0; -ENOTSUP if it is not TLS 1.3 or was not caught; -ENOMEM. Then @ssl goes on.
 */
int tls_record_init(struct tls_record *r, SSL *ssl, const struct tls_secrets *secrets,
                    uint64_t written);
void tls_record_deinit(struct tls_record *r);

/**
 * tls_record_seal() - make a record
 * @parts:   at most TLS_RECORD_CONTENT_MAX bytes together
 * @ret_out: room for these and TLS_RECORD_AROUND more
 * Return: the record's size, or 0 if OpenSSL has failed.
 */
size_t tls_record_seal(struct tls_record *r, enum tls_content type, const struct iovec *parts,
                       size_t n, char *ret_out);

/**
 * tls_record_open() - read a whole record
 * @record:  head and all, as long as its head says
 * @ret_out: room for the record without head and tag
 * Return: 0, or -EBADMSG if it is not from our peer or makes no sense.
 */
int tls_record_open(struct tls_record *r, const char *record, size_t size, char *ret_out,
                    enum tls_content *ret_type, size_t *ret_size);

/** tls_record_update() - go on with the next keys (RFC 8446 §7.2). Return: 0 or -EIO. */
int tls_record_update(struct tls_record *r, struct tls_direction *d);
