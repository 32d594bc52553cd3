#include "control/plan.h"

#include <assert.h>

/* What an instance means to its fleet; those that terminate mean nothing any more. */
enum role { STARTING, SERVING, UNHEALTHY, LEAVING, GONE, N_ROLES };

struct tally {
    unsigned have[N_ROLES];
    unsigned surplus[N_ROLES]; /* how many of them have to go */
};

static unsigned above(unsigned have, unsigned wanted)
{
    return have > wanted ? have - wanted : 0;
}

static unsigned lesser(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static enum role role_of(const struct plan_fleet *fleet, const struct plan_instance *i, ms_t now)
{
    switch (i->state) {
    case INSTANCE_PENDING:
        return STARTING;
    case INSTANCE_IN_SERVICE:
        return i->unhealthy && now - i->unhealthy_since >= fleet->unhealthy_ms ? UNHEALTHY
                                                                               : SERVING;
    case INSTANCE_DRAINING:
        return LEAVING;
    case INSTANCE_TERMINATING:
        break;
    }
    return GONE;
}

static struct tally count(const struct plan_fleet *fleet, const struct plan_instance *instances,
                          size_t n, ms_t now)
{
    struct tally t = { 0 };
    unsigned surplus;

    for (size_t i = 0; i < n; i++)
        t.have[role_of(fleet, &instances[i], now)]++;

    surplus = above(t.have[SERVING] + t.have[UNHEALTHY], fleet->wanted);
    t.surplus[UNHEALTHY] = lesser(surplus, t.have[UNHEALTHY]);
    t.surplus[SERVING] = surplus - t.surplus[UNHEALTHY];
    t.surplus[STARTING] =
        lesser(above(t.have[SERVING] + t.have[STARTING], fleet->wanted), t.have[STARTING]);
    return t;
}

/* Whether `a` goes before `b`, which is of the same role; a later place in the array is newer. */
static bool goes_before(const struct plan_instance *instances, size_t a, size_t b)
{
    if (instances[a].state == INSTANCE_PENDING && instances[a].ready != instances[b].ready)
        return !instances[a].ready;
    return a > b;
}

/* Whether instance `i` is among those of its role that have to go. */
static bool is_surplus(const struct plan_fleet *fleet, const struct plan_instance *instances,
                       size_t n, ms_t now, size_t i, const struct tally *t)
{
    enum role role = role_of(fleet, &instances[i], now);
    unsigned before = 0;

    if (t->surplus[role] == 0)
        return false;
    for (size_t k = 0; k < n; k++)
        if (k != i && role_of(fleet, &instances[k], now) == role && goes_before(instances, k, i))
            before++;
    return before < t->surplus[role];
}

static unsigned launches(const struct plan_fleet *fleet, const struct tally *t, ms_t now)
{
    unsigned present = t->have[SERVING] + t->have[UNHEALTHY] + t->have[STARTING];
    unsigned missing = above(fleet->wanted, present);
    bool starting = t->have[STARTING] > 0;

    if (now < fleet->launch_after)
        return 0;
    if (missing == 0 && !starting && fleet->wanted > t->have[SERVING])
        missing = 1; /* for one of the unhealthy */
    if (fleet->launch_failures > 0)
        return starting ? 0 : lesser(missing, 1);
    return missing;
}

/* The action for one instance, if any. */
static bool judge(const struct plan_fleet *fleet, const struct plan_instance *i, bool surplus,
                  ms_t now, struct plan_action *ret)
{
    switch (i->state) {
    case INSTANCE_PENDING:
        if (surplus)
            *ret = (struct plan_action){ .kind = PLAN_TERMINATE, .cause = "no longer wanted" };
        else if (i->ready)
            *ret = (struct plan_action){ PLAN_REGISTER, .cause = "ping answered" };
        else if (now - i->since >= fleet->startup_timeout_ms)
            *ret = (struct plan_action){ PLAN_TERMINATE, .failed_start = true,
                                         .cause = "startup timeout" };
        else
            return false;
        return true;
    case INSTANCE_IN_SERVICE:
        *ret = (struct plan_action){ PLAN_DRAIN,
                                     .cause = i->unhealthy ? "unhealthy" : "no longer wanted" };
        return surplus;
    case INSTANCE_DRAINING:
        *ret = (struct plan_action){ PLAN_TERMINATE,
                                     .cause = i->drained ? "drained" : "drain timeout" };
        return i->drained || now - i->since >= fleet->drain_timeout_ms;
    case INSTANCE_TERMINATING:
        break;
    }
    return false;
}

size_t plan(const struct plan_fleet *fleet, const struct plan_instance *instances,
            size_t n_instances, ms_t now, struct plan_action *ret_actions)
{
    struct tally t = count(fleet, instances, n_instances, now);
    size_t n = 0;

    if (fleet->creating && !fleet->ever_in_service && fleet->wanted > 0 &&
        fleet->launch_failures >= PLAN_LAUNCH_FAILURES_MAX) {
        ret_actions[0] = (struct plan_action){ PLAN_FAIL, .cause = "launches keep failing" };
        return 1;
    }

    for (size_t i = 0; i < n_instances; i++) {
        bool surplus = is_surplus(fleet, instances, n_instances, now, i, &t);

        if (judge(fleet, &instances[i], surplus, now, &ret_actions[n]))
            ret_actions[n++].instance = i;
    }
    for (unsigned k = launches(fleet, &t, now); k > 0; k--)
        ret_actions[n++] = (struct plan_action){ PLAN_LAUNCH, .cause = "wanted" };

    assert(n <= n_instances + fleet->wanted);
    return n;
}
