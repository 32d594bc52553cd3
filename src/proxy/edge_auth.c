#include "proxy/edge_auth.h"

#include <stdio.h>
#include <string.h>

#include "auth/permission.h"

static enum edge_auth_outcome fail(struct edge_auth *a, enum edge_auth_outcome outcome,
                                   const char *why)
{
    snprintf(a->why, sizeof(a->why), "%s", why);
    return a->outcome = outcome;
}

static enum edge_auth_outcome read_claim(struct edge_auth *a, const struct http_head *head,
                                         struct sigv4_claim *ret_claim)
{
    switch (sigv4_parse(head, ret_claim, a->why)) {
    case 0:
        return a->outcome = EDGE_AUTH_GOOD;
    case SIGV4_E_MISSING:
        return a->outcome = EDGE_AUTH_MISSING;
    default:
        return a->outcome = EDGE_AUTH_INCOMPLETE;
    }
}

static const struct link_credential *find(const struct route *route, struct slice id)
{
    return map_get_n(&route->credentials, id.data, id.size);
}

/* A bearer key has no secret to sign with, not even an empty one. */
static const char *find_secret(const struct route *route, const struct sigv4_claim *claim)
{
    const struct link_credential *c = find(route, claim->access_key_id);

    return c && c->secret_access_key[0] ? c->secret_access_key : NULL;
}

static enum edge_auth_outcome check_bearer(struct edge_auth *a, struct slice key,
                                           const struct route *route)
{
    struct slice id = bearer_id(key);
    const struct link_credential *c = id.size ? find(route, id) : NULL;

    if (!c || !bearer_matches(key, c->sha256))
        return fail(a, EDGE_AUTH_UNKNOWN_KEY, SIGV4_WHY_UNKNOWN_KEY);
    memcpy(a->principal, id.data, id.size);
    a->principal[id.size] = '\0';
    return a->outcome = EDGE_AUTH_GOOD;
}

void edge_auth_reset(struct edge_auth *a)
{
    a->principal[0] = a->why[0] = '\0';
    a->hashes_body = false;
    a->outcome = EDGE_AUTH_GOOD;
}

void edge_auth_begin(struct edge_auth *a, const struct http_head *head, const struct route *route)
{
    struct sigv4_claim claim;
    struct slice key;

    edge_auth_reset(a);
    if (route && !route->settings.auth)
        return;
    if (bearer_find(head, &key)) {
        if (route)
            check_bearer(a, key, route);
        return;
    }
    if (read_claim(a, head, &claim) != EDGE_AUTH_GOOD)
        return;
    if (route && !find_secret(route, &claim)) {
        fail(a, EDGE_AUTH_UNKNOWN_KEY, SIGV4_WHY_UNKNOWN_KEY);
        return;
    }
    a->hashes_body = !claim.unsigned_payload;
    if (a->hashes_body)
        sha256_init(&a->hash);
}

void edge_auth_update(struct edge_auth *a, struct slice content)
{
    if (a->hashes_body)
        sha256_update(&a->hash, content);
}

static enum edge_auth_outcome verify(struct edge_auth *a, const struct http_head *head,
                                     const struct sigv4_claim *claim, const struct route *route,
                                     struct sigv4_key_cache *keys, wall_ms_t now)
{
    const char *secret = find_secret(route, claim);
    char hash[SIGV4_HASH_HEX + 1] = SIGV4_EMPTY_SHA256;

    if (!secret)
        return fail(a, EDGE_AUTH_UNKNOWN_KEY, SIGV4_WHY_UNKNOWN_KEY);
    if (a->hashes_body)
        sha256_final_hex(&a->hash, hash);
    a->hashes_body = false;
    switch (sigv4_verify(head, claim, slice_from(secret), hash, route->settings.region, now, keys,
                         a->why)) {
    case 0:
        /* shorter than LINK_NAME_BYTES, as control has told us of it */
        memcpy(a->principal, claim->access_key_id.data, claim->access_key_id.size);
        a->principal[claim->access_key_id.size] = '\0';
        return a->outcome = EDGE_AUTH_GOOD;
    case SIGV4_E_SCOPE:
        return a->outcome = EDGE_AUTH_SCOPE;
    case SIGV4_E_EXPIRED:
        return a->outcome = EDGE_AUTH_EXPIRED;
    case SIGV4_E_NOT_YET:
        return a->outcome = EDGE_AUTH_NOT_YET;
    case SIGV4_E_MISMATCH:
        return a->outcome = EDGE_AUTH_MISMATCH;
    default:
        return fail(a, EDGE_AUTH_FAULT, "");
    }
}

enum edge_auth_outcome edge_auth_finish(struct edge_auth *a, const struct http_head *head,
                                        const struct route *route, const char *service,
                                        struct sigv4_key_cache *keys, wall_ms_t now)
{
    struct sigv4_claim claim;
    struct slice key;

    if (!route->settings.auth) {
        snprintf(a->principal, sizeof(a->principal), "no-auth");
        return a->outcome = EDGE_AUTH_GOOD;
    }
    if (bearer_find(head, &key))
        return check_bearer(a, key, route);
    /* Read anew: while the body came in, the head may have moved to where it can stay. */
    if (read_claim(a, head, &claim) != EDGE_AUTH_GOOD ||
        verify(a, head, &claim, route, keys, now) != EDGE_AUTH_GOOD)
        return a->outcome;
    if (service && !slice_is(claim.service, service)) {
        snprintf(a->why, sizeof(a->why), "Credential should be scoped to correct service: '%s'. ",
                 service);
        a->outcome = EDGE_AUTH_SCOPE;
    }
    return a->outcome;
}

bool edge_auth_may_invoke(struct edge_auth *a, const struct route *route, const char *endpoint)
{
    const struct link_credential *c;

    if (!route->settings.auth)
        return true;
    c = find(route, slice_from(a->principal));
    if (c && (c->admin || permission_may_invoke(c->invoke, endpoint)))
        return true;
    snprintf(a->why, sizeof(a->why),
             "User: arn:aws:iam::%s:user/%s is not authorized to perform: sagemaker:InvokeEndpoint "
             "on resource: arn:aws:sagemaker:%s:%s:endpoint/%s because no identity-based policy "
             "allows the sagemaker:InvokeEndpoint action",
             route->settings.account, a->principal, route->settings.region, route->settings.account,
             endpoint);
    return false;
}

const char *edge_auth_word(enum edge_auth_outcome outcome)
{
    static const char *const words[] = {
        [EDGE_AUTH_GOOD] = "good",
        [EDGE_AUTH_MISSING] = "missing",
        [EDGE_AUTH_INCOMPLETE] = "incomplete",
        [EDGE_AUTH_UNKNOWN_KEY] = "unknown-key",
        [EDGE_AUTH_SCOPE] = "scope",
        [EDGE_AUTH_EXPIRED] = "expired",
        [EDGE_AUTH_NOT_YET] = "not-yet",
        [EDGE_AUTH_MISMATCH] = "mismatch",
        [EDGE_AUTH_FAULT] = "fault",
    };

    return words[outcome];
}

const char *edge_auth_error(const struct edge_auth *a)
{
    switch (a->outcome) {
    case EDGE_AUTH_MISSING:
        return "MissingAuthenticationTokenException";
    case EDGE_AUTH_INCOMPLETE:
        return "IncompleteSignatureException";
    case EDGE_AUTH_UNKNOWN_KEY:
        return "UnrecognizedClientException";
    case EDGE_AUTH_EXPIRED:
        /* a presigned request whose time is over, or a clock that is wrong */
        if (strncmp(a->why, "Request has expired", 19) == 0)
            return "ExpiredTokenException";
        return "InvalidSignatureException";
    case EDGE_AUTH_SCOPE:
    case EDGE_AUTH_NOT_YET:
    case EDGE_AUTH_MISMATCH:
        return "InvalidSignatureException";
    case EDGE_AUTH_GOOD:
    case EDGE_AUTH_FAULT:
        break;
    }
    return "InternalFailure";
}
