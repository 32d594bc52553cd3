#include "proxy/proxy.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "balance/catalog.h"
#include "balance/drain.h"
#include "base/error.h"
#include "health/health.h"
#include "proxy/link_client.h"
#include "proxy/report.h"

enum {
    LOOK_MS = 100,
    REPORT_MS = 1000,
    REPORT_KEPT_MS = 60000, /* while control is away */
    AGAIN_MS = 1000,        /* after a lack of memory */
};

struct crew {
    struct worker *worker;
    uint64_t serial, revision; /* of the route it serves */
};

struct proxy {
    struct loop *loop;
    struct log *log;
    struct proxy_settings settings;
    struct mailbox box;
    struct crew *crew;
    size_t n_crew;
    struct tls_tickets tickets;
    struct tls_server *tls; /* NULL: none */

    struct catalog catalog; /* what control has said */
    struct registry registry;
    struct route *route;      /* made of that; NULL before the first snapshot */
    struct loop_task rebuild; /* once per turn, however many updates came in it */
    struct loop_timer again;
    uint64_t serial; /* of `route` */
    uint64_t acked;  /* serial of the last route that was acked */

    struct link_client *link;
    struct health *health;
    struct guard *guard;
    struct drain drain;
    struct report report;
    struct nonsense nonsense;
    struct loop_timer look, second;
    struct random random;
    size_t collecting; /* workers that have not handed over their stats yet */

    size_t draining;  /* workers that are not done yet */
    bool drain_asked; /* impatiently */
    struct loop_timer drain_timeout;
    void (*drained)(void *context);
    void *drained_context;
};

static void wake_all(struct proxy *p)
{
    for (size_t i = 0; i < p->n_crew; i++)
        worker_wake(p->crew[i].worker);
}

/* --- what control hears ----------------------------------------------------------------------- */

/* Return: 0 or why it was not sent; a standalone proxy has nobody to tell. */
static int tell(struct proxy *p, const struct link_message *m)
{
    return p->link ? link_client_send(p->link, m) : LINK_CLIENT_E_DOWN;
}

static void send_event(const struct link_event *event, void *context)
{
    struct link_message m = { .type = LINK_EVENT, .event = *event };

    tell(context, &m); /* what is lost while control is away is repeated in connected() */
}

static void send_target_event(struct proxy *p, enum link_event_kind kind, const struct target *t,
                              const char *state)
{
    struct link_event e = { .event = kind };

    memcpy(e.group, t->group, sizeof(e.group));
    memcpy(e.target, t->id, sizeof(e.target));
    snprintf(e.state, sizeof(e.state), "%s", state);
    send_event(&e, p);
}

static void health_has_changed(const struct target *t, bool healthy, void *context)
{
    struct proxy *p = context;
    const struct route_group *group;

    send_target_event(p, LINK_TARGET_HEALTH, t, healthy ? "healthy" : "unhealthy");
    group = healthy && p->route ? map_get(&p->route->groups_by_id, t->group) : NULL;
    if (group)
        queue_dispatch(group, NULL, &p->random, loop_now(p->loop));
}

static void target_drained(const struct target *t, void *context)
{
    struct proxy *p = context;

    log_info(p->log, "target drained", "group=%s target=%s", t->group, t->id);
    send_target_event(p, LINK_DRAINED, t, "");
}

static void target_cut(struct target *t, void *context)
{
    struct proxy *p = context;

    log_warn(p->log, "deregistration delay over, cutting requests",
             "group=%s target=%s in_flight=%u", t->group, t->id, target_in_flight(t));
    wake_all(p);
}

/* The worker that is furthest behind tells what all of them serve. */
static const struct crew *last_of_crew(const struct proxy *p)
{
    const struct crew *last = &p->crew[0];

    for (size_t i = 1; i < p->n_crew; i++)
        if (p->crew[i].serial < last->serial)
            last = &p->crew[i];
    return last;
}

static void acknowledge(struct proxy *p)
{
    const struct crew *last = last_of_crew(p);
    const struct link_message m = { .type = LINK_ACK, .ack = { .revision = last->revision } };

    if (last->serial <= p->acked)
        return;
    if (p->settings.worker.standalone)
        log_info(p->log, "routes served", "revision=%" PRIu64, last->revision);
    else if (tell(p, &m))
        return; /* again when control is back */
    if (p->acked == 0 && p->settings.served)
        p->settings.served(p->settings.context);
    p->acked = last->serial;
}

/* --- what control says ------------------------------------------------------------------------ */

static int build(struct proxy *p, struct route **ret_route)
{
    autofree(route_unref) struct route *route = NULL;
    int r;

    r = route_new(&p->catalog.state, &p->registry, p->serial + 1, loop_now(p->loop), &route);
    if (!r)
        r = report_follow(&p->report, route);
    if (!r)
        r = drain_follow(&p->drain, route, loop_now(p->loop));
    if (!r)
        r = health_follow(p->health, route);
    if (r)
        return r;
    *ret_route = steal(route);
    return 0;
}

static void rebuild(struct loop_task *task)
{
    struct proxy *p = container_of(task, struct proxy, rebuild);
    struct route *route;
    int r;

    if (!p->catalog.known)
        return;
    r = build(p, &route);
    if (!r) {
        p->serial = route->serial;
        route_unref(p->route);
        p->route = route;
        for (size_t i = 0; i < p->n_crew && !r; i++)
            r = worker_serve(p->crew[i].worker, route);
    }
    if (r) {
        log_error(p->log, "route not built", "error=\"%s\" again_in_ms=%d", strerror(-r), AGAIN_MS);
        loop_timer_after(&p->again, AGAIN_MS);
    }
    registry_sweep(&p->registry);
}

static void build_again(struct loop_timer *timer)
{
    struct proxy *p = container_of(timer, struct proxy, again);

    loop_defer(p->loop, &p->rebuild);
}

static void heard(struct link_message *m, void *context)
{
    struct proxy *p = context;
    int r = 0;

    if (m->type == LINK_SNAPSHOT)
        catalog_replace(&p->catalog, &m->snapshot);
    else if (m->type == LINK_UPDATE)
        r = catalog_update(&p->catalog, &m->update);
    else
        return; /* nothing else comes from control */
    if (r)
        log_error(p->log, "update not taken", "error=\"%s\"", strerror(-r));
    loop_defer(p->loop, &p->rebuild);
}

static void connected(void *context)
{
    struct proxy *p = context;

    drain_repeat(&p->drain);
    health_repeat(p->health);
}

void proxy_serve(struct proxy *p, struct link_snapshot *snapshot)
{
    catalog_replace(&p->catalog, snapshot);
    loop_defer(p->loop, &p->rebuild);
}

/* --- several times a second ------------------------------------------------------------------- */

static void tell_waiting(struct proxy *p)
{
    if (p->route)
        report_waiting(&p->report, p->route, loop_now(p->loop), send_event, p);
}

/* Time alone makes room, too: caps grow in slow start, ejections end. */
static void dispatch_all(struct proxy *p)
{
    for (size_t i = 0; i < p->route->n_groups; i++)
        queue_dispatch(&p->route->groups[i], NULL, &p->random, loop_now(p->loop));
}

static void look(struct loop_timer *timer)
{
    struct proxy *p = container_of(timer, struct proxy, look);

    loop_timer_after(&p->look, LOOK_MS);
    if (!p->route)
        return;
    report_sample(&p->report, p->route);
    tell_waiting(p);
    health_look(p->health);
    dispatch_all(p);
    drain_look(&p->drain, last_of_crew(p)->serial, loop_now(p->loop));
}

static void collect(struct loop_timer *timer)
{
    struct proxy *p = container_of(timer, struct proxy, second);

    loop_timer_after(&p->second, REPORT_MS);
    guard_look(p->guard, p->log, loop_now(p->loop));
    if (p->tls && tls_tickets_rotate(&p->tickets, loop_now(p->loop)))
        log_warn(p->log, "ticket keys not rotated", "then=\"trying again in %d ms\"", REPORT_MS);
    if (!p->route || p->collecting > 0)
        return;
    p->collecting = p->n_crew;
    for (size_t i = 0; i < p->n_crew; i++)
        mailbox_post(&p->crew[i].worker->box, &p->crew[i].worker->collect.mail);
}

static void send_report(struct proxy *p)
{
    ms_t now = loop_now(p->loop);
    struct link_message m;
    int r = report_write(&p->report, p->route, now, loop_wall(p->loop), &m);

    if (!r) {
        r = tell(p, &m);
        link_message_deinit(&m);
    }
    if (!r || now - p->report.since > REPORT_KEPT_MS)
        report_restart(&p->report, now);
}

static void take_stats(struct proxy *p, struct message *m)
{
    struct stats *s;

    while ((s = list_first_entry(&m->full, struct stats, link))) {
        list_remove(&s->link);
        report_add(&p->report, s);
        stats_reset(s, "");
        list_push_back(&m->empty, &s->link);
    }
    nonsense_move(&p->nonsense, &m->worker->nonsense_told);
    if (--p->collecting == 0) {
        nonsense_say(&p->nonsense, p->log, loop_now(p->loop));
        send_report(p);
    }
}

/* --- mail from the workers -------------------------------------------------------------------- */

static void route_served(struct proxy *p, struct message *m)
{
    struct crew *c = &p->crew[m->worker->index];

    if (m->serial) {
        c->serial = m->serial;
        c->revision = m->revision;
        acknowledge(p);
    } else {
        loop_timer_after(&p->again, AGAIN_MS);
    }
    free(m);
}

static void finish_drain(struct proxy *p)
{
    void (*drained)(void *context) = p->drained;

    p->drained = NULL;
    loop_timer_cancel(&p->drain_timeout);
    if (drained)
        drained(p->drained_context);
}

static void deliver(struct mailbox *box, struct mail *mail)
{
    struct proxy *p = container_of(box, struct proxy, box);
    struct message *m = container_of(mail, struct message, mail);

    switch (m->kind) {
    case MESSAGE_ROUTE:
        route_served(p, m);
        break;
    case MESSAGE_COLLECT:
        take_stats(p, m);
        break;
    case MESSAGE_DRAINED:
        if (--p->draining == 0)
            finish_drain(p);
        break;
    case MESSAGE_WAITING:
        atomic_store(&m->worker->telling, false);
        tell_waiting(p);
        break;
    case MESSAGE_TLS:
    case MESSAGE_WAKE:
    case MESSAGE_HAND_OVER:
    case MESSAGE_DRAIN:
    case MESSAGE_GRANTED:
    case MESSAGE_STOP:
        break; /* never sent back */
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void drain_took_too_long(struct loop_timer *timer)
{
    struct proxy *p = container_of(timer, struct proxy, drain_timeout);

    log_warn(p->log, "drain timed out, cutting what still runs", "workers=%zu", p->draining);
    finish_drain(p);
}

void proxy_drain(struct proxy *p, bool patient, ms_t timeout_ms, void (*done)(void *context),
                 void *context)
{
    bool again = p->draining > 0;

    if (p->drain_asked || (again && patient))
        return;
    p->drain_asked = !patient;
    p->drained = done;
    p->drained_context = context;
    loop_timer_after(&p->drain_timeout, timeout_ms);
    if (!again)
        p->draining = p->n_crew;
    for (size_t i = 0; i < p->n_crew; i++)
        worker_drain(p->crew[i].worker, patient);
}

static int load_tls(struct proxy *p, const char *then, struct tls_server **ret_tls)
{
    autofree(mem_free) char *why = NULL;
    int r = tls_server_new(&p->settings.tls, &p->tickets, ret_tls, &why);

    if (r)
        log_error(p->log, "certificates not read", "why=\"%s\" then=\"%s\"", why, then);
    else
        log_info(p->log, "certificates read", "number=%zu", tls_server_certificates(*ret_tls));
    return r;
}

static int start_tls(struct proxy *p)
{
    int r = tls_tickets_init(&p->tickets, loop_now(p->loop));

    return r ? r : load_tls(p, "stopping", &p->tls);
}

void proxy_reload(struct proxy *p)
{
    struct tls_server *tls;
    int r = 0;

    if (!p->tls || load_tls(p, "the old ones stay", &tls))
        return;
    tls_server_unref(p->tls);
    p->tls = tls;
    for (size_t i = 0; i < p->n_crew && !r; i++)
        r = worker_show(p->crew[i].worker, tls);
    if (r)
        log_error(p->log, "certificates not shown", "error=\"%s\"", strerror(-r));
}

static int start_crew(struct proxy *p)
{
    int r = 0;

    p->crew = calloc(p->settings.n_workers, sizeof(*p->crew));
    if (!p->crew)
        return -ENOMEM;
    for (size_t i = 0; i < p->settings.n_workers && !r; i++) {
        const struct worker_sockets sockets = {
            .plain = p->settings.listen_fds[i],
            .tls = p->tls ? p->settings.tls_listen_fds[i] : -1,
            .server = p->tls,
        };

        r = worker_start((unsigned)i, &sockets, &p->settings.worker, &p->box, &p->crew[i].worker);
        if (!r)
            p->n_crew++;
    }
    return r;
}

static void start_timers(struct proxy *p)
{
    loop_timer_init(p->loop, &p->look, look);
    loop_timer_after(&p->look, LOOK_MS);
    loop_timer_init(p->loop, &p->second, collect);
    loop_timer_after(&p->second, REPORT_MS);
}

int proxy_new(struct loop *loop, const struct proxy_settings *settings, struct proxy **ret_proxy)
{
    autofree(proxy_free) struct proxy *p = calloc(1, sizeof(*p));
    struct link_client_events events = { .message = heard, .connected = connected, .context = p };
    uint64_t seed;
    int r;

    assert(settings->n_workers > 0);
    if (!p)
        return -ENOMEM;
    random_secret(&seed, sizeof(seed));
    p->loop = loop;
    p->log = settings->worker.log;
    p->settings = *settings;
    random_init(&p->random, seed);
    registry_init(&p->registry, seed);
    drain_init(&p->drain, seed, target_drained, target_cut, p);
    report_init(&p->report, seed, loop_now(loop));
    loop_task_init(&p->rebuild, rebuild);
    loop_timer_init(loop, &p->again, build_again);
    loop_timer_init(loop, &p->drain_timeout, drain_took_too_long);
    start_timers(p);
    r = mailbox_init(&p->box, loop, deliver);
    if (!r)
        r = guard_new(&settings->guard, seed, &p->guard);
    p->settings.worker.guard = p->guard;
    if (!r)
        r = health_new(loop, p->log, health_has_changed, p, &p->health);
    if (!r && !settings->worker.standalone)
        r = link_client_new(loop, p->log, &settings->link, &events, &p->link);
    if (!r && settings->tls_listen_fds)
        r = start_tls(p);
    if (!r)
        r = start_crew(p);
    if (r)
        return fault(r);
    *ret_proxy = steal(p);
    return 0;
}

struct proxy *proxy_free(struct proxy *p)
{
    if (!p)
        return NULL;
    for (size_t i = 0; i < p->n_crew; i++)
        worker_stop(p->crew[i].worker);
    p->drained = NULL;
    mailbox_deinit(&p->box);
    for (size_t i = 0; i < p->n_crew; i++)
        worker_free(p->crew[i].worker);
    free(p->crew);
    tls_server_unref(p->tls);
    tls_tickets_deinit(&p->tickets);
    loop_task_cancel(&p->rebuild);
    loop_timer_cancel(&p->again);
    loop_timer_cancel(&p->look);
    loop_timer_cancel(&p->second);
    loop_timer_cancel(&p->drain_timeout);
    link_client_free(p->link);
    health_free(p->health);
    drain_deinit(&p->drain);
    report_deinit(&p->report);
    route_unref(p->route);
    registry_deinit(&p->registry);
    catalog_deinit(&p->catalog);
    guard_free(p->guard);
    free(p);
    return NULL;
}
