#include "balance/balance.h"

#include "balance/capacity.h"
#include "balance/rules.h"

enum { TAKES_MAX = 8 }; /* other threads may fill a target between choosing and taking it */

/* Who may be chosen: the healthy, or, without any, those that at least connect. */
enum tier { TIER_WELL, TIER_UNWELL, TIER_NONE };

static enum tier tier_of(const struct route_target *t, ms_t now)
{
    enum target_health health = target_health(t->target);

    if (t->draining || health == TARGET_DOWN)
        return TIER_NONE;
    return health == TARGET_HEALTHY && !target_is_ejected(t->target, now) ? TIER_WELL : TIER_UNWELL;
}

static bool is_well(const struct balance *b, const struct route_target *t)
{
    return tier_of(t, b->now) == TIER_WELL && t->target != b->avoid;
}

static bool is_unwell(const struct balance *b, const struct route_target *t)
{
    return tier_of(t, b->now) == TIER_UNWELL && t->target != b->avoid;
}

static bool is_large(const struct route_group *group)
{
    return group->n_targets > BALANCE_SCAN_MAX;
}

/* --- gathering -------------------------------------------------------------------------------- */

void balance_add(struct candidates *c, const struct candidate *one)
{
    struct candidate added = *one; /* it may lie in the list itself */

    if (c->n == BALANCE_SCAN_MAX)
        return;
    c->even = c->n == 0 || (c->even && added.weight == c->list[0].weight);
    c->weight += added.weight;
    c->list[c->n++] = added;
}

struct gathering {
    const struct balance *b;
    enum tier tier;
    bool weightless; /* those of weight 0, as equals, instead of the others */
    size_t start;    /* in a large group: where the sample begins */
    struct candidates candidates;
    size_t seen, in_service; /* targets looked at, and of the tier */
    const struct route_target *avoided;
};

static void look_at(struct gathering *g, const struct route_target *t)
{
    struct candidate one = { .target = t };

    if (tier_of(t, g->b->now) != g->tier)
        return;
    g->in_service++;
    if ((t->weight <= 0) != g->weightless)
        return;
    one.in_flight = target_in_flight(t->target);
    if (one.in_flight >= capacity_of(g->b->group, t, g->b->queued, g->b->now))
        return;
    if (t->target == g->b->avoid) {
        g->avoided = t;
        return;
    }
    one.weight = g->weightless ? 1 : capacity_weight(g->b->group, t, g->b->now);
    balance_add(&g->candidates, &one);
}

static void gather(struct gathering *g, enum tier tier, bool weightless)
{
    size_t n = g->b->group->n_targets, enough = is_large(g->b->group) ? BALANCE_SAMPLE : n;

    g->tier = tier;
    g->weightless = weightless;
    g->seen = g->in_service = 0;
    g->avoided = NULL;
    for (size_t i = g->start; g->seen < n && g->candidates.n < enough; g->seen++) {
        look_at(g, &g->b->group->targets[i]);
        i = i + 1 < n ? i + 1 : 0;
    }
}

static unsigned in_service(const struct gathering *g)
{
    size_t n = g->b->group->n_targets;

    return g->seen == 0 ? 0 : (unsigned)((g->in_service * n + g->seen - 1) / g->seen);
}

/* Return: whether anybody of that tier is in service. */
static bool gather_tier(struct gathering *g, enum tier tier)
{
    gather(g, tier, false);
    if (g->candidates.n == 0 && g->in_service > 0 && !g->avoided)
        gather(g, tier, true);
    return g->in_service > 0;
}

/* --- choosing --------------------------------------------------------------------------------- */

static size_t follow_rule(const struct balance *b, const struct candidates *c, unsigned turn)
{
    switch (b->group->config.algorithm) {
    case LINK_LEAST_OUTSTANDING:
        return balance_least_outstanding(c, b->random);
    case LINK_RANDOM:
        return balance_random(c, b->random);
    case LINK_WEIGHTED_RANDOM:
        return balance_weighted_random(c, b->random);
    case LINK_ROUND_ROBIN: /* a sample of a large group begins with the one whose turn it is */
        return balance_round_robin(c, c->even && is_large(b->group) ? 0 : turn);
    case LINK_POWER_OF_TWO:
        return balance_power_of_two(c, b->random);
    case LINK_LEAST_EXPECTED_WAIT:
        return balance_least_expected_wait(c, b->random, b->now);
    }
    return 0;
}

const struct route_target *balance_pick(const struct balance *b, unsigned *ret_in_service)
{
    bool in_turns = b->group->config.algorithm == LINK_ROUND_ROBIN;
    size_t n = b->group->n_targets;
    struct gathering g;
    const struct route_target *t;
    unsigned turn = 0;

    g.b = b;
    g.start = 0;
    g.candidates.n = 0;
    g.candidates.weight = 0;
    if (in_turns)
        turn = atomic_fetch_add_explicit(&b->group->gauge->turn, 1, memory_order_relaxed);
    if (is_large(b->group))
        g.start = in_turns ? turn % n : random_below(b->random, (uint32_t)n);
    if (!gather_tier(&g, TIER_WELL) && !gather_tier(&g, TIER_UNWELL)) {
        *ret_in_service = 0;
        return NULL;
    }
    *ret_in_service = in_service(&g);
    if (b->sticky.kind != LINK_STICKY_NONE) {
        t = balance_sticky(b, g.tier == TIER_WELL ? is_well : is_unwell);
        if (t)
            return t;
    }
    if (g.candidates.n == 0) /* who failed is better than nobody, but waiting for another is best */
        return g.in_service == 1 ? g.avoided : NULL;
    balance_zone(b->group, &g.candidates);
    return g.candidates.list[follow_rule(b, &g.candidates, turn)].target;
}

const struct route_target *balance_take(const struct balance *b, unsigned *ret_in_service)
{
    for (int i = 0; i < TAKES_MAX; i++) {
        const struct route_target *t = balance_pick(b, ret_in_service);

        if (!t || target_begin(t->target, capacity_of(b->group, t, b->queued, b->now)))
            return t;
    }
    return NULL;
}

unsigned balance_in_service(const struct route_group *group, ms_t now)
{
    unsigned by_tier[TIER_NONE + 1] = { 0 };

    for (size_t i = 0; i < group->n_targets; i++)
        by_tier[tier_of(&group->targets[i], now)]++;
    return by_tier[TIER_WELL] ? by_tier[TIER_WELL] : by_tier[TIER_UNWELL];
}
