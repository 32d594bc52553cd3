#include "control/query_series.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct reader {
    struct metric_query queries[QUERY_SERIES_MAX];
    size_t n, n_metrics, n_results, result;
    unsigned period_s;
    char *why;
};

static int __attribute__((format(printf, 2, 3)))
refuse(char why[QUERY_SERIES_WHY_BYTES], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, QUERY_SERIES_WHY_BYTES, format, args);
    va_end(args);
    return QUERY_SERIES_E_REFUSED;
}

static const char *text_of(json_t *value, const char *member)
{
    const char *text = json_string_value(json_object_get(value, member));

    return text ? text : "";
}

void query_series_name(json_t *value, struct metric_name *ret)
{
    json_t *dimensions = json_object_get(value, "Dimensions"), *d;
    size_t i;

    *ret = (struct metric_name){ .namespace = text_of(value, "Namespace"),
                                 .name = text_of(value, "MetricName") };
    json_array_foreach (dimensions, i, d)
        if (i < METRICS_DIMENSIONS_MAX)
            ret->dimensions[ret->n_dimensions++] =
                (struct metric_dimension){ text_of(d, "Name"), text_of(d, "Value") };
}

static int read_stat(struct reader *r, struct metric_query *q, json_t *stat)
{
    json_t *metric = json_object_get(stat, "Metric");
    const char *unit = json_string_value(json_object_get(stat, "Unit"));
    unsigned period_s = (unsigned)json_integer_value(json_object_get(stat, "Period"));

    query_series_name(metric, &q->name);
    if (!*q->name.namespace || !*q->name.name)
        return refuse(r->why, "The metric %.60s needs a Namespace and a MetricName", q->id);
    if (json_array_size(json_object_get(metric, "Dimensions")) > METRICS_DIMENSIONS_MAX)
        return refuse(r->why, "A metric has at most %d dimensions", METRICS_DIMENSIONS_MAX);
    q->unit = METRIC_UNIT_ANY;
    if (unit && metric_unit_parse(unit, &q->unit) != 0)
        return refuse(r->why, "The value %.60s for parameter Unit is not supported.", unit);
    if (metric_statistic_parse(text_of(stat, "Stat"), &q->statistic) != 0)
        return refuse(r->why, "The value %.60s for parameter Stat is not supported.",
                      text_of(stat, "Stat"));
    if (period_s != 0 && r->period_s != 0 && period_s != r->period_s)
        return refuse(r->why, "All metrics must have the same Period");
    r->period_s = period_s ? period_s : r->period_s;
    r->n_metrics++;
    return 0;
}

static int read_query(struct reader *r, json_t *given)
{
    struct metric_query *q = &r->queries[r->n];
    json_t *stat = json_object_get(given, "MetricStat");
    json_t *return_data = json_object_get(given, "ReturnData");

    q->id = text_of(given, "Id");
    q->expression = json_string_value(json_object_get(given, "Expression"));
    if (!queries_id_valid(q->id))
        return refuse(r->why,
                      "The value %.60s for parameter Id is not matching the expected pattern "
                      "^[a-z][a-zA-Z0-9_]*$.",
                      q->id);
    if (!stat == !q->expression)
        return refuse(r->why, "Exactly one of MetricStat and Expression is required in %.60s",
                      q->id);
    if (!return_data || json_is_true(return_data)) {
        q->wanted = true;
        r->result = r->n;
        r->n_results++;
    }
    r->n++;
    return stat ? read_stat(r, q, stat) : 0;
}

static int read_list(struct reader *r, json_t *list)
{
    json_t *given;
    size_t i;

    if (json_array_size(list) == 0 || json_array_size(list) > QUERY_SERIES_MAX)
        return refuse(r->why, "Metrics has from 1 to %d elements", QUERY_SERIES_MAX);
    json_array_foreach (list, i, given) {
        int outcome = read_query(r, given);

        if (outcome)
            return outcome;
    }
    if (r->n_metrics > QUERY_SERIES_OF_A_KIND_MAX ||
        r->n - r->n_metrics > QUERY_SERIES_OF_A_KIND_MAX)
        return refuse(r->why, "Metrics has at most %d metrics and %d expressions",
                      QUERY_SERIES_OF_A_KIND_MAX, QUERY_SERIES_OF_A_KIND_MAX);
    return r->n_results == 1
               ? 0
               : refuse(r->why, "Exactly one element of the metrics list should return data.");
}

static int make(struct reader *r, struct query_series *ret)
{
    autofree(queries_free) struct queries *queries = NULL;
    struct queries_error error;
    int outcome;

    for (size_t i = 0; i < r->n; i++)
        if (!r->queries[i].expression)
            r->queries[i].period_s = r->period_s;
    outcome = queries_new(r->queries, r->n, &queries, &error);
    if (!outcome && r->n_metrics == 0 && !queries_searches(queries))
        return refuse(r->why, "Metrics needs at least one metric");
    if (!outcome)
        outcome = queries_check_series(queries, r->result, r->period_s, false, &error);
    if (outcome)
        return outcome == QUERIES_E_REFUSED ? refuse(r->why, "%s", error.text) : fault(outcome);
    *ret = (struct query_series){ steal(queries), r->result, r->period_s };
    return 0;
}

int query_series_read(json_t *list, unsigned period_s, struct query_series *ret,
                      char ret_why[QUERY_SERIES_WHY_BYTES])
{
    struct reader *r = calloc(1, sizeof(*r));
    int outcome;

    if (!r)
        return fault(-ENOMEM);
    r->period_s = period_s;
    r->why = ret_why;
    outcome = read_list(r, list);
    if (!outcome)
        outcome = make(r, ret);
    free(r);
    return outcome;
}

void query_series_deinit(struct query_series *s)
{
    s->queries = queries_free(s->queries);
}
