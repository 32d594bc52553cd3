#include "cli/load_schedule.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

void load_plan_deinit(struct load_plan *plan)
{
    free(plan->pieces);
    free(plan->instants);
    *plan = (struct load_plan){ 0 };
}

int load_plan_add(struct load_plan *plan, struct load_piece piece)
{
    size_t n = plan->n_pieces;

    assert(piece.length_s > 0 && piece.rate_from >= 0 && piece.rate_to >= 0);
    if ((n & (n - 1)) == 0) { /* full: capacities are the powers of two */
        size_t capacity = n ? 2 * n : 1;
        struct load_piece *grown = reallocarray(plan->pieces, capacity, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        plan->pieces = grown;
    }
    plan->pieces[plan->n_pieces++] = piece;
    return 0;
}

static double requests_in(const struct load_piece *p)
{
    return (p->rate_from + p->rate_to) / 2 * p->length_s;
}

double load_plan_requests(const struct load_plan *plan)
{
    double sum = (double)plan->n_instants * plan->scale;

    for (size_t i = 0; i < plan->n_pieces; i++)
        sum += requests_in(&plan->pieces[i]);
    return sum;
}

double load_plan_length_s(const struct load_plan *plan)
{
    double sum = 0;

    if (plan->n_instants > 0)
        return (double)plan->instants[plan->n_instants - 1] / (double)US_PER_S;
    for (size_t i = 0; i < plan->n_pieces; i++)
        sum += plan->pieces[i].length_s;
    return sum;
}

/* When, after the piece's beginning, @requests are expected to have come: the root of
 * a t + (b - a) / (2 length) t^2 = requests, in the form that does not cancel when a is near b. */
static double time_of(const struct load_piece *p, double requests)
{
    double slope = (p->rate_to - p->rate_from) / p->length_s;
    double root = sqrt(fmax(p->rate_from * p->rate_from + 2 * slope * requests, 0));
    double sum = p->rate_from + root;

    return sum > 0 ? fmin(2 * requests / sum, p->length_s) : 0;
}

static void draw(struct load_schedule *s)
{
    double unit = random_unit(&s->random);

    if (s->arrivals == LOAD_UNIFORM)
        s->next = (double)s->n_drawn + unit;
    else
        s->next -= log(1 - unit);
    s->n_drawn++;
}

void load_schedule_init(struct load_schedule *s, const struct load_plan *plan,
                        enum load_arrivals arrivals, uint64_t seed)
{
    *s = (struct load_schedule){ .plan = plan, .arrivals = arrivals };
    random_init(&s->random, seed);
    draw(s);
}

/* A scale of 1.5 gives every instant once, and every second one twice. */
static int next_instant(struct load_schedule *s, us_t *ret_at)
{
    while (s->owed < 1) {
        if (s->index == s->plan->n_instants)
            return LOAD_SCHEDULE_END;
        s->index++;
        s->owed += s->plan->scale;
    }
    s->owed -= 1;
    *ret_at = s->plan->instants[s->index - 1];
    return 0;
}

int load_schedule_next(struct load_schedule *s, us_t *ret_at)
{
    if (s->plan->n_instants > 0)
        return next_instant(s, ret_at);

    while (s->index < s->plan->n_pieces) {
        const struct load_piece *p = &s->plan->pieces[s->index];
        double requests = requests_in(p);

        if (s->next < s->passed + requests) {
            *ret_at = (us_t)((s->start_s + time_of(p, s->next - s->passed)) * (double)US_PER_S);
            draw(s);
            return 0;
        }
        s->passed += requests;
        s->start_s += p->length_s;
        s->index++;
    }
    return LOAD_SCHEDULE_END;
}
