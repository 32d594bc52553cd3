#include "auth/signing_key.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

int signing_key_derive(struct slice secret, const struct signing_scope *scope,
                       struct hmac_key *ret_key)
{
    const struct slice parts[] = { scope->date, scope->region, scope->service,
                                   SLICE("aws4_request") };
    char first[4 + SIGNING_SECRET_BYTES_MAX] = "AWS4";
    uint8_t digest[SHA256_BYTES];

    if (secret.size == 0 || secret.size > SIGNING_SECRET_BYTES_MAX)
        return -EINVAL;
    memcpy(first + 4, secret.data, secret.size);
    hmac_key_init(ret_key, (struct slice){ first, 4 + secret.size });
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct hmac h;

        hmac_init(&h, ret_key);
        hmac_update(&h, parts[i]);
        hmac_final(&h, digest);
        hmac_key_init(ret_key, (struct slice){ (const char *)digest, sizeof(digest) });
    }
    OPENSSL_cleanse(first, sizeof(first));
    OPENSSL_cleanse(digest, sizeof(digest));
    return 0;
}

/* --- the cache -------------------------------------------------------------------------------- */

/* Found by everything the key depends on, the secret included, so that a changed secret is never
 * answered with an old key. */
static size_t append(char *name, size_t n, struct slice part)
{
    if (n == 0 || part.size == 0 || part.size + 1 > SIGV4_CACHED_NAME_BYTES - n)
        return 0;
    memcpy(name + n, part.data, part.size);
    name[n + part.size] = '/';
    return n + part.size + 1;
}

/* Return: bytes of the name; 0 if it is too long. Its first byte tells the length of the secret, so
 * that no two keys share a name. */
static size_t build_name(struct slice secret, const struct signing_scope *scope,
                         char name[SIGV4_CACHED_NAME_BYTES])
{
    size_t n = 1;

    name[0] = (char)secret.size;
    n = append(name, n, secret);
    n = append(name, n, scope->date);
    n = append(name, n, scope->region);
    return append(name, n, scope->service);
}

const struct hmac_key *signing_key_find(const struct sigv4_key_cache *cache, struct slice secret,
                                        const struct signing_scope *scope)
{
    char name[SIGV4_CACHED_NAME_BYTES];
    size_t n = cache ? build_name(secret, scope, name) : 0;
    const struct hmac_key *key = NULL;

    for (size_t i = 0; n > 0 && i < SIGV4_CACHED_KEYS && !key; i++) {
        if (cache->keys[i].size == n && CRYPTO_memcmp(cache->keys[i].name, name, n) == 0)
            key = &cache->keys[i].key;
    }
    OPENSSL_cleanse(name, sizeof(name));
    return key;
}

void signing_key_keep(struct sigv4_key_cache *cache, struct slice secret,
                      const struct signing_scope *scope, const struct hmac_key *key)
{
    struct sigv4_cached_key *entry = &cache->keys[cache->next % SIGV4_CACHED_KEYS];
    char name[SIGV4_CACHED_NAME_BYTES];
    size_t n = build_name(secret, scope, name);

    if (n > 0) {
        memcpy(entry->name, name, n);
        entry->size = n;
        entry->key = *key;
        cache->next = (cache->next + 1) % SIGV4_CACHED_KEYS;
    }
    OPENSSL_cleanse(name, sizeof(name));
}

/* --- the string to sign, fed to the HMAC as it is read ---------------------------------------- */

void signing_key_sign(const struct hmac_key *key, const struct signing_scope *scope,
                      struct slice amz_date, const uint8_t canonical[SHA256_BYTES],
                      char ret_hex[SIGV4_HASH_HEX + 1])
{
    const struct slice slash = SLICE("/");
    uint8_t digest[SHA256_BYTES];
    struct hmac h;

    hmac_init(&h, key);
    hmac_update(&h, SLICE("AWS4-HMAC-SHA256\n"));
    hmac_update(&h, amz_date);
    hmac_update(&h, SLICE("\n"));
    hmac_update(&h, scope->date);
    hmac_update(&h, slash);
    hmac_update(&h, scope->region);
    hmac_update(&h, slash);
    hmac_update(&h, scope->service);
    hmac_update(&h, SLICE("/aws4_request\n"));
    text_hex(canonical, SHA256_BYTES, ret_hex);
    hmac_update(&h, (struct slice){ ret_hex, SIGV4_HASH_HEX });
    hmac_final(&h, digest);
    text_hex(digest, sizeof(digest), ret_hex);
}
