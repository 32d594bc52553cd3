/* What a call of GetMetricData asks for: its queries, the range, and the token of the page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/cloudwatch.h"
#include "api/cloudwatch_query.h"
#include "base/error.h"
#include "base/text.h"

enum { DATAPOINTS_MAX = 100800, SERIES_MAX = 1000000 };

static const char validation[] = "ValidationError";

static int check_id(struct cloudwatch_page *p, const char *id, size_t i)
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

static int read_stat(struct cloudwatch_page *p, json_t *stat, size_t i)
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

static int read_expression(struct cloudwatch_page *p, json_t *given, size_t i)
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

static int read_query(struct cloudwatch_page *p, json_t *given, size_t i)
{
    struct metric_query *q = &p->list[i];
    json_t *stat = json_object_get(given, "MetricStat");
    json_t *return_data = json_object_get(given, "ReturnData");
    int r;

    q->id = json_string_value(json_object_get(given, "Id"));
    p->asked[i] = (struct cloudwatch_asked){
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

static int read_queries(struct cloudwatch_page *p)
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

static int read_range(struct cloudwatch_page *p)
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
static int read_token(struct cloudwatch_page *p)
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

int cloudwatch_query_read(struct cloudwatch_page *p)
{
    int r = read_range(p);

    if (!r)
        r = read_queries(p);
    if (!r)
        r = read_token(p);
    return r;
}
