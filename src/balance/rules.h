/* balance/rules.h: the rules of balance.c, one file each.
 *
 * A rule sees candidates: targets that may and can take the request.
 */
#pragma once
#include "balance/balance.h"

struct candidate {
    const struct route_target *target;
    double weight; /* > 0 */
    unsigned in_flight;
};

struct candidates {
    struct candidate list[BALANCE_SCAN_MAX];
    size_t n;
    double weight; /* of all */
    bool even;     /* all weights are equal */
};

/** balance_add() - while there is room for another one */
void balance_add(struct candidates *c, const struct candidate *one);

/** balance_zone() - leave only the targets of our own zone, if they are to be preferred */
void balance_zone(const struct route_group *group, struct candidates *c);

/* Each: n > 0 candidates; which one. */

/** balance_least_outstanding() - fewest requests in flight for its weight; ties at random, so that
 * threads do not march in step */
size_t balance_least_outstanding(const struct candidates *c, struct random *random);
/** balance_power_of_two() - the less loaded of two different ones drawn at random */
size_t balance_power_of_two(const struct candidates *c, struct random *random);
/** balance_least_expected_wait() - (in flight + 1) x service time for its weight */
size_t balance_least_expected_wait(const struct candidates *c, struct random *random, ms_t now);
size_t balance_random(const struct candidates *c, struct random *random);
size_t balance_weighted_random(const struct candidates *c, struct random *random);
/** balance_round_robin() - @turn: of the group */
size_t balance_round_robin(const struct candidates *c, unsigned turn);

/** balance_sticky() - the target that the client sticks to, if it may and can take the request and
 * has not too much to do
 * @may: whether it is in service, room or not
 * Return: NULL: nobody in particular. */
const struct route_target *balance_sticky(const struct balance *b,
                                          bool (*may)(const struct balance *b,
                                                      const struct route_target *t));
