#include "control/autoscaler.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/scaling_activity.h"
#include "control/scaling_policy.h"
#include "control/scaling_target.h"
#include "control/scheduled_action.h"
#include "scaling/alarm_reason.h"
#include "scaling/cause.h"

static const ms_t retry_ms = 60 * MS_PER_S; /* after a change was refused, as often as AWS does */

/* One target's second: what was seen, wished and decided. */
struct round {
    struct scaling_target *target;
    wall_ms_t now;
    struct variant_counts counts;
    enum endpoint_status status;
    struct scaling_policy *policies[SCALING_POLICIES_MAX];
    struct wish wishes[SCALING_POLICIES_MAX];
    size_t n;
    struct decision decision;
};

/* --- life ------------------------------------------------------------------------------------- */

int autoscaler_new(struct control *c, struct autoscaler **ret)
{
    autofree(autoscaler_free) struct autoscaler *a = calloc(1, sizeof(*a));
    struct autoscaler *before = c->autoscaler;
    int r;

    if (!a)
        return fault(-ENOMEM);
    a->control = c;
    list_init(&a->targets);
    list_init(&a->activities);
    time_zones_init(&a->time_zones);
    c->autoscaler = a; /* loading finds it there */
    r = scaling_targets_load(a);
    if (!r)
        r = scaling_activities_load(a);
    c->autoscaler = before;
    if (r)
        return fault(r);
    *ret = steal(a);
    return 0;
}

struct autoscaler *autoscaler_free(struct autoscaler *a)
{
    if (!a)
        return NULL;
    list_for_each_safe (t, &a->targets, struct scaling_target, link)
        scaling_target_free(t);
    list_for_each_safe (x, &a->activities, struct scaling_activity, link)
        scaling_activity_free(x);
    time_zones_deinit(&a->time_zones);
    free(a);
    return NULL;
}

int autoscaler_forget_endpoint(struct autoscaler *a, const char *endpoint)
{
    list_for_each_safe (t, &a->targets, struct scaling_target, link) {
        int r = strcasecmp(t->endpoint, endpoint) == 0 ? scaling_target_deregister(t) : 0;
        if (r)
            return fault(r);
    }
    return 0;
}

/* --- alarms ----------------------------------------------------------------------------------- */

/* An alarm without the memory for its reason keeps the one before. */
static void alarm_changed(const struct scaling_policy *p, struct scaling_alarm *alarm,
                          const struct alarm_rule *rule, enum alarm_state state,
                          const struct alarm_evidence *e, wall_ms_t now)
{
    char reason[ALARM_REASON_BYTES], data[ALARM_REASON_DATA_BYTES];
    char name[SCALING_ALARM_NAME_BYTES];
    const char *unit =
        p->tracking.unit == METRIC_UNIT_ANY ? NULL : metric_unit_text(p->tracking.unit);

    alarm_reason(rule, state, e->points, e->n, reason);
    alarm_reason_data(rule, e->points, e->n, cause_statistic(&p->tracking.statistic), unit, now, data);
    free(alarm->reason);
    free(alarm->reason_data);
    alarm->reason = strdup(reason);
    alarm->reason_data = strdup(data);
    alarm->updated = alarm->transitioned = now;
    scaling_policy_alarm_name(p, alarm, name);
    log_debug(p->target->autoscaler->control->log, "alarm changed", "alarm=%s state=%s", name,
              alarm_state_text(state));
}

static void note_alarms(struct scaling_policy *p, const struct tracking_report *report,
                        wall_ms_t now)
{
    if (report->high_changed)
        alarm_changed(p, &p->high, &report->high_rule, p->state.high, &report->high, now);
    if (report->low_changed)
        alarm_changed(p, &p->low, &report->low_rule, p->state.low, &report->low, now);
}

/* --- acting ----------------------------------------------------------------------------------- */

static const char *refusal(int r)
{
    switch (r) {
    case ENDPOINT_E_LIMIT:
        return "The limit on instances of this server is reached. (Service: AmazonSageMaker; "
               "Status "
               "Code: 400; Error Code: ResourceLimitExceeded)";
    case ENDPOINT_E_IN_PROGRESS:
    case ENDPOINT_E_FAILED:
        return "The endpoint is not in a status in which it can be updated. (Service: "
               "AmazonSageMaker; Status Code: 400; Error Code: ValidationException)";
    default:
        return "The variant cannot have this instance count. (Service: AmazonSageMaker; Status "
               "Code: 400; Error Code: ValidationException)";
    }
}

/* Set the count and keep the activity that says so. */
static int set_count(struct scaling_target *t, wall_ms_t now, int from, int to, const char *policy,
                     const char *cause, const char *details)
{
    struct autoscaler *a = t->autoscaler;
    struct scaling_activity *activity = NULL;
    int r = scaling_activity_begin(t, now, from, to, policy, cause, details, &activity);

    if (r)
        return fault(r);
    r = endpoint_set_desired(a->control, t->endpoint, t->variant, (unsigned)to, cause);
    if (r < 0)
        return fault(r);
    if (r > 0) {
        t->retry_at = now + retry_ms;
        return scaling_activity_refused(a, activity, now, refusal(r));
    }
    return scaling_activity_started(a, activity);
}

static const char *direction_text(enum direction direction)
{
    switch (direction) {
    case DIRECTION_OUT:
        return "out";
    case DIRECTION_IN:
        return "in";
    case DIRECTION_NONE:
        break;
    }
    return "none";
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *wish_document(const struct scaling_policy *p, const struct wish *w)
{
    return json_pack("{s:s, s:s, s:i, s:o, s:o, s:f, s:f, s:i, s:b, s:b, s:b}", "policy", p->name,
                     "direction", direction_text(w->direction), "capacity", w->capacity, "metric",
                     number(w->metric), "demand", number(w->demand), "target", w->target,
                     "threshold", w->threshold, "windowSeconds", (int)w->window_s, "due", w->due,
                     "mayScaleIn", w->may_scale_in, "scaleInCoolingDown", w->in_blocked);
}

static json_t *wish_documents(const struct round *round)
{
    json_t *wishes = json_array();

    for (size_t i = 0; i < round->n; i++)
        if (json_array_append_new(wishes, wish_document(round->policies[i], &round->wishes[i]))) {
            json_decref(wishes);
            return NULL;
        }
    return wishes;
}

/* All that went into a change from @from to @to, as JSON text to free(); NULL if no memory.
 * @winner: the policy that decided; NULL: it was the bounds */
static char *details_text(const struct round *round, int from, int to,
                          const struct scaling_policy *winner)
{
    const struct scaling_target *t = round->target;
    json_auto_t *details =
        json_pack("{s:i, s:i, s:s, s:i, s:i, s:i, s:i}", "from", from, "to", to, "pace",
                  t->pace == PACE_AWS ? "aws" : "fast", "inService", (int)round->counts.in_service,
                  "pending", (int)round->counts.pending, "min", t->min, "max", t->max);

    if (!details)
        return NULL;
    if (winner && (json_object_set_new(details, "winner", json_string(winner->name)) != 0 ||
                   json_object_set_new(details, "wishes", wish_documents(round)) != 0))
        return NULL;
    return json_dumps(details, JSON_COMPACT | JSON_REAL_PRECISION(12));
}

/* Registering a target, or a scheduled action, brings its count within the bounds, once. */
static int enforce_bounds(struct round *round)
{
    struct scaling_target *t = round->target;
    int desired = (int)round->counts.desired;
    int to = desired < t->min ? t->min : desired > t->max ? t->max : desired;
    autofree(mem_free) char *details = NULL;
    char cause[CAUSE_BYTES];

    t->enforce = false;
    if (to == desired)
        return 0;
    details = details_text(round, desired, to, NULL);
    if (!details)
        return fault(-ENOMEM);
    snprintf(cause, sizeof cause,
             "%s capacity was set to %d. The desired count goes from %d to %d.",
             to > desired ? "minimum" : "maximum", to, desired, to);
    round->counts.desired = (unsigned)to;
    return set_count(t, round->now, desired, to, NULL, cause, details);
}

static void explain(const struct round *round, char ret_cause[CAUSE_BYTES])
{
    const struct scaling_policy *p = round->policies[round->decision.winner];
    const struct wish *w = &round->wishes[round->decision.winner];
    char alarm[SCALING_ALARM_NAME_BYTES];

    scaling_policy_alarm_name(p, w->direction == DIRECTION_IN ? &p->low : &p->high, alarm);
    cause_text(&(struct cause){ .alarm = alarm,
                                .policy = p->name,
                                .tracking = &p->tracking,
                                .wish = w,
                                .decision = &round->decision,
                                .in_service = (int)round->counts.in_service,
                                .min = round->target->min,
                                .max = round->target->max },
               ret_cause);
}

/* Adding capacity ends scale-in cooldowns, whoever had them. */
static int end_in_cooldowns(struct round *round)
{
    for (size_t i = 0; i < round->n; i++) {
        struct scaling_policy *p = round->policies[i];
        int r;
        if (p->state.cooldown.direction != DIRECTION_IN)
            continue;
        cooldown_scaled_out(&p->state.cooldown);
        r = scaling_policy_save(p);
        if (r)
            return fault(r);
    }
    return 0;
}

static int scale(struct round *round)
{
    const struct decision *d = &round->decision;
    const struct scaling_policy *winner = round->policies[d->winner];
    autofree(mem_free) char *details = details_text(round, d->from, d->to, winner);
    char cause[CAUSE_BYTES];
    int r = 0;

    if (!details)
        return fault(-ENOMEM);
    explain(round, cause);
    if (d->direction == DIRECTION_OUT)
        r = end_in_cooldowns(round);
    if (r)
        return fault(r);
    return set_count(round->target, round->now, d->from, d->to, winner->name, cause, details);
}

static int capacity_named_by(const struct round *round, enum not_scaled reason)
{
    if (reason == NOT_SCALED_AT_MAX)
        return round->target->max;
    if (reason == NOT_SCALED_AT_MIN)
        return round->target->min;
    return (int)round->counts.desired;
}

static int not_scaled(struct round *round)
{
    const struct scaling_policy *p = round->policies[round->decision.winner];
    const struct wish *w = &round->wishes[round->decision.winner];
    enum not_scaled reason = round->decision.reason;
    char cause[CAUSE_BYTES], alarm[SCALING_ALARM_NAME_BYTES];

    scaling_policy_alarm_name(p, w->direction == DIRECTION_IN ? &p->low : &p->high, alarm);
    snprintf(cause, sizeof cause, "monitor alarm %s in state ALARM triggered policy %s", alarm,
             p->name);
    return scaling_activity_not_scaled(round->target, round->now, reason,
                                       capacity_named_by(round, reason), cause);
}

/* --- each second ------------------------------------------------------------------------------ */

static void evaluate(struct round *round)
{
    struct scaling_target *t = round->target;
    struct tracking_report report;
    struct scaling_view view = {
        .now = round->now,
        .pace = t->pace,
        .in_service = round->counts.in_service,
        .history = &t->history,
        .metrics = t->autoscaler->control->metrics,
    };

    list_for_each (p, &t->policies, struct scaling_policy, link) {
        tracking_evaluate(&p->tracking, &p->state, &view, &report);
        note_alarms(p, &report, round->now);
        round->policies[round->n] = p;
        round->wishes[round->n++] = report.wish;
    }
}

static int act(struct round *round)
{
    const struct scaling_target *t = round->target;

    if (round->now < t->retry_at)
        return 0;
    round->decision = decide(&(struct decide_input){
        .min = t->min,
        .max = t->max,
        .in_service = (int)round->counts.in_service,
        .desired = (int)round->counts.desired,
        .out_suspended = t->out_suspended,
        .in_suspended = t->in_suspended,
        .unscalable = round->status != ENDPOINT_IN_SERVICE && round->status != ENDPOINT_UPDATING,
        .wishes = round->wishes,
        .n_wishes = round->n,
    });
    switch (round->decision.verdict) {
    case VERDICT_SCALE:
        return scale(round);
    case VERDICT_NOT_SCALED:
        return not_scaled(round);
    case VERDICT_NOTHING:
        break;
    }
    return 0;
}

static int tick_target(struct scaling_target *t, wall_ms_t now)
{
    struct round round = { .target = t, .now = now };
    const struct endpoint *e = endpoint_find(t->autoscaler->control, t->endpoint);
    const struct variant *v = e ? endpoint_variant(e, t->variant) : NULL;
    int r = 0;

    if (!v)
        return 0;
    round.status = e->status;
    round.counts = variant_counts(v);
    capacity_history_push(&t->history, now, round.counts.in_service);
    r = scheduled_actions_tick(t, now);
    if (!r && t->enforce && endpoint_takes_requests(e))
        r = enforce_bounds(&round);
    if (r)
        return fault(r);
    evaluate(&round);
    return fault(act(&round));
}

int autoscaler_tick(struct autoscaler *a, wall_ms_t now)
{
    int r = scaling_activities_follow(a, now);

    if (r)
        return fault(r);
    if (!a->control->metrics)
        return 0;
    list_for_each (t, &a->targets, struct scaling_target, link) {
        r = tick_target(t, now);
        if (r)
            return fault(r);
    }
    return 0;
}
