/* proxy/h2_patience.h: how often a peer may ask for work that costs it nothing.
 *
 * Frames that want an answer, or do nothing, are strikes; with time they are forgiven. A peer that
 * has too many loses its connection with ENHANCE_YOUR_CALM. One ping for each piece of content that we
 * send is none: so peers measure how much may be on its way (gRPC's do, after every message).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum {
    H2_STRIKES_MAX = 1000,
    H2_STRIKES_PER_S = 200, /* are forgiven */
    H2_STRIKE = 1,          /* a frame that asks for an answer or does nothing */
    H2_STRIKE_REQUEST = 10, /* a request that was taken back, or none; an answer that is none */
    H2_PINGS_OWED_MAX = 100,
};

struct h2_patience {
    unsigned strikes;
    ms_t at;             /* when they were last forgiven */
    unsigned pings_owed; /* pieces of content that it has not pinged for */
};

/** h2_patience_content() - some was sent */
static inline void h2_patience_content(struct h2_patience *p)
{
    p->pings_owed += p->pings_owed < H2_PINGS_OWED_MAX;
}

/** h2_patience_ends() - a strike of that weight. Return: whether it was too much. */
static inline bool h2_patience_ends(struct h2_patience *p, unsigned weight, ms_t now)
{
    uint64_t forgiven = (uint64_t)(now - p->at) * H2_STRIKES_PER_S / MS_PER_S;

    if (forgiven) {
        p->strikes = forgiven < p->strikes ? p->strikes - (unsigned)forgiven : 0;
        p->at = now;
    }
    p->strikes += weight;
    return p->strikes > H2_STRIKES_MAX;
}

/** h2_patience_pinged() - Return: whether that was a strike */
static inline bool h2_patience_pinged(struct h2_patience *p)
{
    if (p->pings_owed == 0)
        return true;
    p->pings_owed--;
    return false;
}
