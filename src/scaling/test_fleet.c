#include "scaling/test_fleet.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const wall_ms_t epoch = 1769026560000; /* a whole minute */

void test_fleet_init(struct test_fleet *f, enum pace pace, double target, int start_s,
                     uint64_t seed)
{
    assert(start_s >= 0 && start_s <= TEST_FLEET_START_S_MAX);
    *f = (struct test_fleet){
        .pace = pace,
        .now = epoch,
        .min = 1,
        .max = 100,
        .in_service = 1,
        .desired = 1,
        .start_s = start_s,
        .policy = {
            .metric = { .namespace = "AWS/SageMaker", .name = "InvocationsPerInstance" },
            .unit = METRIC_UNIT_ANY,
            .statistic = { .kind = STATISTIC_SUM },
            .period_s = 60,
            .target = target * 60,
            .scale_out_cooldown_s = COOLDOWN_NOT_GIVEN,
            .scale_in_cooldown_s = COOLDOWN_NOT_GIVEN,
        },
    };
    random_init(&f->random, seed);
    tracking_state_init(&f->state);
    if (metrics_new(10, &f->metrics) != 0)
        abort();
}

void test_fleet_deinit(struct test_fleet *f)
{
    f->metrics = metrics_free(f->metrics);
}

/* Knuth's way, in steps small enough for e to the minus rate. */
unsigned test_fleet_arrivals(struct test_fleet *f, double rate)
{
    unsigned n = 0;

    while (rate > 0) {
        double part = rate > 50 ? 50 : rate, limit = exp(-part), p = random_unit(&f->random);

        for (; p > limit; p *= random_unit(&f->random))
            n++;
        rate -= part;
    }
    return n;
}

static int n_starting(const struct test_fleet *f)
{
    int n = 0;

    for (int i = 0; i <= f->start_s; i++)
        n += f->starting[i];
    return n;
}

void test_fleet_converge(struct test_fleet *f)
{
    int missing = f->desired - f->in_service - n_starting(f);

    if (missing > 0)
        f->starting[f->start_s] += missing;
    for (int i = f->start_s; i >= 0; i--) /* the newest go first */
        while (missing < 0 && f->starting[i] > 0) {
            f->starting[i]--;
            missing++;
        }
    if (f->in_service > f->desired)
        f->in_service = f->desired;
    f->in_service += f->starting[0];
    memmove(f->starting, f->starting + 1, sizeof f->starting - sizeof f->starting[0]);
    f->starting[TEST_FLEET_START_S_MAX] = 0;
}

static void publish(struct test_fleet *f, unsigned requests)
{
    double each = f->in_service > 0 ? 1.0 / f->in_service : 1;
    struct metric_datum d = {
        .at = f->now,
        .resolution_s = 1,
        .count = requests > 0 ? requests : 1,
        .sum = requests * each,
        .min = requests > 0 ? each : 0,
        .max = requests > 0 ? each : 0,
    };

    if (metrics_put(f->metrics, &f->policy.metric, &d, f->now) != 0)
        abort();
}

const struct decision *test_fleet_second(struct test_fleet *f, unsigned requests)
{
    struct tracking_report report;
    struct scaling_view view;

    capacity_history_push(&f->history, f->now, (unsigned)f->in_service);
    publish(f, requests);
    f->now += MS_PER_S;
    test_fleet_converge(f);
    capacity_history_push(&f->history, f->now, (unsigned)f->in_service);
    view = (struct scaling_view){ .now = f->now,
                                  .pace = f->pace,
                                  .in_service = (unsigned)f->in_service,
                                  .starting = (unsigned)n_starting(f),
                                  .history = &f->history,
                                  .metrics = f->metrics };
    tracking_evaluate(&f->policy, &f->state, &view, &report);
    f->decision = decide(&(struct decide_input){ .min = f->min,
                                                 .max = f->max,
                                                 .in_service = f->in_service,
                                                 .desired = f->desired,
                                                 .settled = f->in_service,
                                                 .wishes = &report.wish,
                                                 .n_wishes = 1 });
    metrics_age(f->metrics, f->now);
    if (f->decision.verdict == VERDICT_SCALE) {
        f->n_out += f->decision.direction == DIRECTION_OUT;
        f->n_in += f->decision.direction == DIRECTION_IN;
        f->desired = f->decision.to;
    }
    return &f->decision;
}
