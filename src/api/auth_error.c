#include "api/auth_error.h"

static const struct auth_error {
    const char *kind;
    const char *name, *query_code;
    unsigned query_status;
    const char *message, *query_message; /* NULL: what the proxy says */
} errors[] = {
    { "missing", "MissingAuthenticationTokenException", "MissingAuthenticationToken", 403,
      "Missing Authentication Token", "Request is missing Authentication Token" },
    { "incomplete", "IncompleteSignatureException", "IncompleteSignature", 400, NULL, NULL },
    { "unknown-key", "UnrecognizedClientException", "InvalidClientTokenId", 403,
      "The security token included in the request is invalid.",
      "The security token included in the request is invalid." },
    { "scope", "InvalidSignatureException", "SignatureDoesNotMatch", 403, NULL, NULL },
    { "expired", "InvalidSignatureException", "SignatureDoesNotMatch", 403, NULL, NULL },
    { "not-yet", "InvalidSignatureException", "SignatureDoesNotMatch", 403, NULL, NULL },
    { "mismatch", "InvalidSignatureException", "SignatureDoesNotMatch", 403, NULL, NULL },
};

enum { N_ERRORS = sizeof(errors) / sizeof(*errors) };

struct service_error auth_error_find(const struct route *route, struct slice kind,
                                     const char **message)
{
    const struct auth_error *e = &errors[0];
    bool query = route->protocol == PROTOCOL_QUERY;
    struct service_error found;

    for (size_t i = 0; i < N_ERRORS; i++)
        if (slice_is(kind, errors[i].kind))
            e = &errors[i];
    if (e->message)
        *message = query ? e->query_message : e->message;
    found = (struct service_error){ .name = e->name, .query_code = e->query_code, .status = 400 };
    if (query)
        found.status = e->query_status;
    else if (route->protocol == PROTOCOL_REST_JSON)
        found.status = 403;
    return found;
}
