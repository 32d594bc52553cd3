/* proxy/lease.h: how a worker moves from one route to the next. */
#pragma once
#include "proxy/worker.h"

/**
 * lease_install() - serve @route from now on
 * Connections to targets that it lacks are closed as they come free; whoever waits in a queue is
 * looked at again, in order. Return: 0, or -ENOMEM, when the old route stays.
 */
int lease_install(struct worker *w, struct route *route);

/** lease_cut() - end the requests of targets that are to be cut */
void lease_cut(struct worker *w);

/** lease_drop_all() - when the worker ends and nothing is connected any more */
void lease_drop_all(struct worker *w);
