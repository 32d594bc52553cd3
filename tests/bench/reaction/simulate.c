/* The same loads by three rules, in virtual time: pace fast, pace aws, and Knative's pod autoscaler.
 *
 * usage: bench-reaction [--json]
 *
 * A fleet (scaling/test_fleet.h) of instances that take 10 s to start and are meant for 10 requests a
 * second; the policy's ScaleInCooldown is 60 s, as Knative's stable window is. weir's rules are
 * src/scaling, as the server runs it; Knative's are written down from its source (kpa below), and
 * are given the requests of each second at once. What every rule sees comes from the same seeds.
 * For each load and rule, medians over the seeds: seconds from the beginning of the load to the first
 * decision and to enough instances in service, the most instances that were asked for, the requests
 * that came beyond what those in service are meant for, and instance-seconds beyond what was needed. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scaling/test_fleet.h"

enum { SEEDS = 21, START_S = 10, WARM_S = 1200, STABLE_S = 60, PANIC_S = 6, TICK_S = 2 };

static const double target = 10,
                    idle = 9; /* requests per second: of an instance; before the load */

/* --- loads ------------------------------------------------------------------------------------ */

static double step_at(int s)
{
    return s >= 0 ? 4 * idle : idle;
}

static double spike_at(int s)
{
    return s >= 0 && s < 2 ? 4 * idle : idle;
}

static double burst_at(int s)
{
    return s >= 0 && s < 30 ? 10 * idle : idle;
}

static double ramp_at(int s)
{
    double share = s < 0 ? 0 : s > 120 ? 1 : s / 120.0;

    return idle * (1 + 3 * share);
}

static double steady_at(int s)
{
    (void)s;
    return idle;
}

static const struct load {
    const char *name, *about;
    double (*at)(int second);
    int seconds; /* that are looked at */
    int needed;  /* instances, at the end of the rise */
} loads[] = {
    { "step", "step to 4 times", step_at, 600, 4 },
    { "ramp", "to 4 times in 2 minutes", ramp_at, 600, 4 },
    { "burst", "10 times for 30 s", burst_at, 1500, 9 },
    { "spike", "4 times for 2 s", spike_at, 1500, 0 },
    { "steady", "an hour of chance", steady_at, 3600, 0 },
};
enum { LOADS = sizeof loads / sizeof loads[0] };

/* --- Knative ---------------------------------------------------------------------------------- */

/* knative.dev/serving, pkg/autoscaler/scaling/autoscaler.go, with the defaults: stable window 60 s,
 * panic window 6 s, panic at twice, a tick each 2 s, up to 1000 times up and to half down at a time. */
struct kpa {
    double seen[STABLE_S];
    int n, panic_since, most; /* -1: no panic */
};

static double kpa_mean(const struct kpa *k, int seconds)
{
    int n = k->n < seconds ? k->n : seconds;
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += k->seen[(k->n - 1 - i) % STABLE_S];
    return n > 0 ? sum / n : 0;
}

static int between(double value, double least, double most)
{
    return (int)(value < least ? least : value > most ? most : value);
}

static int kpa_decide(struct kpa *k, int now, int ready)
{
    double r = ready > 1 ? ready : 1, up = ceil(1000 * r), down = floor(r / 2);
    double stable = ceil(kpa_mean(k, STABLE_S) / target),
           panic = ceil(kpa_mean(k, PANIC_S) / target);
    int want = between(stable, down, up), rush = between(panic, down, up);

    if (panic / r >= 2)
        k->panic_since = now;
    else if (k->panic_since >= 0 && now - k->panic_since > STABLE_S) {
        k->panic_since = -1;
        k->most = 0;
    }
    if (k->panic_since < 0)
        return want;
    if (rush > want)
        want = rush;
    if (want > k->most)
        k->most = want;
    return k->most;
}

static void kpa_second(struct kpa *k, struct test_fleet *f, int now, unsigned requests)
{
    k->seen[k->n++ % STABLE_S] = requests;
    test_fleet_converge(f);
    if (now % TICK_S == 0)
        f->desired = between(kpa_decide(k, now, f->in_service), 1, f->max);
}

/* --- a run ------------------------------------------------------------------------------------ */

enum rule { RULE_FAST, RULE_AWS, RULE_KPA, RULES };
static const char *const rule_names[] = { "fast", "aws", "Knative" };

enum figure { DECISION_S, ENOUGH_S, MOST, SHORT, SPARE, CHANGES, FIGURES };
static const char *const figure_names[] = {
    "decision_s", "enough_s", "most", "requests_beyond", "instance_seconds_spare", "changes"
};

struct run {
    double figures[FIGURES]; /* NAN: it never came to that */
};

static void note(struct run *run, const struct load *load, const struct test_fleet *f, int second,
                 int before, unsigned requests)
{
    double *x = run->figures, fits = f->in_service * target;
    double needed = ceil(load->at(second) / target);

    if (isnan(x[DECISION_S]) && f->desired > before)
        x[DECISION_S] = second + 1;
    if (isnan(x[ENOUGH_S]) && load->needed > 0 && f->in_service >= load->needed)
        x[ENOUGH_S] = second + 1;
    x[MOST] = fmax(x[MOST], f->desired);
    x[SHORT] += requests > fits ? requests - fits : 0;
    x[SPARE] += f->in_service > needed ? f->in_service - needed : 0;
    x[CHANGES] += f->desired != before;
}

static struct run live(const struct load *load, enum rule rule, uint64_t seed)
{
    struct run run = { .figures = { [DECISION_S] = (double)NAN, [ENOUGH_S] = (double)NAN } };
    struct kpa k = { .panic_since = -1 };
    struct test_fleet f;
    int phase = (int)(seed * 7 % 60); /* of the minute in which the load begins */

    test_fleet_init(&f, rule == RULE_AWS ? PACE_AWS : PACE_FAST, target, START_S, seed);
    f.policy.scale_in_cooldown_s = STABLE_S;
    for (int second = -WARM_S - phase; second < load->seconds; second++) {
        unsigned requests = test_fleet_arrivals(&f, load->at(second));
        int before = f.desired;

        if (rule == RULE_KPA)
            kpa_second(&k, &f, second + WARM_S + 60, requests);
        else
            test_fleet_second(&f, requests);
        if (second < 0) /* what chance did before the load is another matter */
            f.desired = f.in_service = 1;
        else
            note(&run, load, &f, second, before, requests);
    }
    test_fleet_deinit(&f);
    return run;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* the median; NAN if more than half of the runs never came to it */
static double median(const struct run *runs, enum figure figure)
{
    double values[SEEDS];

    for (int i = 0; i < SEEDS; i++) {
        double x = runs[i].figures[figure];
        values[i] = isnan(x) ? (double)INFINITY : x;
    }
    qsort(values, SEEDS, sizeof values[0], ascending);
    return isinf(values[SEEDS / 2]) ? (double)NAN : values[SEEDS / 2];
}

/* --- output ----------------------------------------------------------------------------------- */

static void print_number(double x, int width, const char *nothing)
{
    if (isnan(x))
        printf("%*s", width, nothing);
    else
        printf("%*.0f", width, x);
}

static void print(const struct load *load, enum rule rule, const struct run *runs, bool json,
                  bool first)
{
    if (!json) {
        printf("%-26s %-8s", rule == RULE_FAST ? load->about : "", rule_names[rule]);
        for (int x = 0; x < FIGURES; x++)
            print_number(median(runs, (enum figure)x), 9, "-");
        puts("");
        return;
    }
    printf("%s\n{\"load\": \"%s\", \"rule\": \"%s\"", first ? "" : ",", load->name,
           rule_names[rule]);
    for (int x = 0; x < FIGURES; x++) {
        printf(", \"%s\": ", figure_names[x]);
        print_number(median(runs, (enum figure)x), 0, "null");
    }
    printf("}");
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;

    if (argc > 1 && !json) {
        fprintf(stderr, "usage: bench-reaction [--json]\n");
        return 2;
    }
    if (json)
        printf("[");
    else
        printf("%-26s %-8s %8s %8s %8s %8s %8s %8s\n", "in virtual time", "rule", "decision",
               "enough", "most", "beyond", "spare", "changes");
    for (size_t i = 0; i < LOADS; i++)
        for (int rule = 0; rule < RULES; rule++) {
            struct run runs[SEEDS];

            for (int k = 0; k < SEEDS; k++)
                runs[k] = live(&loads[i], (enum rule)rule, (uint64_t)k + 1);
            print(&loads[i], (enum rule)rule, runs, json, i == 0 && rule == 0);
        }
    if (json)
        printf("\n]\n");
    return 0;
}
