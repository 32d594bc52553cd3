/* A million virtual hours of random fleets under random traffic (scaling/test_random_fleet.h), and how
 * often a promise was broken.
 *
 * Fleets live 200 hours each. One in 500 lives at pace fast for 20 of them, second by second where
 * anything moves. One in 50 lives twice, and must decide alike; one in 1000 lives a day second by
 * second, too, and must decide as it did with leaps.
 *
 * usage: bench-property [HOURS] [SEED]   (1000000; 1)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scaling/test_random_fleet.h"

enum {
    FLEET_HOURS = 200,
    FAST_HOURS = 20,
    FAST_ONE_IN = 500,
    TWICE_ONE_IN = 50,
    SLOWLY_ONE_IN = 1000,
    SLOWLY_HOURS = 24,
    CPU_BUDGET_S = 60,
};

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct tally {
    struct fleet_life all;
    ms_t fast; /* of what was lived */
    unsigned unequal;
};

/* Return: whether the fleet decides alike when it lives again, in another way. */
static bool again(uint64_t seed, enum pace pace, unsigned hours, enum fleet_way way,
                  enum fleet_way other, struct tally *t)
{
    struct fleet_life one = { 0 }, two = { 0 };

    fleet_live(seed, pace, hours, way, &one);
    fleet_live(seed, pace, hours, other, &two);
    t->all.lived += one.lived + two.lived;
    t->all.leapt += one.leapt + two.leapt;
    t->all.instants += one.instants + two.instants;
    t->all.violations += one.violations + two.violations;
    return one.digest == two.digest;
}

static void live(uint64_t seed, struct tally *t)
{
    bool fast = seed % FAST_ONE_IN == 0, alike = true;
    enum pace pace = fast ? PACE_FAST : PACE_AWS;
    unsigned hours = fast ? FAST_HOURS : FLEET_HOURS;
    ms_t before = t->all.lived;

    if (seed % TWICE_ONE_IN == 0)
        alike = again(seed, pace, hours, FLEET_LEAP, FLEET_LEAP, t);
    else
        fleet_live(seed, pace, hours, FLEET_LEAP, &t->all);
    if (seed % SLOWLY_ONE_IN == 1)
        alike = again(seed, pace, SLOWLY_HOURS, FLEET_LEAP, FLEET_EACH_SECOND, t);
    if (!alike)
        printf("seed %" PRIu64 " decides differently when it lives again\n", seed);
    t->unequal += !alike;
    t->fast += fast ? t->all.lived - before : 0;
}

static void print(const struct tally *t, double seconds)
{
    const struct fleet_life *all = &t->all;
    double hours = (double)all->lived / 3600e3;

    printf("%.0f virtual hours, %.0f of them at pace fast; %.0f lived through, %.0f leapt over\n",
           hours, (double)t->fast / 3600e3, hours - (double)all->leapt / 3600e3,
           (double)all->leapt / 3600e3);
    printf("  decided %" PRIu64 " times: %u scale-outs, %u scale-ins\n", all->instants, all->n_out,
           all->n_in);
    printf("  CPU %.1f s (promised %d for 1000000 hours)\n", seconds, CPU_BUDGET_S);
    printf("  violations %u, unequal repetitions %u\n", all->violations, t->unequal);
    if (all->violations > 0)
        printf("  the first: %s\n", all->why);
}

int main(int argc, char **argv)
{
    double hours = argc > 1 ? atof(argv[1]) : 1e6, begun = cpu_s(), seconds;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    struct tally t = { 0 };

    while ((double)t.all.lived < hours * 3600e3)
        live(seed++, &t);
    seconds = cpu_s() - begun;
    print(&t, seconds);
    return t.all.violations > 0 || t.unequal > 0 || (hours >= 1e6 && seconds > CPU_BUDGET_S);
}
