/* scaling/explain.h: a decision together with all it was made of, to be made again.
 *
 * What decides is decide(), and wish_settle() before it. Both compute from values alone, so a
 * record that has the values has the decision: replaying it must give the same, bit for bit, and
 * replaying it with one number changed tells what that number did.
 * Pure: values in, values out.
 */
#pragma once
#include "scaling/decide.h"
#include "scaling/pace.h"

struct explanation {
    wall_ms_t at;
    enum pace pace;
    int pending; /* instances that were starting */
    bool bounds; /* no policy: the count was brought within the bounds */
    struct decide_input input;
    struct decision decision;
};

/** explain_replay() - decide again from what was seen; what the wishes settled at is not looked at
 * @scratch: room for input.n_wishes */
struct decision explain_replay(const struct explanation *x, struct wish *scratch);
/** explain_same() - equal in everything that is set */
bool explain_same(const struct decision *a, const struct decision *b);

/* One number that, with all others as they were, would have led to something else. */
struct turning_point {
    enum turning_number {
        TURNING_METRIC, /* the winner's */
        TURNING_HELD,   /* the most that the winner wanted in the scale-in window */
        TURNING_MIN,
        TURNING_MAX,
    } number;
    bool at_most; /* value or less; false: value or more */
    double value;
    int to; /* the desired count then */
};
enum { TURNING_POINTS_MAX = 4 };

/** explain_turning_points() - the nearest ones. Return: how many. */
size_t explain_turning_points(const struct explanation *x, struct wish *scratch,
                              struct turning_point ret[TURNING_POINTS_MAX]);

const char *turning_number_text(enum turning_number number); /* "metric" ... */
