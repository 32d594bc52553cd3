/* control/scaling_round.h: one target's second: what was seen and wished, and what becomes of it.
 *
 * The autoscaler gathers what is seen and what each policy wishes; here src/scaling decides, the
 * capacity is set, and the activity that says why is kept with a record of all that it was made of.
 */
#pragma once
#include "control/scaling_policy.h"
#include "scaling/decide.h"

enum { SCALING_WISHES_MAX = SCALING_POLICIES_MAX + 1 };

struct scaling_round {
    struct scaling_target *target;
    wall_ms_t now;
    struct scalable_state seen;
    struct scaling_policy *policies[SCALING_WISHES_MAX]; /* whose wish it is; NULL: the queue's */
    struct wish wishes[SCALING_WISHES_MAX];
    size_t n;
    struct decide_input input;
    struct decision decision;
};

/** scaling_round_see_input() - fill in the input from all that is seen and wished */
void scaling_round_see_input(struct scaling_round *round);
/** scaling_round_enforce_bounds() - bring the capacity within the target's bounds, which were set:
 * once, whatever cools down. Return: 0 or -errno. */
int scaling_round_enforce_bounds(struct scaling_round *round);
/** scaling_round_act() - decide on the input, and do it. Return: 0 or -errno. */
int scaling_round_act(struct scaling_round *round);
