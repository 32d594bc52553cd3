#include "scaling/target_tracking.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "scaling/burst.h"
#include "scaling/fast.h"
#include "scaling/fast_math.h"

enum {
    HIGH_RESOLUTION_S = 10,
    OUT_PERIODS = 3,
    IN_PERIODS = 15,
    IN_PERIODS_HIGH_RESOLUTION = 90,
};

static const double low_share = 0.9;         /* of the target: where scaling in begins */
static const ms_t settle_ms = 1000;          /* after a period's end, for its last data to arrive */
static const ms_t repeat_ms = 60 * MS_PER_S; /* an alarm that stays is acted on again */

static_assert(IN_PERIODS_HIGH_RESOLUTION + 60 / HIGH_RESOLUTION_S <= ALARM_POINTS_MAX,
              "the longest evaluation range fits");

double tracking_low_threshold(const struct tracking *t)
{
    return t->target * low_share;
}

bool tracking_is_rate(const struct tracking *t)
{
    return !t->math && metric_statistic_grows(&t->statistic);
}

bool tracking_by_seconds(const struct tracking *t)
{
    return !t->math || t->by_seconds;
}

bool tracking_is_concurrency(const struct tracking *t)
{
    return t->period_s == HIGH_RESOLUTION_S;
}

static void aws_rules(const struct tracking *t, struct alarm_rule *high, struct alarm_rule *low)
{
    *high = (struct alarm_rule){
        .comparison = ALARM_GREATER,
        .threshold = t->target,
        .period_s = t->period_s,
        .evaluation_periods = OUT_PERIODS,
    };
    *low = (struct alarm_rule){
        .comparison = ALARM_LESS,
        .threshold = tracking_low_threshold(t),
        .period_s = t->period_s,
        .evaluation_periods =
            t->period_s == HIGH_RESOLUTION_S ? IN_PERIODS_HIGH_RESOLUTION : IN_PERIODS,
    };
}

void tracking_rules(const struct tracking *t, enum pace pace, struct alarm_rule *ret_high,
                    struct alarm_rule *ret_low)
{
    aws_rules(t, ret_high, ret_low);
    if (pace == PACE_AWS)
        return;
    if (!tracking_by_seconds(t)) {
        ret_low->evaluation_periods = fast_in_whole_periods(t);
        return;
    }
    ret_high->period_s = fast_out_period_s(t);
    ret_low->period_s = fast_in_period_s(t);
    ret_low->evaluation_periods = fast_in_periods(t);
}

int tracking_out_cooldown_s(const struct tracking *t, enum pace pace)
{
    if (t->scale_out_cooldown_s != COOLDOWN_NOT_GIVEN)
        return t->scale_out_cooldown_s;
    return pace == PACE_AWS ? COOLDOWN_DEFAULT_S : 0;
}

int tracking_in_cooldown_s(const struct tracking *t)
{
    return t->scale_in_cooldown_s != COOLDOWN_NOT_GIVEN ? t->scale_in_cooldown_s
                                                        : COOLDOWN_DEFAULT_S;
}

void tracking_state_init(struct tracking_state *s)
{
    *s = (struct tracking_state){ .high = ALARM_INSUFFICIENT_DATA };
}

/* What cannot be computed has no data. */
static void read_math(const struct tracking *t, const struct metrics *metrics,
                      const struct queries_row *row, double *ret_values, double *ret_counts)
{
    bool known = queries_read(t->math, t->math_result, metrics, row, ret_values) == 0;

    for (size_t i = 0; i < row->n; i++) {
        ret_values[i] = known ? ret_values[i] : (double)NAN;
        ret_counts[i] = 0;
    }
}

void tracking_gather(const struct tracking *t, const struct alarm_rule *rule, size_t n,
                     const struct metrics *metrics, wall_ms_t end, struct alarm_evidence *ret)
{
    double values[ALARM_POINTS_MAX], counts[ALARM_POINTS_MAX];
    ms_t period = rule->period_s * MS_PER_S;
    wall_ms_t start;

    if (n > ALARM_POINTS_MAX)
        n = ALARM_POINTS_MAX;
    start = end - (ms_t)n * period;
    if (t->math)
        read_math(t, metrics,
                  &(struct queries_row){ .end = end, .period_s = rule->period_s, .n = n }, values,
                  counts);
    else
        metrics_read(metrics, &t->metric, t->unit, start, rule->period_s, n, &t->statistic, values,
                     counts);
    ret->n = n;
    for (size_t i = 0; i < n; i++)
        ret->points[i] = (struct alarm_point){
            .at = start + (ms_t)i * period,
            .value = values[i],
            .count = isnan(values[i]) ? 0 : counts[i],
        };
}

/* AWS's rule as it is judged; in pace fast the low alarm looks as far back as the fast rule does */
static void bucket_rules(const struct tracking *t, enum pace pace, struct alarm_rule *high,
                         struct alarm_rule *low)
{
    aws_rules(t, high, low);
    if (pace == PACE_FAST)
        low->evaluation_periods = fast_in_whole_periods(t);
}

/* The newest @n points; false: there are not as many. */
static bool take_newest(const struct alarm_evidence *from, size_t n, struct alarm_evidence *ret)
{
    if (from->n < n)
        return false;
    ret->n = n;
    memcpy(ret->points, from->points + from->n - n, n * sizeof(*ret->points));
    return true;
}

/* The low alarm looks further back by the same periods, so that what it reads serves for both. Not
 * with metric math: what FILL and others make of a period may hang on where the range begins. */
static void judge_period(const struct tracking *t, struct tracking_state *s,
                         const struct scaling_view *view, wall_ms_t end,
                         struct tracking_report *report)
{
    struct alarm_rule high, low;

    bucket_rules(t, view->pace, &high, &low);
    tracking_gather(t, &low, alarm_range(&low), view->metrics, end, &report->low);
    if (t->math || !take_newest(&report->low, alarm_range(&high), &report->high))
        tracking_gather(t, &high, alarm_range(&high), view->metrics, end, &report->high);
    s->bucket_high = alarm_judge_evidence(&high, &report->high, s->bucket_high);
    s->bucket_metric_high = alarm_recent_average(&high, &report->high);

    s->bucket_low = alarm_judge_evidence(&low, &report->low, s->bucket_low);
    s->bucket_metric_low = alarm_recent_average(&low, &report->low);
    s->judged = end;
    s->coarse = t->math && t->by_seconds && view->pace == PACE_FAST &&
                fast_math_coarse(t, view->metrics, end);
}

/* An alarm acts when it goes off, and again each minute while it stays, on newly judged data. */
static bool becomes_due(struct tracking_state *s, enum direction direction)
{
    if (direction != s->acting) {
        s->acting = direction;
        s->acted = 0;
    }
    if (direction == DIRECTION_NONE || (s->acted != 0 && s->judged - s->acted < repeat_ms))
        return false;
    s->acted = s->judged;
    return true;
}

static void propose(const struct scaling_view *view, enum direction direction, double demand,
                    const struct wish_reading *read, struct wish *w)
{
    w->alarm = direction;
    w->demand = demand;
    w->metric = demand / view->in_service;
    w->window_s = read->n * read->period_s;
    w->read = *read;
}

/* As judge_period() read it: more periods than are judged, for those that have no data. */
static struct wish_reading bucket_reading(const struct tracking_state *s,
                                          const struct alarm_rule *rule)
{
    return (struct wish_reading){
        .end = s->judged,
        .period_s = rule->period_s,
        .n = rule->evaluation_periods,
        .lead = (unsigned)alarm_range(rule) - rule->evaluation_periods,
    };
}

static struct wish_reading seconds_reading(wall_ms_t end, unsigned period_s, unsigned n)
{
    return (struct wish_reading){
        .end = end,
        .period_s = period_s,
        .n = n,
        .lead = FAST_MATH_LEAD_S / period_s,
        .strict = true,
    };
}

/* What was idle as there was no instance says nothing against the one that a request has brought. */
static bool was_there(const struct tracking_state *s, const struct scaling_view *view,
                      const struct alarm_rule *low)
{
    return view->now - s->woken >= low->evaluation_periods * low->period_s * MS_PER_S;
}

/* AWS's rule: the mean of the points judged, times what is in service. */
static void bucket_wish(const struct tracking *t, struct tracking_state *s,
                        const struct scaling_view *view, struct wish *w)
{
    struct alarm_rule high, low;
    struct wish_reading read;

    bucket_rules(t, view->pace, &high, &low);
    if (s->bucket_high == ALARM_ALARM) {
        read = bucket_reading(s, &high);
        propose(view, DIRECTION_OUT, s->bucket_metric_high * view->in_service, &read, w);
    } else if (s->bucket_low == ALARM_ALARM && !t->disable_scale_in && was_there(s, view, &low)) {
        read = bucket_reading(s, &low);
        propose(view, DIRECTION_IN, s->bucket_metric_low * view->in_service, &read, w);
    }
    w->due = becomes_due(s, w->alarm);
}

static void set_states(struct tracking_state *s, enum alarm_state high, enum alarm_state low,
                       struct tracking_report *report)
{
    report->high_changed = s->high != high;
    report->low_changed = s->low != low;
    s->high = high;
    s->low = low;
}

/* What the alarms show is AWS's rule: where that was not so before, it was judged a while ago. */
static void bucket_states(const struct tracking *t, struct tracking_state *s,
                          const struct scaling_view *view, struct tracking_report *report)
{
    bucket_rules(t, view->pace, &report->high_rule, &report->low_rule);
    set_states(s, s->bucket_high, s->bucket_low, report);
    if (report->high_changed && report->high.n == 0)
        tracking_gather(t, &report->high_rule, alarm_range(&report->high_rule), view->metrics,
                        s->judged, &report->high);
    if (report->low_changed && report->low.n == 0)
        tracking_gather(t, &report->low_rule, alarm_range(&report->low_rule), view->metrics,
                        s->judged, &report->low);
}

/* --- pace fast -------------------------------------------------------------------------------- */

/* what tells why the high alarm changed: the periods that were looked at, per instance */
static void explain_high(const struct fast_seconds *seconds, const struct fast_excess *e,
                         unsigned in_service, struct alarm_evidence *ret)
{
    ret->n = e->n_points;
    for (size_t i = 0; i < e->n_points; i++)
        ret->points[i] = (struct alarm_point){
            .at = seconds->end - (ms_t)(e->n_points - i) * e->period_s * MS_PER_S,
            .value = e->points[i] / in_service,
            .count = e->period_s,
        };
}

/* the same for the low alarm: the window's periods, the newest as it was judged */
static void explain_low(const struct tracking *t, const struct scaling_view *view,
                        const struct fast_seconds *seconds, double metric,
                        struct alarm_evidence *ret)
{
    struct alarm_rule high, low;

    tracking_rules(t, PACE_FAST, &high, &low);
    tracking_gather(t, &low, low.evaluation_periods, view->metrics, seconds->end, ret);
    if (tracking_is_rate(t))
        for (size_t i = 0; i < ret->n; i++)
            ret->points[i].value *= (double)t->period_s / low.period_s;
    ret->points[ret->n - 1].value = metric;
}

static enum alarm_state state_of(bool alarm, bool known)
{
    if (alarm)
        return ALARM_ALARM;
    return known ? ALARM_OK : ALARM_INSUFFICIENT_DATA;
}

/* Out by the short looks, or by AWS's own periods if the last minute agrees with them. */
static bool seconds_out(const struct tracking *t, const struct tracking_state *s,
                        const struct fast_seconds *seconds, const struct scaling_view *view,
                        struct fast_excess *ret)
{
    double minute;

    if (burst_out(t, seconds, view->in_service + view->starting, ret) ||
        fast_out(t, seconds, view->in_service, ret))
        return true;
    minute = fast_demand(t, seconds, 0, FAST_SECONDS);
    if (s->bucket_high != ALARM_ALARM || !(minute > t->target * view->in_service))
        return false;
    *ret = (struct fast_excess){
        .period_s = FAST_SECONDS, .demand = minute, .points = { minute }, .n_points = 1
    };
    return true;
}

/* Metrics with data in most seconds. Return: false if this one is not of that kind. */
static bool seconds_wish(const struct tracking *t, struct tracking_state *s,
                         const struct scaling_view *view, struct tracking_report *report)
{
    struct fast_seconds seconds;
    struct fast_excess e;
    struct wish *w = &report->wish;
    struct wish_reading read;
    double recent;
    bool out, in;
    int most;

    if (t->math && (!t->by_seconds || s->coarse)) {
        s->low_since = 0;
        return false;
    }
    fast_read(t, view, &seconds);
    fast_latest(t, &seconds, &e);
    recent = fast_demand(t, &seconds, 0, fast_in_period_s(t));
    out = seconds_out(t, s, &seconds, view, &e);
    if (!out && !fast_steady(&seconds)) {
        s->low_since = 0;
        return false;
    }
    if (out) {
        read = seconds_reading(seconds.end, e.period_s, e.n_points);
        propose(view, DIRECTION_OUT, e.demand, &read, w);
    }
    in = fast_in(t, s, view->now, view->in_service, recent,
                 out ? wish_capacity(e.demand, t->target) : 0, &most);
    if (in && !out && !t->disable_scale_in) {
        read = seconds_reading(seconds.end, fast_in_period_s(t), 1);
        propose(view, DIRECTION_IN, recent, &read, w);
        w->window_s = (unsigned)fast_in_window_s(t);
        w->held = most;
    }
    w->due = true;
    set_states(s, state_of(out, true), state_of(in, !isnan(recent)), report);
    tracking_rules(t, PACE_FAST, &report->high_rule, &report->low_rule);
    if (report->high_changed)
        explain_high(&seconds, &e, view->in_service, &report->high);
    if (report->low_changed)
        explain_low(t, view, &seconds, recent / view->in_service, &report->low);
    return true;
}

/* A clock set back, or another pace, makes the past unusable; cooldowns and what the alarms showed
 * stay. */
static void notice_break(const struct tracking *t, struct tracking_state *s,
                         const struct scaling_view *view)
{
    if (s->evaluated != 0 && s->evaluated <= view->now && s->pace == view->pace)
        return;
    *s = (struct tracking_state){
        .pace = view->pace,
        .high = s->high,
        .low = s->low,
        .cooldown = s->cooldown,
        .empty = s->empty,
        .woken = s->woken <= view->now ? s->woken : view->now,
    };
    window_init(&s->wants, fast_in_window_s(t) * MS_PER_S);
}

/* A fleet that was empty begins anew: nothing is known of the time without it. */
static void notice_empty(struct tracking_state *s, const struct scaling_view *view)
{
    if (view->in_service > 0 && s->empty)
        s->woken = view->now;
    s->empty = view->in_service == 0;
    if (s->empty)
        s->low_since = 0;
}

void tracking_evaluate(const struct tracking *t, struct tracking_state *s,
                       const struct scaling_view *view, struct tracking_report *ret)
{
    ms_t period = t->period_s * MS_PER_S;
    wall_ms_t end = (view->now - settle_ms) / period * period;
    struct wish *w = &ret->wish;

    *w = (struct wish){ .kind = WISH_TRACKING,
                        .target = t->target,
                        .may_scale_in = !t->disable_scale_in };
    ret->high.n = ret->low.n = 0;
    notice_break(t, s, view);
    notice_empty(s, view);
    s->evaluated = view->now;
    if (end > s->judged)
        judge_period(t, s, view, end, ret);

    /* without instances the ratio means nothing: target tracking never leaves zero */
    if (view->in_service == 0)
        bucket_states(t, s, view, ret);
    else if (view->pace == PACE_AWS || !seconds_wish(t, s, view, ret)) {
        bucket_wish(t, s, view, w);
        bucket_states(t, s, view, ret);
    }
    w->threshold = w->alarm == DIRECTION_IN ? tracking_low_threshold(t) : t->target;
    w->cooldown = s->cooldown;
    wish_settle(w, view->now, 0);
}
