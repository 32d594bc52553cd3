/* scaling/wish.h: what one policy wants, and the numbers that made it so.
 *
 * Evaluating a policy fills in what was seen; wish_settle() computes what follows from that and
 * from nothing else. A kept wish can therefore be settled again, later and elsewhere, and comes out
 * the same (explain.h).
 * Pure: values in, values out.
 */
#pragma once
#include "scaling/cooldown.h"
#include "scaling/step.h"

enum wish_kind {
    WISH_TRACKING, /* a metric per instance, kept near a target */
    WISH_STEP,     /* an alarm went off, or stays */
    WISH_QUEUE,    /* requests wait, and no instance is in service */
    WISH_FORECAST, /* a load that is expected: reached for once, and a floor after that */
};

/* The periods that a tracked metric was read of. */
struct wish_reading {
    wall_ms_t end; /* of the newest */
    unsigned period_s, n;
    unsigned lead; /* periods before those that were looked at, too */
    bool strict;   /* as in math_scope */
};

struct wish {
    enum wish_kind kind;

    /* seen */
    enum direction alarm;  /* tracking: which of its alarms is on */
    bool due;              /* it is time to act on it; false: it only stands in the others' way */
    bool may_scale_in;     /* tracking: takes part in the vote on scaling in */
    bool below;            /* step: the alarm is on below its threshold */
    double metric, target; /* per instance; forecast: metric is the whole load */
    double threshold;      /* that the metric was above or below */
    double demand;         /* of all instances together: metric times instances; waiting requests */
    wall_ms_t hour;        /* forecast: start of the hour that it is of */
    struct wish_reading read; /* tracking: what metric and demand came from */
    unsigned window_s; /* over which the metric was looked at; forecast: how much ahead of it */
    int held;          /* tracking: the most that was wanted in the scale-in window */
    const struct step_scaling *steps; /* step: borrowed from the policy */
    struct cooldown cooldown;

    /* settled */
    enum direction direction;
    bool in_blocked; /* its scale-in cooldown runs */
    int floor;       /* scale-out cooldown: a proposal must exceed this */
    int capacity;    /* proposed, before bounds */
};

/** wish_settle() - what follows at @now
 * @base: the count that a step adds to: without what a change under way is still adding, or an
 *        alarm that stays would add the same again */
void wish_settle(struct wish *w, wall_ms_t now, int base);

/** wish_capacity() - ceil(demand / target): instances that @demand needs */
int wish_capacity(double demand, double target);

const char *wish_kind_text(enum wish_kind kind); /* "tracking" ... */
