#include "scaling/cooldown.h"

void cooldown_start(struct cooldown *c, int from, int to, wall_ms_t now, int seconds)
{
    if (seconds <= 0 || from == to)
        return;
    *c = (struct cooldown){
        .direction = to > from ? DIRECTION_OUT : DIRECTION_IN,
        .until = now + seconds * MS_PER_S,
        .from = from,
        .to = to,
    };
}

void cooldown_scaled_out(struct cooldown *c)
{
    if (c->direction == DIRECTION_IN)
        *c = (struct cooldown){ .direction = DIRECTION_NONE };
}

static bool runs(const struct cooldown *c, enum direction direction, wall_ms_t now)
{
    return c->direction == direction && now < c->until;
}

bool cooldown_blocks_in(const struct cooldown *c, wall_ms_t now)
{
    return runs(c, DIRECTION_IN, now);
}

int cooldown_floor(const struct cooldown *c, wall_ms_t now)
{
    return runs(c, DIRECTION_OUT, now) ? c->to : 0;
}

int cooldown_credit(const struct cooldown *c, wall_ms_t now)
{
    return runs(c, DIRECTION_OUT, now) ? c->to - c->from : 0;
}
