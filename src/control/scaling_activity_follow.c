/* What becomes of changes of capacity: each second, those that are not over are held against what is
 * seen. */
#include <errno.h>

#include "base/error.h"
#include "base/text.h"
#include "control/scaling_activity.h"

static const ms_t patience_ms = 3600 * MS_PER_S;

/* The change is complete: from now on the policy that made it cools down. */
static int cool_down(struct autoscaler *a, const struct scaling_activity *x, wall_ms_t now)
{
    struct scaling_target *t = scaling_target_find(a, x->resource_id);
    struct scaling_policy *p = t && x->policy ? scaling_policy_find(t, x->policy) : NULL;
    int seconds;

    if (!p)
        return 0;
    seconds = scaling_policy_cooldown_s(p, x->to > x->from ? DIRECTION_OUT : DIRECTION_IN);
    if (seconds <= 0)
        return 0;
    cooldown_start(&p->state.cooldown, x->from, x->to, now, seconds);
    return scaling_policy_save(p);
}

static int succeed(struct autoscaler *a, struct scaling_activity *x, wall_ms_t now)
{
    int r = scaling_activity_set_status(
        a, x, ACTIVITY_SUCCESSFUL, now,
        text_format("Successfully set %s to %d. Change successfully fulfilled by %s.",
                    x->scalable->thing, x->to, x->scalable->namespace));

    return r ? r : cool_down(a, x, now);
}

static int override(struct autoscaler *a, struct scaling_activity *x, wall_ms_t now, int desired)
{
    return scaling_activity_set_status(
        a, x, ACTIVITY_OVERRIDDEN, now,
        text_format("Successfully set %s to %d. Found it was later changed to %d.",
                    x->scalable->thing, x->to, desired));
}

static int give_up(struct autoscaler *a, struct scaling_activity *x, wall_ms_t now)
{
    return scaling_activity_set_status(
        a, x, ACTIVITY_UNFULFILLED, now,
        text_format("Successfully set %s to %d. Change was not fulfilled by %s within %d "
                    "minutes.",
                    x->scalable->thing, x->to, x->scalable->namespace,
                    (int)(patience_ms / 60 / MS_PER_S)));
}

/* It was not set, or failed after it was: not to be asked again at once. */
static int fail(struct autoscaler *a, struct scaling_activity *x, wall_ms_t now, const char *why)
{
    struct scaling_target *t = scaling_target_find(a, x->resource_id);

    if (t)
        t->retry_at = now + SCALING_RETRY_MS;
    return scaling_activity_refused(a, x, now, why);
}

/* Begun, and not known to be set. */
static int follow_pending(struct autoscaler *a, struct scaling_activity *x,
                          const struct scalable_state *seen, wall_ms_t now)
{
    if (seen->setting)
        return seen->desired == x->to ? 0 : override(a, x, now, seen->desired);
    if (seen->refusal && seen->refused == x->to)
        return fail(a, x, now, seen->refusal);
    if (seen->desired == x->to)
        return scaling_activity_started(a, x);
    /* begun before a restart, which came before it was set */
    return scaling_activity_refused(a, x, now, "weir was restarted.");
}

static int follow_started(struct autoscaler *a, struct scaling_activity *x,
                          const struct scalable_state *seen, wall_ms_t now)
{
    bool reached = x->to > x->from ? seen->in_service >= x->to : seen->in_service <= x->to;

    if (seen->desired != x->to)
        return override(a, x, now, seen->desired);
    if (seen->failure)
        return fail(a, x, now, seen->failure);
    return reached && !seen->busy ? succeed(a, x, now) : 0;
}

static int follow(struct autoscaler *a, struct scaling_activity *x, wall_ms_t now)
{
    struct scalable_state seen;
    int r = 0;

    x->scalable->see(a, x->resource_id, &seen);
    if (seen.is == SCALABLE_GONE)
        return scaling_activity_refused(a, x, now, x->scalable->gone);
    if (seen.is == SCALABLE_KNOWN && x->status == ACTIVITY_PENDING)
        r = follow_pending(a, x, &seen, now);
    if (!r && seen.is == SCALABLE_KNOWN && x->status == ACTIVITY_IN_PROGRESS)
        r = follow_started(a, x, &seen, now);
    if (!r && x->end == 0 && now - x->start > patience_ms)
        r = give_up(a, x, now);
    return r;
}

const struct scaling_activity *scaling_activity_under_way(const struct scaling_target *t)
{
    list_for_each_backwards (x, &t->autoscaler->activities, struct scaling_activity, link)
        if (x->end == 0 && t->scalable->same(x->resource_id, t->resource_id))
            return x;
    return NULL;
}

int scaling_activities_follow(struct autoscaler *a, wall_ms_t now)
{
    list_for_each (x, &a->activities, struct scaling_activity, link) {
        int r = x->end == 0 ? follow(a, x, now) : 0;
        if (r)
            return fault(r);
    }
    return scaling_activities_drop_old(a, now);
}
