/* Requests of one client to one target, as long as that does not overload it.
 *
 * By a field's value: rendezvous hashing. Each target gets a score from the value and its id; the
 * highest one wins. So a target that comes or goes moves only the keys that are now, or were, its
 * own, and there is no table to keep. Targets with more than sticky_load_max times their share of
 * the load are passed over, and a popular key spills to the next in its own order.
 * By a cookie: the target that it names. */
#include <math.h>

#include "balance/capacity.h"
#include "balance/rules.h"

/* Stafford's mix 13 of the splitmix64 finalizer: every bit of the input moves every bit out. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

uint64_t balance_hash(const char *text, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3;
    return hash;
}

/* In (0, 1) for equal weights; -w / ln(u) gives each target keys in proportion to its weight
 * (Schindelhauer and Schomaker, 2005). */
static double score(uint64_t key, const struct route_target *t, double weight)
{
    double u = ((double)(mix(key ^ mix(t->target->hash)) >> 11) + 0.5) * 0x1p-53;

    return -weight / log(u);
}

struct share {
    double requests, weight; /* of all that may be chosen */
};

static bool may_take(const struct balance *b, const struct route_target *t, double weight,
                     const struct share *all)
{
    unsigned in_flight = target_in_flight(t->target);
    double max = b->group->config.sticky_load_max;

    if (in_flight >= capacity_of(b->group, t, b->queued, b->now))
        return false;
    return max <= 0 || in_flight + 1 <= ceil(max * (all->requests + 1) * weight / all->weight);
}

const struct route_target *balance_sticky(const struct balance *b,
                                          bool (*may)(const struct balance *b,
                                                      const struct route_target *t))
{
    const struct route_target *best = NULL;
    struct share all = { 0 };
    double highest = 0, weight, s;

    for (size_t i = 0; i < b->group->n_targets; i++)
        if (may(b, &b->group->targets[i])) {
            all.requests += target_in_flight(b->group->targets[i].target);
            all.weight += capacity_weight(b->group, &b->group->targets[i], b->now);
        }
    for (size_t i = 0; i < b->group->n_targets; i++) {
        const struct route_target *t = &b->group->targets[i];

        if (b->sticky.kind == LINK_STICKY_COOKIE && t->target->hash != b->sticky.key)
            continue;
        weight = capacity_weight(b->group, t, b->now);
        if (weight <= 0 || !may(b, t) || !may_take(b, t, weight, &all))
            continue;
        s = score(b->sticky.key, t, weight);
        if (!best || s > highest) {
            best = t;
            highest = s;
        }
    }
    return best;
}
