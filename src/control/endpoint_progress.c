/* How endpoints move from state to state as their fleets do. */
#include "base/error.h"
#include "base/text.h"
#include "control/endpoint.h"
#include "control/plan.h"
#include "control/proxy_link.h"

static bool has_counts(const struct endpoint *e)
{
    for (size_t i = 0; i < e->n_variants; i++)
        if (variant_counts(&e->variants[i]).in_service != e->variants[i].desired_count)
            return false;
    return true;
}

/* Whether the proxy serves what it was told: a client that sees InService may invoke at once. */
static bool is_served(struct control *c, struct endpoint *e)
{
    if (!e->announced) {
        e->link_revision = proxy_link_endpoint(c->link, e);
        e->announced = true;
    }
    if (!proxy_link_serves(c->link, e->link_revision))
        return false;
    for (size_t i = 0; i < e->n_variants; i++)
        if (!proxy_link_serves(c->link, e->variants[i].link_revision))
            return false;
    return true;
}

static const struct variant *broken_variant(const struct endpoint *e)
{
    for (size_t i = 0; i < e->n_variants; i++)
        if (e->variants[i].launch_failures >= PLAN_LAUNCH_FAILURES_MAX)
            return &e->variants[i];
    return NULL;
}

static int settle(struct control *c, struct endpoint *e)
{
    for (size_t i = 0; i < e->n_variants; i++)
        e->variants[i].current_weight = e->variants[i].desired_weight;
    if (e->status != ENDPOINT_IN_SERVICE)
        endpoint_set_status(c, e, ENDPOINT_IN_SERVICE);
    return fault(endpoint_store(c, e));
}

int endpoint_fail(struct control *c, struct endpoint *e, const struct variant *v)
{
    autofree(mem_free) char *reason =
        text_format("The primary container for production variant %s did not pass the ping health "
                    "check. %s",
                    v->name, v->launch_failure ? v->launch_failure : "");

    if (reason)
        endpoint_set_failure(e, reason);
    if (e->status == ENDPOINT_CREATING)
        endpoint_set_status(c, e, ENDPOINT_FAILED);
    else
        endpoint_set_status(c, e, ENDPOINT_IN_SERVICE);
    return fault(endpoint_store(c, e));
}

int endpoint_progress(struct control *c, struct endpoint *e)
{
    bool updating = e->status == ENDPOINT_UPDATING;
    const struct variant *broken = broken_variant(e);

    if (e->status != ENDPOINT_CREATING && !endpoint_takes_requests(e))
        return 0;
    if (!has_counts(e))
        return updating && broken ? endpoint_fail(c, e, broken) : 0;
    if (!is_served(c, e))
        return 0;
    if (e->status == ENDPOINT_IN_SERVICE && e->failure_reason[0] == '\0')
        return 0;
    e->failure_reason[0] = '\0';
    return settle(c, e);
}
