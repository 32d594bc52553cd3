/* auth/canonical.h: the one spelling of a request that both sides of a signature hash.
 *
 *     METHOD \n path \n query \n headers \n signed header names \n payload hash
 *
 * It is never built: its parts go straight into the hash. Inside src/auth.
 * Source: AWS General Reference, "Create a canonical request".
 */
#pragma once
#include "auth/sha256.h"
#include "http/message.h"

enum {
    CANONICAL_PARAMETERS_MAX = 256, /* they are sorted, in place and without heap */
    CANONICAL_PATH_BYTES_MAX = 16384,
};

enum { CANONICAL_E_TOO_LARGE = 1 }; /* more parameters, or a longer path to normalise, than that */

struct canonical_request {
    struct slice method, path, query; /* as on the wire; X-Amz-Signature in @query is left out */
    const struct http_header *headers;
    size_t n_headers;
    struct slice signed_headers; /* "a;b" or, from a query, "a%3Bb" */
    struct slice payload;        /* its hash, or the keyword that stands for it */
    bool verbatim_path;          /* S3: the path as it is, neither normalised nor encoded again */
};

/** canonical_hash() - Return: 0 or CANONICAL_E_TOO_LARGE. */
int canonical_hash(const struct canonical_request *request, uint8_t ret_digest[SHA256_BYTES]);

/** canonical_next_name() - take the next name off a list "a;b" or "a%3Bb". Return: false at the
 * end. */
bool canonical_next_name(struct slice *rest, struct slice *ret_name);
