/* Which rule suits which fleet: the proxy's own balancing over simulated targets, in virtual time.
 *
 * usage: bench-balance [--requests N] [--seed N]
 *
 * For each fleet and rule: the latencies of N requests that arrive at random (Poisson). A target
 * works on so many requests at a time, each for a random time (exponential, around its mean), and
 * keeps the others waiting in order. Where the fleet has a cap, requests beyond it wait in the
 * proxy, as in balance/queue.h. Everything is decided by the seed. */
#include <assert.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/balance.h"
#include "balance/speed.h"
#include "base/heap.h"
#include "base/histogram.h"
#include "base/list.h"

enum { TARGETS_MAX = 100, WARM_UP = 10 };

struct fleet {
    const char *about;
    size_t n;
    us_t service_us, slow_us; /* of each target; of the first one */
    double load;              /* of what the fleet can do, or, without slots, requests at a time */
    unsigned slots;           /* at a time, each; 0: any number */
    unsigned cap;
};

static const struct fleet fleets[] = {
    { "4 alike, 1 at a time, load 0.5", 4, 6000, 6000, 0.5, 1, 0 },
    { "4 alike, 4 at a time, load 0.7", 4, 6000, 6000, 0.7, 4, 0 },
    { "4 alike, 4 at a time, load 0.9", 4, 6000, 6000, 0.9, 4, 0 },
    { "4 alike, any number, 16 in flight", 4, 6000, 6000, 16, 0, 0 },
    { "one of 4 10 times slower, 1 at a time, load 0.5", 4, 6000, 60000, 0.5, 1, 0 },
    { "one of 4 10 times slower, 4 at a time, load 0.5", 4, 6000, 60000, 0.5, 4, 0 },
    { "one of 4 10 times slower, 4 at a time, load 0.8", 4, 6000, 60000, 0.8, 4, 0 },
    { "one of 4 10 times slower, any number, 8 in flight", 4, 6000, 60000, 8, 0, 0 },
    { "one of 4 twice as slow, 4 at a time, load 0.7", 4, 6000, 12000, 0.7, 4, 0 },
    { "one of 2 10 times slower, 4 at a time, load 0.5", 2, 6000, 60000, 0.5, 4, 0 },
    { "100 alike, 1 at a time, load 0.7", 100, 6000, 6000, 0.7, 1, 0 },
    { "4 alike, cap 4 of 4, load 0.9", 4, 6000, 6000, 0.9, 4, 4 },
    { "one of 4 10 times slower, cap 4 of 4, load 0.8", 4, 6000, 60000, 0.8, 4, 4 },
};

static const struct {
    const char *name;
    enum link_algorithm algorithm;
} rules[] = {
    { "least_outstanding", LINK_LEAST_OUTSTANDING },
    { "least_expected_wait", LINK_LEAST_EXPECTED_WAIT },
    { "power_of_two", LINK_POWER_OF_TWO },
    { "round_robin", LINK_ROUND_ROBIN },
    { "random", LINK_RANDOM },
};

struct server {
    us_t service_us;
    unsigned busy;
    struct list waiting;
};

struct request {
    struct heap_node node; /* by `at` */
    struct list_link link; /* of a server's or the proxy's queue */
    us_t at;               /* what happens next: it arrives, or its work is done */
    us_t arrived, sent;
    const struct route_target *target; /* NULL: it arrives */
};

struct run {
    const struct fleet *fleet;
    struct random random;
    us_t now;
    struct heap agenda;
    struct route_group group;
    struct route_target targets[TARGETS_MAX];
    struct server servers[TARGETS_MAX];
    struct list queue; /* of the proxy */
    unsigned long left, seen;
    struct histogram latencies_us;
};

static bool sooner(const struct heap_node *a, const struct heap_node *b)
{
    return container_of(a, struct request, node)->at < container_of(b, struct request, node)->at;
}

static us_t exponential(struct run *r, double mean)
{
    return (us_t)ceil(-mean * log(1 - random_unit(&r->random)));
}

static double arrivals_per_us(const struct fleet *f)
{
    double rate = 0;

    for (size_t i = 0; i < f->n; i++)
        rate += 1.0 / (double)(i == 0 ? f->slow_us : f->service_us);
    if (f->slots)
        return rate * f->slots * f->load;
    return f->load / (double)f->service_us;
}

static void schedule(struct run *r, struct request *q, us_t at)
{
    q->at = at;
    heap_add(&r->agenda, &q->node);
}

static void work(struct run *r, struct request *q)
{
    struct server *s = &r->servers[q->target->index];

    if (r->fleet->slots && s->busy == r->fleet->slots) {
        list_push_back(&s->waiting, &q->link);
        return;
    }
    s->busy++;
    schedule(r, q, r->now + exponential(r, (double)s->service_us));
}

static bool send_on(struct run *r, struct request *q, bool queued)
{
    struct balance b = {
        .group = &r->group, .queued = queued, .random = &r->random, .now = r->now / US_PER_MS
    };
    unsigned in_service;

    q->target = balance_take(&b, &in_service);
    if (!q->target)
        return false;
    q->sent = r->now;
    work(r, q);
    return true;
}

static void arrive(struct run *r, struct request *q)
{
    struct request *next;

    q->arrived = r->now;
    if (!list_empty(&r->queue) || !send_on(r, q, false))
        list_push_back(&r->queue, &q->link);
    if (--r->left == 0)
        return;
    next = calloc(1, sizeof(*next));
    assert(next);
    schedule(r, next, r->now + exponential(r, 1 / arrivals_per_us(r->fleet)));
}

static void finish(struct run *r, struct request *q)
{
    struct server *s = &r->servers[q->target->index];
    struct request *next = list_first_entry(&s->waiting, struct request, link);

    speed_record(q->target->target, r->now - q->sent, r->now / US_PER_MS);
    target_end(q->target->target);
    if (++r->seen > r->left / WARM_UP)
        histogram_record(&r->latencies_us, (uint64_t)(r->now - q->arrived));
    free(q);
    s->busy--;
    if (next) {
        list_remove(&next->link);
        work(r, next);
    }
    next = list_first_entry(&r->queue, struct request, link);
    if (!next)
        return;
    list_remove(&next->link);
    if (!send_on(r, next, true))
        list_push_front(&r->queue, &next->link);
}

static void set_up(struct run *r, const struct fleet *fleet, enum link_algorithm algorithm)
{
    heap_init(&r->agenda, sooner);
    list_init(&r->queue);
    r->fleet = fleet;
    r->group.config.algorithm = algorithm;
    r->group.targets = r->targets;
    r->group.n_targets = fleet->n;
    if (gauge_new("fleet", &r->group.gauge))
        abort();
    for (unsigned i = 0; i < fleet->n; i++) {
        struct link_target config = { .address = "127.0.0.1:1" };
        struct route_target *t = &r->targets[i];

        snprintf(config.id, sizeof(config.id), "%u", i);
        *t = (struct route_target){ .index = i, .weight = 1, .concurrency_max = fleet->cap };
        if (target_new("fleet", &config, 0, &t->target))
            abort();
        r->servers[i].service_us = i == 0 ? fleet->slow_us : fleet->service_us;
        list_init(&r->servers[i].waiting);
    }
}

static void tear_down(struct run *r)
{
    for (size_t i = 0; i < r->fleet->n; i++)
        target_unref(r->targets[i].target);
    gauge_unref(r->group.gauge);
}

static void simulate(const struct fleet *fleet, size_t rule, unsigned long requests, uint64_t seed)
{
    struct run *r = calloc(1, sizeof(*r));
    struct request *q = calloc(1, sizeof(*q));

    if (!r || !q)
        abort();
    random_init(&r->random, seed);
    set_up(r, fleet, rules[rule].algorithm);
    r->left = requests;
    schedule(r, q, 0);
    while (r->agenda.least) {
        q = container_of(r->agenda.least, struct request, node);
        heap_remove(&r->agenda, &q->node);
        r->now = q->at;
        if (q->target)
            finish(r, q);
        else
            arrive(r, q);
    }
    printf("  %-20s %9.1f %9.1f %9.1f %9.1f\n", rules[rule].name,
           histogram_percentile(&r->latencies_us, 50) / 1000,
           histogram_percentile(&r->latencies_us, 90) / 1000,
           histogram_percentile(&r->latencies_us, 99) / 1000,
           histogram_percentile(&r->latencies_us, 99.9) / 1000);
    tear_down(r);
    free(r);
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "requests", required_argument, NULL, 'n' },
                                             { "seed", required_argument, NULL, 's' },
                                             { 0 } };
    unsigned long requests = 200000;
    uint64_t seed = 1;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == 'n')
            requests = strtoul(optarg, NULL, 10);
        else if (option == 's')
            seed = strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    if (requests == 0)
        return 2;
    for (size_t i = 0; i < sizeof(fleets) / sizeof(*fleets); i++) {
        printf("%s\n  %-20s %9s %9s %9s %9s\n", fleets[i].about, "", "p50 ms", "p90 ms", "p99 ms",
               "p99.9 ms");
        for (size_t rule = 0; rule < sizeof(rules) / sizeof(*rules); rule++)
            simulate(&fleets[i], rule, requests, seed);
    }
    return 0;
}
