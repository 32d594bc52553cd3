/* proxy/place.h: a target for a request: chosen, waited for, and chosen again if it failed. */
#pragma once
#include "proxy/exchange.h"

/** place() - ask a target of @group, or queue for one; x->head_out and body_out are there */
void place(struct exchange *x, const struct route_group *group);
/** place_granted() - it has waited, and x->queued.target is counted in flight for it */
void place_granted(struct exchange *x);
/** place_expired() - it has waited too long */
void place_expired(struct exchange *x);
/** place_leave() - wait no longer; harmless when it does not wait */
void place_leave(struct exchange *x);

/**
 * place_again() - after a failure: kind->start() again if that is right
 * @twice: what has reached a target may be carried out once more
 *
 * Whoever could not be connected to has seen nothing, and another target is asked. A kept
 * connection that breaks before a byte of an answer was mostly closed while the request was on its
 * way, and it is sent once more; but only a reset says for sure that nobody has worked on it.
 * Return: whether the failure is dealt with.
 */
bool place_again(struct exchange *x, enum exchange_failure why, int error, bool twice);

/** place_answered() - the head of an answer has come */
void place_answered(struct exchange *x, unsigned status);
/** place_ended() - kind->ended(): gives the target's slot to whoever waits for one */
void place_ended(struct exchange *x, us_t us, bool complete);
/** place_count_error() - at most once for a request; @status: the target's, 0: none */
void place_count_error(struct exchange *x, unsigned status);
