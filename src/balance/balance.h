/* balance/balance.h: which target takes a request.
 *
 * Healthy targets come first. When none is healthy, those that connect but fail their checks, and
 * those that were ejected, are used all the same: a check that is wrong about everybody must not
 * close the shop. Among them, with room below their caps: the one that the client sticks to, else
 * those of the proxy's own zone unless they are overloaded, and of these the one that the group's
 * algorithm says. Groups of up to BALANCE_SCAN_MAX targets are looked at in full, of larger ones
 * BALANCE_SAMPLE neighbours at a random place.
 *
 * Sources: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); Mirrokni
 * et al., "Consistent Hashing with Bounded Loads" (2018); Thaler and Ravishankar, "Using
 * Name-Based Mappings to Increase Hit Rates" (1998).
 */
#pragma once
#include "balance/route.h"

enum { BALANCE_SCAN_MAX = 64, BALANCE_SAMPLE = 16 };

/* What makes a request go where others went. */
struct sticky {
    enum link_stickiness kind; /* LINK_STICKY_NONE: nothing does */
    uint64_t key;              /* COOKIE: the target's hash; HEADER: the field's */
};

struct balance {
    const struct route_group *group;
    const struct target *avoid; /* not this one, if there is another: it has failed; may be NULL */
    struct sticky sticky;
    bool queued; /* it has waited: see capacity.h */
    struct random *random;
    ms_t now;
};

/**
 * balance_pick() - choose a target
 * @ret_in_service: targets that could be chosen if they had room (of large groups an estimate); 0
 *                  if there is none
 * Return: NULL if no target can take it now.
 */
const struct route_target *balance_pick(const struct balance *b, unsigned *ret_in_service);

/** balance_take() - the same, and count it in flight there: target_end() when it is over */
const struct route_target *balance_take(const struct balance *b, unsigned *ret_in_service);

/** balance_in_service() - how many targets balance_pick() would choose from */
unsigned balance_in_service(const struct route_group *group, ms_t now);

/** balance_hash() - of the text that a client sticks by */
uint64_t balance_hash(const char *text, size_t size);
