/* auth/sha256.h: SHA-256 and HMAC-SHA-256 that live on the stack.
 *
 * The proxy hashes three or four times per request. OpenSSL's EVP and MAC objects are fetched and
 * allocated anew for each, which costs more than hashing a short request does; its low-level
 * SHA-256 is the same code under a plain struct. HMAC on top of it is RFC 2104.
 */
#pragma once
#include <openssl/sha.h>

#include "base/text.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 64 };

struct sha256 {
    SHA256_CTX state;
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, struct slice data);
void sha256_final(struct sha256 *h, uint8_t ret_digest[SHA256_BYTES]);
void sha256_final_hex(struct sha256 *h, char ret_hex[SHA256_HEX + 1]);

/** sha256_hex() - of @data; lower-case */
void sha256_hex(struct slice data, char ret_hex[SHA256_HEX + 1]);

/* A key, hashed as far as the key alone allows. Copies are keys too; one serves many messages. */
struct hmac_key {
    struct sha256 inner, outer;
};

struct hmac {
    struct sha256 inner, outer;
};

void hmac_key_init(struct hmac_key *key, struct slice secret);
void hmac_init(struct hmac *h, const struct hmac_key *key);
void hmac_update(struct hmac *h, struct slice data);
void hmac_final(struct hmac *h, uint8_t ret_digest[SHA256_BYTES]);
