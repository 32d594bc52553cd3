/* proxy/edge_auth.h: who signed a request, or shows a bearer key, decided at the edge.
 *
 * edge_auth_begin() reads the claim, so that we know whether it is hopeless, and whether the body
 * is part of it; the body passes through edge_auth_update() as it comes; edge_auth_finish()
 * decides. Keys come with the route.
 */
#pragma once
#include "auth/bearer.h"
#include "auth/sigv4.h"
#include "balance/route.h"

enum edge_auth_outcome {
    EDGE_AUTH_GOOD, /* or nobody asks, with auth off */
    EDGE_AUTH_MISSING,
    EDGE_AUTH_INCOMPLETE,
    EDGE_AUTH_UNKNOWN_KEY,
    EDGE_AUTH_SCOPE,
    EDGE_AUTH_EXPIRED,
    EDGE_AUTH_NOT_YET,
    EDGE_AUTH_MISMATCH,
    EDGE_AUTH_FAULT, /* we could not tell */
};

struct edge_auth {
    enum edge_auth_outcome outcome;
    bool hashes_body;
    struct sha256 hash;              /* of the body so far */
    char principal[LINK_NAME_BYTES]; /* the access key id, when the outcome is good */
    char why[SIGV4_WHY_BYTES];       /* AWS's sentence when it is not */
};

/** edge_auth_reset() - nothing is known of who asks, and nobody wants to know */
void edge_auth_reset(struct edge_auth *a);
/**
 * edge_auth_begin() - read the claim
 * @route: NULL if there is none yet
 * An outcome other than good is what edge_auth_finish() will say, whatever the body is.
 */
void edge_auth_begin(struct edge_auth *a, const struct http_head *head, const struct route *route);
void edge_auth_update(struct edge_auth *a, struct slice content);

/**
 * edge_auth_finish() - decide
 * @service: the name that must have been signed for; NULL: any
 * @keys:    of this thread
 * @now:     calendar time
 */
enum edge_auth_outcome edge_auth_finish(struct edge_auth *a, const struct http_head *head,
                                        const struct route *route, const char *service,
                                        struct sigv4_key_cache *keys, wall_ms_t now);

/** edge_auth_may_invoke() - of a request whose outcome is good: whether its key may. If not, @a->why
 * is AWS's sentence for that. */
bool edge_auth_may_invoke(struct edge_auth *a, const struct route *route, const char *endpoint);

/** edge_auth_word() - the outcome in the word that control knows it by ("mismatch") */
const char *edge_auth_word(enum edge_auth_outcome outcome);
/** edge_auth_error() - the outcome as REST-JSON services name it */
const char *edge_auth_error(const struct edge_auth *a);
