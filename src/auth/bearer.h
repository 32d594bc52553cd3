/* auth/bearer.h: weir's own API keys, sent as "Authorization: Bearer KEY" (RFC 6750 §2.1).
 *
 * A key is "WEIR" and 16 of A-Z2-7, which is its id and no secret, an underscore, and 52 of A-Z2-7,
 * 260 random bits. Only its SHA-256 is kept: a slow hash would protect a secret that can be guessed,
 * which this one cannot. Pure.
 */
#pragma once
#include "auth/sha256.h"
#include "http/message.h"

enum {
    BEARER_ID_CHARS = 20,
    BEARER_SECRET_CHARS = 52,
    BEARER_KEY_CHARS = BEARER_ID_CHARS + 1 + BEARER_SECRET_CHARS,
};

/** bearer_generate() - a new key */
void bearer_generate(char ret_key[BEARER_KEY_CHARS + 1]);

/** bearer_find() - whether the request has an Authorization of that scheme, and what it says */
bool bearer_find(const struct http_head *head, struct slice *ret_key);
/** bearer_id() - the id in it; empty if it does not look like a key of ours */
struct slice bearer_id(struct slice key);

/** bearer_hash() - what is kept of it */
void bearer_hash(struct slice key, char ret_hash[SHA256_HEX + 1]);
/** bearer_matches() - whether that is kept of @key; in constant time */
bool bearer_matches(struct slice key, const char *hash);
