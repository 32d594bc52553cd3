#include "scaling/wish.h"

#include <assert.h>
#include <limits.h>
#include <math.h>

static const double rounding = 1e-9; /* 3.0000000001 instances are 3 */

const char *wish_kind_text(enum wish_kind kind)
{
    switch (kind) {
    case WISH_TRACKING:
        return "tracking";
    case WISH_STEP:
        return "step";
    case WISH_FORECAST:
        return "forecast";
    case WISH_QUEUE:
        break;
    }
    return "queue";
}

int wish_capacity(double demand, double target)
{
    double instances = demand / target * (1 - rounding);

    assert(target > 0);
    if (!(instances > 0))
        return 0;
    return instances >= INT_MAX ? INT_MAX : (int)ceil(instances);
}

static void settle_tracking(struct wish *w, wall_ms_t now)
{
    w->direction = w->alarm;
    w->floor = cooldown_floor(&w->cooldown, now);
    if (w->direction == DIRECTION_NONE)
        return;
    w->capacity = wish_capacity(w->demand, w->target);
    if (w->held > w->capacity)
        w->capacity = w->held;
}

/* What a scale-out that cools down has added counts as a part of what is added now; an exact
 * capacity is no addition. */
static void settle_step(struct wish *w, wall_ms_t now, int base)
{
    const struct step *step = step_find(w->steps, w->below, w->metric - w->threshold);

    if (!w->due || !step)
        return;
    w->capacity = step_capacity(w->steps, step, base);
    if (w->capacity < base)
        w->direction = DIRECTION_IN;
    if (w->capacity <= base)
        return;
    w->direction = DIRECTION_OUT;
    if (w->steps->type == STEP_EXACT)
        w->floor = cooldown_floor(&w->cooldown, now);
    else
        w->capacity -= cooldown_credit(&w->cooldown, now);
    if (w->capacity <= base)
        w->direction = DIRECTION_NONE;
}

void wish_settle(struct wish *w, wall_ms_t now, int base)
{
    w->direction = DIRECTION_NONE;
    w->capacity = w->floor = 0;
    w->in_blocked = cooldown_blocks_in(&w->cooldown, now);
    switch (w->kind) {
    case WISH_TRACKING:
        settle_tracking(w, now);
        break;
    case WISH_STEP:
        settle_step(w, now, base);
        break;
    case WISH_QUEUE:
    case WISH_FORECAST:
        w->direction = DIRECTION_OUT;
        w->capacity = wish_capacity(w->demand, w->target);
        break;
    }
}
