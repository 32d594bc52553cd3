#include "proxy/place.h"

#include <errno.h>

#include "proxy/balance.h"

enum {
    ATTEMPTS_MAX = 8, /* connects to targets that do not answer, before we give up */
};

static struct link_report_group *counts(struct exchange *x)
{
    struct stats *s = x->lease->groups[x->place.group->index]->stats;

    s->touched = true;
    return &s->sum;
}

/* --- choosing and waiting --------------------------------------------------------------------- */

static void time_out(struct exchange *x)
{
    counts(x)->queue_timeouts++;
    exchange_refuse(x, 503, "ServiceUnavailable", "No instance became available in time.");
}

static void wait_for_target(struct exchange *x)
{
    const struct route_group *group = x->place.group;
    struct place *p = &x->place;
    ms_t now = exchange_now(x);

    if (p->queue_until == 0) {
        p->queue_since = now;
        p->queue_until = now + group->config.queue_timeout_ms;
    }
    if (now >= p->queue_until) {
        time_out(x);
        return;
    }
    if (queue_push(&x->lease->groups[group->index]->queue, &x->queued, group->gauge,
                   group->config.queue_length_max, p->queue_since)) {
        counts(x)->queue_overflows++;
        exchange_refuse(x, 503, "ServiceUnavailable", "Too many requests wait for an instance.");
        return;
    }
    x->state = EXCHANGE_QUEUED;
    x->attempts = 0;
    client_expect(x->client, p->queue_until);
    client_update(x->client);
}

static void ask(struct exchange *x, const struct route_target *t, unsigned in_service)
{
    int r;

    if (x->attempts == 0 && !x->retried) {
        counts(x)->requests++;
        counts(x)->requests_per_target += 1.0 / in_service;
    }
    r = exchange_attempt(x, x->lease->pools[t->index]);
    if (r) {
        target_unref(x->avoid);
        x->avoid = target_ref(t->target);
        x->kind->failed(x, EXCHANGE_CONNECT, r);
    }
}

void place(struct exchange *x, const struct route_group *group)
{
    const struct route_target *t;
    unsigned in_service;

    x->place.group = group;
    x->timeout_ms = group->config.request_timeout_ms;
    t = balance_pick(group, x->avoid, &x->worker->random, &in_service);
    if (t)
        ask(x, t, in_service);
    else
        wait_for_target(x);
}

void place_expired(struct exchange *x)
{
    queue_leave(&x->queued);
    time_out(x);
}

/* --- failures --------------------------------------------------------------------------------- */

/* The machine is short of something; that says nothing about the target. */
static bool is_our_own(int error)
{
    return error == -EAGAIN || error == -EMFILE || error == -ENFILE || error == -ENOMEM ||
           error == -ENOBUFS || error == -EADDRNOTAVAIL;
}

static void connect_failed(struct exchange *x, int error)
{
    if (x->avoid && !is_our_own(error))
        atomic_store_explicit(&x->avoid->health, TARGET_DOWN, memory_order_relaxed);
    if (x->attempts < ATTEMPTS_MAX) {
        x->kind->start(x);
        return;
    }
    place_count_error(x, 503);
    exchange_refuse(x, 503, "ServiceUnavailable", "No instance could be reached.");
}

bool place_again(struct exchange *x, enum exchange_failure why, int error, bool twice)
{
    bool was_reset = error == -ECONNRESET || error == -EPIPE;

    if (why == EXCHANGE_CONNECT) {
        connect_failed(x, error);
        return true;
    }
    if (why != EXCHANGE_STALE || x->retried || !(twice || was_reset))
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

void place_ended(struct exchange *x, us_t us, bool complete)
{
    struct link_report_group *g = counts(x);
    us_t overhead = loop_now_us(x->worker->loop) - x->begun_us - x->spent_us;

    if (complete) {
        histogram_record(&g->model_latency_us, (uint64_t)us);
        histogram_record(&g->overhead_us, overhead > 0 ? (uint64_t)overhead : 0);
    } else if (x->broken) {
        place_count_error(x, 500);
    }
}
