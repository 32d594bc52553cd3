#include "balance/eject.h"

static ms_t lasts(const struct route_group *g, unsigned ejections)
{
    ms_t ms = g->config.eject_ms;

    for (unsigned i = 1; i < ejections && i <= EJECT_DOUBLINGS_MAX && ms < MS_FOREVER / 4; i++)
        ms *= 2;
    return ms < MS_FOREVER / 4 ? ms : MS_FOREVER / 4;
}

/* Whether the group can do without @t, and some other one shows that it is @t which is at fault. */
static bool can_spare(const struct route_group *g, const struct target *t, ms_t now)
{
    size_t ejected = 1;
    bool others_work = false;

    for (size_t i = 0; i < g->n_targets; i++) {
        const struct target *other = g->targets[i].target;

        if (other == t || g->targets[i].draining)
            continue;
        if (target_is_ejected(other, now))
            ejected++;
        else if (target_health(other) == TARGET_HEALTHY &&
                 atomic_load_explicit(&other->failures, memory_order_relaxed) == 0)
            others_work = true;
    }
    return others_work && ejected * 100 <= g->n_targets * (size_t)g->config.eject_percent_max;
}

static void note_success(const struct route_group *g, struct target *t, ms_t now)
{
    unsigned ejections = atomic_load_explicit(&t->ejections, memory_order_relaxed);

    if (atomic_load_explicit(&t->failures, memory_order_relaxed) > 0)
        atomic_store_explicit(&t->failures, 0, memory_order_relaxed);
    if (ejections > 0 && now - atomic_load_explicit(&t->ejected_until_ms, memory_order_relaxed) >=
                             lasts(g, ejections))
        atomic_store_explicit(&t->ejections, 0, memory_order_relaxed); /* forgiven */
}

bool eject_note(const struct route_group *group, struct target *t, bool failed, ms_t now)
{
    unsigned failures, ejections, again;
    long long before = atomic_load_explicit(&t->ejected_until_ms, memory_order_relaxed), until;

    if (!failed) {
        note_success(group, t, now);
        return false;
    }
    failures = atomic_fetch_add_explicit(&t->failures, 1, memory_order_relaxed) + 1;
    ejections = atomic_load_explicit(&t->ejections, memory_order_relaxed);
    again = ejections > 0 ? 1 : group->config.eject_after;
    if (group->config.eject_after == 0 || now < before || failures < again ||
        !can_spare(group, t, now))
        return false;
    until = now + lasts(group, ejections + 1);
    if (!atomic_compare_exchange_strong_explicit(&t->ejected_until_ms, &before, until,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false; /* another thread was first */
    atomic_fetch_add_explicit(&t->ejections, 1, memory_order_relaxed);
    atomic_store_explicit(&t->failures, 0, memory_order_relaxed);
    target_starts_over(t, until);
    return true;
}
