#include "auth/bearer.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/random.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char prefix[] = "WEIR";

enum { ALPHABET = 32, PREFIX = sizeof(prefix) - 1 };

static_assert(sizeof(alphabet) - 1 == ALPHABET, "each character is as likely as any other");

void bearer_generate(char ret_key[BEARER_KEY_CHARS + 1])
{
    unsigned char bytes[BEARER_KEY_CHARS];

    random_secret(bytes, sizeof(bytes));
    for (size_t i = 0; i < BEARER_KEY_CHARS; i++)
        ret_key[i] = alphabet[bytes[i] % ALPHABET];
    memcpy(ret_key, prefix, PREFIX);
    ret_key[BEARER_ID_CHARS] = '_';
    ret_key[BEARER_KEY_CHARS] = '\0';
    explicit_bzero(bytes, sizeof(bytes));
}

bool bearer_find(const struct http_head *head, struct slice *ret_key)
{
    static const char scheme[] = "Bearer ";
    struct slice value = http_header_value(head, "Authorization");
    size_t n = sizeof(scheme) - 1;

    if (value.size < n ||
        !slice_equal_nocase((struct slice){ value.data, n }, (struct slice){ scheme, n }))
        return false;
    *ret_key = slice_trim((struct slice){ value.data + n, value.size - n });
    return true;
}

struct slice bearer_id(struct slice key)
{
    if (key.size != BEARER_KEY_CHARS || memcmp(key.data, prefix, PREFIX) != 0 ||
        key.data[BEARER_ID_CHARS] != '_')
        return (struct slice){ 0 };
    return (struct slice){ key.data, BEARER_ID_CHARS };
}

void bearer_hash(struct slice key, char ret_hash[SHA256_HEX + 1])
{
    sha256_hex(key, ret_hash);
}

bool bearer_matches(struct slice key, const char *hash)
{
    char own[SHA256_HEX + 1];

    bearer_hash(key, own);
    return strlen(hash) == SHA256_HEX && CRYPTO_memcmp(own, hash, SHA256_HEX) == 0;
}
