/* balance/drain.h: when has a draining target done its last request?
 *
 * A target is drained when every worker serves a route in which it drains, so that none will pick
 * it any more, and nothing is in flight on it. When its group's deregistration delay is over first,
 * what still runs is cut. Belongs to the main thread.
 */
#pragma once
#include "balance/route.h"

struct drain {
    struct map leaving;                                     /* target key -> struct leaver */
    void (*drained)(const struct target *t, void *context); /* told once per target and link */
    void (*cut)(struct target *t, void *context);           /* workers are to look at the target */
    void *context;
};

void drain_init(struct drain *d, uint64_t seed,
                void (*drained)(const struct target *t, void *context),
                void (*cut)(struct target *t, void *context), void *context);
void drain_deinit(struct drain *d);

/** drain_follow() - watch the targets that drain in @route. Return: 0 or -ENOMEM. */
int drain_follow(struct drain *d, const struct route *route, ms_t now);

/** drain_look() - several times a second; @served: serial of the oldest route that any worker
 * serves */
void drain_look(struct drain *d, uint64_t served, ms_t now);

/** drain_repeat() - whoever was told has forgotten: tell again */
void drain_repeat(struct drain *d);
