#include "scaling/fast.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "scaling/fast_math.h"

enum { LATE_MAX_S = 2 };

static const double sigmas = 4; /* what chance is allowed, in 86,400 looks a day */

/* Requests and requests in flight are known exactly each second. What is sampled, such as CPU use,
 * is too uneven for that, and a starting server is busy with itself for a moment. */
static const unsigned prompt_periods[] = { 1, 5, 20, 0 };
static const unsigned sampled_periods[] = { FAST_MATH_PERIOD_S, 20, 0 };

static_assert(20 * FAST_POINTS <= FAST_SECONDS, "the longest look fits");
static_assert(FAST_SECONDS + LATE_MAX_S + 1 < CAPACITY_HISTORY_SECONDS, "so does its history");

static const unsigned *out_periods(const struct tracking *t)
{
    return !t->math && (tracking_is_rate(t) || t->period_s < 60) ? prompt_periods : sampled_periods;
}

unsigned fast_out_period_s(const struct tracking *t)
{
    return out_periods(t)[0];
}

int fast_in_window_s(const struct tracking *t)
{
    int given = t->scale_in_cooldown_s;

    if (given == COOLDOWN_NOT_GIVEN)
        return FAST_WINDOW_DEFAULT_S;
    if (given < FAST_WINDOW_MIN_S)
        return FAST_WINDOW_MIN_S;
    return given > FAST_WINDOW_MAX_S ? FAST_WINDOW_MAX_S : given;
}

/* at most a third of the window, so that it is a matter of several periods */
unsigned fast_in_period_s(const struct tracking *t)
{
    static const unsigned periods[] = { 60, 30, 20, 10 };
    unsigned window = (unsigned)fast_in_window_s(t);

    for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++)
        if (window >= periods[i] * FAST_POINTS)
            return periods[i];
    return 5;
}

static unsigned periods_in(unsigned window_s, unsigned period_s)
{
    unsigned n = (window_s + period_s - 1) / period_s;

    return n < FAST_POINTS ? FAST_POINTS : n;
}

unsigned fast_in_periods(const struct tracking *t)
{
    return periods_in((unsigned)fast_in_window_s(t), fast_in_period_s(t));
}

unsigned fast_in_whole_periods(const struct tracking *t)
{
    unsigned n = periods_in((unsigned)fast_in_window_s(t), t->period_s);
    unsigned most = ALARM_POINTS_MAX - 60 / t->period_s - 2;

    return n < most ? n : most;
}

static void read_math(const struct tracking *t, const struct scaling_view *view,
                      struct fast_seconds *ret)
{
    double points[FAST_SECONDS / FAST_MATH_PERIOD_S];

    ret->end = fast_math_end(t, view);
    fast_math_demand(t, view, ret->end, FAST_MATH_PERIOD_S, FAST_SECONDS / FAST_MATH_PERIOD_S,
                     points);
    for (size_t i = 0; i < FAST_SECONDS; i++) {
        ret->demand[i] = points[i / FAST_MATH_PERIOD_S];
        ret->count[i] = 0;
    }
}

/* Each request is a sample of this metric, and adds to it what one instance has of it. So their
 * number is the demand, whatever the number of instances was just then. */
static bool samples_are_demand(const struct tracking *t)
{
    return t->statistic.kind == STATISTIC_SUM &&
           strcmp(t->metric.namespace, "AWS/SageMaker") == 0 &&
           strcmp(t->metric.name, "InvocationsPerInstance") == 0;
}

static void read_metric(const struct tracking *t, const struct scaling_view *view,
                        struct fast_seconds *ret)
{
    enum { N = FAST_SECONDS + LATE_MAX_S };
    double values[N], counts[N];
    wall_ms_t end = view->now / MS_PER_S * MS_PER_S, start = end - N * MS_PER_S;
    size_t late = 0;

    metrics_read(view->metrics, &t->metric, t->unit, start, 1, N, &t->statistic, values, counts);
    while (late < LATE_MAX_S && isnan(values[N - 1 - late]))
        late++;

    ret->end = end - (ms_t)late * MS_PER_S;
    for (size_t i = 0; i < FAST_SECONDS; i++) {
        size_t from = LATE_MAX_S - late + i;
        unsigned n = capacity_history_least(view->history, start + (ms_t)from * MS_PER_S);
        ret->demand[i] = n > 0 ? values[from] * n : (double)NAN;
        if (ret->demand[i] > 0 && samples_are_demand(t))
            ret->demand[i] = counts[from];
        /* a second's zero is a datum, but not a request */
        ret->count[i] = ret->demand[i] > 0 ? counts[from] : 0;
    }
}

void fast_read(const struct tracking *t, const struct scaling_view *view, struct fast_seconds *ret)
{
    ret->view = view;
    if (t->math)
        read_math(t, view, ret);
    else
        read_metric(t, view, ret);
}

bool fast_steady(const struct fast_seconds *s)
{
    unsigned known = 0, span = 0;

    for (size_t i = 0; i < FAST_SECONDS; i++) {
        known += !isnan(s->demand[i]);
        span += known > 0;
    }
    return known >= FAST_POINTS && 2 * known >= span;
}

static double combine(const struct tracking *t, double so_far, double value)
{
    if (t->statistic.kind == STATISTIC_MAXIMUM)
        return fmax(so_far, value);
    if (t->statistic.kind == STATISTIC_MINIMUM)
        return fmin(so_far, value);
    return so_far + value;
}

/* As of a metric: of a period of which most is not known, nothing is. */
static double math_demand(const struct tracking *t, const struct fast_seconds *s, unsigned back,
                          unsigned period_s)
{
    size_t end = FAST_SECONDS - back;
    unsigned known = 0;
    double demand;

    if (period_s == FAST_MATH_PERIOD_S && back % FAST_MATH_PERIOD_S == 0)
        return s->demand[end - 1];
    for (size_t i = end - period_s; i < end; i++)
        known += !isnan(s->demand[i]);
    if (known < (period_s + 1) / 2)
        return (double)NAN;
    fast_math_demand(t, s->view, s->end - back * MS_PER_S, period_s, 1, &demand);
    return demand;
}

double fast_demand(const struct tracking *t, const struct fast_seconds *s, unsigned back,
                   unsigned period_s)
{
    size_t end = FAST_SECONDS - back;
    unsigned known = 0;
    double total = 0;

    assert(back + period_s <= FAST_SECONDS);
    if (t->math)
        return math_demand(t, s, back, period_s);
    for (size_t i = end - period_s; i < end; i++) {
        if (isnan(s->demand[i]))
            continue;
        total = known == 0 ? s->demand[i] : combine(t, total, s->demand[i]);
        known++;
    }
    if (known < (period_s + 1) / 2)
        return (double)NAN;
    if (tracking_is_rate(t))
        return total * t->period_s / period_s;
    if (t->statistic.kind == STATISTIC_MAXIMUM || t->statistic.kind == STATISTIC_MINIMUM)
        return total;
    return total / known;
}

/* Is the excess more than chance explains? If each of `expected` requests came by itself, their
 * number's standard deviation would be its root; that of twice the root of a number is 1 whatever
 * the number, and remains a good measure when there are few (Anscombe's transform). */
static bool significant(double count, double load)
{
    return isinf(count) || 2 * (sqrt(count) - sqrt(count / load)) > sigmas;
}

static double count_in(const struct tracking *t, const struct fast_seconds *s, unsigned seconds)
{
    double count = 0;

    if (t->math)
        return fast_math_count(t, s->view, s->end, seconds);
    if (!tracking_is_rate(t))
        return (double)INFINITY;
    for (size_t i = FAST_SECONDS - seconds; i < FAST_SECONDS; i++)
        count += s->count[i];
    return count;
}

static void look(const struct tracking *t, const struct fast_seconds *s, unsigned period_s,
                 struct fast_excess *ret)
{
    *ret = (struct fast_excess){ .period_s = period_s, .n_points = FAST_POINTS };
    for (unsigned i = 0; i < FAST_POINTS; i++) {
        ret->points[i] = fast_demand(t, s, (FAST_POINTS - 1 - i) * period_s, period_s);
        ret->demand += ret->points[i] / FAST_POINTS;
    }
}

void fast_latest(const struct tracking *t, const struct fast_seconds *s, struct fast_excess *ret)
{
    look(t, s, fast_out_period_s(t), ret);
}

static bool exceeds(const struct tracking *t, const struct fast_seconds *s, double limit,
                    const struct fast_excess *e)
{
    for (unsigned i = 0; i < FAST_POINTS; i++)
        if (!(e->points[i] > limit)) /* nor without data */
            return false;
    return significant(count_in(t, s, FAST_POINTS * e->period_s), e->demand / limit);
}

bool fast_out(const struct tracking *t, const struct fast_seconds *s, unsigned in_service,
              struct fast_excess *ret)
{
    double limit = t->target * in_service;

    if (in_service == 0)
        return false;
    for (const unsigned *period = out_periods(t); *period > 0; period++) {
        struct fast_excess e;
        look(t, s, *period, &e);
        if (!exceeds(t, s, limit, &e))
            continue;
        *ret = e;
        return true;
    }
    return false;
}

bool fast_in(const struct tracking *t, struct tracking_state *state, wall_ms_t now,
             unsigned in_service, double demand, int out, int *ret_capacity)
{
    /* a period's demand reaches back for its length: the window was begun that much earlier */
    ms_t wait_ms = (fast_in_window_s(t) - (int)fast_in_period_s(t)) * MS_PER_S;
    int want = out;

    if (!isnan(demand) && wish_capacity(demand, t->target) > want)
        want = wish_capacity(demand, t->target);
    *ret_capacity = window_push(&state->wants, now, want);

    if (isnan(demand) || in_service == 0 || demand / in_service >= tracking_low_threshold(t))
        state->low_since = 0;
    else if (state->low_since == 0)
        state->low_since = now;
    return state->low_since != 0 && now - state->low_since >= wait_ms;
}
