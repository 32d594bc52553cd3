#include "control/alarm_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct alarm_watch {
    json_t *configuration;
    unsigned period_s;
    struct query_series math; /* queries NULL: one metric */
    struct metric_name name;
    enum metric_unit unit;
    struct metric_statistic statistic;
};

static const char *text_of(json_t *value, const char *member)
{
    const char *text = json_string_value(json_object_get(value, member));

    return text ? text : "";
}

static const char *statistic_text(json_t *configuration)
{
    json_t *extended = json_object_get(configuration, "ExtendedStatistic");

    return extended ? json_string_value(extended) : text_of(configuration, "Statistic");
}

static int read_single(struct alarm_watch *w, char why[ALARM_WATCH_WHY_BYTES])
{
    json_t *c = w->configuration;
    const char *unit = json_string_value(json_object_get(c, "Unit"));
    const char *statistic = statistic_text(c);

    w->period_s = (unsigned)json_integer_value(json_object_get(c, "Period"));
    query_series_name(c, &w->name);
    w->unit = METRIC_UNIT_ANY;
    if (unit && metric_unit_parse(unit, &w->unit) != 0) {
        snprintf(why, ALARM_WATCH_WHY_BYTES, "The value %s for parameter Unit is not supported.",
                 unit);
        return ALARM_WATCH_E_REFUSED;
    }
    if (metric_statistic_parse(statistic, &w->statistic) != 0) {
        snprintf(why, ALARM_WATCH_WHY_BYTES,
                 "The value %.60s for parameter ExtendedStatistic is not supported.", statistic);
        return ALARM_WATCH_E_REFUSED;
    }
    return 0;
}

static int read_math(struct alarm_watch *w, json_t *list, char why[ALARM_WATCH_WHY_BYTES])
{
    int r = query_series_read(list, 0, &w->math, why);

    if (r)
        return r == QUERY_SERIES_E_REFUSED ? ALARM_WATCH_E_REFUSED : fault(r);
    w->period_s = w->math.period_s;
    return 0;
}

/* --- outside ---------------------------------------------------------------------------------- */

int alarm_watch_new(json_t *configuration, struct alarm_watch **ret,
                    char ret_why[ALARM_WATCH_WHY_BYTES])
{
    json_t *list = json_object_get(configuration, "Metrics");
    autofree(alarm_watch_free) struct alarm_watch *w = calloc(1, sizeof(*w));
    int r;

    if (!w)
        return fault(-ENOMEM);
    w->configuration = json_incref(configuration);
    r = list ? read_math(w, list, ret_why) : read_single(w, ret_why);
    if (r)
        return r;
    *ret = steal(w);
    return 0;
}

struct alarm_watch *alarm_watch_free(struct alarm_watch *w)
{
    if (!w)
        return NULL;
    query_series_deinit(&w->math);
    json_decref(w->configuration);
    free(w);
    return NULL;
}

unsigned alarm_watch_period_s(const struct alarm_watch *w)
{
    return w->period_s;
}

const char *alarm_watch_statistic(const struct alarm_watch *w)
{
    return w->math.queries ? NULL : statistic_text(w->configuration);
}

const char *alarm_watch_unit(const struct alarm_watch *w)
{
    return json_string_value(json_object_get(w->configuration, "Unit"));
}

bool alarm_watch_percentile(const struct alarm_watch *w, double *ret_percent)
{
    if (w->math.queries || w->statistic.kind != STATISTIC_PERCENTILE)
        return false;
    *ret_percent = w->statistic.percent;
    return true;
}

const struct metric_name *alarm_watch_name(const struct alarm_watch *w)
{
    return w->math.queries ? NULL : &w->name;
}

int alarm_watch_read(const struct alarm_watch *w, const struct metrics *metrics, wall_ms_t end,
                     size_t n, double *ret_values, double *ret_counts)
{
    const struct queries_row row = { .end = end, .period_s = w->period_s, .n = n };
    int r;

    if (w->math.queries) {
        memset(ret_counts, 0, n * sizeof(*ret_counts));
        r = queries_read(w->math.queries, w->math.result, metrics, &row, ret_values);
        return r < 0 ? fault(r) : r > 0 ? ALARM_WATCH_E_FAILED : 0;
    }
    metrics_read(metrics, &w->name, w->unit, end - (wall_ms_t)n * w->period_s * MS_PER_S,
                 w->period_s, n, &w->statistic, ret_values, ret_counts);
    return 0;
}
