/* The fleet's time: what happens when, and what is passed over. */
#include "scaling/test_random_fleet.h"

#include <math.h>
#include <stdlib.h>

enum {
    LOOK_BACK_S = 18 * 60,   /* the longest range of an alarm, and one more minute */
    FAST_MEMORY_S = 15 * 60, /* the longest scale-in window at pace fast */
    LEAP_MINUTES_MIN = 5,    /* shorter ones are lived */
    USE_NOISE = 1000,
};

static const ms_t minute_ms = 60 * MS_PER_S;

/* --- the world -------------------------------------------------------------------------------- */

/* A policy's metric over the period that ends at @end; NAN: none. */
static double value_at(const struct fleet *f, size_t i, wall_ms_t end, ms_t period)
{
    const struct fleet_policy *p = &f->policies[i];
    double value = f->traffic.load;

    if (f->traffic.silent || (p->kind == WISH_TRACKING && f->in_service == 0))
        return (double)NAN;
    if (p->kind == WISH_TRACKING)
        value /= f->in_service;
    if (p->tracking.statistic.kind == STATISTIC_SUM)
        value = value * (double)period / (double)minute_ms;
    if (f->traffic.restless) {
        uint64_t number = (uint64_t)(end / period);

        if (fleet_below(f, USE_NOISE + i, 2 * number, 50) == 0)
            return (double)NAN;
        value *= 0.6 + 0.8 * fleet_unit(f, USE_NOISE + i, 2 * number + 1);
    }
    return value;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void put(struct fleet *f, size_t i, wall_ms_t end, ms_t period)
{
    struct fleet_policy *p = &f->policies[i];
    double value = value_at(f, i, end, period);
    double requests = fmax(1, f->traffic.load * (double)period / (double)minute_ms);
    struct metric_datum d = { .at = end - period, .resolution_s = period < minute_ms ? 1 : 60 };

    if (f->traffic.restless || !same(value, p->value))
        f->changed = f->now;
    p->value = value;
    if (isnan(value))
        return;
    d.values = &value;
    d.n_values = 1;
    if (p->tracking.statistic.kind == STATISTIC_SUM) { /* as of many requests */
        d.n_values = 0;
        d.count = requests;
        d.sum = value;
        d.min = d.max = value / requests;
    }
    if (metrics_put(f->metrics, &p->tracking.metric, &d, f->now) != 0)
        abort();
}

/* What was measured in the periods that are over. */
static void publish(struct fleet *f, wall_ms_t from)
{
    for (size_t i = 0; i < f->n_policies; i++) {
        struct fleet_policy *p = &f->policies[i];
        ms_t period = f->pace == PACE_FAST ? MS_PER_S : p->tracking.period_s * MS_PER_S;
        wall_ms_t last = f->now / period * period;

        if (p->published < from)
            p->published = from / period * period;
        while (p->published < last) {
            p->published += period;
            put(f, i, p->published, period);
        }
    }
    metrics_age(f->metrics, f->now);
}

/* Instances become ready; a change may be complete by that. */
static void converge(struct fleet *f)
{
    size_t n = 0;

    while (n < f->n_starting && f->starting[n].at <= f->now)
        f->in_service += f->starting[n++].n;
    if (n > 0)
        f->changed = f->now;
    f->n_starting -= n;
    for (size_t i = 0; i < f->n_starting && n > 0; i++)
        f->starting[i] = f->starting[i + n];
    if (f->in_service == f->desired)
        f->settled = f->desired;
    if (f->changing && f->in_service == f->to) {
        fleet_check_completed(f);
        f->changing = false;
    }
}

/* A scheduled action changes the bounds, unless they would cross. */
static void run_schedules(struct fleet *f)
{
    for (size_t i = 0; i < f->n_schedules; i++) {
        struct fleet_schedule *s = &f->schedules[i];
        int min = s->min < 0 ? f->min : s->min, max = s->max < 0 ? f->max : s->max;
        struct schedule_plan plan = {
            .schedule = &s->schedule, .created = s->next, .start = INT64_MIN, .end = INT64_MAX
        };

        if (f->now < s->next)
            continue;
        if (schedule_next(&plan, f->now, &s->next) != 0)
            s->next = INT64_MAX;
        if (min > max)
            continue;
        f->min = min;
        f->max = max;
        f->changed = f->now;
        fleet_bounds(f);
    }
}

static void instant(struct fleet *f)
{
    publish(f, f->now - (ms_t)LOOK_BACK_S * MS_PER_S);
    while (f->now >= f->traffic.until)
        fleet_traffic_next(f);
    fleet_forecast_next(f);
    converge(f);
    run_schedules(f);
    capacity_history_push(&f->history, f->now, (unsigned)f->in_service);
    fleet_decide(f);
}

/* --- from instant to instant ------------------------------------------------------------------ */

static void sooner(wall_ms_t *at, wall_ms_t other)
{
    if (other < *at)
        *at = other;
}

/* when what was low while there was no instance begins to count */
static wall_ms_t next_trust(const struct fleet *f, const struct fleet_policy *p)
{
    struct alarm_rule high, low;
    wall_ms_t at;

    tracking_rules(&p->tracking, f->pace, &high, &low);
    at = p->state.woken + low.evaluation_periods * low.period_s * MS_PER_S;
    return p->kind == WISH_TRACKING && at > f->now ? at : INT64_MAX;
}

/* when anything happens that is not a period's end */
static wall_ms_t next_event(const struct fleet *f)
{
    static const ms_t hour = 3600 * MS_PER_S;
    wall_ms_t at = f->traffic.until;

    if (f->forecast.any)
        sooner(&at, f->now / hour * hour + hour);
    for (size_t i = 0; i < f->n_policies; i++)
        sooner(&at, next_trust(f, &f->policies[i]));

    if (f->changing && f->in_service == f->to)
        sooner(&at, f->now + MS_PER_S); /* it is complete, which is seen then */
    if (f->n_starting > 0)
        sooner(&at, f->starting[0].at);
    for (size_t i = 0; i < f->n_schedules; i++)
        sooner(&at, f->schedules[i].next);
    return at;
}

/* a moment after a period ends, its data have come and are judged */
static wall_ms_t next_instant(const struct fleet *f)
{
    ms_t grid = f->grid_s * MS_PER_S;
    wall_ms_t at = (f->now - MS_PER_S) / grid * grid + grid + MS_PER_S;

    sooner(&at, next_event(f));
    return at;
}

/* How many whole minutes from now on are as the one before. What leads up to the next event is
 * lived again, from a minute before it. A policy that acts in the midst of a minute does so at a
 * second of its own, which a leap would lose. */
static ms_t minutes_alike(const struct fleet *f)
{
    ms_t memory = LOOK_BACK_S + 120 + (f->pace == PACE_FAST ? FAST_MEMORY_S : 0);
    wall_ms_t until = next_event(f);

    if (f->now - f->changed <= memory * MS_PER_S || f->traffic.restless || f->n_starting > 0 ||
        f->changing || (f->now - MS_PER_S) % minute_ms != 0)
        return 0;
    if (f->grid_s < 60 && f->pace == PACE_AWS && !fleet_restful(f))
        return 0;
    for (size_t i = 0; i < f->n_policies; i++) {
        const struct cooldown *c = &f->policies[i].state.cooldown;

        if (c->direction != DIRECTION_NONE && c->until > f->now)
            sooner(&until, c->until);
    }
    return (until - f->now) / minute_ms - 1;
}

static void leap(struct fleet *f, wall_ms_t end)
{
    ms_t minutes = minutes_alike(f), left = (end - f->now) / minute_ms - 1;

    if (minutes > left)
        minutes = left;
    if (minutes < LEAP_MINUTES_MIN)
        return;
    f->now += minutes * minute_ms;
    f->life->leapt += minutes * minute_ms;
    instant(f);
}

void fleet_live(uint64_t seed, enum pace pace, unsigned hours, enum fleet_way way,
                struct fleet_life *life)
{
    struct fleet f;
    wall_ms_t begin, end;

    fleet_make(&f, seed, pace);
    f.life = life;
    begin = f.now;
    end = begin + hours * 60 * minute_ms;
    for (;;) {
        wall_ms_t next = way == FLEET_EACH_SECOND ? f.now + MS_PER_S : next_instant(&f);

        if (next > end)
            break;
        f.now = next;
        instant(&f);
        if (way == FLEET_LEAP)
            leap(&f, end);
    }
    life->lived += end - begin;
    metrics_free(f.metrics);
}
