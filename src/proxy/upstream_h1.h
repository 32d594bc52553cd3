/* proxy/upstream_h1.h: connections of HTTP/1 to targets, each of them one call.
 *
 * An idle connection on which anything happens (the target closed it, or talks out of turn) is
 * closed at once.
 */
#pragma once
#include "proxy/upstream.h"

/* As upstream_evict(), upstream_lend() and upstream_dial(). */
void upstream_h1_evict(struct upstream *pool, ms_t before);
int upstream_h1_lend(struct upstream *pool, struct exchange *x, enum upstream_trust trust,
                     struct call **ret_call);
int upstream_h1_dial(struct worker *worker, const struct address *address, struct exchange *x,
                     struct call **ret_call);
