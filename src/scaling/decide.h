/* scaling/decide.h: from what each policy wants to what is done.
 *
 * Out if any policy wants out: the largest capacity wins. In only if none wants out, and either
 * every target tracking policy that may scale in wants in and none is cooling down, or a step says
 * so, which needs nobody's consent: again the largest capacity. Never in below a forecast: that one
 * adds what it needs once, and holds the others up after that. The result stays within the
 * target's bounds, and is compared with what is already requested: capacity that is still starting
 * is never asked for twice.
 * Pure: values in, values out.
 * Source: Application Auto Scaling User Guide, "How target tracking scaling works".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "scaling/wish.h"

struct decide_input {
    int min, max; /* 0 <= min <= max */
    int in_service;
    int desired; /* requested already; more than in_service while instances start */
    int settled; /* what both were when they last were equal: steps count from there */
    bool out_suspended, in_suspended;
    bool unscalable; /* the resource cannot change its capacity now */
    const struct wish *wishes;
    size_t n_wishes;
};

enum not_scaled {
    NOT_SCALED_AT_MAX,
    NOT_SCALED_AT_MIN,
    NOT_SCALED_AT_DESIRED,
    NOT_SCALED_FLAPPING, /* one instance less would be over the target again */
    NOT_SCALED_UNSCALABLE,
};

enum verdict { VERDICT_NOTHING, VERDICT_SCALE, VERDICT_NOT_SCALED };

struct decision {
    enum verdict verdict;
    enum direction direction;
    int from, to;           /* with VERDICT_SCALE: desired capacity; to is within the bounds */
    size_t winner;          /* index of the wish that decided; unless VERDICT_NOTHING */
    enum not_scaled reason; /* with VERDICT_NOT_SCALED */
};

/** decide_base() - the count that steps add to: see wish_settle() */
int decide_base(const struct decide_input *in);

/** decide_floor() - what settled forecasts hold the capacity up to, within the bounds; 0: nothing */
int decide_floor(const struct decide_input *in);

/** decide_bounds() - nothing but that the count be within the bounds. Return: VERDICT_SCALE or
 * VERDICT_NOTHING. */
struct decision decide_bounds(const struct decide_input *in);

struct decision decide(const struct decide_input *in);

/** not_scaled_code() - "AlreadyAtMaxCapacity" ... */
const char *not_scaled_code(enum not_scaled reason);
