/* Random fleets under random traffic, in virtual time: what must hold after every decision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/random.h"
#include "scaling/target_tracking.h"

enum { POLICIES_MAX = 3, FLEETS = 12, SECONDS = 3600 };

static const wall_ms_t epoch = 1769026560000;
static const char *const metric_names[POLICIES_MAX] = { "a", "b", "c" };

/* a fleet and its policies; instances take a while to start */
struct fleet {
    struct random random;
    enum pace pace;
    wall_ms_t now;
    int min, max, in_service, desired, start_s;
    int starting[600]; /* become ready in this many seconds */
    struct metrics *metrics;
    struct capacity_history history;
    size_t n_policies;
    struct tracking policies[POLICIES_MAX];
    struct tracking_state states[POLICIES_MAX];
    double load; /* requests a second, all together */

    /* the change under way */
    bool changing;
    size_t winner;
    int from, to;
    struct decision last;
    uint64_t digest; /* of all decisions */
    int n_out, n_in;
};

static struct tracking random_policy(struct random *r, size_t i)
{
    struct tracking t = {
        .metric = { .namespace = "n", .name = metric_names[i] },
        .unit = METRIC_UNIT_ANY,
        .statistic = { .kind = random_below(r, 2) ? STATISTIC_SUM : STATISTIC_AVERAGE },
        .period_s = 60,
        .target = 60 * (1 + random_below(r, 40)),
        .scale_out_cooldown_s = (int)random_below(r, 100) - 1,
        .scale_in_cooldown_s = (int)random_below(r, 200) - 1,
        .disable_scale_in = random_below(r, 5) == 0,
    };

    return t;
}

static void fleet_init(struct fleet *f, uint64_t seed)
{
    *f = (struct fleet){ .now = epoch, .last = { .verdict = VERDICT_NOTHING } };
    random_init(&f->random, seed);
    f->pace = random_below(&f->random, 2) ? PACE_AWS : PACE_FAST;
    f->min = (int)random_below(&f->random, 3);
    f->max = f->min + 1 + (int)random_below(&f->random, 10);
    f->in_service = f->desired = f->min + (int)random_below(&f->random, 2);
    f->start_s = (int)random_below(&f->random, 120);
    f->n_policies = 1 + random_below(&f->random, POLICIES_MAX);
    f->load = 5;
    for (size_t i = 0; i < f->n_policies; i++) {
        f->policies[i] = random_policy(&f->random, i);
        tracking_state_init(&f->states[i]);
    }
    assert_int_equal(metrics_new(100, &f->metrics), 0);
}

static void publish(struct fleet *f)
{
    if (random_below(&f->random, 30) == 0)
        f->load = random_unit(&f->random) * random_unit(&f->random) * 100;
    if (f->in_service == 0 || random_below(&f->random, 50) == 0)
        return; /* no data this second */
    for (size_t i = 0; i < f->n_policies; i++) {
        bool rate = f->policies[i].statistic.kind == STATISTIC_SUM;
        double value =
            f->load / f->in_service * (rate ? 1 : 60) * (0.8 + 0.4 * random_unit(&f->random));
        struct metric_datum d = { .at = f->now,
                                  .resolution_s = 1,
                                  .count = 1 + f->load,
                                  .sum = value,
                                  .min = value / (1 + f->load),
                                  .max = value / (1 + f->load) };
        if (!rate)
            d = (struct metric_datum){
                .at = f->now, .resolution_s = 1, .values = &value, .n_values = 1
            };
        assert_int_equal(metrics_put(f->metrics, &f->policies[i].metric, &d, f->now), 0);
    }
}

static int pending(const struct fleet *f)
{
    int n = 0;

    for (size_t i = 0; i < sizeof f->starting / sizeof f->starting[0]; i++)
        n += f->starting[i];
    return n;
}

/* instances become ready, surplus ones leave, changes complete */
static void converge(struct fleet *f)
{
    int missing = f->desired - f->in_service - pending(f);

    if (missing > 0)
        f->starting[f->start_s] += missing;
    if (f->desired < f->in_service)
        f->in_service = f->desired;
    for (int i = 0; i <= f->start_s && missing < 0; i++) /* no longer wanted */
        while (f->starting[i] > 0 && missing < 0) {
            f->starting[i]--;
            missing++;
        }
    f->in_service += f->starting[0];
    memmove(f->starting, f->starting + 1, sizeof f->starting - sizeof f->starting[0]);
    if (f->changing && f->in_service == f->to) {
        const struct tracking *t = &f->policies[f->winner];
        int seconds =
            f->to > f->from ? tracking_out_cooldown_s(t, f->pace) : tracking_in_cooldown_s(t);
        cooldown_start(&f->states[f->winner].cooldown, f->from, f->to, f->now, seconds);
        f->changing = false;
    }
}

static void check(struct fleet *f, const struct wish *wishes, const struct decision *d)
{
    bool anybody_out = false;

    for (size_t i = 0; i < f->n_policies; i++)
        anybody_out |= wishes[i].direction == DIRECTION_OUT;
    if (d->verdict != VERDICT_SCALE)
        return;
    assert_in_range(d->to, f->min, f->max);
    assert_int_equal(d->from, f->desired);
    if (d->direction == DIRECTION_OUT) {
        assert_true(d->to > f->desired);
        assert_true(wishes[d->winner].capacity >
                    cooldown_floor(&f->states[d->winner].cooldown, f->now));
        return;
    }
    assert_true(d->to < f->desired && d->to < f->in_service);
    assert_false(anybody_out);
    for (size_t i = 0; i < f->n_policies; i++) {
        if (f->policies[i].disable_scale_in)
            continue;
        assert_int_equal(f->states[i].low, ALARM_ALARM);
        assert_false(cooldown_blocks_in(&f->states[i].cooldown, f->now));
        assert_true(wishes[i].capacity <= wishes[d->winner].capacity);
    }
}

static void act(struct fleet *f, const struct decision *d)
{
    if (d->verdict != VERDICT_SCALE)
        return;
    if (d->direction == DIRECTION_OUT)
        for (size_t i = 0; i < f->n_policies; i++)
            cooldown_scaled_out(&f->states[i].cooldown);
    f->n_out += d->direction == DIRECTION_OUT;
    f->n_in += d->direction == DIRECTION_IN;
    f->changing = true;
    f->winner = d->winner;
    f->from = d->from;
    f->to = d->to;
    f->desired = d->to;
}

static void mix(struct fleet *f, const struct decision *d)
{
    uint64_t word = (uint64_t)d->verdict + 10 * (uint64_t)d->winner + 100 * (uint64_t)d->to +
                    100000 * (uint64_t)d->reason;

    f->digest = (f->digest ^ word) * 1099511628211u;
}

static void fleet_second(struct fleet *f)
{
    struct wish wishes[POLICIES_MAX];
    struct tracking_report report;
    struct scaling_view view;
    struct decision d;

    capacity_history_push(&f->history, f->now, (unsigned)f->in_service);
    publish(f);
    f->now += MS_PER_S;
    converge(f);
    view = (struct scaling_view){ .now = f->now,
                                  .pace = f->pace,
                                  .in_service = (unsigned)f->in_service,
                                  .history = &f->history,
                                  .metrics = f->metrics };
    capacity_history_push(&f->history, f->now, (unsigned)f->in_service);
    for (size_t i = 0; i < f->n_policies; i++) {
        tracking_evaluate(&f->policies[i], &f->states[i], &view, &report);
        wishes[i] = report.wish;
    }
    d = decide(&(struct decide_input){ .min = f->min,
                                       .max = f->max,
                                       .in_service = f->in_service,
                                       .desired = f->desired,
                                       .wishes = wishes,
                                       .n_wishes = f->n_policies });
    check(f, wishes, &d);
    mix(f, &d);
    act(f, &d);
    metrics_age(f->metrics, f->now);
}

/* a fleet's life from @seed */
static uint64_t live(uint64_t seed, int *n_out, int *n_in)
{
    struct fleet f;

    fleet_init(&f, seed);
    for (int second = 0; second < SECONDS; second++)
        fleet_second(&f);
    *n_out += f.n_out;
    *n_in += f.n_in;
    metrics_free(f.metrics);
    return f.digest;
}

static void random_fleets_keep_every_promise(void **state)
{
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    int n_out = 0, n_in = 0;

    print_message("WEIR_TEST_SEED=%llu repeats this\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < FLEETS; i++) {
        uint64_t digest = live(seed + i, &n_out, &n_in);
        if (i % 4 == 0) /* equal inputs, equal outputs */
            assert_true(live(seed + i, &n_out, &n_in) == digest);
    }
    print_message("%d scale-outs, %d scale-ins\n", n_out, n_in);
    assert_true(n_out > 0 && n_in > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_fleets_keep_every_promise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
