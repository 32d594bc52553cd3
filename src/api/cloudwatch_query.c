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
#include "base/error.h"
#include "base/text.h"
#include "control/query_series.h"

/* What one call may use: 8 million numbers, metrics included. That bounds its time, too. */
enum { ARENA_BYTES = 64 << 20 };

enum { DATAPOINTS_MAX = 100800, TOKEN_BYTES = 64, SERIES_MAX = 1000000 };

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

/* What is asked of one query, beside what is computed. */
struct asked {
    struct metric_query *query;
    const char *label; /* NULL: none was given */
    const char *stat_text;
    bool return_data;
};

struct page {
    struct api_call *call;
    struct asked *asked;
    struct metric_query *list;
    size_t n_queries;
    wall_ms_t start, end;
    struct queries *queries; /* NULL, with all that is computed: there are no expressions */
    struct queries_result math;
    bool descending;
    size_t room; /* datapoints that still fit on this page */
    /* where the page starts, and later where the next one does: a query, one of its series, and a
     * time it has not given yet; has_time false: from its beginning */
    size_t query, series;
    bool has_time;
    wall_ms_t time;
};

/* --- what is asked ---------------------------------------------------------------------------- */

static int check_id(struct page *p, const char *id, size_t i)
{
    if (!queries_id_valid(id))
        return api_error(p->call, validation,
                         "The value %s for parameter MetricDataQueries.member.%zu.Id is not "
                         "matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
                         id, i + 1);
    for (size_t k = 0; k < i; k++)
        if (strcmp(p->list[k].id, id) == 0)
            return api_error(p->call, validation,
                             "The values for parameter id in MetricDataQueries are not unique.");
    return 0;
}

static int read_stat(struct page *p, json_t *stat, size_t i)
{
    struct metric_query *q = &p->list[i];
    const char *statistic = json_string_value(json_object_get(stat, "Stat"));
    json_int_t period_s = json_integer_value(json_object_get(stat, "Period"));

    query_series_name(json_object_get(stat, "Metric"), &q->name);
    q->unit = cloudwatch_read_unit(stat, METRIC_UNIT_ANY);
    p->asked[i].stat_text = statistic;
    if (!*q->name.namespace || !*q->name.name)
        return api_error(p->call, validation,
                         "The parameter MetricDataQueries.member.%zu.MetricStat.Metric.%s is "
                         "required.",
                         i + 1, *q->name.namespace ? "MetricName" : "Namespace");
    if (!cloudwatch_period_valid(period_s))
        return api_error(p->call, validation,
                         "The parameter MetricDataQueries.member.%zu.MetricStat.Period must be 1, "
                         "5, 10, 20, 30 or a multiple of 60.",
                         i + 1);
    if (metric_statistic_parse(statistic, &q->statistic) != 0)
        return api_error(p->call, validation,
                         "The value %s for parameter MetricDataQueries.member.%zu.MetricStat.Stat "
                         "is not supported.",
                         statistic, i + 1);
    q->period_s = (unsigned)period_s;
    return 0;
}

static int read_expression(struct page *p, json_t *given, size_t i)
{
    json_t *period = json_object_get(given, "Period");

    if (period && !cloudwatch_period_valid(json_integer_value(period)))
        return api_error(p->call, validation,
                         "The parameter MetricDataQueries.member.%zu.Period must be 1, 5, 10, 20, "
                         "30 or a multiple of 60.",
                         i + 1);
    p->list[i].period_s = (unsigned)json_integer_value(period);
    p->list[i].expression = json_string_value(json_object_get(given, "Expression"));
    return 0;
}

static int read_query(struct page *p, json_t *given, size_t i)
{
    struct metric_query *q = &p->list[i];
    json_t *stat = json_object_get(given, "MetricStat");
    json_t *return_data = json_object_get(given, "ReturnData");
    int r;

    q->id = json_string_value(json_object_get(given, "Id"));
    p->asked[i] = (struct asked){
        .query = q,
        .label = json_string_value(json_object_get(given, "Label")),
        .return_data = !return_data || json_is_true(return_data),
    };
    r = check_id(p, q->id, i);
    if (r)
        return r;
    if (stat && json_object_get(given, "Expression"))
        return api_error(p->call, validation,
                         "The parameters MetricDataQueries.member.%zu.MetricStat and "
                         "MetricDataQueries.member.%zu.Expression are mutually exclusive and you "
                         "have specified both.",
                         i + 1, i + 1);
    if (json_object_get(given, "Expression"))
        return read_expression(p, given, i);
    if (!stat)
        return api_error(p->call, validation,
                         "The parameter MetricDataQueries.member.%zu.MetricStat is required.\n",
                         i + 1);
    return read_stat(p, stat, i);
}

static int read_queries(struct page *p)
{
    json_t *list = input_get(p->call, "MetricDataQueries"), *given;
    size_t i;
    int r = 0;

    p->n_queries = json_array_size(list);
    if (p->n_queries == 0)
        return api_error(p->call, validation, "The parameter MetricDataQueries is required.");
    if (p->n_queries > QUERIES_MAX)
        return api_error(p->call, validation,
                         "The collection MetricDataQueries must not have a size greater than %d.",
                         QUERIES_MAX);
    p->asked = calloc(p->n_queries, sizeof(*p->asked));
    p->list = calloc(p->n_queries, sizeof(*p->list));
    if (!p->asked || !p->list)
        return fault(-ENOMEM);
    json_array_foreach (list, i, given) {
        r = read_query(p, given, i);
        if (r)
            break;
    }
    return r;
}

static int read_range(struct page *p)
{
    json_int_t max = input_integer(p->call, "MaxDatapoints", DATAPOINTS_MAX);
    const char *order = input_text(p->call, "ScanBy");

    p->start = cloudwatch_time(p->call->input, "StartTime");
    p->end = cloudwatch_time(p->call->input, "EndTime");
    if (p->start == p->end)
        return api_error(p->call, validation,
                         "The parameter StartTime must not equal parameter EndTime.");
    if (p->start > p->end)
        return api_error(p->call, validation,
                         "The parameter EndTime must be greater than StartTime.");
    if (max < 1 || max > DATAPOINTS_MAX)
        return api_error(p->call, validation,
                         "The parameter MaxDatapoints must be between 1 and %d.", DATAPOINTS_MAX);
    p->room = (size_t)max;
    p->descending = !order || strcmp(order, "TimestampDescending") == 0;
    return 0;
}

/* The part of @text from @separator on, without it, is cut off into @ret_rest. */
static bool cut(struct slice *text, char separator, struct slice *ret_rest)
{
    const char *at = text->size > 0 ? memchr(text->data, separator, text->size) : NULL;

    if (!at)
        return false;
    *ret_rest = (struct slice){ at + 1, text->size - (size_t)(at + 1 - text->data) };
    text->size = (size_t)(at - text->data);
    return true;
}

/* QUERY [":" SERIES] ["." MILLISECONDS] */
static int read_token(struct page *p)
{
    struct slice token = slice_from(input_text(p->call, "NextToken")), time, series;
    uint64_t query, k = 0;
    bool has_series;

    if (!token.data)
        return 0;
    p->has_time = cut(&token, '.', &time);
    has_series = cut(&token, ':', &series);
    if (text_to_u64(token, p->n_queries - 1, &query) != 0 ||
        (has_series && text_to_u64(series, SERIES_MAX, &k) != 0) ||
        (p->has_time && text_to_i64(time, INT64_MIN / 2, INT64_MAX / 2, &p->time) != 0))
        return api_error(p->call, "InvalidNextToken",
                         "The value for parameter NextToken is invalid.");
    p->query = (size_t)query;
    p->series = (size_t)k;
    return 0;
}

/* --- labels ----------------------------------------------------------------------------------- */

/* The metric's name, and what else tells it from the call's other queries. */
static json_t *make_label(const struct page *p, const struct asked *q)
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
static json_t *found_label(const struct page *p, const struct queries_found *found)
{
    struct cloudwatch_differences d = { 0 };

    for (size_t i = 0; i < found->n; i++)
        cloudwatch_differ(&d, &p->math.found[found->first + i].name, &found->name);
    return cloudwatch_label(&found->name, found->statistic_text, found->period_s, d);
}

static json_t *metric_label(const struct page *p, const struct asked *q)
{
    return q->label ? json_string(q->label) : make_label(p, q);
}

/* An expression's own label, or its id; one of several series is told by its metric as well. */
static json_t *series_label(const struct page *p, const struct asked *q,
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
    const struct page *p = page;
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

static bool was_given(const struct page *p, wall_ms_t at)
{
    return p->has_time && (p->descending ? at > p->time : at < p->time);
}

/* Appends the points that fit. Return: whether those were all; else p->time is the next one's. */
static int fill(struct page *p, const struct line *line, json_t *times, json_t *numbers,
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
static int answer_line(struct page *p, const struct asked *q, json_t *label,
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

static int answer_metric(struct page *p, const struct asked *q, bool *ret_all)
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

static int answer_series(struct page *p, const struct asked *q, bool *ret_all)
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

static size_t count_results(const struct page *p, const struct asked *q)
{
    if (!q->return_data)
        return 0;
    return q->query->expression ? p->math.inputs[q - p->asked].value.n_series : 1;
}

static int add_token(const struct page *p)
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

static int answer(struct page *p)
{
    for (; p->query < p->n_queries; p->query++, p->series = 0) {
        const struct asked *q = &p->asked[p->query];

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

static void free_queries(struct page *p)
{
    queries_free(p->queries);
    queries_result_deinit(&p->math);
    free(p->list);
    free(p->asked);
}

/* --- expressions ------------------------------------------------------------------------------ */

static int check_results(const struct page *p)
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

static int compute(struct page *p)
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
static int add_messages(const struct page *p)
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
    struct page p = { .call = call };
    int r = read_range(&p);

    if (!r)
        r = read_queries(&p);
    if (!r)
        r = read_token(&p);
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
