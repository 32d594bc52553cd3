/* control/queue_wish.h: what those want who wait while there is no instance.
 *
 * Without an instance no policy sees anything, as no metric per instance has a meaning then; but
 * requests wait for one. It is wanted at either pace: held requests cannot wait for an alarm. How many
 * are: one, or, if a policy tracks requests in flight, as many as those who wait need by its target.
 */
#pragma once
#include "control/scalable.h"
#include "control/scaling_target.h"
#include "scaling/wish.h"

/** queue_wish() - Return: whether there is one, in @ret; not yet settled */
bool queue_wish(const struct scaling_target *t, const struct scalable_state *seen,
                struct wish *ret);
