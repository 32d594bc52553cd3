/* balance/capacity.h: how many requests a target may have at a time, and what share is its due.
 *
 * A cap bounds the requests in flight; with slow start it grows from one tenth to its full size, as
 * does the target's weight. Where there is no cap, requests that waited for a target (for the first
 * one of a fleet, say) must still not fall on it all together: CAPACITY_BURST go at once, each
 * answer lets two others out, and the burst doubles every second in any case.
 */
#pragma once
#include "balance/route.h"

enum { CAPACITY_BURST = 32 };

/** capacity_of() - UINT_MAX: no bound; @queued: for requests that have waited */
unsigned capacity_of(const struct route_group *g, const struct route_target *t, bool queued,
                     ms_t now);
/** capacity_weight() - the target's weight now */
double capacity_weight(const struct route_group *g, const struct route_target *t, ms_t now);
