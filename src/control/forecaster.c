#include "control/forecaster.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "control/endpoint.h"
#include "control/scaling_activity.h"

enum { HOUR_S = 3600, CAUSE_ROOM_BYTES = 512 };

static const char namespace[] = "AWS/ApplicationAutoScaling";
static const char *const forecast_metrics[] = {
    [FORECAST_LOAD] = "PredictiveScalingLoadForecast",
    [FORECAST_CAPACITY] = "PredictiveScalingCapacityForecast",
};
static const char correlation_metric[] = "PredictiveScalingMetricPairCorrelation";

static const ms_t refresh_ms = 6 * PREDICTION_HOUR_MS;
static const ms_t retry_ms = 60 * MS_PER_S;  /* where there was too little to go by */
static const ms_t settle_ms = 10 * MS_PER_S; /* after its end an hour's data are there */

static const struct control *control_of(const struct scaling_policy *p)
{
    return p->target->autoscaler->control;
}

/* --- forecasting ------------------------------------------------------------------------------ */

/* the start of the first hour of which not all is known */
static wall_ms_t history_end(wall_ms_t now)
{
    return prediction_hour_of(now - settle_ms);
}

/* Return: 0 or -ENOMEM; what cannot be computed is not known */
static int read_hours(const struct predictive_metric *m, const struct metrics *metrics,
                      wall_ms_t end, double ret[FORECAST_HISTORY_HOURS])
{
    const struct queries_row row = { .end = end, .period_s = HOUR_S, .n = FORECAST_HISTORY_HOURS };
    int r = queries_read(m->series.queries, m->series.result, metrics, &row, ret);

    if (r < 0)
        return fault(r);
    for (size_t i = 0; i < FORECAST_HISTORY_HOURS; i++)
        if (r > 0 || !isfinite(ret[i]) || ret[i] < 0)
            ret[i] = (double)NAN;
    return 0;
}

/* What the metrics say together. */
static int learn(const struct scaling_policy *p, const double *load, wall_ms_t end,
                 struct prediction *ret)
{
    const struct metrics *metrics = control_of(p)->metrics;
    double scaling[FORECAST_HISTORY_HOURS], capacity[FORECAST_HISTORY_HOURS];
    const struct prediction_past past = { load, scaling, capacity, FORECAST_HISTORY_HOURS };
    const struct predictive *f = p->predictive;
    int r = read_hours(&f->scaling, metrics, end, scaling);

    if (!r)
        r = read_hours(&f->capacity, metrics, end, capacity);
    if (r)
        return fault(r);
    ret->factor = isnan(f->factor) ? prediction_factor(&past) : f->factor;
    ret->correlation = prediction_correlation(&past);
    return 0;
}

static int forecast(struct scaling_policy *p, wall_ms_t now)
{
    struct prediction made = { .made = now, .first = history_end(now) };
    double load[FORECAST_HISTORY_HOURS];
    struct predictive *f = p->predictive;
    int r = read_hours(&f->load, control_of(p)->metrics, made.first, load);

    f->tried = now;
    if (r || !forecast_load(load, FORECAST_HISTORY_HOURS, made.load))
        return fault(r);
    made.target = f->target;
    r = learn(p, load, made.first, &made);
    if (r)
        return fault(r);
    log_info(control_of(p)->log, "load forecast",
             "target=%s policy=\"%s\" factor=%.6g correlation=%.3f", p->target->resource_id,
             p->name, made.factor, made.correlation);
    f->prediction = made;
    return scaling_policy_save(p);
}

/* One that lacks instances to learn from is made anew with each hour that may have some. */
static bool is_due(const struct scaling_policy *p, wall_ms_t now)
{
    const struct prediction *made = &p->predictive->prediction;
    ms_t serves = isnan(made->factor) ? PREDICTION_HOUR_MS : refresh_ms;
    wall_ms_t tried = p->predictive->tried;

    if (now >= tried && now < tried + retry_ms)
        return false;
    return made->made == 0 || made->first > now || history_end(now) >= made->first + serves;
}

static struct scaling_policy *next_due(const struct autoscaler *a, wall_ms_t now)
{
    struct scaling_policy *next = NULL;

    list_for_each (t, &a->targets, struct scaling_target, link)
        list_for_each (p, &t->policies, struct scaling_policy, link)
            if (p->predictive && is_due(p, now) &&
                (!next || p->predictive->tried < next->predictive->tried))
                next = p;
    return next;
}

/* --- metrics ---------------------------------------------------------------------------------- */

/* @index: the first and only pair, for the metrics that AWS has by pair */
static struct metric_name metric_of(const struct scaling_policy *p, const char *name, bool by_pair)
{
    return (struct metric_name){
        .namespace = namespace,
        .name = name,
        .dimensions = { { "ResourceId", p->target->resource_id },
                        { "ServiceNamespace", p->target->scalable->namespace },
                        { "PolicyName", p->name },
                        { "ScalableDimension", p->target->scalable->dimension },
                        { "PairIndex", "0" } },
        .n_dimensions = by_pair ? 5 : 4,
    };
}

static struct metric_name forecast_metric(const struct scaling_policy *p, enum forecast_kind kind)
{
    return metric_of(p, forecast_metrics[kind], kind == FORECAST_LOAD);
}

/* Not to be kept is no reason not to scale: the store of metrics may be full. */
static int put(const struct scaling_policy *p, const struct metric_name *name, double value,
               wall_ms_t hour, wall_ms_t now)
{
    const struct metric_datum d = {
        .at = hour, .resolution_s = 60, .values = &value, .n_values = 1
    };
    int r = isfinite(value) ? metrics_put(control_of(p)->metrics, name, &d, now) : 0;

    return r < 0 ? fault(r) : 0;
}

static int publish(struct scaling_policy *p, wall_ms_t now)
{
    struct predictive *f = p->predictive;
    struct metric_name load = forecast_metric(p, FORECAST_LOAD);
    struct metric_name capacity = forecast_metric(p, FORECAST_CAPACITY);
    struct metric_name correlation = metric_of(p, correlation_metric, true);
    struct predicted_hour hour;
    int r;

    if (f->published == prediction_hour_of(now) || !prediction_at(&f->prediction, now, &hour))
        return 0;
    f->published = hour.start;
    r = put(p, &load, hour.load, hour.start, now);
    if (!r && !isnan(f->prediction.factor))
        r = put(p, &capacity, hour.capacity, hour.start, now);
    if (!r)
        r = put(p, &correlation, f->prediction.correlation, hour.start, now);
    return fault(r);
}

int forecaster_tick(struct autoscaler *a, wall_ms_t now)
{
    struct scaling_policy *due = next_due(a, now);
    int r = due ? forecast(due, now) : 0;

    if (r)
        return fault(r);
    list_for_each (t, &a->targets, struct scaling_target, link)
        list_for_each (p, &t->policies, struct scaling_policy, link) {
            r = p->predictive ? publish(p, now) : 0;
            if (r)
                return fault(r);
        }
    return 0;
}

/* --- wishes ----------------------------------------------------------------------------------- */

ms_t forecaster_buffer_ms(const struct scaling_policy *p)
{
    const struct scaling_target *t = p->target;
    struct scalable_state seen;
    const ms_t minute = 60 * MS_PER_S, max = PREDICTIVE_BUFFER_MAX_S * MS_PER_S;
    ms_t rounded;

    if (p->predictive->buffer_s >= 0)
        return p->predictive->buffer_s * MS_PER_S;
    t->scalable->see(t->autoscaler, t->resource_id, &seen);
    if (seen.startup_ms == 0)
        return PREDICTIVE_BUFFER_DEFAULT_S * MS_PER_S;
    rounded = (seen.startup_ms + minute - 1) / minute * minute;
    return rounded > max ? max : rounded;
}

/* What a policy that acts needs, if that is known. */
static bool needed(const struct scaling_policy *p, wall_ms_t now, struct predicted_hour *ret)
{
    return p->predictive && p->predictive->acts && !isnan(p->predictive->prediction.factor) &&
           prediction_needed(&p->predictive->prediction, now, forecaster_buffer_ms(p), ret);
}

bool forecaster_wish(const struct scaling_policy *p, wall_ms_t now, struct wish *ret)
{
    ms_t buffer = forecaster_buffer_ms(p);
    struct predicted_hour hour;

    if (!needed(p, now, &hour))
        return false;
    *ret = (struct wish){
        .kind = WISH_FORECAST,
        .due = prediction_is_due(&p->predictive->reached, now, buffer, &hour),
        .metric = hour.load,
        .target = p->predictive->prediction.target,
        .demand = hour.demand,
        .window_s = (unsigned)(buffer / MS_PER_S),
        .hour = hour.start,
    };
    return true;
}

void forecaster_reached(const struct scaling_policy *p, wall_ms_t now, int desired)
{
    struct predicted_hour hour;

    if (needed(p, now, &hour) && (desired >= hour.capacity || desired >= p->target->max))
        prediction_reach(&p->predictive->reached, now, forecaster_buffer_ms(p), &hour);
}

/* No further than this server can go. */
static int room_for(const struct scaling_policy *p, int capacity)
{
    int max = prediction_max(capacity, p->predictive->max_buffer);
    struct scalable_state seen;

    p->target->scalable->see(p->target->autoscaler, p->target->resource_id, &seen);
    return max > seen.limit ? seen.limit : max;
}

static int raise_max(struct scaling_policy *p, int max, const struct predicted_hour *hour,
                     wall_ms_t now)
{
    struct scaling_target *t = p->target;
    char cause[CAUSE_ROOM_BYTES];
    int r = scaling_target_set_bounds(t, t->min, max);

    if (r)
        return fault(r);
    snprintf(cause, sizeof cause,
             "predictive scaling policy %s was triggered. %d instances are forecast to be needed, "
             "and with a buffer of %d percent room for %d",
             p->name, hour->capacity, p->predictive->max_buffer, max);
    return scaling_activity_bounds(t, now, -1, max, cause, NULL);
}

int forecaster_make_room(struct scaling_target *t, wall_ms_t now)
{
    list_for_each (p, &t->policies, struct scaling_policy, link) {
        struct predicted_hour hour;
        int r = 0;

        if (t->out_suspended || !needed(p, now, &hour) || p->predictive->max_buffer < 0)
            continue;
        if (room_for(p, hour.capacity) > t->max &&
            prediction_is_due(&p->predictive->reached, now, forecaster_buffer_ms(p), &hour))
            r = raise_max(p, room_for(p, hour.capacity), &hour, now);
        if (r)
            return fault(r);
    }
    return 0;
}

bool forecaster_predicted(const struct scaling_target *t, wall_ms_t now, int *ret)
{
    bool found = false;

    list_for_each (p, &t->policies, struct scaling_policy, link) {
        struct predicted_hour hour;

        if (!p->predictive || isnan(p->predictive->prediction.factor) ||
            !prediction_needed(&p->predictive->prediction, now, forecaster_buffer_ms(p), &hour))
            continue;
        if (!found || hour.capacity > *ret)
            *ret = hour.capacity;
        found = true;
    }
    return found;
}

/* --- looking at them -------------------------------------------------------------------------- */

/* from the forecast itself */
static bool foreseen(const struct scaling_policy *p, enum forecast_kind kind, wall_ms_t at,
                     double *ret)
{
    const struct prediction *f = &p->predictive->prediction;
    struct predicted_hour hour;

    if (!prediction_at(f, at, &hour) || (kind == FORECAST_CAPACITY && isnan(f->factor)))
        return false;
    *ret = kind == FORECAST_LOAD ? hour.load : hour.capacity;
    return true;
}

/* from what was published of hours that are over; NAN: nothing was */
static void read_published(const struct scaling_policy *p, enum forecast_kind kind, wall_ms_t start,
                           size_t n, double *ret)
{
    const struct metric_statistic average = { .kind = STATISTIC_AVERAGE };
    const struct metrics *metrics = control_of(p)->metrics;
    struct metric_name name = forecast_metric(p, kind);

    for (size_t i = 0; i < n; i++)
        ret[i] = (double)NAN;
    if (metrics)
        metrics_read(metrics, &name, METRIC_UNIT_ANY, start, HOUR_S, n, &average, ret, NULL);
}

size_t forecaster_points(const struct scaling_policy *p, enum forecast_kind kind, wall_ms_t from,
                         wall_ms_t to, struct forecast_point ret[FORECASTER_POINTS_MAX])
{
    wall_ms_t start = prediction_hour_of(from + PREDICTION_HOUR_MS - 1);
    double values[FORECASTER_POINTS_MAX];
    size_t hours = 0, n = 0;

    while (hours < FORECASTER_POINTS_MAX && start + (wall_ms_t)hours * PREDICTION_HOUR_MS < to)
        hours++;
    read_published(p, kind, start, hours, values);
    for (size_t i = 0; i < hours; i++) {
        wall_ms_t at = start + (wall_ms_t)i * PREDICTION_HOUR_MS;
        if (foreseen(p, kind, at, &values[i]) || !isnan(values[i]))
            ret[n++] = (struct forecast_point){ at, values[i] };
    }
    return n;
}
