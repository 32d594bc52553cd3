#include "proxy/balance.h"

/* The best target of one state of health so far. */
struct choice {
    const struct route_target *best;
    unsigned load;  /* of the best */
    unsigned ties;  /* how many have that load */
    unsigned count; /* of all seen */
};

/* Reservoir: the k-th of equals replaces the choice with probability 1/k. For random all are
 * equal. */
static void consider(struct choice *c, const struct route_target *t, unsigned load,
                     struct random *random)
{
    if (!c->best || load < c->load) {
        c->best = t;
        c->load = load;
        c->ties = 1;
    } else if (load == c->load && random_below(random, ++c->ties) == 0) {
        c->best = t;
    }
}

const struct route_target *balance_pick(const struct route_group *group, const struct target *avoid,
                                        struct random *random, unsigned *ret_in_service)
{
    struct choice choices[TARGET_DOWN] = { 0 }; /* by health; those that are down have none */
    const struct route_target *avoided[TARGET_DOWN] = { NULL };

    for (size_t i = 0; i < group->n_targets; i++) {
        const struct route_target *t = &group->targets[i];
        enum target_health health = target_health(t->target);

        if (t->draining || health == TARGET_DOWN)
            continue;
        choices[health].count++;
        if (t->target == avoid)
            avoided[health] = t;
        else
            consider(&choices[health], t,
                     group->config.algorithm == LINK_RANDOM ? 0 : target_in_flight(t->target),
                     random);
    }
    for (int health = TARGET_HEALTHY; health < TARGET_DOWN; health++) {
        if (choices[health].count == 0)
            continue;
        *ret_in_service = choices[health].count;
        return choices[health].best ? choices[health].best : avoided[health];
    }
    return NULL;
}

unsigned balance_in_service(const struct route_group *group)
{
    unsigned by_health[TARGET_DOWN + 1] = { 0 };

    for (size_t i = 0; i < group->n_targets; i++)
        if (!group->targets[i].draining)
            by_health[target_health(group->targets[i].target)]++;
    return by_health[TARGET_HEALTHY] ? by_health[TARGET_HEALTHY] : by_health[TARGET_UNHEALTHY];
}
