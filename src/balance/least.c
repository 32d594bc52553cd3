/* Rules that look at load. */
#include "balance/rules.h"
#include "balance/speed.h"

/* The least so far. Reservoir: the k-th of equals replaces the choice with probability 1/k. */
struct least {
    size_t best;
    double score;
    unsigned ties;
};

static void consider(struct least *l, size_t i, double score, struct random *random)
{
    if (l->ties == 0 || score < l->score)
        *l = (struct least){ .best = i, .score = score, .ties = 1 };
    else if (score <= l->score && random_below(random, ++l->ties) == 0)
        l->best = i;
}

static double load(const struct candidate *one)
{
    return ((double)one->in_flight + 1) / one->weight;
}

size_t balance_least_outstanding(const struct candidates *c, struct random *random)
{
    struct least l = { 0 };

    for (size_t i = 0; i < c->n; i++)
        consider(&l, i, load(&c->list[i]), random);
    return l.best;
}

/* Different ones: two draws that may hit the same target would leave even the slowest one 1/n² of
 * all requests, whatever its load. */
size_t balance_power_of_two(const struct candidates *c, struct random *random)
{
    size_t a, b;

    if (c->n == 1)
        return 0;
    a = random_below(random, (uint32_t)c->n);
    b = random_below(random, (uint32_t)c->n - 1);
    b += b >= a;
    return load(&c->list[b]) < load(&c->list[a]) ? b : a;
}

/* --- expected wait ---------------------------------------------------------------------------- */

static double fastest_us(const struct candidates *c)
{
    double fastest = 0, us;

    for (size_t i = 0; i < c->n; i++) {
        us = speed_us(c->list[i].target->target);
        if (us > 0 && (fastest == 0 || us < fastest))
            fastest = us;
    }
    return fastest > 0 ? fastest : 1;
}

/* A target of which nothing is known is taken to be like the fastest, not faster: else everything
 * would fall on it until its first answer. For the same reason what is known fades only for a
 * target with nothing in flight: one request finds out how fast it is now. */
static double service_us(const struct candidate *one, double fastest, ms_t now)
{
    double us =
        one->in_flight ? speed_us(one->target->target) : speed_faded_us(one->target->target, now);

    return us > fastest ? us : fastest;
}

size_t balance_least_expected_wait(const struct candidates *c, struct random *random, ms_t now)
{
    double fastest = fastest_us(c);
    struct least l = { 0 };

    for (size_t i = 0; i < c->n; i++)
        consider(&l, i, load(&c->list[i]) * service_us(&c->list[i], fastest, now), random);
    return l.best;
}
