#include "control/reconcile.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/autoscaler.h"
#include "control/endpoint.h"
#include "control/meter.h"
#include "control/plan.h"
#include "control/proxy_link.h"

enum {
    UNHEALTHY_MS = 30000,  /* beyond the proxy's own thresholds */
    DRAIN_SLACK_MS = 5000, /* for the proxy to cut off what is left, and to say so */
    LOG_TAIL_LINES = 10,
};

/* --- what happens to one instance ------------------------------------------------------------- */

static void log_instance(struct control *c, const char *event, const struct instance *i,
                         const char *cause)
{
    log_info(c->log, event, "endpoint=%s variant=%s instance=%s address=%s cause=\"%s\"",
             i->variant->endpoint->name, i->variant->name, i->id, i->handle.address, cause);
}

/* Write the new state, then let the proxy know. */
static int enter(struct control *c, struct instance *i, enum instance_state state)
{
    struct variant *v = i->variant;
    const struct endpoint *e = v->endpoint;
    bool known = i->state == INSTANCE_IN_SERVICE || i->state == INSTANCE_DRAINING;
    int r;

    i->state = state;
    i->since = loop_now(c->loop);
    r = instance_store(c, i);
    if (r)
        return fault(r);
    if (known || state == INSTANCE_IN_SERVICE)
        v->link_revision = proxy_link_target_group(c->link, v);
    if (state == INSTANCE_DRAINING)
        i->drain_revision = v->link_revision;
    meter_in_service(c->meter, e->name, v->name, v->instance_type, variant_counts(v).in_service);
    return 0;
}

/* @times: how many ordinary failures this one weighs. Takes @why over. */
static void launch_failed(struct control *c, struct variant *v, unsigned times, char *why)
{
    v->launch_failures += times;
    backoff_failed(&v->backoff, loop_now(c->loop));
    free(v->launch_failure);
    v->launch_failure = why;
    log_warn(c->log, "launch failed",
             "endpoint=%s variant=%s in_a_row=%u retry_in_ms=%" PRId64 " why=\"%s\"",
             v->endpoint->name, v->name, v->launch_failures, v->backoff.until - loop_now(c->loop),
             why ? why : "");
    if (variant_failing(v) && v->launch_failures - times < PLAN_LAUNCH_FAILURES_MAX)
        variant_tell_outlook(c, v); /* those who wait need not wait for long any more */
}

static int launch(struct control *c, struct variant *v)
{
    struct instance_spec spec = {
        .endpoint = v->endpoint->name,
        .variant = v->name,
        .model = v->model,
        .image = v->image,
        .model_data_url = v->model_data_url,
        .instance_type = v->instance_type,
        .environment = v->environment,
    };
    struct instance *i;
    char *why = NULL;
    int r = instance_new(c, v, &i);

    if (!r)
        r = instance_store(c, i);
    if (r)
        return fault(r);
    spec.id = i->id;
    r = driver_launch(c->driver, &spec, &i->handle, &why);
    if (r) {
        /* What was refused once will be again: it weighs as much as all attempts. */
        if (r != DRIVER_E_REFUSED)
            why = text_format("It could not be launched: %s.", strerror(-r));
        launch_failed(c, v, r == DRIVER_E_REFUSED ? PLAN_LAUNCH_FAILURES_MAX : 1, why);
        return fault(instance_forget(c, i));
    }
    meter_launched(c->meter, v->endpoint->name, v->name, v->instance_type);
    log_instance(c, "instance launched", i, "wanted");
    instance_ping(i);
    return fault(instance_store(c, i));
}

/* The slowest start counts, and of each other that comes after it a quarter less. */
static void note_startup(struct control *c, const struct instance *i)
{
    ms_t took = loop_wall(c->loop) - i->launched;
    struct variant *v = i->variant;

    if (took < 0 || took > v->startup_timeout_ms)
        return; /* the clock was set */
    v->startup_ms -= v->startup_ms / 4;
    if (took > v->startup_ms)
        v->startup_ms = took;
}

static int register_instance(struct control *c, struct instance *i, const char *cause)
{
    struct variant *v = i->variant;

    readiness_stop(&i->readiness);
    instance_find_local(i);
    v->ever_in_service = true;
    note_startup(c, i);
    v->launch_failures = 0;
    v->launch_failure = mem_free(v->launch_failure);
    variant_hear_queue(v, 0,
                       loop_wall(c->loop)); /* who still waits is told of with the next report */
    log_instance(c, "instance in service", i, cause);
    return fault(enter(c, i, INSTANCE_IN_SERVICE));
}

static char *startup_timeout_reason(struct control *c, const struct instance *i)
{
    autofree(mem_free) char *tail = driver_log_tail(c->driver, i->id, LOG_TAIL_LINES);

    return text_format("It did not answer GET /ping with 200 within %" PRId64 " s.%s%s",
                       i->variant->startup_timeout_ms / MS_PER_S,
                       tail ? " Last lines of its log: " : "", tail ? tail : "");
}

static int terminate(struct control *c, struct instance *i, bool failed_start, const char *cause)
{
    int r;

    /* Its whole startup timeout weighs as much as all attempts: AWS gives no second one. */
    if (failed_start)
        launch_failed(c, i->variant, PLAN_LAUNCH_FAILURES_MAX, startup_timeout_reason(c, i));
    readiness_stop(&i->readiness);
    log_instance(c, "instance terminating", i, cause);
    r = enter(c, i, INSTANCE_TERMINATING);
    if (r)
        return fault(r);
    r = driver_terminate(c->driver, i->id);
    if (r == DRIVER_E_UNKNOWN)
        reconcile_gone(c, i->id, "it was not there any more");
    else if (r)
        log_warn(c->log, "cannot terminate", "instance=%s error=\"%s\"", i->id, strerror(-r));
    return 0;
}

/* --- a fleet ---------------------------------------------------------------------------------- */

static int perform(struct control *c, struct variant *v, const struct plan_action *action,
                   struct instance *i)
{
    switch (action->kind) {
    case PLAN_LAUNCH:
        return launch(c, v);
    case PLAN_REGISTER:
        return register_instance(c, i, action->cause);
    case PLAN_DRAIN:
        log_instance(c, "instance draining", i, action->cause);
        return enter(c, i, INSTANCE_DRAINING);
    case PLAN_TERMINATE:
        return terminate(c, i, action->failed_start, action->cause);
    case PLAN_FAIL:
        return endpoint_fail(c, v->endpoint, v);
    }
    return 0;
}

static struct plan_fleet fleet_view(const struct variant *v)
{
    return (struct plan_fleet){
        .wanted = endpoint_wanted(v),
        .startup_timeout_ms = v->startup_timeout_ms,
        .drain_timeout_ms = PROXY_LINK_DEREGISTRATION_DELAY_MS + DRAIN_SLACK_MS,
        .unhealthy_ms = UNHEALTHY_MS,
        .launch_failures = v->launch_failures,
        .launch_after = v->backoff.until,
        .creating = v->endpoint->status == ENDPOINT_CREATING,
        .ever_in_service = v->ever_in_service,
    };
}

/* The delay of what drains begins when the proxy knows, so that a proxy that was away has it
 * all. */
static ms_t since(const struct control *c, struct instance *i)
{
    if (i->state == INSTANCE_DRAINING && !proxy_link_serves(c->link, i->drain_revision))
        i->since = loop_now(c->loop);
    return i->since;
}

static void look(const struct control *c, const struct variant *v, struct plan_instance *ret_views,
                 struct instance **ret_instances)
{
    size_t n = 0;

    list_for_each (i, &v->instances, struct instance, link) {
        ret_instances[n] = i;
        ret_views[n++] = (struct plan_instance){
            .state = i->state,
            .since = since(c, i),
            .ready = i->ready,
            .drained = i->drained,
            .unhealthy = i->unhealthy,
            .unhealthy_since = i->unhealthy_since,
        };
    }
}

static size_t count(const struct variant *v)
{
    size_t n = 0;

    list_for_each (i, &v->instances, struct instance, link)
        n++;
    return n;
}

static int reconcile_variant(struct control *c, struct variant *v)
{
    struct plan_fleet fleet = fleet_view(v);
    size_t n = count(v), n_actions;
    autofree(mem_free) struct plan_instance *views = calloc(n + 1, sizeof(*views));
    autofree(mem_free) struct instance **instances = calloc(n + 1, sizeof(struct instance *));
    autofree(mem_free) struct plan_action *actions = calloc(n + fleet.wanted + 1, sizeof(*actions));
    int r;

    if (!views || !instances || !actions)
        return fault(-ENOMEM);
    look(c, v, views, instances);
    n_actions = plan(&fleet, views, n, loop_now(c->loop), actions);
    for (size_t k = 0; k < n_actions; k++) {
        r = perform(c, v, &actions[k], instances[actions[k].instance]);
        if (r)
            return fault(r);
    }
    if (n_actions > 0)
        reconcile_wake(c);
    return 0;
}

/* --- everything ------------------------------------------------------------------------------- */

static bool is_over(const struct endpoint *e)
{
    if (e->status != ENDPOINT_DELETING)
        return false;
    for (size_t i = 0; i < e->n_variants; i++)
        if (!list_empty(&e->variants[i].instances))
            return false;
    return true;
}

static struct endpoint *find_over(const struct control *c)
{
    map_for_each (slot, &c->endpoints)
        if (is_over(slot->value))
            return slot->value;
    return NULL;
}

static int forget_what_is_over(struct control *c)
{
    struct endpoint *e;
    int r;

    while ((e = find_over(c))) {
        r = c->autoscaler ? autoscaler_forget_endpoint(c->autoscaler, e->name) : 0;
        if (!r)
            r = endpoint_forget(c, e);
        if (r)
            return fault(r);
    }
    return 0;
}

static int reconcile_all(struct control *c)
{
    int r;

    map_for_each (slot, &c->endpoints) {
        struct endpoint *e = slot->value;

        for (size_t i = 0; i < e->n_variants; i++) {
            r = reconcile_variant(c, &e->variants[i]);
            if (r)
                return fault(r);
        }
        r = endpoint_progress(c, e);
        if (r)
            return fault(r);
    }
    return forget_what_is_over(c);
}

int reconcile(struct control *c)
{
    return c->stopping ? 0 : fault(reconcile_all(c));
}

static void woken(struct loop_task *task)
{
    struct control *c = container_of(task, struct control, reconcile);
    int r = reconcile(c);

    if (r)
        control_fail(c, r);
}

void reconcile_init(struct control *c)
{
    loop_task_init(&c->reconcile, woken);
}

void reconcile_wake(struct control *c)
{
    loop_defer(c->loop, &c->reconcile);
}

/* --- events ----------------------------------------------------------------------------------- */

/* A first one is replaced at once, those that follow soon after it ever more slowly. */
static void crashed(struct control *c, struct variant *v)
{
    ms_t now = loop_now(c->loop);

    if (v->crashed && now - v->crashed_at < BACKOFF_QUIET_MS)
        backoff_failed(&v->backoff, now);
    v->crashed = true;
    v->crashed_at = now;
}

void reconcile_gone(struct control *c, const char *id, const char *why)
{
    struct instance *i = instance_find(c, id);
    enum instance_state state;
    struct variant *v;
    bool expected;

    if (!i)
        return;
    v = i->variant;
    state = i->state;
    expected = c->stopping || state == INSTANCE_TERMINATING;
    log_write(c->log, expected ? LOG_INFO : LOG_WARN, "instance gone",
              "endpoint=%s variant=%s instance=%s state=%s why=\"%s\"", v->endpoint->name, v->name,
              i->id, instance_state_text(state), why);
    if (state == INSTANCE_PENDING && !expected)
        launch_failed(c, v, 1, strdup(why));
    else if (state == INSTANCE_IN_SERVICE)
        crashed(c, v);

    meter_gone(c->meter, v->endpoint->name, v->name, v->instance_type);
    if (instance_forget(c, i))
        return; /* control_fail() was called */
    meter_in_service(c->meter, v->endpoint->name, v->name, v->instance_type,
                     variant_counts(v).in_service);
    if (state == INSTANCE_IN_SERVICE || state == INSTANCE_DRAINING)
        v->link_revision = proxy_link_target_group(c->link, v);
    reconcile_wake(c);
}

void reconcile_health(struct control *c, const char *id, bool healthy)
{
    struct instance *i = instance_find(c, id);

    if (!i || i->unhealthy == !healthy)
        return;
    i->unhealthy = !healthy;
    i->unhealthy_since = loop_now(c->loop);
    log_write(c->log, healthy ? LOG_INFO : LOG_WARN, "instance health",
              "endpoint=%s variant=%s instance=%s healthy=%d", i->variant->endpoint->name,
              i->variant->name, i->id, healthy);
    reconcile_wake(c);
}

void reconcile_drained(struct control *c, const char *id)
{
    struct instance *i = instance_find(c, id);

    if (!i || i->state != INSTANCE_DRAINING)
        return;
    i->drained = true;
    reconcile_wake(c);
}

/* --- start and stop --------------------------------------------------------------------------- */

void reconcile_kill(struct control *c)
{
    map_for_each (slot, &c->instances) {
        struct instance *i = slot->value;

        log_warn(c->log, "killing an instance that has not stopped yet", "instance=%s", i->id);
        driver_kill(c->driver, i->id); /* one that the driver does not know has ended */
    }
}

void reconcile_stop(struct control *c)
{
    c->stopping = true;
    map_for_each (slot, &c->instances) {
        struct instance *i = slot->value;

        readiness_stop(&i->readiness);
        if (driver_terminate(c->driver, i->id))
            log_warn(c->log, "cannot terminate", "instance=%s", i->id);
    }
}
