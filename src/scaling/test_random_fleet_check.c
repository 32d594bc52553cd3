/* What is promised of every decision, from accounts that the deciding code does not see. */
#include <stdio.h>

#include "scaling/test_random_fleet.h"

static void broken(struct fleet *f, const char *promise)
{
    if (f->life->violations++ == 0)
        snprintf(f->life->why, sizeof(f->life->why),
                 "%s: seed %llu, after %.1f s, %d in service, %d desired, within %d..%d", promise,
                 (unsigned long long)f->seed, (double)f->now / 1000 - 1769026560, f->in_service,
                 f->desired, f->min, f->max);
}

static void must(struct fleet *f, bool holds, const char *promise)
{
    if (!holds)
        broken(f, promise);
}

static int cooldown_seconds(const struct fleet *f, const struct fleet_policy *p, bool out)
{
    if (p->kind == WISH_STEP)
        return p->steps.cooldown_s;
    return out ? tracking_out_cooldown_s(&p->tracking, f->pace)
               : tracking_in_cooldown_s(&p->tracking);
}

/* The change under way is complete: a policy's begins its cooldown. */
void fleet_check_completed(struct fleet *f)
{
    struct fleet_policy *p = f->winner < 0 ? NULL : &f->policies[f->winner];
    int seconds = p ? cooldown_seconds(f, p, f->to > f->from) : 0;

    if (!p || seconds <= 0 || f->from == f->to)
        return;
    cooldown_start(&p->state.cooldown, f->from, f->to, f->now, seconds);
    f->accounts[f->winner] = (struct fleet_account){
        .direction = f->to > f->from ? DIRECTION_OUT : DIRECTION_IN,
        .until = f->now + seconds * MS_PER_S,
        .from = f->from,
        .to = f->to,
    };
}

static bool cools(const struct fleet *f, size_t policy, enum direction direction)
{
    const struct fleet_account *a = &f->accounts[policy];

    return a->direction == direction && f->now < a->until;
}

static void check_in(struct fleet *f, const struct explanation *x)
{
    const struct decide_input *in = &x->input;
    const struct decision *d = &x->decision;

    int forecast = fleet_forecast_capacity(f);

    must(f, d->to < f->desired, "a scale-in makes fewer");
    must(f, d->to >= forecast || d->to >= f->max, "no scale-in below the forecast");
    must(f, !f->in_suspended, "no scale-in while it is suspended");
    for (size_t i = 0; i < in->n_wishes; i++)
        must(f, in->wishes[i].direction != DIRECTION_OUT || in->wishes[i].kind == WISH_FORECAST,
             "no scale-in while any policy wants out");
    must(f, d->winner < f->n_policies, "neither queue nor forecast wants fewer");
    if (d->winner >= f->n_policies)
        return;
    must(f, !cools(f, d->winner, DIRECTION_IN), "no scale-in in the policy's own cooldown");
    if (in->wishes[d->winner].kind != WISH_TRACKING)
        return;
    for (size_t i = 0; i < f->n_policies; i++) {
        const struct fleet_policy *p = &f->policies[i];

        if (p->kind != WISH_TRACKING || p->tracking.disable_scale_in)
            continue;
        must(f, p->state.low == ALARM_ALARM, "all tracking policies are low when one scales in");
        must(f, !cools(f, i, DIRECTION_IN), "no scale-in while any tracking policy cools down");
    }
}

static void check_out(struct fleet *f, const struct explanation *x)
{
    const struct decision *d = &x->decision;
    const struct wish *w = &x->input.wishes[d->winner];
    bool relative = w->kind == WISH_STEP && w->steps->type != STEP_EXACT;
    int whole, base = decide_base(&x->input);
    const struct fleet_account *a;

    must(f, d->to > f->desired, "a scale-out makes more");
    must(f, !f->out_suspended, "no scale-out while it is suspended");
    if (d->winner >= f->n_policies || !cools(f, d->winner, DIRECTION_OUT))
        return;
    a = &f->accounts[d->winner];
    if (!relative) {
        must(f, d->to > a->to || d->to == f->max,
             "in its cooldown a scale-out goes beyond what was reached");
        return;
    }
    whole = step_capacity(w->steps, step_find(w->steps, w->below, w->metric - w->threshold), base);
    must(f, d->to <= whole - (a->to - a->from), "what a cooling step added counts");
}

static void check_replay(struct fleet *f, const struct explanation *x)
{
    struct wish scratch[FLEET_WISHES_MAX];
    struct decision again = explain_replay(x, scratch);

    must(f, explain_same(&again, &x->decision), "a record replays to the same decision");
}

void fleet_check(struct fleet *f, const struct explanation *x)
{
    const struct decision *d = &x->decision;
    int after = d->verdict == VERDICT_SCALE ? d->to : f->desired;

    must(f, after >= f->min && after <= f->max, "capacity is within its bounds");
    must(f, f->in_service <= f->desired, "nothing is launched twice");
    check_replay(f, x);
    if (d->verdict != VERDICT_SCALE)
        return;
    must(f, d->from == f->desired, "a decision starts from what is desired");
    if (!x->bounds && d->direction == DIRECTION_IN)
        check_in(f, x);
    if (!x->bounds && d->direction == DIRECTION_OUT)
        check_out(f, x);
    for (size_t i = 0; i < f->n_policies && d->direction == DIRECTION_OUT; i++)
        if (f->accounts[i].direction == DIRECTION_IN)
            f->accounts[i].direction = DIRECTION_NONE;
}
