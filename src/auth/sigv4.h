/* auth/sigv4.h: AWS Signature Version 4, both ways: verify what clients send, sign what we send.
 *
 * Pure: no clock, no keys of its own, no I/O. Verification is cut in three so that a proxy can
 * start before the body is there: sigv4_parse() reads who claims what, the caller looks the key up,
 * and sigv4_verify() checks once the payload's hash is known. Neither allocates.
 * Source: AWS General Reference, "Signature Version 4 signing process"; reference vectors in
 * test_sigv4.c. Not supported: chunk-signed streaming bodies (STREAMING-*), which no service here
 * uses.
 */
#pragma once
#include "auth/sha256.h"
#include "http/message.h"

enum { SIGV4_HASH_HEX = SHA256_HEX };
#define SIGV4_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum {
    SIGV4_E_MISSING = 1, /* no credentials at all */
    SIGV4_E_INCOMPLETE,  /* Authorization or query parameters lack parts, or are ambiguous */
    SIGV4_E_SCOPE,       /* credential scope names another region or date */
    SIGV4_E_EXPIRED,     /* clock skew over 15 minutes, or presigned time is over */
    SIGV4_E_NOT_YET,     /* signed in the future, over 15 minutes */
    SIGV4_E_MISMATCH,    /* the signature is not the one we calculate */
};

/* AWS's sentence for an access key that nobody has. */
#define SIGV4_WHY_UNKNOWN_KEY "The security token included in the request is invalid."

/* What a request claims. Slices point into the head it was parsed from. */
struct sigv4_claim {
    struct slice access_key_id;
    struct slice date;            /* YYYYMMDD, of the scope */
    struct slice region, service; /* whether the service is the right one, the caller checks */
    struct slice signed_headers;  /* "a;b;c"; presigned: may be "a%3Bb" */
    struct slice signature;
    struct slice amz_date;      /* YYYYMMDDThhmmssZ */
    wall_ms_t signed_at;        /* the same, read */
    struct slice session_token; /* may be empty; presigned: percent-encoded */
    bool presigned;
    uint32_t expires_s;        /* presigned only: 1..604800 */
    struct slice payload_hash; /* x-amz-content-sha256 as sent, or empty */
    bool unsigned_payload;     /* UNSIGNED-PAYLOAD: the body is not covered */
};

enum { SIGV4_WHY_BYTES = 512 };

/**
 * sigv4_parse() - find the signature of a request
 * @ret_why: AWS's own sentence for the outcome, printable ASCII; set for outcomes
 *
 * Return: 0, SIGV4_E_MISSING or SIGV4_E_INCOMPLETE.
 */
int sigv4_parse(const struct http_head *head, struct sigv4_claim *ret_claim,
                char ret_why[SIGV4_WHY_BYTES]);

/* Signing keys already derived: four of the five HMACs of a request depend on secret, date, region
 * and service alone. The caller owns a cache (one per thread); zeroed, it is empty. Only keys that
 * made a good signature get in, so strangers cannot push others out. It holds secrets: wipe it with
 * the keys. */
enum { SIGV4_CACHED_KEYS = 16, SIGV4_CACHED_NAME_BYTES = 160 };

struct sigv4_key_cache {
    unsigned next; /* the entry to replace */
    struct sigv4_cached_key {
        size_t size; /* of name; 0: free */
        char name[SIGV4_CACHED_NAME_BYTES];
        struct hmac_key key;
    } keys[SIGV4_CACHED_KEYS];
};

/**
 * sigv4_verify() - check a claim, in constant time where the secret matters
 * @payload_hash: lower-case hex SHA-256 of the body as received
 * @region:       ours; clients must sign for it (NULL: any)
 * @now:          calendar time
 * @cache:        or NULL
 *
 * Return: 0, SIGV4_E_SCOPE, SIGV4_E_EXPIRED, SIGV4_E_NOT_YET, SIGV4_E_MISMATCH; or a negative
 * errno.
 */
int sigv4_verify(const struct http_head *head, const struct sigv4_claim *claim,
                 struct slice secret_access_key, const char payload_hash[SIGV4_HASH_HEX + 1],
                 const char *region, wall_ms_t now, struct sigv4_key_cache *cache,
                 char ret_why[SIGV4_WHY_BYTES]);

/* What we sign when we are the client. */
struct sigv4_key {
    const char *access_key_id, *secret_access_key, *session_token; /* token: may be NULL */
};

/**
 * sigv4_sign() - the fields to add to a request that has exactly @headers
 * @path, @query:  as they will stand on the wire
 * @headers:       all that shall be signed; must hold Host, must not hold X-Amz-Date. A session
 * token
 *                 is signed as X-Amz-Security-Token, which the caller adds and does not list here.
 * @ret_amz_date:  value of X-Amz-Date; 17 bytes
 * @ret_authorization: to free()
 *
 * Return: 0, -ENOMEM, -E2BIG (too many fields or parameters), -EINVAL (keys or fields make no
 * sense).
 */
int sigv4_sign(const struct sigv4_key *key, const char *region, const char *service,
               const char *method, struct slice path, struct slice query,
               const struct http_header *headers, size_t n_headers, struct slice body,
               wall_ms_t now, char ret_amz_date[17], char **ret_authorization);
