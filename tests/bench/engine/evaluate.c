/* What deciding costs: nanoseconds for one scalable target's second, with 10 to 100,000 targets.
 *
 * A target has its own endpoint, one policy and a metric of its own in the store, as the server
 * has: a reading each second, a quarter of an hour of them behind it, one target in eight idle.
 * A second is what control/autoscaler does with values: remember the count, evaluate the policy
 * (which reads the metric from the store by its name), settle the wish, decide. Three kinds:
 *
 *   fast  target tracking at pace fast: the last minute's seconds are read and judged each second
 *   aws   target tracking at pace aws: 3 and 15 whole minutes are read and judged once a minute
 *   step  an alarm of 3 minutes, read and judged once a minute, and its step policy
 *
 * A minute goes by, readings arrive between the seconds and are not counted. Printed are the mean
 * of the 60 seconds and the dearest of them, which is the one in which whole minutes are judged. CPU
 * time of this thread; the best of the rounds, because others on the machine only ever add to it.
 *
 * usage: bench-engine [--targets N] [--rounds N] [--json FILE]   (N targets at most: 100000; 2)
 */
#include <assert.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "scaling/explain.h"
#include "scaling/target_tracking.h"

enum {
    PAST_S = 16 * 60, /* readings there are before the measuring begins */
    MINUTE_S = 60,
    WARM_UP_S = 5, /* what is allocated or judged once */
    IN_SERVICE = 4,
    GOAL_PER_SECOND = 200000,
};

#define START ((wall_ms_t)1767322800000)

enum kind { KIND_FAST, KIND_AWS, KIND_STEP, KINDS };
static const char *const kind_texts[KINDS] = { "fast", "aws", "step" };
static const size_t counts[] = { 10, 100, 1000, 10000, 100000 };
enum { COUNTS = sizeof(counts) / sizeof(*counts) };

struct target {
    char endpoint[24];
    struct tracking tracking;
    struct tracking_state state;
    struct capacity_history history;
    struct alarm_rule alarm;
    enum alarm_state alarm_state;
    wall_ms_t judged;
    int desired;
};

struct fleet {
    enum kind kind;
    size_t n;
    struct target *targets;
    struct metrics *metrics;
    struct random random;
    wall_ms_t now;
    uint64_t scaled; /* decisions to scale: what is computed is used */
};

struct cost {
    double mean_ns,
        most_ns; /* of one target's second: over the minute, and in the dearest second */
};

static const struct step_scaling steps = {
    .type = STEP_CHANGE,
    .n_steps = 2,
    .steps = { { 0, 300, 1 }, { 300, (double)INFINITY, 3 } },
};

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- the fleet -------------------------------------------------------------------------------- */

/* Below the target with as few instances as may be, so that nothing scales; one in eight is idle. */
static void put(struct fleet *f, size_t i, wall_ms_t at, wall_ms_t now)
{
    struct target *t = &f->targets[i];
    double requests = i % 8 == 7 ? 0 : 5 + (double)random_below(&f->random, 10);
    struct metric_datum d = { .at = at, .unit = METRIC_UNIT_NONE, .resolution_s = 1 };
    double value = requests / IN_SERVICE;

    if (requests == 0) {
        d.values = &value;
        d.n_values = 1;
    } else {
        d.count = requests;
        d.sum = value;
        d.min = d.max = 1.0 / IN_SERVICE;
    }
    if (metrics_put(f->metrics, &t->tracking.metric, &d, now) != 0)
        abort();
}

static void target_init(struct target *t, size_t i)
{
    snprintf(t->endpoint, sizeof(t->endpoint), "endpoint-%zu", i);
    t->tracking = (struct tracking){
        .metric = { "AWS/SageMaker",
                    "InvocationsPerInstance",
                    { { "EndpointName", t->endpoint }, { "VariantName", "AllTraffic" } },
                    2 },
        .unit = METRIC_UNIT_ANY,
        .statistic = { .kind = STATISTIC_SUM },
        .period_s = 60,
        .target = 225,
        .scale_out_cooldown_s = COOLDOWN_NOT_GIVEN,
        .scale_in_cooldown_s = COOLDOWN_NOT_GIVEN,
    };
    t->alarm = (struct alarm_rule){
        .comparison = ALARM_GREATER, .threshold = 300, .period_s = 60, .evaluation_periods = 3
    };
    tracking_state_init(&t->state);
    t->desired = IN_SERVICE;
}

static void fleet_init(struct fleet *f, size_t n)
{
    *f = (struct fleet){ .n = n, .now = START };
    random_init(&f->random, 1);
    f->targets = calloc(n, sizeof(*f->targets));
    if (!f->targets || metrics_new(n, &f->metrics) != 0)
        abort();
    for (size_t i = 0; i < n; i++) {
        target_init(&f->targets[i], i);
        for (int s = PAST_S; s > 0; s--)
            put(f, i, f->now - s * MS_PER_S, f->now);
    }
}

static void fleet_deinit(struct fleet *f)
{
    metrics_free(f->metrics);
    free(f->targets);
}

/* --- a target's second ------------------------------------------------------------------------ */

static void wish_of_tracking(const struct fleet *f, struct target *t, struct wish *ret)
{
    struct scaling_view view = {
        .now = f->now,
        .pace = f->kind == KIND_AWS ? PACE_AWS : PACE_FAST,
        .in_service = IN_SERVICE,
        .history = &t->history,
        .metrics = f->metrics,
    };
    struct tracking_report report;

    tracking_evaluate(&t->tracking, &t->state, &view, &report);
    *ret = report.wish;
}

/* as control/alarm_judge.c does it */
static void wish_of_step(const struct fleet *f, struct target *t, struct wish *ret)
{
    wall_ms_t end = (f->now - MS_PER_S) / 60000 * 60000;
    struct alarm_evidence e;

    *ret = (struct wish){ .kind = WISH_STEP, .steps = &steps, .threshold = t->alarm.threshold };
    if (end > t->judged) {
        t->judged = end;
        tracking_gather(&t->tracking, &t->alarm, alarm_range(&t->alarm), f->metrics, end, &e);
        t->alarm_state = alarm_judge_evidence(&t->alarm, &e, t->alarm_state);
        ret->due = t->alarm_state == ALARM_ALARM;
        ret->metric = alarm_recent_average(&t->alarm, &e);
    }
    wish_settle(ret, f->now, t->desired);
}

static void target_second(struct fleet *f, struct target *t)
{
    struct wish wish;
    struct decision d;

    capacity_history_push(&t->history, f->now, IN_SERVICE);
    if (f->kind == KIND_STEP)
        wish_of_step(f, t, &wish);
    else
        wish_of_tracking(f, t, &wish);
    d = decide(&(struct decide_input){ .min = IN_SERVICE,
                                       .max = 10,
                                       .in_service = IN_SERVICE,
                                       .desired = t->desired,
                                       .settled = IN_SERVICE,
                                       .wishes = &wish,
                                       .n_wishes = 1 });
    f->scaled += d.verdict == VERDICT_SCALE;
}

static double fleet_second(struct fleet *f)
{
    double begun;

    for (size_t i = 0; i < f->n; i++)
        put(f, i, f->now, f->now);
    metrics_age(f->metrics, f->now);
    f->now += MS_PER_S;
    begun = cpu_ns();
    for (size_t i = 0; i < f->n; i++)
        target_second(f, &f->targets[i]);
    return (cpu_ns() - begun) / (double)f->n;
}

static struct cost fleet_minute(struct fleet *f)
{
    struct cost c = { 0 };

    for (int s = 0; s < MINUTE_S; s++) {
        double ns = fleet_second(f);

        c.mean_ns += ns / MINUTE_S;
        c.most_ns = fmax(c.most_ns, ns);
    }
    return c;
}

static struct cost measure(struct fleet *f, enum kind kind, int rounds)
{
    struct cost best = { (double)INFINITY, (double)INFINITY };

    f->kind = kind;
    for (size_t i = 0; i < f->n; i++) {
        tracking_state_init(&f->targets[i].state);
        f->targets[i].judged = 0;
    }
    for (int s = 0; s < WARM_UP_S; s++)
        fleet_second(f);
    for (int i = 0; i < rounds; i++) {
        struct cost c = fleet_minute(f);

        best.mean_ns = fmin(best.mean_ns, c.mean_ns);
        best.most_ns = fmin(best.most_ns, c.most_ns);
    }
    return best;
}

/* --- the report ------------------------------------------------------------------------------- */

static void print(enum kind kind, size_t n, struct cost c)
{
    printf("%5s %9zu %12.0f %12.0f %14.0f\n", kind_texts[kind], n, c.mean_ns, c.most_ns,
           1e9 / c.mean_ns);
    fflush(stdout);
}

static void write_json(FILE *out, size_t n_counts, struct cost costs[KINDS][COUNTS])
{
    const char *comma = "";

    fprintf(out, "{\"goal_per_second\": %d, \"results\": [", GOAL_PER_SECOND);
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < n_counts; i++) {
            const struct cost *c = &costs[kind][i];

            fprintf(out,
                    "%s\n  {\"kind\": \"%s\", \"targets\": %zu, \"mean_ns\": %.1f, \"most_ns\": "
                    "%.1f, \"per_second\": %.0f}",
                    comma, kind_texts[kind], counts[i], c->mean_ns, c->most_ns, 1e9 / c->mean_ns);
            comma = ",";
        }
    fprintf(out, "\n]}\n");
}

static int usage(void)
{
    fprintf(stderr, "usage: bench-engine [--targets N] [--rounds N] [--json FILE]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "targets", required_argument, NULL, 't' },
                                             { "rounds", required_argument, NULL, 'r' },
                                             { "json", required_argument, NULL, 'j' },
                                             { 0 } };
    struct cost costs[KINDS][COUNTS];
    size_t most = counts[COUNTS - 1], n_counts = 0;
    const char *json = NULL;
    bool met = true;
    int rounds = 2, o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (o == 't')
            most = strtoul(optarg, NULL, 10);
        else if (o == 'r')
            rounds = atoi(optarg);
        else if (o == 'j')
            json = optarg;
        else
            return usage();
    }
    if (optind < argc || rounds < 1)
        return usage();
    while (n_counts < COUNTS && counts[n_counts] <= most)
        n_counts++;
    printf("%5s %9s %12s %12s %14s\n", "", "targets", "ns/target", "dearest s", "targets/s");
    for (size_t i = 0; i < n_counts; i++) {
        struct fleet f;

        fleet_init(&f, counts[i]);
        for (int kind = 0; kind < KINDS; kind++) {
            costs[kind][i] = measure(&f, (enum kind)kind, rounds);
            print((enum kind)kind, counts[i], costs[kind][i]);
            met &= 1e9 / costs[kind][i].mean_ns >= GOAL_PER_SECOND;
        }
        assert(f.scaled == 0);
        fleet_deinit(&f);
    }
    if (json) {
        FILE *out = fopen(json, "w");

        if (!out) {
            perror(json);
            return 1;
        }
        write_json(out, n_counts, costs);
        fclose(out);
    }
    printf("%d targets a second: %s\n", GOAL_PER_SECOND, met ? "met" : "missed");
    return !met;
}
