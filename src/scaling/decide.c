#include "scaling/decide.h"

#include <assert.h>

const char *not_scaled_code(enum not_scaled reason)
{
    switch (reason) {
    case NOT_SCALED_AT_MAX:
        return "AlreadyAtMaxCapacity";
    case NOT_SCALED_AT_MIN:
        return "AlreadyAtMinCapacity";
    case NOT_SCALED_AT_DESIRED:
        return "AlreadyAtDesiredCapacity";
    case NOT_SCALED_FLAPPING:
        return "AutoScalingAnticipatedFlapping";
    case NOT_SCALED_UNSCALABLE:
        break;
    }
    return "TargetServicePutResourceAsUnscalable";
}

static const struct decision nothing = { .verdict = VERDICT_NOTHING };

static struct decision not_scaled(struct decision d, enum not_scaled reason)
{
    d.verdict = VERDICT_NOT_SCALED;
    d.reason = reason;
    return d;
}

static int clamp(int capacity, const struct decide_input *in)
{
    if (capacity > in->max)
        return in->max;
    return capacity < in->min ? in->min : capacity;
}

/* A forecast has nothing against less, as long as it is not less than it needs. */
static bool wants_out(const struct wish *w, const struct decide_input *in)
{
    if (w->kind == WISH_FORECAST)
        return w->due && w->capacity > in->desired;
    return w->direction == DIRECTION_OUT;
}

static bool anybody_wants_out(const struct decide_input *in)
{
    for (size_t i = 0; i < in->n_wishes; i++)
        if (wants_out(&in->wishes[i], in))
            return true;
    return false;
}

int decide_floor(const struct decide_input *in)
{
    int floor = 0;

    for (size_t i = 0; i < in->n_wishes; i++) {
        const struct wish *w = &in->wishes[i];
        if (w->kind == WISH_FORECAST && w->capacity > floor)
            floor = w->capacity;
    }
    return floor > 0 ? clamp(floor, in) : 0;
}

static struct decision decide_out(const struct decide_input *in)
{
    struct decision d = { .direction = DIRECTION_OUT, .from = in->desired };
    const struct wish *best = NULL;

    for (size_t i = 0; i < in->n_wishes; i++) {
        const struct wish *w = &in->wishes[i];
        if (!wants_out(w, in) || !w->due || w->capacity <= w->floor)
            continue;
        if (!best || w->capacity > best->capacity)
            best = w;
    }
    if (!best || in->out_suspended)
        return nothing;

    d.winner = (size_t)(best - in->wishes);
    d.to = clamp(best->capacity, in);
    if (d.to <= in->desired)
        return not_scaled(d,
                          best->capacity > in->desired ? NOT_SCALED_AT_MAX : NOT_SCALED_AT_DESIRED);
    if (in->unscalable)
        return not_scaled(d, NOT_SCALED_UNSCALABLE);
    d.verdict = VERDICT_SCALE;
    return d;
}

static const struct wish *larger(const struct wish *a, const struct wish *b)
{
    return !a || b->capacity > a->capacity ? b : a;
}

/* of target tracking: the largest capacity, if all who may scale in want to and now is the time */
static const struct wish *agreed_in(const struct decide_input *in)
{
    const struct wish *best = NULL;
    bool due = false;

    for (size_t i = 0; i < in->n_wishes; i++) {
        const struct wish *w = &in->wishes[i];
        if (w->kind != WISH_TRACKING || !w->may_scale_in)
            continue;
        if (w->direction != DIRECTION_IN || w->in_blocked)
            return NULL;
        due |= w->due;
        best = larger(best, w);
    }
    return due ? best : NULL;
}

/* Steps neither ask others nor wait for them. */
static const struct wish *best_in(const struct decide_input *in)
{
    const struct wish *best = agreed_in(in);

    for (size_t i = 0; i < in->n_wishes; i++) {
        const struct wish *w = &in->wishes[i];
        if (w->kind == WISH_STEP && w->direction == DIRECTION_IN && w->due && !w->in_blocked)
            best = larger(best, w);
    }
    return best;
}

static struct decision decide_in(const struct decide_input *in)
{
    struct decision d = { .direction = DIRECTION_IN, .from = in->desired };
    const struct wish *best = best_in(in);
    int floor = decide_floor(in);

    if (!best || in->in_suspended)
        return nothing;

    d.winner = (size_t)(best - in->wishes);
    d.to = clamp(best->capacity, in);
    if (in->desired <= in->min)
        return not_scaled(d, NOT_SCALED_AT_MIN);
    if (floor >= in->desired)
        return nothing; /* all of it is there for what is forecast */
    if (d.to < floor)
        d.to = floor;
    if (d.to >= in->in_service && in->in_service >= in->desired)
        return not_scaled(d, NOT_SCALED_FLAPPING);
    if (d.to >= in->in_service || d.to >= in->desired)
        return nothing; /* instances are still starting: see what they do first */
    if (in->unscalable)
        return not_scaled(d, NOT_SCALED_UNSCALABLE);
    d.verdict = VERDICT_SCALE;
    return d;
}

int decide_base(const struct decide_input *in)
{
    return in->settled < in->desired ? in->settled : in->desired;
}

struct decision decide_bounds(const struct decide_input *in)
{
    int to = clamp(in->desired, in);

    if (to == in->desired)
        return nothing;
    return (struct decision){ .verdict = VERDICT_SCALE,
                              .direction = to > in->desired ? DIRECTION_OUT : DIRECTION_IN,
                              .from = in->desired,
                              .to = to };
}

struct decision decide(const struct decide_input *in)
{
    assert(in->min >= 0 && in->min <= in->max);
    return anybody_wants_out(in) ? decide_out(in) : decide_in(in);
}
