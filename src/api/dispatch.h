/* api/dispatch.h: from a request's head and body to an answer, without sockets.
 *
 * Whether a request is allowed was found out by the proxy, the one place where signatures are
 * verified. It strips X-Weir-* fields that clients send and adds X-Weir-Principal, or
 * X-Weir-Auth-Error; a request with neither did not come through it and is refused.
 */
#pragma once
#include "api/answer.h"

struct dispatcher {
    struct control *control;
    struct log *log;
    struct patterns *patterns;
};

/** dispatch() - always makes an answer */
void dispatch(struct dispatcher *d, const struct http_head *head, struct slice body, wall_ms_t now,
              struct answer *a);
