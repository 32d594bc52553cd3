/* api/auth_error.h: what clients hear when a request's signature is not good.
 * Source: AWS General Reference, "Common errors"; Signature Version 4 troubleshooting. */
#pragma once
#include "api/route.h"

/**
 * auth_error_find() - AWS's error for what the proxy found, in the route's protocol
 * @kind:    "missing", "incomplete", "unknown-key", "scope", "expired", "not-yet", "mismatch"
 * @message: the proxy's sentence; may be replaced by the protocol's own
 */
struct service_error auth_error_find(const struct route *route, struct slice kind,
                                     const char **message);
