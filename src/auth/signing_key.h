/* auth/signing_key.h: from a secret to the key of one day, region and service. Inside src/auth. */
#pragma once
#include "auth/sigv4.h"

enum { SIGNING_SECRET_BYTES_MAX = 128 };

struct signing_scope {
    struct slice date, region, service; /* date: YYYYMMDD */
};

/** signing_key_derive() - @secret of at most SIGNING_SECRET_BYTES_MAX. Return: 0 or -EINVAL. */
int signing_key_derive(struct slice secret, const struct signing_scope *scope,
                       struct hmac_key *ret_key);

/** signing_key_find() - in @cache, which may be NULL. Return: the key, or NULL. */
const struct hmac_key *signing_key_find(const struct sigv4_key_cache *cache, struct slice secret,
                                        const struct signing_scope *scope);
/** signing_key_keep() - for the next request; does nothing if the names are too long */
void signing_key_keep(struct sigv4_key_cache *cache, struct slice secret,
                      const struct signing_scope *scope, const struct hmac_key *key);

/** signing_key_sign() - the signature of a canonical request, hex and NUL-terminated */
void signing_key_sign(const struct hmac_key *key, const struct signing_scope *scope,
                      struct slice amz_date, const uint8_t canonical[SHA256_BYTES],
                      char ret_hex[SIGV4_HASH_HEX + 1]);
