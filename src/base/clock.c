#include "base/clock.h"

#include <assert.h>
#include <time.h>

#include "base/list.h"

static us_t real_mono_us(struct clock *c)
{
    struct timespec t;

    (void)c;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (us_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static wall_ms_t real_wall(struct clock *c)
{
    struct timespec t;

    (void)c;
    clock_gettime(CLOCK_REALTIME, &t);
    return (wall_ms_t)t.tv_sec * MS_PER_S + t.tv_nsec / 1000000;
}

struct clock *clock_real(void)
{
    static struct clock real = { .mono_us = real_mono_us, .wall = real_wall };

    return &real;
}

static us_t sim_mono_us(struct clock *c)
{
    return container_of(c, struct sim_clock, base)->now_us;
}

static wall_ms_t sim_wall(struct clock *c)
{
    struct sim_clock *sim = container_of(c, struct sim_clock, base);

    return sim->epoch + sim->now_us / US_PER_MS;
}

void sim_clock_init(struct sim_clock *c, wall_ms_t epoch)
{
    *c = (struct sim_clock){ .base = { .mono_us = sim_mono_us, .wall = sim_wall }, .epoch = epoch };
}

void sim_clock_advance(struct sim_clock *c, ms_t by)
{
    assert(by >= 0);
    c->now_us += by * US_PER_MS;
}
