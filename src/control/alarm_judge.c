/* Judging alarms of metrics: at whole steps of time, a moment later so that the last second's data
 * are there. One turn judges a bounded number; who is left out is next a second later. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "control/alarm_book.h"
#include "scaling/alarm_reason.h"

enum { JUDGED_MAX = 1000, POINTS_MAX = 200000 }; /* in one turn */

static const ms_t settle_ms = 1000; /* after a period's end, for its last data to arrive */
static const ms_t repeat_ms = 60 * MS_PER_S;

/* What was read of one alarm's metric, oldest first. */
struct reading {
    size_t n;
    wall_ms_t end;
    double *values, *counts;
};

static ms_t step_of(const struct alarm *a)
{
    const unsigned day_s = 86400;

    if ((uint64_t)a->rule.period_s * a->rule.evaluation_periods > day_s)
        return 3600 * MS_PER_S;
    return (a->rule.period_s < 60 ? 10 : 60) * MS_PER_S;
}

static bool has_policy_action(const struct alarm *a)
{
    size_t i;
    json_t *action;

    json_array_foreach (alarm_actions(a, a->state), i, action)
        if (alarm_action_is_policy(json_string_value(action)))
            return true;
    return false;
}

/* The clock may have been set back since they were told. */
static bool repeats_now(const struct alarm *a, wall_ms_t now)
{
    bool told_lately = now >= a->acted && now - a->acted < repeat_ms;

    return a->actions_enabled && !told_lately && has_policy_action(a);
}

/* --- one alarm -------------------------------------------------------------------------------- */

static int read_points(const struct alarm *a, wall_ms_t end, struct reading *ret)
{
    size_t n = alarm_range(&a->rule);
    double *memory = calloc(2 * n, sizeof(*memory));
    int r;

    if (!memory)
        return fault(-ENOMEM);
    *ret = (struct reading){ .n = n, .end = end, .values = memory, .counts = memory + n };
    r = alarm_watch_read(a->watch, a->book->control->metrics, end, n, ret->values, ret->counts);
    if (r)
        free(memory);
    return r;
}

/* The samples of the newest period are too few for the percentile that is watched. */
static bool is_thin(const struct alarm *a, const struct reading *reading)
{
    double percent;

    if (!a->ignores_low_samples || !alarm_watch_percentile(a->watch, &percent))
        return false;
    for (size_t i = reading->n; i > 0; i--)
        if (!isnan(reading->values[i - 1]))
            return !alarm_samples_suffice(percent, reading->counts[i - 1]);
    return false;
}

/* The points that were judged are what scaling is told: the newest N that have data. */
static int keep_points(struct alarm *a, const struct reading *reading, wall_ms_t now)
{
    size_t first = reading->n;
    unsigned seen = 0;

    for (size_t i = reading->n; i > 0 && seen < a->rule.evaluation_periods; i--) {
        if (isnan(reading->values[i - 1]))
            continue;
        seen++;
        first = i - 1;
    }
    return alarm_set_points(a, reading->values + first, reading->n - first, now);
}

static int change(struct alarm *a, enum alarm_state state, const struct reading *reading,
                  wall_ms_t now)
{
    char reason[ALARM_REASON_BYTES], data[ALARM_REASON_DATA_BYTES];
    struct alarm_point *points = calloc(reading->n, sizeof(*points));
    ms_t period = a->rule.period_s * MS_PER_S;
    int r;

    if (!points)
        return fault(-ENOMEM);
    for (size_t i = 0; i < reading->n; i++)
        points[i] = (struct alarm_point){
            .at = reading->end - (wall_ms_t)(reading->n - i) * period,
            .value = reading->values[i],
            .count = reading->counts[i],
        };
    alarm_reason(&a->rule, state, points, reading->n, reason);
    alarm_reason_data(&a->rule, points, reading->n, alarm_watch_statistic(a->watch),
                      alarm_watch_unit(a->watch), now, data);
    free(points);
    r = keep_points(a, reading, now);
    return r ? fault(r) : alarm_change(a, state, reason, data, now);
}

static int judge(struct alarm *a, wall_ms_t end, wall_ms_t now)
{
    struct reading reading = { 0 };
    enum alarm_state state;
    int r = read_points(a, end, &reading);

    a->failed = r == ALARM_WATCH_E_FAILED;
    if (r)
        return r < 0 ? fault(r) : 0;
    state = is_thin(a, &reading) ? a->state
                                 : alarm_judge(&a->rule, reading.values, reading.n, a->state);
    if (state != a->state) {
        r = change(a, state, &reading, now);
    } else if (repeats_now(a, now)) {
        r = keep_points(a, &reading, now);
        if (!r)
            alarm_repeat(a);
    }
    free(reading.values);
    return fault(r);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Whether there is something to do for @a, and up to when its metric is to be read. */
static bool is_due(const struct alarm *a, wall_ms_t now, wall_ms_t *ret_end)
{
    ms_t step;

    if (a->kind != ALARM_OF_METRIC || a->managed)
        return false;
    step = step_of(a);
    *ret_end = (now - settle_ms) / step * step;
    /* what could not be computed is not tried again before its next step */
    return *ret_end != a->judged || (!a->failed && repeats_now(a, now));
}

int alarm_judge_due(struct alarm_book *book, wall_ms_t now)
{
    size_t n = 0, points = 0;

    if (!book->control->metrics)
        return 0;
    map_for_each (slot, &book->alarms) {
        struct alarm *a = slot->value;
        wall_ms_t end;
        int r;

        if (n >= JUDGED_MAX || points >= POINTS_MAX)
            break;
        if (!is_due(a, now, &end))
            continue;
        n++;
        points += alarm_range(&a->rule);
        a->judged = end;
        r = judge(a, end, now);
        if (r)
            return fault(r);
    }
    return 0;
}
