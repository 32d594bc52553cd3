#include "control/autoscaler.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "control/alarm_book.h"
#include "control/forecaster.h"
#include "control/managed_alarm.h"
#include "control/queue_wish.h"
#include "control/scaling_activity.h"
#include "control/scaling_policy.h"
#include "control/scaling_round.h"
#include "control/scaling_target.h"
#include "control/scheduled_action.h"

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

/* --- each second ------------------------------------------------------------------------------ */

static void add_wish(struct scaling_round *round, struct scaling_policy *p, const struct wish *w)
{
    round->policies[round->n] = p;
    round->wishes[round->n++] = *w;
}

/* An alarm that somebody set by hand speaks for a tracking policy as its own alarms do. */
static void apply_signal(const struct scaling_policy *p, const struct scaling_round *round,
                         struct wish *w)
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

static int evaluate_tracking(struct scaling_round *round, struct scaling_policy *p)
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

static void evaluate_steps(struct scaling_round *round, struct scaling_policy *p)
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

static void evaluate_forecast(struct scaling_round *round, struct scaling_policy *p)
{
    struct wish w;

    if (forecaster_wish(p, round->now, &w))
        add_wish(round, p, &w);
}

static int evaluate(struct scaling_round *round)
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
    scaling_round_see_input(round);
    for (size_t i = 0; i < round->n; i++)
        wish_settle(&round->wishes[i], round->now, decide_base(&round->input));
    return 0;
}

/* Signals are acted on at once or not at all; an alarm that stays repeats them. */
static void forget_signals(struct scaling_target *t)
{
    list_for_each (p, &t->policies, struct scaling_policy, link)
        p->signal.due = false;
}

/* Forecasts are acted on until what they need is asked for. */
static void note_reached(struct scaling_round *round)
{
    struct scaling_target *t = round->target;

    t->scalable->see(t->autoscaler, t->resource_id, &round->seen); /* as it was set just now */
    list_for_each (p, &t->policies, struct scaling_policy, link)
        if (p->kind == POLICY_PREDICTIVE)
            forecaster_reached(p, round->now, round->seen.desired);
}

/* What cannot be read is recorded once, until it can be again. */
static int note_trouble(struct scaling_round *round)
{
    struct scaling_target *t = round->target;
    const char *trouble = round->seen.trouble;

    if (!trouble == !t->troubled)
        return 0;
    t->troubled = trouble != NULL;
    return trouble ? scaling_activity_trouble(t, round->now, trouble) : 0;
}

/* The count that steps add to. After a restart, a change that goes on tells what it began from. */
static void note_settled(struct scaling_target *t, const struct scalable_state *seen)
{
    const struct scaling_activity *change;

    if (seen->in_service == seen->desired)
        t->settled = seen->desired;
    if (t->settled >= 0)
        return;
    change = scaling_activity_under_way(t);
    t->settled = change ? change->from : seen->desired;
}

static int tick_target(struct scaling_target *t, wall_ms_t now)
{
    struct scaling_round round = { .target = t, .now = now };
    int r;

    t->scalable->see(t->autoscaler, t->resource_id, &round.seen);
    if (round.seen.is == SCALABLE_GONE)
        return 0;
    r = note_trouble(&round);
    if (!r)
        r = scheduled_actions_tick(t, now);
    if (round.seen.is == SCALABLE_UNKNOWN)
        forget_signals(t);
    if (r || round.seen.is == SCALABLE_UNKNOWN)
        return fault(r);
    note_settled(t, &round.seen);
    capacity_history_push(&t->history, now, (unsigned)round.seen.in_service);
    r = forecaster_make_room(t, now);
    if (!r && t->enforce && round.seen.can_change)
        r = scaling_round_enforce_bounds(&round);
    if (r)
        return fault(r);
    r = evaluate(&round);
    if (!r)
        r = scaling_round_act(&round);
    note_reached(&round);
    forget_signals(t);
    return fault(r);
}

/* Pauses last as long as they were meant to, also where the clock is set back meanwhile. */
static void notice_clock(struct autoscaler *a, wall_ms_t now)
{
    ms_t back = a->ticked - now;

    a->ticked = now;
    if (back <= 0)
        return;
    list_for_each (t, &a->targets, struct scaling_target, link) {
        t->retry_at -= back;
        list_for_each (p, &t->policies, struct scaling_policy, link)
            p->state.cooldown.until -= back;
    }
}

int autoscaler_tick(struct autoscaler *a, wall_ms_t now)
{
    int r;

    notice_clock(a, now);
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
