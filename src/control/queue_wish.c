#include "control/queue_wish.h"

#include "control/scaling_policy.h"

/* How many at a time an instance is meant to have, if a policy says so; 0: none does. */
static double concurrency_target(const struct scaling_target *t)
{
    double least = 0;

    list_for_each (p, &t->policies, struct scaling_policy, link)
        if (p->kind == POLICY_TRACKING && tracking_is_concurrency(&p->tracking) &&
            (least == 0 || p->tracking.target < least))
            least = p->tracking.target;
    return least;
}

bool queue_wish(const struct scaling_target *t, const struct scalable_state *seen, struct wish *ret)
{
    double each = concurrency_target(t);

    if (seen->in_service > 0 || seen->waiting == 0)
        return false;
    *ret = (struct wish){ .kind = WISH_QUEUE,
                          .demand = seen->waiting,
                          .target = each > 0 ? each : seen->waiting };
    ret->due = wish_capacity(ret->demand, ret->target) > seen->desired;
    return true;
}
