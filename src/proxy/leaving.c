#include "proxy/leaving.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/exchange.h"

struct nobody {
    struct client client;
    struct worker *worker;
    struct exchange *exchange;
    struct list_link link; /* of the worker's */
    struct loop_timer timer;
    ms_t deadline;
    struct corpse corpse;
};

static struct nobody *of(struct client *c)
{
    return container_of(c, struct nobody, client);
}

static void bury(struct corpse *corpse)
{
    free(container_of(corpse, struct nobody, corpse));
}

static void dismiss(struct nobody *n)
{
    loop_timer_cancel(&n->timer);
    list_remove(&n->link);
    morgue_take(&n->worker->morgue, &n->corpse, bury);
    worker_connection_closed(n->worker);
}

/* --- a client that is nobody ------------------------------------------------------------------ */

static void ignore(struct client *c)
{
    (void)c;
}

static void begin(struct client *c, uint64_t length, bool empty)
{
    (void)c;
    (void)length;
    (void)empty;
}

static void take(struct client *c, struct slice bytes)
{
    (void)c;
    (void)bytes;
}

static bool is_congested(const struct client *c)
{
    (void)c;
    return false;
}

static void finish(struct client *c, bool keep_alive)
{
    (void)keep_alive;
    dismiss(of(c));
}

static void die(struct client *c)
{
    exchange_abandon(of(c)->exchange);
    dismiss(of(c));
}

static void expect(struct client *c, ms_t deadline)
{
    struct nobody *n = of(c);

    n->deadline = deadline;
    if (!loop_timer_is_set(&n->timer) || n->timer.at > deadline)
        loop_timer_set(&n->timer, deadline);
}

static void expired(struct loop_timer *timer)
{
    struct nobody *n = container_of(timer, struct nobody, timer);

    if (loop_now(n->worker->loop) < n->deadline)
        loop_timer_set(timer, n->deadline);
    else
        exchange_expired(n->exchange);
}

static const char *forwarded(struct client *c)
{
    (void)c;
    return "unknown\r\n"; /* the request was written when there was a client */
}

static const struct guard_pass *pass(const struct client *c)
{
    (void)c;
    return NULL;
}

static void peer(const struct client *c, char ret_text[ADDRESS_TEXT_BYTES])
{
    (void)c;
    snprintf(ret_text, ADDRESS_TEXT_BYTES, "-");
}

static const struct client_ops nobody_ops = {
    .interim = ignore,
    .begin = begin,
    .content = take,
    .end = take,
    .flush = ignore,
    .is_congested = is_congested,
    .finish = finish,
    .die = die,
    .expect = expect,
    .update = ignore,
    .forwarded = forwarded,
    .pass = pass,
    .peer = peer,
};

/* --- leaving ---------------------------------------------------------------------------------- */

/* Only what a target has got whole is worth it; what still waits has cost nothing yet. */
static bool shall_finish(const struct exchange *x)
{
    const struct route_group *g = x->place.group;
    bool works = x->state == EXCHANGE_UPSTREAM || x->state == EXCHANGE_ANSWERING ||
                 x->state == EXCHANGE_COLLECTING;

    return works && x->body_done && x->call && !x->dying && !x->worker->stopping && g &&
           g->config.client_gone == LINK_FINISH;
}

bool leaving_finish(struct exchange *x)
{
    struct worker *w = x->worker;
    struct nobody *n = shall_finish(x) ? calloc(1, sizeof(*n)) : NULL;

    if (!n)
        return false;
    n->client.ops = &nobody_ops;
    n->worker = w;
    n->exchange = x;
    loop_timer_init(w->loop, &n->timer, expired);
    list_push_back(&w->leavers, &n->link);
    w->n_connections++;
    x->client = &n->client;
    expect(x->client, exchange_now(x) + (x->idle_ms ? x->idle_ms : x->timeout_ms));
    exchange_client_reads(x); /* the one before may have held it up */
    return true;
}

void leaving_end_all(struct worker *w)
{
    list_for_each_safe (n, &w->leavers, struct nobody, link) {
        client_die(&n->client);
    }
}
