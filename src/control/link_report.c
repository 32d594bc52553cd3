#include "control/link_report.h"

#include <stdio.h>
#include <string.h>

#include "control/autoscaler.h"
#include "control/endpoint.h"
#include "control/reconcile.h"
#include "control/telemetry.h"

enum { LATE_MS_MAX = 10000 };

wall_ms_t link_report_second(const struct link_report *report, wall_ms_t now, wall_ms_t last)
{
    bool clocks_agree = report->at_ms <= now && now - report->at_ms < LATE_MS_MAX;
    wall_ms_t end = clocks_agree ? report->at_ms : now;
    wall_ms_t begin = end - report->interval_ms, next = last + MS_PER_S;

    if (next > begin - MS_PER_S && next <= end - MS_PER_S)
        return next;
    return begin / MS_PER_S * MS_PER_S;
}

static struct variant *group_variant(const struct control *c, const char *group)
{
    char name[LINK_NAME_BYTES];
    char *slash;
    const struct endpoint *e;

    snprintf(name, sizeof(name), "%s", group);
    slash = strchr(name, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    e = endpoint_find(c, name);
    return e ? endpoint_variant(e, slash + 1) : NULL;
}

/* Concurrency is a state, of which the newest proxy has nearly all; from the others' point of view
 * it falls to nothing, and that is no news of the variant. What they count is added. */
static bool has_news(struct link_report_group *g, bool newest)
{
    if (newest)
        return true;
    g->concurrency_samples = 0;
    return g->arrivals > 0 || g->requests > 0 || g->model_errors > 0 ||
           g->model_latency_us.count > 0;
}

static void hear_group(struct control *c, struct link_report_group *g, wall_ms_t second,
                       bool newest)
{
    struct variant *v = group_variant(c, g->id);
    unsigned in_service = v ? variant_counts(v).in_service : 0;

    if (!v)
        return;
    if (newest || g->queued > 0)
        variant_hear_queue(v, g->queued, loop_wall(c->loop));
    if (!has_news(g, newest))
        return;
    tally_report(&v->tally, g);
    if (newest)
        tally_state(&v->tally, g);
    /* one that has yet to come into service has no metrics, one without instances has */
    if (endpoint_takes_requests(v->endpoint) || in_service > 0)
        telemetry_report(c->telemetry, v->endpoint->name, v->name, in_service, g, second);
}

void link_report_hear(struct control *c, struct link_report *report, wall_ms_t second, bool newest)
{
    for (size_t i = 0; i < report->n_groups && c->telemetry; i++)
        hear_group(c, &report->groups[i], second, newest);
    if (c->autoscaler)
        autoscaler_wake(c->autoscaler);
}

void link_report_waiting(struct control *c, const struct link_event *event)
{
    struct variant *v = group_variant(c, event->group);

    log_debug(c->log, "requests wait for capacity", "group=%s queued=%u", event->group,
              event->queued);
    if (v)
        variant_hear_queue(v, event->queued, loop_wall(c->loop));
    if (v && c->autoscaler)
        autoscaler_wake(c->autoscaler);
    reconcile_wake(c);
}
