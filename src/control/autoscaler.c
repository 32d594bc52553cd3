#include "control/autoscaler.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/alarm_book.h"
#include "control/explanation.h"
#include "control/forecaster.h"
#include "control/managed_alarm.h"
#include "control/policy_reading.h"
#include "control/queue_wish.h"
#include "control/scaling_activity.h"
#include "control/scaling_policy.h"
#include "control/scaling_target.h"
#include "control/scheduled_action.h"
#include "scaling/cause.h"

enum { WISHES_MAX = SCALING_POLICIES_MAX + 1 };
static_assert((int)WISHES_MAX <= (int)EXPLANATION_WISHES_MAX, "a record has room for all wishes");

/* One target's second: what was seen, wished and decided. */
struct round {
    struct scaling_target *target;
    wall_ms_t now;
    struct scalable_state seen;
    struct scaling_policy *policies[WISHES_MAX]; /* whose wish it is; NULL: the queue's */
    struct wish wishes[WISHES_MAX];
    size_t n;
    struct decide_input input;
    struct decision decision;
};

/* --- life ------------------------------------------------------------------------------------- */

static void woken(struct loop_task *task)
{
    struct autoscaler *a = container_of(task, struct autoscaler, wake);
    struct control *c = a->control;
    int r = c->stopping ? 0 : autoscaler_tick(a, loop_wall(c->loop));

    if (r)
        control_fail(c, r);
}

void autoscaler_wake(struct autoscaler *a)
{
    loop_defer(a->control->loop, &a->wake);
}

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
    loop_task_init(&a->wake, woken);
    custom_resources_init(&a->custom_resources, c->loop, c->log, c->courier);
    c->autoscaler = a; /* loading finds it there */
    r = scaling_targets_load(a);
    if (!r)
        r = scaling_activities_load(a);
    c->autoscaler = before;
    if (r)
        return fault(r);
    if (c->alarms)
        alarm_book_set_actor(c->alarms, scaling_policy_hear, a);
    *ret = steal(a);
    return 0;
}

struct autoscaler *autoscaler_free(struct autoscaler *a)
{
    if (!a)
        return NULL;
    loop_task_cancel(&a->wake);
    if (a->control->alarms)
        alarm_book_set_actor(a->control->alarms, NULL, NULL);
    list_for_each_safe (t, &a->targets, struct scaling_target, link)
        scaling_target_free(t);
    list_for_each_safe (x, &a->activities, struct scaling_activity, link)
        scaling_activity_free(x);
    custom_resources_deinit(&a->custom_resources);
    time_zones_deinit(&a->time_zones);
    free(a);
    return NULL;
}

int autoscaler_forget_endpoint(struct autoscaler *a, const char *endpoint)
{
    list_for_each_safe (t, &a->targets, struct scaling_target, link) {
        bool of_it = t->endpoint && strcasecmp(t->endpoint, endpoint) == 0;
        int r = of_it ? scaling_target_deregister(t) : 0;
        if (r)
            return fault(r);
    }
    return 0;
}

/* --- acting ----------------------------------------------------------------------------------- */

/* Set the capacity and keep the activity that says so; where that takes a while, following it does
 * the rest. */
static int set_capacity(struct scaling_target *t, wall_ms_t now, int from, int to,
                        const char *policy, const char *cause, const char *details)
{
    struct autoscaler *a = t->autoscaler;
    struct scaling_activity *activity = NULL;
    char why[SCALABLE_WHY_BYTES];
    int r = scaling_activity_begin(t, now, from, to, policy, cause, details, &activity);

    if (r)
        return fault(r);
    r = t->scalable->set(a, t->resource_id, to, cause, why);
    switch (r) {
    case 0:
        return scaling_activity_started(a, activity);
    case SCALABLE_UNDER_WAY:
        return 0;
    case SCALABLE_E_REFUSED:
        t->retry_at = now + SCALING_RETRY_MS;
        return scaling_activity_refused(a, activity, now, why);
    default:
        return fault(r);
    }
}

static void see_input(struct round *round)
{
    const struct scaling_target *t = round->target;

    round->input = (struct decide_input){
        .min = t->min,
        .max = t->max,
        .in_service = round->seen.in_service,
        .desired = round->seen.desired,
        .settled = t->settled,
        .out_suspended = t->out_suspended,
        .in_suspended = t->in_suspended,
        .unscalable = !round->seen.can_change,
        .wishes = round->wishes,
        .n_wishes = round->n,
    };
}

static int read_notes(const struct round *round, struct explanation_note *ret_notes)
{
    const struct metrics *metrics = round->target->autoscaler->control->metrics;

    for (size_t i = 0; i < round->n; i++) {
        const struct scaling_policy *p = round->policies[i];
        int r = 0;

        ret_notes[i] = (struct explanation_note){ .policy = p ? p->name : NULL };
        if (p)
            r = policy_reading_document(&p->tracking, &round->wishes[i], metrics,
                                        &ret_notes[i].read);
        if (r)
            return fault(r);
    }
    return 0;
}

/* What was decided, with all it was made of, as JSON text to free(); NULL if no memory. */
static char *details_text(const struct round *round)
{
    struct explanation x = {
        .at = round->now,
        .pace = round->target->pace,
        .pending = round->seen.pending,
        .bounds = round->input.n_wishes == 0,
        .input = round->input,
        .decision = round->decision,
    };
    struct explanation_note notes[WISHES_MAX] = { 0 };
    char *text = NULL;

    if (read_notes(round, notes) == 0)
        text = explanation_text(&x, notes);
    for (size_t i = 0; i < round->n; i++)
        json_decref(notes[i].read);
    return text;
}

/* Registering a target, or a scheduled action, brings its count within the bounds, once. */
static int enforce_bounds(struct round *round)
{
    struct scaling_target *t = round->target;
    autofree(mem_free) char *details = NULL;
    const struct decision *d = &round->decision;
    char cause[CAUSE_BYTES];
    int r = scaling_target_enforced(t);

    if (r)
        return fault(r);
    see_input(round);
    round->decision = decide_bounds(&round->input);
    if (d->verdict == VERDICT_NOTHING)
        return 0;
    details = details_text(round);
    if (!details)
        return fault(-ENOMEM);
    snprintf(cause, sizeof cause,
             "%s capacity was set to %d. The desired count goes from %d to %d.",
             d->direction == DIRECTION_OUT ? "minimum" : "maximum", d->to, d->from, d->to);
    round->seen.desired = d->to;
    return set_capacity(t, round->now, d->from, d->to, NULL, cause, details);
}

/* What a policy's wish came from; the queue's from nothing that has a name. */
static void alarm_of(const struct scaling_policy *p, const struct wish *w,
                     char ret_name[SCALING_ALARM_NAME_BYTES])
{
    if (w->kind == WISH_TRACKING && !p->signal.due)
        scaling_policy_alarm_name(p, w->direction == DIRECTION_IN ? &p->low : &p->high, ret_name);
    else
        snprintf(ret_name, SCALING_ALARM_NAME_BYTES, "%s", p ? p->signal.alarm : "");
}

static void explain(const struct round *round, char ret_cause[CAUSE_BYTES])
{
    const struct scaling_policy *p = round->policies[round->decision.winner];
    const struct wish *w = &round->wishes[round->decision.winner];
    char alarm[SCALING_ALARM_NAME_BYTES];

    alarm_of(p, w, alarm);
    cause_text(&(struct cause){ .alarm = alarm,
                                .policy = p ? p->name : NULL,
                                .tracking = p ? &p->tracking : NULL,
                                .wish = w,
                                .decision = &round->decision,
                                .in_service = round->seen.in_service,
                                .base = decide_base(&round->input),
                                .min = round->target->min,
                                .max = round->target->max,
                                .floor = decide_floor(&round->input),
                                .unit = round->target->scalable->unit },
               ret_cause);
}

/* Adding capacity ends scale-in cooldowns, whoever had them. */
static int end_in_cooldowns(struct round *round)
{
    list_for_each (p, &round->target->policies, struct scaling_policy, link) {
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
    autofree(mem_free) char *details = details_text(round);
    char cause[CAUSE_BYTES];
    int r = 0;

    if (!details)
        return fault(-ENOMEM);
    explain(round, cause);
    if (d->direction == DIRECTION_OUT)
        r = end_in_cooldowns(round);
    if (r)
        return fault(r);
    return set_capacity(round->target, round->now, d->from, d->to, winner ? winner->name : NULL,
                        cause, details);
}

static int capacity_named_by(const struct round *round, enum not_scaled reason)
{
    if (reason == NOT_SCALED_AT_MAX)
        return round->target->max;
    if (reason == NOT_SCALED_AT_MIN)
        return round->target->min;
    return round->seen.desired;
}

static int not_scaled(struct round *round)
{
    const struct scaling_policy *p = round->policies[round->decision.winner];
    const struct wish *w = &round->wishes[round->decision.winner];
    enum not_scaled reason = round->decision.reason;
    autofree(mem_free) char *details = NULL;
    char cause[CAUSE_BYTES], alarm[SCALING_ALARM_NAME_BYTES];

    if (scaling_activity_said(round->target, reason))
        return 0;
    details = details_text(round);
    if (!details)
        return fault(-ENOMEM);
    alarm_of(p, w, alarm);
    if (w->kind == WISH_FORECAST)
        snprintf(
            cause, sizeof cause,
            "predictive scaling policy %s was triggered: %d instances are forecast to be needed",
            p->name, w->capacity);
    else if (p)
        snprintf(cause, sizeof cause, "monitor alarm %s in state ALARM triggered policy %s", alarm,
                 p->name);
    else
        snprintf(cause, sizeof cause, "%.0f request%s waiting and no instance is in service",
                 w->demand, w->demand == 1 ? " is" : "s are");
    return scaling_activity_not_scaled(
        round->target, round->now, reason, capacity_named_by(round, reason),
        w->kind == WISH_FORECAST ? "Attempting to scale due to a forecast"
                                 : "Attempting to scale due to alarm triggered",
        cause, details);
}

/* --- each second ------------------------------------------------------------------------------ */

static void add_wish(struct round *round, struct scaling_policy *p, const struct wish *w)
{
    round->policies[round->n] = p;
    round->wishes[round->n++] = *w;
}

/* An alarm that somebody set by hand speaks for a tracking policy as its own alarms do. */
static void apply_signal(const struct scaling_policy *p, const struct round *round, struct wish *w)
{
    if (!p->signal.due || round->seen.in_service == 0)
        return;
    w->alarm = p->signal.below ? DIRECTION_IN : DIRECTION_OUT;
    w->due = true;
    w->metric = p->signal.metric;
    w->threshold = p->signal.threshold;
    w->demand = w->metric * round->seen.in_service;
    w->held = 0;
}

/* Without its alarm a policy does not act in that direction. */
static void heed_alarms(const struct scaling_policy *p, struct wish *w)
{
    if (w->alarm != DIRECTION_NONE && !managed_alarm_acts(p, w->alarm)) {
        w->alarm = DIRECTION_NONE;
        w->due = false;
    }
    w->may_scale_in = w->may_scale_in && managed_alarm_acts(p, DIRECTION_IN);
}

static int evaluate_tracking(struct round *round, struct scaling_policy *p)
{
    struct scaling_target *t = round->target;
    struct tracking_report report;
    struct scaling_view view = {
        .now = round->now,
        .pace = t->pace,
        .in_service = (unsigned)round->seen.in_service,
        .starting = (unsigned)round->seen.pending,
        .history = &t->history,
        .metrics = t->autoscaler->control->metrics,
    };
    int r;

    tracking_evaluate(&p->tracking, &p->state, &view, &report);
    r = managed_alarms_tell(p, &report, round->now);
    if (r)
        return fault(r);
    heed_alarms(p, &report.wish);
    apply_signal(p, round, &report.wish);
    add_wish(round, p, &report.wish);
    return 0;
}

static void evaluate_steps(struct round *round, struct scaling_policy *p)
{
    add_wish(round, p,
             &(struct wish){
                 .kind = WISH_STEP,
                 .due = p->signal.due,
                 .below = p->signal.below,
                 .metric = p->signal.metric,
                 .threshold = p->signal.threshold,
                 .steps = &p->steps,
                 .cooldown = p->state.cooldown,
             });
}

static void evaluate_forecast(struct round *round, struct scaling_policy *p)
{
    struct wish w;

    if (forecaster_wish(p, round->now, &w))
        add_wish(round, p, &w);
}

static int evaluate(struct round *round)
{
    struct wish w;

    list_for_each (p, &round->target->policies, struct scaling_policy, link) {
        int r = 0;

        if (p->kind == POLICY_STEP)
            evaluate_steps(round, p);
        else if (p->kind == POLICY_PREDICTIVE)
            evaluate_forecast(round, p);
        else
            r = evaluate_tracking(round, p);
        if (r)
            return fault(r);
    }
    if (queue_wish(round->target, &round->seen, &w))
        add_wish(round, NULL, &w);
    see_input(round);
    for (size_t i = 0; i < round->n; i++)
        wish_settle(&round->wishes[i], round->now, decide_base(&round->input));
    return 0;
}

static int act(struct round *round)
{
    if (round->now < round->target->retry_at)
        return 0;
    round->decision = decide(&round->input);
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

/* Signals are acted on once; an alarm that stays repeats them. Forecasts are acted on until what they
 * need is asked for. */
static void settle_policies(struct round *round)
{
    struct scaling_target *t = round->target;

    t->scalable->see(t->autoscaler, t->resource_id, &round->seen); /* as it was set just now */
    list_for_each (p, &t->policies, struct scaling_policy, link) {
        p->signal.due = false;
        if (p->kind == POLICY_PREDICTIVE)
            forecaster_reached(p, round->now, round->seen.desired);
    }
}

/* What cannot be read is recorded once, until it can be again. */
static int note_trouble(struct round *round)
{
    struct scaling_target *t = round->target;
    const char *trouble = round->seen.trouble;

    if (!trouble == !t->troubled)
        return 0;
    t->troubled = trouble != NULL;
    return trouble ? scaling_activity_trouble(t, round->now, trouble) : 0;
}

static int tick_target(struct scaling_target *t, wall_ms_t now)
{
    struct round round = { .target = t, .now = now };
    int r;

    t->scalable->see(t->autoscaler, t->resource_id, &round.seen);
    if (round.seen.is == SCALABLE_GONE)
        return 0;
    r = note_trouble(&round);
    if (!r)
        r = scheduled_actions_tick(t, now);
    if (r || round.seen.is == SCALABLE_UNKNOWN)
        return fault(r);
    if (round.seen.in_service == round.seen.desired)
        t->settled = round.seen.desired;
    capacity_history_push(&t->history, now, (unsigned)round.seen.in_service);
    r = forecaster_make_room(t, now);
    if (!r && t->enforce && round.seen.can_change)
        r = enforce_bounds(&round);
    if (r)
        return fault(r);
    r = evaluate(&round);
    if (!r)
        r = act(&round);
    settle_policies(&round);
    return fault(r);
}

int autoscaler_tick(struct autoscaler *a, wall_ms_t now)
{
    int r;

    custom_resources_tick(&a->custom_resources);
    r = scaling_activities_follow(a, now);
    if (r)
        return fault(r);
    if (!a->control->metrics)
        return 0;
    r = forecaster_tick(a, now);
    if (r)
        return fault(r);
    list_for_each (t, &a->targets, struct scaling_target, link) {
        r = tick_target(t, now);
        if (r)
            return fault(r);
    }
    return 0;
}
