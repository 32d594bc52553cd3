#include "scaling/explain.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { HALVINGS = 64 };

static const double far_times = 1024; /* how far above the metric the next turning point may be */

const char *turning_number_text(enum turning_number number)
{
    switch (number) {
    case TURNING_METRIC:
        return "metric";
    case TURNING_HELD:
        return "held";
    case TURNING_MIN:
        return "MinCapacity";
    case TURNING_MAX:
        break;
    }
    return "MaxCapacity";
}

/* --- again ------------------------------------------------------------------------------------ */

static struct decision decide_again(const struct explanation *x, struct wish *wishes)
{
    struct decide_input input = x->input;
    int base = decide_base(&input);

    if (x->bounds)
        return decide_bounds(&input);
    input.wishes = wishes;
    for (size_t i = 0; i < input.n_wishes; i++)
        wish_settle(&wishes[i], x->at, base);
    return decide(&input);
}

static void copy_wishes(const struct explanation *x, struct wish *scratch)
{
    if (x->input.n_wishes > 0)
        memcpy(scratch, x->input.wishes, x->input.n_wishes * sizeof *scratch);
}

struct decision explain_replay(const struct explanation *x, struct wish *scratch)
{
    copy_wishes(x, scratch);
    return decide_again(x, scratch);
}

bool explain_same(const struct decision *a, const struct decision *b)
{
    if (a->verdict != b->verdict)
        return false;
    if (a->verdict == VERDICT_NOTHING)
        return true;
    if (a->direction != b->direction || a->winner != b->winner || a->from != b->from)
        return false;
    return a->verdict == VERDICT_SCALE ? a->to == b->to : a->reason == b->reason;
}

/* --- what would have changed it --------------------------------------------------------------- */

/* the desired count that a decision leaves */
static int outcome(const struct explanation *x, const struct decision *d)
{
    return d->verdict == VERDICT_SCALE ? d->to : x->input.desired;
}

/* had the winner's metric been another; beyond its threshold its alarm is not on */
static int outcome_at(const struct explanation *x, struct wish *scratch, double metric)
{
    const struct wish *was = &x->input.wishes[x->decision.winner];
    double instances = was->metric != 0 ? was->demand / was->metric : 0;
    bool low = was->kind == WISH_TRACKING ? was->alarm == DIRECTION_IN : was->below;
    struct wish *w = &scratch[x->decision.winner];
    struct decision d;

    copy_wishes(x, scratch);
    if (low ? metric >= w->threshold : metric <= w->threshold) {
        w->alarm = DIRECTION_NONE;
        w->due = false;
    }
    w->metric = metric;
    w->demand = metric * instances;
    d = decide_again(x, scratch);
    return outcome(x, &d);
}

/* between a metric that led to what was done and one that would not have */
static double halve(const struct explanation *x, struct wish *scratch, double same, double other)
{
    int done = outcome(x, &x->decision);

    for (int i = 0; i < HALVINGS; i++) {
        double middle = same + (other - same) / 2;
        if (middle == same || middle == other)
            break;
        if (outcome_at(x, scratch, middle) == done)
            same = middle;
        else
            other = middle;
    }
    return other;
}

static size_t turn_metric(const struct explanation *x, struct wish *scratch, double limit,
                          struct turning_point *ret)
{
    double metric = x->input.wishes[x->decision.winner].metric;
    int done = outcome(x, &x->decision);

    if (outcome_at(x, scratch, limit) == done)
        return 0;
    *ret = (struct turning_point){ .number = TURNING_METRIC, .at_most = limit < metric };
    ret->value = halve(x, scratch, metric, limit);
    ret->to = outcome_at(x, scratch, ret->value);
    return 1;
}

static size_t turn_held(const struct explanation *x, struct wish *scratch,
                        struct turning_point *ret)
{
    struct wish *w = &scratch[x->decision.winner];
    struct decision d;

    copy_wishes(x, scratch);
    if (w->held == 0)
        return 0;
    w->held--;
    d = decide_again(x, scratch);
    if (outcome(x, &d) == outcome(x, &x->decision))
        return 0;
    *ret = (struct turning_point){
        .number = TURNING_HELD, .at_most = true, .value = w->held, .to = outcome(x, &d)
    };
    return 1;
}

/* Is it a bound that stopped it? */
static size_t turn_bound(const struct explanation *x, struct wish *scratch,
                         struct turning_point *ret)
{
    bool out = x->decision.direction == DIRECTION_OUT;
    int done = outcome(x, &x->decision), bound;
    struct explanation other = *x;
    struct decision d;

    if (out ? done < x->input.max || done == INT_MAX : done > x->input.min || done == 0)
        return 0;
    bound = out ? done + 1 : done - 1;
    if (out)
        other.input.max = bound;
    else
        other.input.min = bound;
    d = explain_replay(&other, scratch);
    if (outcome(&other, &d) == done)
        return 0;
    *ret = (struct turning_point){ .number = out ? TURNING_MAX : TURNING_MIN,
                                   .at_most = !out,
                                   .value = bound,
                                   .to = outcome(&other, &d) };
    return 1;
}

size_t explain_turning_points(const struct explanation *x, struct wish *scratch,
                              struct turning_point ret[TURNING_POINTS_MAX])
{
    const struct wish *w;
    size_t n = 0;

    if (x->bounds || x->decision.verdict == VERDICT_NOTHING)
        return 0;
    w = &x->input.wishes[x->decision.winner];
    if (w->kind != WISH_QUEUE) {
        n += turn_metric(x, scratch, fmin(0, w->metric), &ret[n]);
        n +=
            turn_metric(x, scratch, fmax(fabs(w->metric), fabs(w->threshold)) * far_times, &ret[n]);
    }
    n += turn_held(x, scratch, &ret[n]);
    n += turn_bound(x, scratch, &ret[n]);
    return n;
}
