#include "control/scaling_round.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/explanation.h"
#include "control/policy_reading.h"
#include "control/scaling_activity.h"
#include "scaling/cause.h"

static_assert((int)SCALING_WISHES_MAX <= (int)EXPLANATION_WISHES_MAX,
              "a record has room for all wishes");

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

void scaling_round_see_input(struct scaling_round *round)
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

static int read_notes(const struct scaling_round *round, struct explanation_note *ret_notes)
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
static char *details_text(const struct scaling_round *round)
{
    struct explanation x = {
        .at = round->now,
        .pace = round->target->pace,
        .pending = round->seen.pending,
        .bounds = round->input.n_wishes == 0,
        .input = round->input,
        .decision = round->decision,
    };
    struct explanation_note notes[SCALING_WISHES_MAX] = { 0 };
    char *text = NULL;

    if (read_notes(round, notes) == 0)
        text = explanation_text(&x, notes);
    for (size_t i = 0; i < round->n; i++)
        json_decref(notes[i].read);
    return text;
}

static int enforce_bounds(struct scaling_round *round)
{
    const struct decision *d = &round->decision;
    autofree(mem_free) char *details = details_text(round);
    char cause[CAUSE_BYTES];

    if (!details)
        return fault(-ENOMEM);
    snprintf(cause, sizeof cause,
             "%s capacity was set to %d. The desired count goes from %d to %d.",
             d->direction == DIRECTION_OUT ? "minimum" : "maximum", d->to, d->from, d->to);
    round->seen.desired = d->to;
    return set_capacity(round->target, round->now, d->from, d->to, NULL, cause, details);
}

/* Done twice it does no harm, so that it is noted last. */
int scaling_round_enforce_bounds(struct scaling_round *round)
{
    int r = 0;

    scaling_round_see_input(round);
    round->decision = decide_bounds(&round->input);
    if (round->decision.verdict == VERDICT_SCALE)
        r = enforce_bounds(round);
    return r ? fault(r) : scaling_target_enforced(round->target);
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

static void explain(const struct scaling_round *round, char ret_cause[CAUSE_BYTES])
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
static int end_in_cooldowns(struct scaling_round *round)
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

static int scale(struct scaling_round *round)
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

static int capacity_named_by(const struct scaling_round *round, enum not_scaled reason)
{
    if (reason == NOT_SCALED_AT_MAX)
        return round->target->max;
    if (reason == NOT_SCALED_AT_MIN)
        return round->target->min;
    return round->seen.desired;
}

static int not_scaled(struct scaling_round *round)
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

int scaling_round_act(struct scaling_round *round)
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
