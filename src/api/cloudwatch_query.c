/* GetMetricData: many metrics, and expressions of them, over a range, in pages.
 *
 * A page ends when it has MaxDatapoints. The token says at which query, which series of it and which
 * time the next one goes on, so that data that arrive meanwhile shift nothing. Each query looks only
 * where data of its period can be, whatever range is asked for; that bounds what a call costs.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/cloudwatch.h"
#include "api/cloudwatch_label.h"
#include "api/cloudwatch_query.h"
#include "base/buffer.h"
#include "base/error.h"

/* What one call may use: 8 million numbers, metrics included. That bounds its time, too. */
enum { ARENA_BYTES = 64 << 20 };

enum { TOKEN_BYTES = 64 };

static const char validation[] = "ValidationError";

static const struct shape scan_by =
    STRING("ScanBy", ENUM("TimestampDescending", "TimestampAscending"));
static const struct shape label_options =
    STRUCTURE("LabelOptions", OPTIONAL("Timezone", &shape_string));
static const struct shape get_metric_data_input =
    STRUCTURE("GetMetricDataInput", REQUIRED("MetricDataQueries", &cloudwatch_metric_data_queries),
              REQUIRED("StartTime", &shape_timestamp), REQUIRED("EndTime", &shape_timestamp),
              OPTIONAL("NextToken", &shape_string), OPTIONAL("ScanBy", &scan_by),
              OPTIONAL("MaxDatapoints", &shape_integer), OPTIONAL("LabelOptions", &label_options));

static const struct shape message =
    STRUCTURE("MessageData", OPTIONAL("Code", &shape_string), OPTIONAL("Value", &shape_string));
static const struct shape messages = LIST("MetricDataResultMessages", &message);
static const struct shape timestamps = LIST("Timestamps", &shape_timestamp);
static const struct shape values = LIST("DatapointValues", &cloudwatch_number);
static const struct shape status_code =
    STRING("StatusCode", ENUM("Complete", "InternalError", "PartialData", "Forbidden"));
static const struct shape metric_data_result =
    STRUCTURE("MetricDataResult", OPTIONAL("Id", &shape_string), OPTIONAL("Label", &shape_string),
              OPTIONAL("Timestamps", &timestamps), OPTIONAL("Values", &values),
              OPTIONAL("StatusCode", &status_code), OPTIONAL("Messages", &messages));
static const struct shape metric_data_results = LIST("MetricDataResults", &metric_data_result);
static const struct shape get_metric_data_output =
    STRUCTURE("GetMetricDataOutput", OPTIONAL("MetricDataResults", &metric_data_results),
              OPTIONAL("NextToken", &shape_string), OPTIONAL("Messages", &messages));

/* --- labels ----------------------------------------------------------------------------------- */

/* The metric's name, and what else tells it from the call's other queries. */
static json_t *make_label(const struct cloudwatch_page *p, const struct cloudwatch_asked *q)
{
    struct cloudwatch_differences d = { 0 };

    for (size_t i = 0; i < p->n_queries; i++) {
        const struct metric_query *other = &p->list[i];

        if (other->expression)
            continue;
        cloudwatch_differ(&d, &other->name, &q->query->name);
        d.statistics |= strcmp(p->asked[i].stat_text, q->stat_text) != 0;
        d.periods |= other->period_s != q->query->period_s;
    }
    return cloudwatch_label(&q->query->name, q->stat_text, q->query->period_s, d);
}

/* The same of one that was searched for, among those found with it. */
static json_t *found_label(const struct cloudwatch_page *p, const struct queries_found *found)
{
    struct cloudwatch_differences d = { 0 };

    for (size_t i = 0; i < found->n; i++)
        cloudwatch_differ(&d, &p->math.found[found->first + i].name, &found->name);
    return cloudwatch_label(&found->name, found->statistic_text, found->period_s, d);
}

static json_t *metric_label(const struct cloudwatch_page *p, const struct cloudwatch_asked *q)
{
    return q->label ? json_string(q->label) : make_label(p, q);
}

/* An expression's own label, or its id; one of several series is told by its metric as well. */
static json_t *series_label(const struct cloudwatch_page *p, const struct cloudwatch_asked *q,
                            const struct math_value *value, const struct math_series *series)
{
    const char *own = q->label && *q->label ? q->label : NULL;
    json_t *of_metric, *label;

    if (value->type != MATH_ARRAY || series->origin == MATH_NONE)
        return json_string(q->label ? q->label : q->query->id);
    of_metric = series->origin < p->n_queries
                    ? metric_label(p, &p->asked[series->origin])
                    : found_label(p, &p->math.found[series->origin - p->n_queries]);
    if (!own)
        return of_metric;
    label = json_sprintf("%s %s", own, json_string_value(of_metric));
    json_decref(of_metric);
    return label;
}

/* --- what is answered ------------------------------------------------------------------------- */

/* The part of the range in which data of @period_s may be, in whole periods; queries_view's span. */
static size_t narrow(const void *page, unsigned period_s, wall_ms_t *ret_start)
{
    const struct cloudwatch_page *p = page;
    static const ms_t hour = 3600 * MS_PER_S;
    wall_ms_t now = p->call->now, start, end = p->end;
    ms_t period_ms = period_s * MS_PER_S;
    ms_t kept = period_s % 60 != 0     ? 3 * hour
                : period_s % 300 != 0  ? 15 * 24 * hour
                : period_s % 3600 != 0 ? 63 * 24 * hour
                                       : 455 * 24 * hour;

    start = cloudwatch_round_start(p->start, period_s, now);
    if (start < now - kept - hour)
        start += (now - kept - hour - start) / period_ms * period_ms;
    if (end > now + METRICS_FUTURE_MAX + hour)
        end = now + METRICS_FUTURE_MAX + hour;
    *ret_start = start;
    return end > start ? (size_t)((end - start + period_ms - 1) / period_ms) : 0;
}

/* Numbers of successive periods; NAN: no point. */
struct line {
    wall_ms_t start;
    unsigned period_s;
    size_t n;
    const double *values;
};

static bool was_given(const struct cloudwatch_page *p, wall_ms_t at)
{
    return p->has_time && (p->descending ? at > p->time : at < p->time);
}

/* Appends the points that fit. Return: whether those were all; else p->time is the next one's. */
static int fill(struct cloudwatch_page *p, const struct line *line, json_t *times, json_t *numbers,
                bool *ret_all)
{
    for (size_t i = 0; i < line->n; i++) {
        size_t k = p->descending ? line->n - 1 - i : i;
        wall_ms_t at = line->start + (wall_ms_t)k * line->period_s * MS_PER_S;

        if (isnan(line->values[k]) || was_given(p, at))
            continue;
        if (p->room == 0) {
            p->has_time = true;
            p->time = at;
            *ret_all = false;
            return 0;
        }
        if (json_array_append_new(times, json_real((double)at / 1000)) != 0 ||
            json_array_append_new(numbers, json_real(line->values[k])) != 0)
            return fault(-ENOMEM);
        p->room--;
    }
    *ret_all = true;
    return 0;
}

/* @label is taken over. */
static int answer_line(struct cloudwatch_page *p, const struct cloudwatch_asked *q, json_t *label,
                       const struct line *line, bool *ret_all)
{
    json_t *results = json_object_get(p->call->output, "MetricDataResults");
    json_t *result = json_pack("{s:s, s:o, s:[], s:[]}", "Id", q->query->id, "Label", label,
                               "Timestamps", "Values");
    int r;

    if (json_array_append_new(results, result) != 0)
        return fault(-ENOMEM);
    r = fill(p, line, json_object_get(result, "Timestamps"), json_object_get(result, "Values"),
             ret_all);
    if (r)
        return fault(r);
    return json_object_set_new(result, "StatusCode",
                               json_string(*ret_all ? "Complete" : "PartialData")) == 0
               ? 0
               : fault(-ENOMEM);
}

static int answer_metric(struct cloudwatch_page *p, const struct cloudwatch_asked *q, bool *ret_all)
{
    const struct metric_query *query = q->query;
    struct line line = { .period_s = query->period_s };
    autofree(mem_free) double *found = NULL;

    line.n = narrow(p, query->period_s, &line.start);
    found = calloc(line.n + 1, sizeof(*found));
    if (!found)
        return fault(-ENOMEM);
    metrics_read(p->call->control->metrics, &query->name, query->unit, line.start, query->period_s,
                 line.n, &query->statistic, found, NULL);
    line.values = found;
    return answer_line(p, q, metric_label(p, q), &line, ret_all);
}

static int answer_series(struct cloudwatch_page *p, const struct cloudwatch_asked *q, bool *ret_all)
{
    const struct math_value *value = &p->math.inputs[p->query].value;
    const struct math_series *series = &value->series[p->series];
    const struct line line = {
        .start = p->math.scope.start,
        .period_s = p->math.scope.step_s,
        .n = p->math.scope.n_slots,
        .values = series->values,
    };

    return answer_line(p, q, series_label(p, q, value, series), &line, ret_all);
}

static size_t count_results(const struct cloudwatch_page *p, const struct cloudwatch_asked *q)
{
    if (!q->return_data)
        return 0;
    return q->query->expression ? p->math.inputs[q - p->asked].value.n_series : 1;
}

/* as cloudwatch_query_read() reads it */
static int add_token(const struct cloudwatch_page *p)
{
    autobuffer struct buffer token = BUFFER_INIT(TOKEN_BYTES);
    int r = buffer_printf(&token, "%zu", p->query);

    if (!r && p->series > 0)
        r = buffer_printf(&token, ":%zu", p->series);
    if (!r && p->has_time)
        r = buffer_printf(&token, ".%" PRId64, p->time);
    if (r || json_object_set_new(p->call->output, "NextToken",
                                 json_stringn(buffer_data(&token), buffer_size(&token))) != 0)
        return fault(-ENOMEM);
    return 0;
}

static int answer(struct cloudwatch_page *p)
{
    for (; p->query < p->n_queries; p->query++, p->series = 0) {
        const struct cloudwatch_asked *q = &p->asked[p->query];

        for (size_t n = count_results(p, q); p->series < n; p->series++) {
            bool all = true;
            int r;

            if (p->room == 0 && !p->has_time)
                return fault(add_token(p));
            r = q->query->expression ? answer_series(p, q, &all) : answer_metric(p, q, &all);
            if (r)
                return fault(r);
            if (!all)
                return fault(add_token(p));
            p->has_time = false;
        }
    }
    return 0;
}

static void free_queries(struct cloudwatch_page *p)
{
    queries_free(p->queries);
    queries_result_deinit(&p->math);
    free(p->list);
    free(p->asked);
}

/* --- expressions ------------------------------------------------------------------------------ */

static int check_results(const struct cloudwatch_page *p)
{
    for (size_t i = 0; i < p->n_queries; i++)
        if (p->list[i].expression && p->asked[i].return_data &&
            p->math.inputs[i].value.type == MATH_SCALAR)
            return api_error(p->call, validation,
                             "Error in expression '%s': the result must be a time series or an "
                             "array of time series, not a scalar",
                             p->list[i].id);
    return 0;
}

static int compute(struct cloudwatch_page *p)
{
    const struct queries_view view = {
        .metrics = p->call->control->metrics,
        .searched = p->call->control->metrics,
        .active_since = p->call->now - METRICS_PAST_MAX,
        .span = narrow,
        .context = p,
        .arena_bytes = ARENA_BYTES,
    };
    struct queries_error error;
    bool any = false;
    int r;

    for (size_t i = 0; i < p->n_queries; i++)
        any |= p->list[i].expression != NULL;
    if (!any)
        return 0;
    r = queries_new(p->list, p->n_queries, &p->queries, &error);
    if (!r)
        r = queries_compute(p->queries, &view, &p->math, &error);
    if (r == QUERIES_E_LIMIT)
        return api_error(p->call, validation,
                         "The expressions of this request take too much to compute; ask for a "
                         "shorter range, a longer period or fewer metrics.");
    if (r == QUERIES_E_REFUSED)
        return api_error(p->call, validation, "%s", error.text);
    return r ? fault(r) : check_results(p);
}

/* As much as may be was found; the answer says that there is more. */
static int add_messages(const struct cloudwatch_page *p)
{
    if (!p->math.more)
        return 0;
    return json_array_append_new(json_object_get(p->call->output, "Messages"),
                                 json_pack("{s:s, s:s}", "Code", "MaxMetricsExceeded", "Value",
                                           "Maximum number of allowed metrics exceeded")) == 0
               ? 0
               : fault(-ENOMEM);
}

static int get_metric_data(struct api_call *call)
{
    struct cloudwatch_page p = { .call = call };
    int r = cloudwatch_query_read(&p);

    if (!r)
        r = compute(&p);
    if (!r) {
        call->output = json_pack("{s:[], s:[]}", "MetricDataResults", "Messages");
        r = call->output ? add_messages(&p) : fault(-ENOMEM);
    }
    if (!r)
        r = answer(&p);
    free_queries(&p);
    return r;
}

const struct operation cloudwatch_query_operations[] = {
    { "GetMetricData", &get_metric_data_input, &get_metric_data_output, get_metric_data },
    { NULL },
};
