#include "proxy/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balance/queue.h"

struct report_entry {
    struct link_report_group sum;
    bool waiting; /* requests wait, and that was said */
    uint64_t serial;
};

void report_init(struct report *r, uint64_t seed, ms_t now)
{
    map_init(&r->groups, seed);
    r->since = now;
}

void report_deinit(struct report *r)
{
    map_for_each (slot, &r->groups) {
        free(slot->value);
    }
    map_deinit(&r->groups);
}

static struct report_entry *leftover(struct report *r, uint64_t serial)
{
    map_for_each (slot, &r->groups) {
        struct report_entry *e = slot->value;

        if (e->serial != serial)
            return e;
    }
    return NULL;
}

int report_follow(struct report *r, const struct route *route)
{
    struct report_entry *e;

    for (size_t i = 0; i < route->n_groups; i++) {
        const char *id = route->groups[i].config.id;

        e = map_get(&r->groups, id);
        if (!e) {
            e = calloc(1, sizeof(*e));
            if (!e || map_put(&r->groups, id, e)) {
                free(e);
                return -ENOMEM;
            }
            memcpy(e->sum.id, id, strlen(id) + 1);
        }
        e->serial = route->serial;
    }
    while ((e = leftover(r, route->serial))) {
        map_remove(&r->groups, e->sum.id);
        free(e);
    }
    return 0;
}

void report_add(struct report *r, const struct stats *s)
{
    struct report_entry *e = map_get(&r->groups, s->sum.id);

    if (e) /* a group that is no more is of no interest */
        report_group_add(&e->sum, &s->sum);
}

void report_sample(struct report *r, const struct route *route)
{
    for (size_t i = 0; i < route->n_groups; i++) {
        const struct route_group *g = &route->groups[i];
        struct report_entry *e = map_get(&r->groups, g->config.id);
        unsigned queued = gauge_queued(g->gauge), busy = 0;

        if (!e)
            continue;
        for (size_t k = 0; k < g->n_targets; k++)
            busy += target_in_flight(g->targets[k].target);
        report_group_sample(&e->sum, busy + queued);
        e->waiting = e->waiting && queued;
    }
}

void report_waiting(struct report *r, const struct route *route, ms_t now,
                    void (*waiting)(const struct link_event *e, void *context), void *context)
{
    for (size_t i = 0; i < route->n_groups; i++) {
        const struct route_group *g = &route->groups[i];
        struct report_entry *e = map_get(&r->groups, g->config.id);
        struct link_event event = { .event = LINK_QUEUE_WAITING, .queued = gauge_queued(g->gauge) };

        if (!e || e->waiting || event.queued == 0)
            continue;
        e->waiting = true;
        memcpy(event.group, g->config.id, sizeof(event.group));
        event.oldest_queued_ms = queue_oldest_ms(g->gauge, now);
        waiting(&event, context);
    }
}

static unsigned unhealthy(const struct route_group *g)
{
    unsigned n = 0;

    for (size_t i = 0; i < g->n_targets; i++)
        n += !g->targets[i].draining && target_health(g->targets[i].target) != TARGET_HEALTHY;
    return n;
}

int report_write(const struct report *r, const struct route *route, ms_t now, wall_ms_t wall,
                 struct link_message *ret_message)
{
    struct link_report *report = &ret_message->report;

    *ret_message = (struct link_message){ .type = LINK_REPORT };
    report->at_ms = wall;
    report->interval_ms = now - r->since;
    report->groups = calloc(route->n_groups + 1, sizeof(*report->groups));
    if (!report->groups)
        return -ENOMEM;
    for (size_t i = 0; i < route->n_groups; i++) {
        const struct route_group *g = &route->groups[i];
        const struct report_entry *e = map_get(&r->groups, g->config.id);
        struct link_report_group *to = &report->groups[report->n_groups];

        if (!e)
            continue;
        *to = e->sum;
        to->targets_in_service = balance_in_service(g, now);
        to->targets_unhealthy = unhealthy(g);
        to->queued = gauge_queued(g->gauge);
        to->oldest_queued_ms = queue_oldest_ms(g->gauge, now);
        report->n_groups++;
    }
    return 0;
}

static void clear(struct link_report_group *g)
{
    char id[LINK_NAME_BYTES];

    memcpy(id, g->id, sizeof(id));
    *g = (struct link_report_group){ 0 };
    memcpy(g->id, id, sizeof(id));
}

void report_restart(struct report *r, ms_t now)
{
    map_for_each (slot, &r->groups) {
        clear(&((struct report_entry *)slot->value)->sum);
    }
    r->since = now;
}
