/* Rules that do not look at load. */
#include "balance/rules.h"

/* The candidate at @at, of weights laid end to end. */
static size_t at_weight(const struct candidates *c, double at)
{
    for (size_t i = 0; i < c->n; i++) {
        at -= c->list[i].weight;
        if (at < 0)
            return i;
    }
    return c->n - 1; /* rounding has carried us past the end */
}

size_t balance_random(const struct candidates *c, struct random *random)
{
    return random_below(random, (uint32_t)c->n);
}

size_t balance_weighted_random(const struct candidates *c, struct random *random)
{
    return at_weight(c, random_unit(random) * c->weight);
}

/* Uneven weights take turns by multiples of the golden ratio, modulo 1: however many turns have
 * passed, each stretch of the unit interval has had its share of them but for a few, and neighbours
 * in time fall far from each other (Weyl's equidistribution; Knuth, TAOCP 3, 6.4). So there is
 * nothing to keep but the number of the turn, and weights may change at any time. */
size_t balance_round_robin(const struct candidates *c, unsigned turn)
{
    static const uint32_t GOLDEN = 2654435769; /* 2^32 / 1.618... */

    if (c->even)
        return turn % c->n;
    return at_weight(c, (double)(uint32_t)(turn * GOLDEN) / 4294967296.0 * c->weight);
}
