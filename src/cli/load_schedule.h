/* cli/load_schedule.h: when requests leave.
 *
 * A plan says how many: pieces of linear rate one after another (a constant rate, a ramp and a
 * trace of counts are all of that form), or exact instants. A schedule draws the instants from it,
 * one at a time, in order, and repeats exactly under the same seed.
 *
 * Both kinds of arrivals come from one idea: let M(t) be the requests expected until t. Uniform
 * arrivals stand where M passes k + a random part of 1, so that exactly one falls in each unit;
 * Poisson arrivals where M passes a sum of exponential steps. Pure: no clock, no I/O.
 */
#pragma once
#include <stddef.h>

#include "base/clock.h"
#include "base/random.h"

struct load_piece {
    double length_s;           /* > 0 */
    double rate_from, rate_to; /* requests per second at its ends, >= 0 */
};

struct load_plan {
    struct load_piece *pieces;
    size_t n_pieces;
    us_t *instants; /* or these, ascending from the start; scale: each one so often */
    size_t n_instants;
    double scale;
};

void load_plan_deinit(struct load_plan *plan);
/** load_plan_add() - append a piece. Return: 0 or -ENOMEM. */
int load_plan_add(struct load_plan *plan, struct load_piece piece);
double load_plan_requests(const struct load_plan *plan); /* expected in all */
double load_plan_length_s(const struct load_plan *plan);

enum load_arrivals { LOAD_UNIFORM, LOAD_POISSON };

struct load_schedule {
    const struct load_plan *plan;
    enum load_arrivals arrivals;
    struct random random;
    size_t index;   /* piece or instant that is next */
    double start_s; /* when the piece begins */
    double passed;  /* requests expected before it */
    double next;    /* where the next arrival stands, in requests */
    uint64_t n_drawn;
    double owed; /* instants: how often the current one is still to be given */
};

/** load_schedule_init() - @plan is borrowed */
void load_schedule_init(struct load_schedule *s, const struct load_plan *plan,
                        enum load_arrivals arrivals, uint64_t seed);

enum { LOAD_SCHEDULE_END = 1 };
/** load_schedule_next() - the next instant, microseconds from the start. Return: 0 or
 * LOAD_SCHEDULE_END. */
int load_schedule_next(struct load_schedule *s, us_t *ret_at);
