/* balance/retry.h: how many requests may be sent a second time.
 *
 * Each request earns a part of a retry, each retry costs a whole one: when everything fails, the
 * targets get so many percent more than what came, not a multiple. RETRY_FLOOR_PER_S are earned in
 * any case, so that a quiet group can retry at all, and RETRY_SAVED_MAX can be saved up: a target
 * that breaks off takes all its requests with it at once, and each of them deserves its second try.
 * Each worker has a budget of its own for each target group.
 */
#pragma once
#include <stdbool.h>

#include "base/clock.h"

enum { RETRY_FLOOR_PER_S = 10, RETRY_SAVED_MAX = 1000 };

struct retry_budget {
    double saved;
    ms_t at; /* when the floor was last added */
};

void retry_init(struct retry_budget *b, ms_t now); /* full */
/** retry_earn() - a request came */
void retry_earn(struct retry_budget *b, unsigned percent);
/** retry_spend() - Return: whether a retry may be made. */
bool retry_spend(struct retry_budget *b, ms_t now);
