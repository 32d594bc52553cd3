/* GetMetricStatistics and ListMetrics. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/cloudwatch.h"
#include "base/error.h"
#include "base/text.h"
#include "control/query_series.h"
#include "metrics/name.h"

enum { DATAPOINTS_MAX = 1440, METRICS_PER_PAGE = 500, EXTENDED_MAX = 10, BASIC_MAX = 5 };

static const char invalid_value[] = "InvalidParameterValueException";
static const char invalid_combination[] = "InvalidParameterCombinationException";

/* --- GetMetricStatistics ---------------------------------------------------------------------- */

static const struct shape statistics = LIST("Statistics", &cloudwatch_statistic, BETWEEN(1, 5));
static const struct shape extended_statistics =
    LIST("ExtendedStatistics", &cloudwatch_extended_statistic, BETWEEN(1, 10));
static const struct shape get_metric_statistics_input = STRUCTURE(
    "GetMetricStatisticsInput", REQUIRED("Namespace", &cloudwatch_namespace),
    REQUIRED("MetricName", &cloudwatch_metric_name), OPTIONAL("Dimensions", &cloudwatch_dimensions),
    REQUIRED("StartTime", &shape_timestamp), REQUIRED("EndTime", &shape_timestamp),
    REQUIRED("Period", &cloudwatch_period), OPTIONAL("Statistics", &statistics),
    OPTIONAL("ExtendedStatistics", &extended_statistics), OPTIONAL("Unit", &cloudwatch_unit));

static const struct shape datapoint_values =
    MAP("DatapointValueMap", &cloudwatch_extended_statistic, &cloudwatch_number);
static const struct shape datapoint =
    STRUCTURE("Datapoint", OPTIONAL("Timestamp", &shape_timestamp),
              OPTIONAL("SampleCount", &cloudwatch_number), OPTIONAL("Average", &cloudwatch_number),
              OPTIONAL("Sum", &cloudwatch_number), OPTIONAL("Minimum", &cloudwatch_number),
              OPTIONAL("Maximum", &cloudwatch_number), OPTIONAL("Unit", &cloudwatch_unit),
              OPTIONAL("ExtendedStatistics", &datapoint_values));
static const struct shape datapoints = LIST("Datapoints", &datapoint);
static const struct shape get_metric_statistics_output =
    STRUCTURE("GetMetricStatisticsOutput", OPTIONAL("Label", &shape_string),
              OPTIONAL("Datapoints", &datapoints));

struct statistic {
    const char *text;
    struct metric_statistic what;
};

struct request {
    struct metric_name name;
    wall_ms_t start;
    unsigned period_s;
    size_t n; /* periods */
    struct statistic statistics[BASIC_MAX + EXTENDED_MAX];
    size_t n_statistics;
};

static int read_statistics(struct api_call *call, const char *member, struct request *q)
{
    json_t *list = input_get(call, member), *text;
    size_t i;

    json_array_foreach (list, i, text) {
        struct statistic *s = &q->statistics[q->n_statistics++];

        s->text = json_string_value(text);
        if (metric_statistic_parse(s->text, &s->what) != 0)
            return api_error(call, invalid_value,
                             "The value %s for parameter %s.member.%zu is not supported.", s->text,
                             member, i + 1);
    }
    return 0;
}

static int read_range(struct api_call *call, struct request *q)
{
    wall_ms_t start = cloudwatch_time(call->input, "StartTime");
    wall_ms_t end = cloudwatch_time(call->input, "EndTime");
    json_int_t period_s = input_integer(call, "Period", 0);
    ms_t period_ms = period_s * MS_PER_S;

    if (start >= end)
        return api_error(call, invalid_value,
                         "The parameter StartTime must be less than the parameter EndTime.");
    if (!cloudwatch_period_valid(period_s))
        return api_error(call, invalid_value,
                         "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.");
    if ((end - start + period_ms - 1) / period_ms > DATAPOINTS_MAX)
        return api_error(call, invalid_combination,
                         "You have requested up to %" PRId64
                         " datapoints, which exceeds the limit of 1,440. You may reduce the "
                         "datapoints requested by increasing Period, or decreasing the time range.",
                         (end - start + period_ms - 1) / period_ms);
    q->period_s = (unsigned)period_s;
    q->start = cloudwatch_round_start(start, q->period_s, call->now);
    q->n = (size_t)((end - q->start + period_ms - 1) / period_ms);
    return 0;
}

static int read_request(struct api_call *call, struct request *q)
{
    int r;

    if (!input_get(call, "Statistics") && !input_get(call, "ExtendedStatistics"))
        return api_error(call, invalid_combination,
                         "Must specify either Statistics or ExtendedStatistics");
    r = read_range(call, q);
    if (!r)
        r = read_statistics(call, "Statistics", q);
    if (!r)
        r = read_statistics(call, "ExtendedStatistics", q);
    query_series_name(call->input, &q->name);
    return r;
}

static int add_value(json_t *point, const struct statistic *s, double value)
{
    json_t *into = point;

    if (isnan(value))
        return 0;
    if (s->what.kind >= STATISTIC_PERCENTILE) {
        into = json_object_get(point, "ExtendedStatistics");
        if (!into) {
            into = json_object();
            if (json_object_set_new(point, "ExtendedStatistics", into) != 0)
                return -ENOMEM;
        }
    }
    return json_object_set_new(into, s->text, json_real(value)) == 0 ? 0 : -ENOMEM;
}

/* Adds a datapoint for each period of one unit that has data; @values: n_statistics rows of n. */
static int add_points(const struct request *q, enum metric_unit unit, const double *values,
                      const double *sample_counts, json_t *points)
{
    for (size_t i = 0; i < q->n; i++) {
        json_t *point;
        int r = 0;

        if (sample_counts[i] == 0)
            continue;
        point =
            json_pack("{s:f, s:s}", "Timestamp", (double)q->start / 1000 + (double)i * q->period_s,
                      "Unit", metric_unit_text(unit));
        if (!point || json_array_append_new(points, point) != 0)
            return fault(-ENOMEM);
        for (size_t k = 0; !r && k < q->n_statistics; k++)
            r = add_value(point, &q->statistics[k], values[k * q->n + i]);
        if (r)
            return fault(r);
    }
    return 0;
}

static int read_unit(const struct metrics *m, const struct request *q, enum metric_unit unit,
                     json_t *points)
{
    autofree(mem_free) double *values = NULL;
    double *sample_counts;

    assert(q->n > 0 && q->n_statistics > 0);
    values = calloc(q->n * (q->n_statistics + 1), sizeof(*values));
    if (!values)
        return fault(-ENOMEM);
    sample_counts = values + q->n * q->n_statistics;
    for (size_t k = 0; k < q->n_statistics; k++)
        metrics_read(m, &q->name, unit, q->start, q->period_s, q->n, &q->statistics[k].what,
                     values + k * q->n, sample_counts);
    return fault(add_points(q, unit, values, sample_counts, points));
}

static int get_metric_statistics(struct api_call *call)
{
    const struct metrics *m = call->control->metrics;
    enum metric_unit units[METRIC_UNIT_ANY], wanted;
    struct request q = { 0 };
    json_t *points;
    size_t n_units;
    int r = read_request(call, &q);

    if (r)
        return r;
    call->output = json_pack("{s:s, s:[]}", "Label", q.name.name, "Datapoints");
    if (!call->output)
        return fault(-ENOMEM);
    points = json_object_get(call->output, "Datapoints");
    wanted = cloudwatch_read_unit(call->input, METRIC_UNIT_ANY);
    n_units = metrics_units(m, &q.name, units);
    for (size_t i = 0; !r && i < n_units; i++)
        if (wanted == METRIC_UNIT_ANY || wanted == units[i])
            r = read_unit(m, &q, units[i], points);
    return fault(r);
}

/* --- ListMetrics ------------------------------------------------------------------------------ */

static const struct shape dimension_filter =
    STRUCTURE("DimensionFilter", REQUIRED("Name", &cloudwatch_dimension_name),
              OPTIONAL("Value", &cloudwatch_dimension_value));
static const struct shape dimension_filters =
    LIST("DimensionFilters", &dimension_filter, AT_MOST(10));
static const struct shape recently_active = STRING("RecentlyActive", ENUM("PT3H"));
static const struct shape account_id = STRING("AccountId", BETWEEN(1, 255));
static const struct shape list_metrics_input = STRUCTURE(
    "ListMetricsInput", OPTIONAL("Namespace", &cloudwatch_namespace),
    OPTIONAL("MetricName", &cloudwatch_metric_name), OPTIONAL("Dimensions", &dimension_filters),
    OPTIONAL("NextToken", &shape_string), OPTIONAL("RecentlyActive", &recently_active),
    OPTIONAL("IncludeLinkedAccounts", &shape_boolean), OPTIONAL("OwningAccount", &account_id));
static const struct shape metrics_list_shape = LIST("Metrics", &cloudwatch_metric);
static const struct shape list_metrics_output =
    STRUCTURE("ListMetricsOutput", OPTIONAL("Metrics", &metrics_list_shape),
              OPTIONAL("NextToken", &shape_string));

enum { PAGE_FULL = 1 };

struct page {
    json_t *metrics;
    struct metric_key last; /* of the last metric on the page */
};

static json_t *metric_json(const struct metric_name *name)
{
    json_t *metric = json_pack("{s:s, s:s, s:[]}", "Namespace", name->namespace, "MetricName",
                               name->name, "Dimensions");
    json_t *dimensions = json_object_get(metric, "Dimensions");

    for (size_t i = 0; metric && i < name->n_dimensions; i++) {
        json_t *d = json_pack("{s:s, s:s}", "Name", name->dimensions[i].name, "Value",
                              name->dimensions[i].value);

        if (json_array_append_new(dimensions, d) != 0) {
            json_decref(metric);
            return NULL;
        }
    }
    return metric;
}

static int add_to_page(const struct metric_name *name, void *context)
{
    struct page *p = context;

    if (json_array_size(p->metrics) == METRICS_PER_PAGE)
        return PAGE_FULL;
    if (metric_key_make(&p->last, name) != 0)
        return fault(-EINVAL);
    return json_array_append_new(p->metrics, metric_json(name)) == 0 ? 0 : fault(-ENOMEM);
}

/* The token is the last metric's key in hex. */
static int read_token(struct api_call *call, struct metric_key *storage, struct metric_name *after,
                      struct metrics_filter *filter)
{
    struct slice token = slice_from(input_text(call, "NextToken"));
    struct metric_key key;

    if (!token.data)
        return 0;
    key.size = token.size / 2;
    if (token.size % 2 != 0 || key.size == 0 || key.size > METRIC_KEY_BYTES_MAX ||
        text_unhex(token, key.text, key.size) != 0 || memchr(key.text, '\0', key.size))
        return api_error(call, "InvalidNextToken", "The value for parameter NextToken is invalid.");
    key.text[key.size] = '\0';
    if (metric_key_split(key.text, storage, after) != 0)
        return api_error(call, "InvalidNextToken", "The value for parameter NextToken is invalid.");
    filter->after = after;
    return 0;
}

static int add_token(struct api_call *call, const struct metric_key *last)
{
    autofree(mem_free) char *token = malloc(2 * last->size + 1);

    if (!token)
        return fault(-ENOMEM);
    text_hex(last->text, last->size, token);
    return json_object_set_new(call->output, "NextToken", json_string(token)) == 0 ? 0
                                                                                   : fault(-ENOMEM);
}

static void read_filter(struct api_call *call, struct metric_dimension *dimensions,
                        struct metrics_filter *filter)
{
    json_t *list = input_get(call, "Dimensions"), *d;
    size_t i;

    filter->namespace = input_text(call, "Namespace");
    filter->name = input_text(call, "MetricName");
    json_array_foreach (list, i, d)
        dimensions[i] = (struct metric_dimension){
            json_string_value(json_object_get(d, "Name")),
            json_string_value(json_object_get(d, "Value")),
        };
    filter->dimensions = dimensions;
    filter->n_dimensions = json_array_size(list);
    filter->active_since =
        call->now - (input_get(call, "RecentlyActive") ? 3 * 3600 * MS_PER_S : METRICS_PAST_MAX);
}

static int list_metrics(struct api_call *call)
{
    struct metric_dimension dimensions[METRICS_DIMENSIONS_MAX];
    struct metrics_filter filter = { 0 };
    struct metric_name after;
    struct metric_key storage;
    struct page page;
    int r;

    read_filter(call, dimensions, &filter);
    r = read_token(call, &storage, &after, &filter);
    if (r)
        return r;
    call->output = json_pack("{s:[]}", "Metrics");
    if (!call->output)
        return fault(-ENOMEM);
    page.metrics = json_object_get(call->output, "Metrics");
    r = metrics_list(call->control->metrics, &filter, add_to_page, &page);
    return r == PAGE_FULL ? fault(add_token(call, &page.last)) : fault(r);
}

const struct operation cloudwatch_read_operations[] = {
    { "GetMetricStatistics", &get_metric_statistics_input, &get_metric_statistics_output,
      get_metric_statistics },
    { "ListMetrics", &list_metrics_input, &list_metrics_output, list_metrics },
    { NULL },
};
