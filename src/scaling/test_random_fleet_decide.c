/* A decision of the fleet, as control/autoscaler.c makes it of values, and what follows from it. */
#include <math.h>

#include "scaling/test_random_fleet.h"

static const ms_t settle_ms = MS_PER_S, repeat_ms = 60 * MS_PER_S;

/* --- what is wished --------------------------------------------------------------------------- */

static void wish_of_tracking(const struct fleet *f, struct fleet_policy *p, struct wish *ret)
{
    struct scaling_view view = { .now = f->now,
                                 .pace = f->pace,
                                 .in_service = (unsigned)f->in_service,
                                 .starting = (unsigned)(f->desired - f->in_service),
                                 .history = &f->history,
                                 .metrics = f->metrics };
    struct tracking_report report;

    tracking_evaluate(&p->tracking, &p->state, &view, &report);
    *ret = report.wish;
}

/* The alarm is judged when a minute is over; its policy hears of it at once, and again each minute.
 * Return: whether it hears now. */
static bool judge_alarm(const struct fleet *f, struct fleet_policy *p, double *ret_metric)
{
    double points[ALARM_POINTS_MAX];
    ms_t period = p->rule.period_s * MS_PER_S;
    wall_ms_t end = (f->now - settle_ms) / period * period;
    size_t n = alarm_range(&p->rule);
    enum alarm_state before = p->alarm;

    if (end <= p->judged)
        return false;
    p->judged = end;
    metrics_read(f->metrics, &p->tracking.metric, p->tracking.unit, end - (ms_t)n * period,
                 p->rule.period_s, n, &p->tracking.statistic, points, NULL);
    p->alarm = alarm_judge(&p->rule, points, n, p->alarm);
    if (p->alarm != ALARM_ALARM || (before == ALARM_ALARM && f->now - p->acted < repeat_ms))
        return false;
    p->acted = f->now;
    *ret_metric = step_metric(p->steps.aggregation, points, n);
    return !isnan(*ret_metric);
}

static void wish_of_steps(const struct fleet *f, struct fleet_policy *p, struct wish *ret)
{
    *ret = (struct wish){ .kind = WISH_STEP,
                          .below = p->rule.comparison == ALARM_LESS,
                          .threshold = p->rule.threshold,
                          .steps = &p->steps,
                          .cooldown = p->state.cooldown };
    ret->due = judge_alarm(f, p, &ret->metric);
}

int fleet_forecast_capacity(const struct fleet *f)
{
    return f->forecast.any ? wish_capacity(f->forecast.load, FLEET_FORECAST_TARGET) : 0;
}

/* Requests wait and no instance is there: as many as those need who are tracked in flight, or one. */
static struct wish wish_of_queue(const struct fleet *f)
{
    struct wish w = { .kind = WISH_QUEUE, .demand = ceil(f->traffic.load / 600) };

    w.target = w.demand;
    for (size_t i = 0; i < f->n_policies; i++) {
        const struct tracking *t = &f->policies[i].tracking;

        if (f->policies[i].kind == WISH_TRACKING && tracking_is_concurrency(t))
            w.target = fmin(w.target, t->target);
    }
    w.due = wish_capacity(w.demand, w.target) > f->desired;
    return w;
}

static size_t wishes_of(struct fleet *f, struct wish wishes[FLEET_WISHES_MAX])
{
    size_t n = f->n_policies;

    for (size_t i = 0; i < n; i++)
        if (f->policies[i].kind == WISH_TRACKING)
            wish_of_tracking(f, &f->policies[i], &wishes[i]);
        else
            wish_of_steps(f, &f->policies[i], &wishes[i]);
    if (fleet_forecast_capacity(f) > 0)
        wishes[n++] = (struct wish){ .kind = WISH_FORECAST,
                                     .due = !f->forecast.reached,
                                     .demand = f->forecast.load,
                                     .target = FLEET_FORECAST_TARGET };
    if (f->in_service == 0 && f->traffic.load > 0)
        wishes[n++] = wish_of_queue(f);
    return n;
}

bool fleet_restful(const struct fleet *f)
{
    for (size_t i = 0; i < f->n_policies; i++) {
        const struct fleet_policy *p = &f->policies[i];

        if (p->state.acting != DIRECTION_NONE || p->alarm == ALARM_ALARM)
            return false;
    }
    return true;
}

/* --- acting ----------------------------------------------------------------------------------- */

static void mix(struct fleet *f, uint64_t word)
{
    f->life->digest = (f->life->digest ^ word) * 1099511628211u;
}

/* A decision goes into the digest, with its time. That nothing can be done does not: it is said
 * again each minute. */
static void note(struct fleet *f, const struct decision *d)
{
    mix(f, (uint64_t)f->now);
    mix(f, (uint64_t)d->to << 8 | (uint64_t)d->winner);
    f->life->n_out += d->direction == DIRECTION_OUT;
    f->life->n_in += d->direction == DIRECTION_IN;
}

static void start(struct fleet *f, int n)
{
    if (n <= 0)
        return;
    if (f->n_starting ==
        FLEET_STARTS_MAX) { /* no more batches than that: they come with the last */
        f->starting[f->n_starting - 1].n += n;
        return;
    }
    f->starting[f->n_starting].at = f->now + f->start_ms;
    f->starting[f->n_starting++].n = n;
}

/* The newest of those that are starting go first. */
static void stop(struct fleet *f, int n)
{
    while (n > 0 && f->n_starting > 0) {
        int *newest = &f->starting[f->n_starting - 1].n, fewer = *newest < n ? *newest : n;

        *newest -= fewer;
        n -= fewer;
        f->n_starting -= *newest == 0;
    }
    if (n > 0)
        f->in_service -= n;
}

static void act(struct fleet *f, const struct decision *d, int winner)
{
    if (d->direction == DIRECTION_OUT)
        for (size_t i = 0; i < f->n_policies; i++)
            cooldown_scaled_out(&f->policies[i].state.cooldown);
    start(f, d->to - f->desired);
    stop(f, f->desired - d->to);
    f->desired = d->to;
    f->changing = true;
    f->winner = winner;
    f->from = d->from;
    f->to = d->to;
    f->changed = f->now;
}

/* --- deciding --------------------------------------------------------------------------------- */

static struct decide_input input_of(const struct fleet *f)
{
    return (struct decide_input){
        .min = f->min,
        .max = f->max,
        .in_service = f->in_service,
        .desired = f->desired,
        .settled = f->settled,
        .out_suspended = f->out_suspended,
        .in_suspended = f->in_suspended,
    };
}

static void carry_out(struct fleet *f, struct explanation *x)
{
    bool by_policy = !x->bounds && x->decision.winner < f->n_policies;

    x->at = f->now;
    x->pace = f->pace;
    fleet_check(f, x);
    if (x->decision.verdict != VERDICT_SCALE)
        return;
    note(f, &x->decision);
    act(f, &x->decision, by_policy ? (int)x->decision.winner : -1);
}

void fleet_bounds(struct fleet *f)
{
    struct explanation x = { .bounds = true, .input = input_of(f) };

    x.decision = decide_bounds(&x.input);
    carry_out(f, &x);
}

void fleet_decide(struct fleet *f)
{
    struct wish wishes[FLEET_WISHES_MAX];
    struct explanation x = { .input = input_of(f) };

    x.input.wishes = wishes;
    x.input.n_wishes = wishes_of(f, wishes);
    for (size_t i = 0; i < x.input.n_wishes; i++)
        wish_settle(&wishes[i], f->now, decide_base(&x.input));
    x.decision = decide(&x.input);
    f->life->instants++;
    carry_out(f, &x);
    f->forecast.reached |= f->desired >= fleet_forecast_capacity(f) || f->desired == f->max;
}
