/* scaling/test_random_fleet.h: a random fleet under random traffic in virtual time, and what must hold.
 *
 * A seed makes a fleet: its bounds (from 0), one to three tracking and up to two step policies with
 * the alarms that drive them, a forecast, scheduled actions, how long its instances take to start. It makes its
 * traffic, too: restless minutes, and long stretches at one level, idle ones and some without any
 * data among them. Nothing is remembered between runs: equal seeds live equal lives.
 *
 * The promises are checked after each decision by accounts of their own (test_random_fleet_check.c).
 *
 * A life can be lived second by second, or from one instant to the next at which anything can
 * change: a period ends, an instance becomes ready, traffic changes, a schedule fires. With
 * FLEET_LEAP, what stands still is passed over, too: where all that policies look at has been the
 * same for longer than they look back, a minute repeats the one before, until something happens.
 * The digest of all decisions to scale is the same in each way; test_property.c holds them to it.
 */
#pragma once
#include "scaling/explain.h"
#include "scaling/schedule.h"
#include "scaling/target_tracking.h"

enum {
    FLEET_POLICIES_MAX = 5,
    FLEET_WISHES_MAX = FLEET_POLICIES_MAX + 2, /* and the forecast's, and the queue's */
    FLEET_SCHEDULES_MAX = 2,
    FLEET_STARTS_MAX = 64,
    FLEET_FORECAST_TARGET = 600, /* requests a minute and instance */
    FLEET_WHY_BYTES = 200,
};

enum fleet_way { FLEET_EACH_SECOND, FLEET_INSTANTS, FLEET_LEAP };

struct fleet_life {
    uint64_t digest;           /* of all decisions to scale */
    uint64_t instants;         /* at which was decided */
    ms_t lived, leapt;         /* virtual time; how much of it was passed over */
    unsigned n_out, n_in;      /* decisions to scale */
    unsigned violations;       /* of what is promised */
    char why[FLEET_WHY_BYTES]; /* the first of them */
};

/** fleet_live() - the first @hours of @seed's fleet; adds to @life, whose digest continues */
void fleet_live(uint64_t seed, enum pace pace, unsigned hours, enum fleet_way way,
                struct fleet_life *life);

/* --- what the files share --------------------------------------------------------------------- */

struct fleet_policy {
    enum wish_kind kind;
    struct tracking tracking;    /* of both kinds: the metric */
    struct tracking_state state; /* of a step policy: its cooldown */
    struct step_scaling steps;
    struct alarm_rule rule; /* that drives the steps */
    enum alarm_state alarm;
    wall_ms_t judged, acted;
    wall_ms_t published; /* data up to here are in the store */
    double value;        /* published last; NAN: none */
};

/* What the checker remembers of a policy, kept apart from what the policy knows. */
struct fleet_account {
    enum direction direction; /* of its last completed change, while it cools down */
    wall_ms_t until;
    int from, to;
};

struct fleet {
    uint64_t seed;
    enum pace pace;
    unsigned grid_s;        /* judged this often */
    wall_ms_t now, changed; /* since when all is as it is */
    struct metrics *metrics;
    struct capacity_history history;
    struct fleet_life *life;

    int min, max, in_service, desired, settled;
    bool out_suspended, in_suspended;
    ms_t start_ms;
    struct {
        wall_ms_t at;
        int n;
    } starting[FLEET_STARTS_MAX];
    size_t n_starting;

    struct fleet_traffic {
        int64_t number;
        wall_ms_t until;
        double load; /* requests a minute, all together */
        bool restless, silent;
    } traffic;

    struct fleet_policy policies[FLEET_POLICIES_MAX];
    size_t n_policies;
    struct fleet_schedule {
        struct schedule schedule;
        wall_ms_t next; /* INT64_MAX: never again */
        int min, max;   /* -1: stays */
    } schedules[FLEET_SCHEDULES_MAX];
    size_t n_schedules;
    struct {
        bool any, reached; /* there is one; what it needs was asked for */
        int64_t hour;
        double load;
    } forecast;

    /* the change under way */
    bool changing;
    int winner; /* -1: no policy */
    int from, to;
    struct fleet_account accounts[FLEET_POLICIES_MAX];
};

/** fleet_random() - a number of the seed's own for each use of it */
uint64_t fleet_random(const struct fleet *f, uint64_t use, uint64_t index);
double fleet_unit(const struct fleet *f, uint64_t use, uint64_t index); /* in [0, 1) */
uint32_t fleet_below(const struct fleet *f, uint64_t use, uint64_t index, uint32_t bound);

/** fleet_forecast_capacity() - instances that the forecast needs now; 0: none */
int fleet_forecast_capacity(const struct fleet *f);

/* test_random_fleet_make.c */
void fleet_make(struct fleet *f, uint64_t seed, enum pace pace);
/** fleet_traffic_next() - what follows @f->traffic */
void fleet_traffic_next(struct fleet *f);
/** fleet_forecast_next() - when another hour has begun: its forecast */
void fleet_forecast_next(struct fleet *f);

/* test_random_fleet_decide.c */
/** fleet_bounds() - new bounds are kept to at once */
void fleet_bounds(struct fleet *f);
void fleet_decide(struct fleet *f);
/** fleet_restful() - whether nothing is acted on, nor stands on the way to it */
bool fleet_restful(const struct fleet *f);

/* test_random_fleet_check.c */
void fleet_check(struct fleet *f, const struct explanation *x);
void fleet_check_completed(struct fleet *f);
