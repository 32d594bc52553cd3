/* What a seed makes: bounds, policies, schedules, traffic. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scaling/test_random_fleet.h"

static const wall_ms_t epoch = 1769026560000; /* a whole minute */

enum use {
    USE_FLEET = 1,
    USE_SCHEDULE,
    USE_TRAFFIC,
    USE_FORECAST,
    USE_POLICY = 100, /* and so on, a hundred for each policy */
};

uint64_t fleet_random(const struct fleet *f, uint64_t use, uint64_t index)
{
    uint64_t x = f->seed * 0x9e3779b97f4a7c15 + use * 0xd1342543de82ef95 + index;

    for (int i = 0; i < 2; i++) { /* splitmix64's finish */
        x ^= x >> 30;
        x *= 0xbf58476d1ce4e5b9;
        x ^= x >> 27;
        x *= 0x94d049bb133111eb;
        x ^= x >> 31;
    }
    return x;
}

double fleet_unit(const struct fleet *f, uint64_t use, uint64_t index)
{
    return (double)(fleet_random(f, use, index) >> 11) * 0x1p-53;
}

uint32_t fleet_below(const struct fleet *f, uint64_t use, uint64_t index, uint32_t bound)
{
    return (uint32_t)(fleet_unit(f, use, index) * bound);
}

static const char *const metric_names[FLEET_POLICIES_MAX] = { "a", "b", "c", "d", "e" };

static void make_tracking(const struct fleet *f, size_t i, struct fleet_policy *p)
{
    uint64_t use = USE_POLICY * (i + 1);
    bool frequent = fleet_below(f, use, 1, 100) == 0; /* costs six times as many looks */

    p->kind = WISH_TRACKING;
    p->tracking = (struct tracking){
        .unit = METRIC_UNIT_ANY,
        .statistic = { .kind = fleet_below(f, use, 2, 2) ? STATISTIC_SUM : STATISTIC_AVERAGE },
        .period_s = frequent ? 10 : 60,
        .target = 60 * (1 + fleet_below(f, use, 3, 40)),
        .scale_out_cooldown_s = (int)fleet_below(f, use, 4, 400) - 1,
        .scale_in_cooldown_s = (int)fleet_below(f, use, 5, 600) - 1,
        .disable_scale_in = fleet_below(f, use, 6, 5) == 0,
    };
    tracking_state_init(&p->state);
}

/* Steps side by side, outwards from the threshold. */
static void make_steps(const struct fleet *f, uint64_t use, struct fleet_policy *p)
{
    bool below = p->rule.comparison == ALARM_LESS;
    struct step_scaling *s = &p->steps;
    double bound = 0;

    *s = (struct step_scaling){
        .type = (enum step_type)fleet_below(f, use, 20, 3),
        .aggregation = (enum step_aggregation)fleet_below(f, use, 21, 3),
        .cooldown_s = (int)fleet_below(f, use, 22, 600),
        .n_steps = 1 + fleet_below(f, use, 23, 4),
    };
    if (s->type == STEP_PERCENT)
        s->min_magnitude = (int)fleet_below(f, use, 24, 4);
    for (size_t i = 0; i < s->n_steps; i++) {
        double next =
            i + 1 < s->n_steps ? bound + 1 + fleet_below(f, use, 30 + i, 2000) : (double)INFINITY;
        int size = (int)fleet_below(f, use, 40 + i, s->type == STEP_PERCENT ? 150 : 6);
        s->steps[i] = (struct step){
            .lower = below ? -next : bound,
            .upper = below ? -bound : next,
            .adjustment = below && s->type != STEP_EXACT ? -size : size,
        };
        bound = next;
    }
}

static void make_step(const struct fleet *f, size_t i, struct fleet_policy *p)
{
    uint64_t use = USE_POLICY * (i + 1);
    unsigned n = 1 + fleet_below(f, use, 2, 5);
    char why[STEP_WHY_BYTES];

    p->kind = WISH_STEP;
    p->rule = (struct alarm_rule){
        .comparison = fleet_below(f, use, 3, 2) ? ALARM_LESS : ALARM_GREATER_OR_EQUAL,
        .threshold = 200 * (1 + fleet_below(f, use, 4, 40)),
        .period_s = 60,
        .evaluation_periods = n,
        .datapoints = fleet_below(f, use, 5, n + 1),
        .missing = (enum alarm_missing)fleet_below(f, use, 6, 4),
    };
    p->tracking = (struct tracking){ .unit = METRIC_UNIT_ANY,
                                     .statistic = { .kind = STATISTIC_AVERAGE },
                                     .period_s = 60 };
    make_steps(f, use, p);
    if (!step_check(&p->steps, why)) {
        fprintf(stderr, "a step policy that AWS would refuse: %s\n", why);
        abort();
    }
}

static void make_policies(struct fleet *f)
{
    size_t n_tracking = fleet_below(f, USE_FLEET, 10, 4);
    size_t n_steps = fleet_below(f, USE_FLEET, 11, 3);

    f->grid_s = f->pace == PACE_FAST ? 1 : 60;
    f->n_policies = n_tracking + n_steps > 0 ? n_tracking + n_steps : 1;
    for (size_t i = 0; i < f->n_policies; i++) {
        struct fleet_policy *p = &f->policies[i];

        if (i < n_tracking || n_steps == 0)
            make_tracking(f, i, p);
        else
            make_step(f, i, p);
        p->tracking.metric = (struct metric_name){ .namespace = "n", .name = metric_names[i] };
        p->published = f->now;
        p->value = (double)NAN;
        if (p->tracking.period_s < f->grid_s)
            f->grid_s = p->tracking.period_s;
    }
}

static void make_schedules(struct fleet *f)
{
    static const char *const texts[] = { "rate(7 hours)",          "rate(90 minutes)",
                                         "cron(0 8 * * ? *)",      "cron(30 18 ? * MON-FRI *)",
                                         "cron(15 10 L * ? *)",    "cron(0/20 3 ? * SUN#2 *)",
                                         "at(2026-01-23T04:05:06)" };

    f->n_schedules = fleet_below(f, USE_SCHEDULE, 0, FLEET_SCHEDULES_MAX + 1);
    for (size_t i = 0; i < f->n_schedules; i++) {
        struct fleet_schedule *s = &f->schedules[i];
        const char *text = texts[fleet_below(f, USE_SCHEDULE, 10 + i, 7)], *why;
        struct schedule_plan plan = {
            .schedule = &s->schedule, .created = f->now, .start = INT64_MIN, .end = INT64_MAX
        };

        s->min = (int)fleet_below(f, USE_SCHEDULE, 20 + i, 8) - 1;
        s->max = (int)fleet_below(f, USE_SCHEDULE, 30 + i, 16) - 1;
        if (schedule_parse((struct slice){ text, strlen(text) }, &s->schedule, &why) != 0)
            abort();
        if (schedule_next(&plan, f->now, &s->next) != 0)
            s->next = INT64_MAX;
    }
}

/* Three stretches in four are long and even. */
void fleet_traffic_next(struct fleet *f)
{
    struct fleet_traffic *t = &f->traffic;
    uint64_t k = (uint64_t)++t->number * 8;
    double level = fleet_unit(f, USE_TRAFFIC, k);

    t->restless = fleet_below(f, USE_TRAFFIC, k + 1, 4) == 0;
    t->silent = fleet_below(f, USE_TRAFFIC, k + 2, 10) == 0;
    t->load = fleet_below(f, USE_TRAFFIC, k + 3, 3) == 0 ? 0 : level * level * 12000;
    t->until += (t->restless ? 60 + (ms_t)fleet_below(f, USE_TRAFFIC, k + 4, 3600)
                             : 600 + (ms_t)fleet_below(f, USE_TRAFFIC, k + 4, 36000)) *
                MS_PER_S;
    f->out_suspended = fleet_below(f, USE_TRAFFIC, k + 5, 20) == 0;
    f->in_suspended = fleet_below(f, USE_TRAFFIC, k + 6, 20) == 0;
    f->changed = f->now;
}

void fleet_forecast_next(struct fleet *f)
{
    int64_t hour = f->now / (3600 * MS_PER_S);
    uint64_t use = (uint64_t)hour * 2;

    if (!f->forecast.any || hour == f->forecast.hour)
        return;
    f->forecast.hour = hour;
    f->forecast.reached = false;
    f->forecast.load = fleet_below(f, USE_FORECAST, use, 3) == 0
                           ? 0
                           : fleet_unit(f, USE_FORECAST, use + 1) * 12 * FLEET_FORECAST_TARGET;
}

void fleet_make(struct fleet *f, uint64_t seed, enum pace pace)
{
    *f = (struct fleet){ .seed = seed, .pace = pace, .now = epoch, .winner = -1 };
    f->min = (int)fleet_below(f, USE_FLEET, 0, 4);
    f->max = f->min + 1 + (int)fleet_below(f, USE_FLEET, 1, 12);
    f->in_service = f->desired = f->settled = f->min + (int)fleet_below(f, USE_FLEET, 2, 2);
    f->start_ms = (1 + (ms_t)fleet_below(f, USE_FLEET, 3, 300)) * MS_PER_S;
    f->traffic.until = epoch;
    f->forecast.any = fleet_below(f, USE_FLEET, 4, 4) == 0;
    fleet_forecast_next(f);
    if (metrics_new(FLEET_POLICIES_MAX, &f->metrics) != 0)
        abort();
    make_policies(f);
    make_schedules(f);
    fleet_traffic_next(f);
}
