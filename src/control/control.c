#include "control/control.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "control/alarm_book.h"
#include "control/autoscaler.h"
#include "control/endpoint.h"
#include "control/endpoint_config.h"
#include "control/key.h"
#include "control/meter.h"
#include "control/metric_history.h"
#include "control/model.h"
#include "control/proxy_link.h"
#include "control/reconcile.h"
#include "control/telemetry.h"
#include "fleet/instance_type.h"

enum { TICK_MS = 1000 };

static const double BYTES_PER_GIB = 1024.0 * 1024.0 * 1024.0;

void control_fail(struct control *c, int error)
{
    if (c->error == 0)
        log_error(c->log, "state cannot be kept; ending", "error=\"%s\"",
                  error < 0 ? strerror(-error) : "unexpected answer of the store");
    if (c->error == 0)
        c->error = error;
    loop_stop(c->loop);
}

/* --- each second ------------------------------------------------------------------------------ */

/* As df(1) counts: what is free only for root is neither used nor usable. */
static double disk_percent(const char *directory)
{
    struct statvfs fs;
    double used, usable;

    if (!directory || statvfs(directory, &fs) != 0)
        return NAN;
    used = (double)(fs.f_blocks - fs.f_bfree);
    usable = used + (double)fs.f_bavail;
    return usable > 0 ? used / usable * 100 : NAN;
}

static void sample(struct control *c, struct instance *i, double disk)
{
    const struct variant *v = i->variant;
    const struct instance_type *type = instance_type_find(v->instance_type);
    double memory = type ? type->memory_gib * BYTES_PER_GIB : 0;
    struct instance_usage usage;
    struct telemetry_usage shown = { .disk_percent = disk };

    if (i->state == INSTANCE_TERMINATING || driver_usage(c->driver, i->id, &usage))
        return;
    i->usage = usage;
    shown.cpu_percent = usage.cpu_percent;
    shown.memory_percent = memory > 0 ? (double)usage.memory_bytes / memory * 100 : 0;
    telemetry_usage(c->telemetry, v->endpoint->name, v->name, &shown, loop_wall(c->loop));
}

static void sample_all(struct control *c)
{
    double disk = disk_percent(c->settings.state_dir);

    map_for_each (slot, &c->instances)
        sample(c, slot->value, disk);
}

static int tick(struct control *c)
{
    int r;

    if (c->telemetry)
        sample_all(c);
    r = reconcile(c);
    if (!r && c->alarms)
        r = alarm_book_tick(c->alarms, loop_wall(c->loop));
    if (!r && c->autoscaler && !c->stopping)
        r = autoscaler_tick(c->autoscaler, loop_wall(c->loop));
    if (!r)
        r = meter_tick(c->meter);
    if (c->metrics)
        metrics_age(c->metrics, loop_wall(c->loop));
    if (c->history)
        metric_history_tick(c->history);
    return fault(r);
}

static void ticked(struct loop_timer *timer)
{
    struct control *c = container_of(timer, struct control, tick);
    int r;

    loop_timer_after(timer, TICK_MS);
    r = tick(c);
    if (r)
        control_fail(c, r);
}

/* --- life ------------------------------------------------------------------------------------- */

static void gone(void *context, const char *id, const char *why)
{
    reconcile_gone(context, id, why);
}

struct driver_events control_driver_events(struct control *c)
{
    return (struct driver_events){ .gone = gone, .context = c };
}

static int load_objects(struct control *c)
{
    int r = keys_load(c);

    if (!r)
        r = models_load(c);
    if (!r)
        r = endpoint_configs_load(c);
    if (!r)
        r = endpoints_load(c);
    if (!r)
        r = proxy_link_new(c, &c->link);
    if (!r)
        r = meter_new(c, &c->meter);
    return fault(r);
}

int control_new(struct loop *loop, struct log *log, struct store *store, struct metrics *metrics,
                const struct control_settings *settings, uint64_t seed, struct control **ret)
{
    autofree(control_free) struct control *c = calloc(1, sizeof(*c));
    int r;

    if (!c)
        return fault(-ENOMEM);
    c->loop = loop;
    c->log = log;
    c->store = store;
    c->metrics = metrics;
    c->settings = *settings;
    random_init(&c->random, seed);
    map_init(&c->models, random_u64(&c->random));
    map_init(&c->endpoint_configs, random_u64(&c->random));
    map_init(&c->endpoints, random_u64(&c->random));
    map_init(&c->instances, random_u64(&c->random));
    map_init(&c->keys, random_u64(&c->random));
    loop_timer_init(loop, &c->tick, ticked);
    reconcile_init(c);
    r = load_objects(c);
    if (r)
        return fault(r);
    *ret = steal(c);
    return 0;
}

int control_start(struct control *c, struct driver *driver)
{
    int r;

    c->driver = driver;
    r = reconcile_start(c);
    if (r)
        return fault(r);
    loop_timer_after(&c->tick, TICK_MS);
    return 0;
}

static void free_instances(struct control *c)
{
    map_for_each (slot, &c->endpoints) {
        struct endpoint *e = slot->value;

        for (size_t k = 0; k < e->n_variants; k++)
            list_for_each_safe (i, &e->variants[k].instances, struct instance, link)
                instance_drop(c, i);
    }
}

struct control *control_free(struct control *c)
{
    if (!c)
        return NULL;
    loop_timer_cancel(&c->tick);
    free_instances(c);
    /* Dropping instances wakes nobody, but their pings' ends might have. */
    loop_task_cancel(&c->reconcile);
    proxy_link_free(c->link);
    meter_free(c->meter);
    map_for_each (slot, &c->endpoints)
        endpoint_free(slot->value);
    map_for_each (slot, &c->endpoint_configs)
        endpoint_config_free(slot->value);
    map_for_each (slot, &c->models)
        model_free(slot->value);
    keys_free(c);
    map_deinit(&c->instances);
    map_deinit(&c->endpoints);
    map_deinit(&c->endpoint_configs);
    map_deinit(&c->models);
    free(c);
    return NULL;
}
