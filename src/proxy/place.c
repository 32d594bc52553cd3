#include "proxy/place.h"

#include <errno.h>

#include "balance/eject.h"
#include "balance/speed.h"
#include "proxy/place_sticky.h"

enum {
    ATTEMPTS_MAX = 8, /* connects to targets that do not answer, before we give up */
};

static struct worker_group *own_group(const struct exchange *x)
{
    return x->lease->groups[x->place.group->index];
}

static struct link_report_group *counts(struct exchange *x)
{
    struct stats *s = own_group(x)->stats;

    s->touched = true;
    return &s->sum;
}

/* --- slots ------------------------------------------------------------------------------------ */

/* Whoever waits for a target of x's group may have one now, by the newest route. */
static void pass_on(struct exchange *x)
{
    const struct route_group *group = x->place.group;
    struct worker *w = x->worker;

    if (gauge_queued(group->gauge) == 0)
        return;
    if (x->lease != w->lease)
        group = map_get(&w->lease->route->groups_by_id, group->config.id);
    if (group)
        worker_dispatch(w, group);
}

/* @t is counted in flight for x, and no longer. */
static void give_back(struct exchange *x, struct target *t)
{
    target_end(t);
    target_unref(t);
    pass_on(x);
}

void place_leave(struct exchange *x)
{
    struct target *granted = queue_leave(&x->queued);

    if (granted)
        give_back(x, granted);
}

/* --- choosing and waiting --------------------------------------------------------------------- */

static void time_out(struct exchange *x)
{
    static const char *const messages[] = {
        [LINK_COMING] = "No instance became available in time.",
        [LINK_FAILING] = "No instance could be started. DescribeEndpoint tells why.",
        [LINK_NONE] = "The variant has no instance, and none is wanted.",
    };

    counts(x)->queue_timeouts++;
    exchange_refuse(x, 503, "ServiceUnavailable", messages[x->place.group->config.outlook]);
}

/* What may be waited for changes while requests wait. They keep what was promised to them, unless
 * nothing is to be hoped for any more. */
static void set_deadline(struct exchange *x, ms_t now)
{
    const struct link_target_group *config = &x->place.group->config;
    struct place *p = &x->place;
    ms_t until;

    if (p->queue_until == 0)
        p->queue_since = now;
    until = p->queue_since + config->queue_timeout_ms;
    if (config->outlook != LINK_COMING || until > p->queue_until)
        p->queue_until = until;
}

static int join_queue(struct exchange *x)
{
    const struct link_target_group *config = &x->place.group->config;
    const struct queue_limits limits = { .length_max = config->queue_length_max,
                                         .bytes_max = config->queue_bytes_max };

    x->queued.since = x->place.queue_since;
    x->queued.sticky = x->place.sticky;
    x->queued.bytes = buffer_size(&x->head_out) + buffer_size(&x->body_out);
    return queue_push(&x->queued, x->place.group->gauge, &x->worker->port, &own_group(x)->waiting,
                      &limits);
}

static void wait_for_target(struct exchange *x)
{
    struct place *p = &x->place;
    ms_t now = exchange_now(x);
    int r;

    set_deadline(x, now);
    if (now >= p->queue_until) {
        time_out(x);
        return;
    }
    r = join_queue(x);
    if (r == QUEUE_E_FULL) {
        counts(x)->queue_overflows++;
        exchange_refuse(x, 503, "ServiceUnavailable", "Too many requests wait for an instance.");
        return;
    }
    x->state = EXCHANGE_QUEUED;
    x->attempts = 0;
    x->avoid = target_unref(x->avoid); /* it may be well again when our turn comes */
    if (r == QUEUE_E_FIRST)
        worker_tell_waiting(x->worker);
    pass_on(x);
    client_expect(x->client, p->queue_until);
    client_update(x->client);
}

/* @t is counted in flight for us. */
static void ask(struct exchange *x, const struct route_target *t, unsigned in_service)
{
    int r;

    if (x->attempts == 0 && !x->retried) {
        counts(x)->requests++;
        counts(x)->requests_per_target += 1.0 / in_service;
        retry_earn(&own_group(x)->retries, x->place.group->config.retry_percent);
    }
    x->target = target_ref(t->target);
    r = exchange_attempt(x, x->lease->pools[t->index]);
    if (r) {
        target_unref(x->avoid);
        x->avoid = target_ref(t->target);
        give_back(x, steal(x->target));
        x->kind->failed(x, EXCHANGE_CONNECT, r);
    }
}

/* Load is what comes: a request counts when it does, even if no target has room for it yet. */
static void count_arrival(struct exchange *x, unsigned in_service)
{
    struct link_report_group *g = counts(x);

    x->place.arrived = true;
    g->arrivals++;
    g->arrivals_per_target += in_service > 0 ? 1.0 / in_service : 1;
    g->no_capacity += in_service == 0;
}

void place(struct exchange *x, const struct route_group *group)
{
    struct balance b = { .group = group,
                         .avoid = x->avoid,
                         .queued = x->place.queue_until > 0,
                         .random = &x->worker->random,
                         .now = exchange_now(x) };
    /* who was asked already has had its turn; the others must not overtake those who wait */
    bool has_turn = x->attempts > 0 || x->retried;
    const struct route_target *t = NULL;
    unsigned in_service;

    if (!x->place.group)
        place_read_sticky(x, group);
    x->place.group = group;
    if (!x->phases.placed)
        x->phases.placed = loop_now_us(x->worker->loop);
    b.sticky = x->place.sticky;
    if (has_turn || gauge_queued(group->gauge) == 0)
        t = balance_take(&b, &in_service);
    if (!x->place.arrived)
        count_arrival(x, t ? in_service : balance_in_service(group, b.now));
    if (t)
        ask(x, t, in_service);
    else
        wait_for_target(x);
}

/* --- after waiting ---------------------------------------------------------------------------- */

static const struct route_target *find_target(const struct route_group *g, const struct target *t)
{
    for (size_t i = 0; i < g->n_targets; i++)
        if (g->targets[i].target == t && !g->targets[i].draining)
            return &g->targets[i];
    return NULL;
}

/* The thread that granted it may know another route than we do. */
static void go(struct exchange *x, struct target *granted)
{
    const struct route_target *t = find_target(x->place.group, granted);

    if (t) {
        target_unref(granted); /* the route's reference is enough */
        ask(x, t, balance_in_service(x->place.group, exchange_now(x)));
    } else {
        give_back(x, granted);
        x->kind->start(x);
    }
}

void place_granted(struct exchange *x)
{
    go(x, steal(x->queued.target));
}

void place_expired(struct exchange *x)
{
    struct target *granted = queue_leave(&x->queued);

    if (granted)
        go(x, granted); /* in the nick of time */
    else
        time_out(x);
}

/* --- failures --------------------------------------------------------------------------------- */

/* The machine is short of something; that says nothing about the target. */
static bool is_our_own(int error)
{
    return error == -EAGAIN || error == -EMFILE || error == -ENFILE || error == -ENOMEM ||
           error == -ENOBUFS || error == -EADDRNOTAVAIL;
}

static bool may_retry(struct exchange *x)
{
    return retry_spend(&own_group(x)->retries, exchange_now(x));
}

static void connect_failed(struct exchange *x, int error)
{
    if (x->avoid && !is_our_own(error)) {
        atomic_store_explicit(&x->avoid->health, TARGET_DOWN, memory_order_relaxed);
        counts(x)->connection_errors++;
    }
    if (x->attempts < ATTEMPTS_MAX && may_retry(x)) {
        x->kind->start(x);
        return;
    }
    place_count_error(x, 503);
    exchange_refuse(x, 503, "ServiceUnavailable", "No instance could be reached.");
}

/* A kept connection that was closed meanwhile, and what we cut, are no faults of the target. */
static void blame(struct exchange *x, enum exchange_failure why, int error)
{
    if (x->avoid && why != EXCHANGE_STALE && why != EXCHANGE_CUT && !is_our_own(error))
        eject_note(x->place.group, x->avoid, true, exchange_now(x));
}

bool place_again(struct exchange *x, enum exchange_failure why, int error, bool twice)
{
    bool was_reset = error == -ECONNRESET || error == -EPIPE;

    blame(x, why, error);
    if (why == EXCHANGE_CONNECT) {
        connect_failed(x, error);
        return true;
    }
    if (why != EXCHANGE_STALE || x->retried || !(twice || was_reset) || !may_retry(x))
        return false;
    x->retried = true;
    x->kind->start(x);
    return true;
}

/* --- counting --------------------------------------------------------------------------------- */

void place_count_error(struct exchange *x, unsigned status)
{
    struct link_report_group *g = counts(x);

    if (x->place.failed)
        return;
    x->place.failed = true;
    g->model_errors++;
    if (status >= 400 && status < 500)
        g->errors_4xx++;
    else
        g->errors_5xx++;
}

void place_answered(struct exchange *x, unsigned status)
{
    struct link_report_group *g = counts(x);

    x->place.status = status;
    if (status < 300)
        g->answers_2xx++;
    else if (status < 400)
        g->answers_3xx++;
    else if (status < 500)
        g->answers_4xx++;
    else
        g->answers_5xx++;
}

/* What an answer, well or not, says about the target. */
static void learn(struct exchange *x, us_t us)
{
    const struct route_group *group = x->place.group;
    bool failed = x->place.status >= 500;
    ms_t now = exchange_now(x);

    eject_note(group, x->target, failed, now);
    /* a target that refuses is quick, and should not draw more requests by it */
    if (x->place.status < 400 && group->config.algorithm == LINK_LEAST_EXPECTED_WAIT)
        speed_record(x->target, us, now);
    if (gauge_queued(group->gauge) > 0)
        atomic_fetch_add_explicit(&x->target->answered, 1, memory_order_relaxed);
}

void place_ended(struct exchange *x, us_t us, bool complete)
{
    struct link_report_group *g = counts(x);
    us_t overhead = loop_now_us(x->worker->loop) - x->begun_us - x->spent_us;

    if (complete) {
        histogram_record(&g->model_latency_us, (uint64_t)us);
        histogram_record(&g->overhead_us, overhead > 0 ? (uint64_t)overhead : 0);
        learn(x, us);
        phases_record(&x->phases, x->begun_us, loop_now_us(x->worker->loop), g);
    } else if (x->broken) {
        place_count_error(x, 500);
        eject_note(x->place.group, x->target, true, exchange_now(x));
    }
    give_back(x, steal(x->target));
}
