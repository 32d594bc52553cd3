/* proxy/balance.h: which target takes a request. */
#pragma once
#include "proxy/route.h"

/**
 * balance_pick() - choose among the targets of @group that take new requests
 * @avoid:          not this one, if there is another (it has just failed); may be NULL
 * @ret_in_service: targets that could have been chosen
 *
 * Healthy targets first. When none is healthy, those that connect but fail their checks are used
 * all the same: a check that is wrong about everybody must not close the shop. Least outstanding
 * counts the requests of all threads; ties are broken at random, so that threads do not march in
 * step.
 * Return: NULL if no target can take it.
 */
const struct route_target *balance_pick(const struct route_group *group, const struct target *avoid,
                                        struct random *random, unsigned *ret_in_service);

/** balance_in_service() - how many targets balance_pick() would choose from */
unsigned balance_in_service(const struct route_group *group);
