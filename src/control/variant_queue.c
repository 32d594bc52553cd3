/* Requests that wait for an instance of a variant, and what they may hope for. */
#include "control/autoscaler.h"
#include "control/endpoint.h"
#include "control/instance.h"
#include "control/plan.h"
#include "control/proxy_link.h"
#include "control/scaling_target.h"

enum {
    HEARD_MS = 3000, /* reports come each second: what was heard longer ago is no longer true */
    /* With instances there, a full house: whoever waits that long is better told. */
    WAIT_MS = 30000,
    /* While launches fail it may still be the next one that succeeds. */
    WAIT_FAILING_MS = 10000,
    START_SLACK_MS = 5000, /* from launching to the proxy's knowing, beside the start itself */
};

void variant_hear_queue(struct variant *v, unsigned waiting, wall_ms_t now)
{
    v->queue = (struct variant_queue){ .waiting = waiting, .heard = now };
}

unsigned variant_waiting(const struct variant *v, wall_ms_t now)
{
    return now >= v->queue.heard && now - v->queue.heard <= HEARD_MS ? v->queue.waiting : 0;
}

bool variant_failing(const struct variant *v)
{
    return v->launch_failures >= PLAN_LAUNCH_FAILURES_MAX && variant_counts(v).in_service == 0;
}

/* Whether a request makes an instance start where none is wanted. */
static bool wakes(const struct control *c, const struct variant *v)
{
    const struct scaling_target *t =
        c->autoscaler ? scaling_target_of(c->autoscaler, v->endpoint->name, v->name) : NULL;

    return t && t->max > 0 && !t->out_suspended;
}

bool variant_may_be_empty(const struct control *c, const struct variant *v)
{
    return wakes(c, v) && scaling_target_of(c->autoscaler, v->endpoint->name, v->name)->min == 0;
}

enum link_outlook variant_outlook(const struct control *c, const struct variant *v,
                                  ms_t *ret_wait_ms)
{
    ms_t start_ms = v->startup_timeout_ms + START_SLACK_MS;

    if (variant_counts(v).in_service > 0) {
        *ret_wait_ms = WAIT_MS;
        return LINK_COMING;
    }
    if (variant_failing(v)) {
        *ret_wait_ms = WAIT_FAILING_MS;
        return LINK_FAILING;
    }
    if (endpoint_wanted(v) == 0 && !wakes(c, v)) {
        *ret_wait_ms = 0;
        return LINK_NONE;
    }
    *ret_wait_ms = start_ms > WAIT_MS ? start_ms : WAIT_MS;
    return LINK_COMING;
}

void variant_tell_outlook(struct control *c, struct variant *v)
{
    if (endpoint_takes_requests(v->endpoint) && variant_counts(v).in_service == 0)
        v->link_revision = proxy_link_target_group(c->link, v);
}
