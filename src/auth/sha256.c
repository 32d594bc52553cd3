/* See the header for why the low-level functions, which OpenSSL calls deprecated, are meant
 * here. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "auth/sha256.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

static_assert(SHA256_BYTES == SHA256_DIGEST_LENGTH, "one meaning of SHA-256");

void sha256_init(struct sha256 *h)
{
    SHA256_Init(&h->state);
}

void sha256_update(struct sha256 *h, struct slice data)
{
    if (data.size > 0)
        SHA256_Update(&h->state, data.data, data.size);
}

void sha256_final(struct sha256 *h, uint8_t ret_digest[SHA256_BYTES])
{
    SHA256_Final(ret_digest, &h->state);
}

void sha256_final_hex(struct sha256 *h, char ret_hex[SHA256_HEX + 1])
{
    uint8_t digest[SHA256_BYTES];

    sha256_final(h, digest);
    text_hex(digest, sizeof(digest), ret_hex);
}

void sha256_hex(struct slice data, char ret_hex[SHA256_HEX + 1])
{
    struct sha256 h;

    sha256_init(&h);
    sha256_update(&h, data);
    sha256_final_hex(&h, ret_hex);
}

static void start(struct sha256 *h, uint8_t block[SHA256_CBLOCK], uint8_t pad)
{
    for (size_t i = 0; i < SHA256_CBLOCK; i++)
        block[i] ^= pad;
    sha256_init(h);
    sha256_update(h, (struct slice){ (const char *)block, SHA256_CBLOCK });
}

void hmac_key_init(struct hmac_key *key, struct slice secret)
{
    uint8_t block[SHA256_CBLOCK] = { 0 };

    if (secret.size > sizeof(block)) {
        struct sha256 h;

        sha256_init(&h);
        sha256_update(&h, secret);
        sha256_final(&h, block);
        OPENSSL_cleanse(&h, sizeof(h));
    } else if (secret.size > 0) {
        memcpy(block, secret.data, secret.size);
    }
    start(&key->inner, block, 0x36);
    start(&key->outer, block, 0x36 ^ 0x5c); /* undoes the first pad */
    OPENSSL_cleanse(block, sizeof(block));
}

void hmac_init(struct hmac *h, const struct hmac_key *key)
{
    h->inner = key->inner;
    h->outer = key->outer;
}

void hmac_update(struct hmac *h, struct slice data)
{
    sha256_update(&h->inner, data);
}

void hmac_final(struct hmac *h, uint8_t ret_digest[SHA256_BYTES])
{
    uint8_t digest[SHA256_BYTES];

    sha256_final(&h->inner, digest);
    sha256_update(&h->outer, (struct slice){ (const char *)digest, sizeof(digest) });
    sha256_final(&h->outer, ret_digest);
}
