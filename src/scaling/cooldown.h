/* scaling/cooldown.h: the pause of a policy after it changed the capacity.
 *
 * It begins when the change has been carried out, not when it was asked for; a change that failed
 * or was overtaken begins none. After a scale-in no further scale-in; any scale-out ends that
 * pause. After a scale-out a further one must be larger: what was added already counts.
 * Source: Application Auto Scaling User Guide, "Define cooldown periods".
 */
#pragma once
#include <stdbool.h>

#include "base/clock.h"

enum direction { DIRECTION_NONE, DIRECTION_OUT, DIRECTION_IN };

struct cooldown {
    enum direction direction; /* of the change that began it; NONE: no cooldown */
    wall_ms_t until;
    int from, to; /* the change */
};

/** cooldown_start() - a change from @from to @to is complete; 0 @seconds starts nothing */
void cooldown_start(struct cooldown *c, int from, int to, wall_ms_t now, int seconds);
/** cooldown_scaled_out() - capacity is being added, by whichever policy: ends a scale-in
 * cooldown */
void cooldown_scaled_out(struct cooldown *c);

/** cooldown_blocks_in() - no scale-in at @now */
bool cooldown_blocks_in(const struct cooldown *c, wall_ms_t now);
/** cooldown_floor() - an absolute proposal to scale out must exceed this: the capacity that the
 * cooling change reached; 0 without a cooldown */
int cooldown_floor(const struct cooldown *c, wall_ms_t now);
/** cooldown_credit() - for a relative adjustment: capacity the cooling change added, which counts
 * as part of the adjustment; 0 without a cooldown */
int cooldown_credit(const struct cooldown *c, wall_ms_t now);
