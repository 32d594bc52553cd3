#include "api/cloudwatch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "control/test_json.h"

/* 2026-01-02T03:04:05Z, the time of every call unless a test moves it */
#define NOW_S 1767323045

struct fixture {
    struct control control;
    struct patterns *patterns;
    double now_s;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(metrics_new(1000, &f->control.metrics), 0);
    assert_int_equal(patterns_new(&f->patterns), 0);
    f->now_s = NOW_S;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    patterns_free(f->patterns);
    metrics_free(f->control.metrics);
    free(f);
    return 0;
}

/* @input is borrowed; call->error tells how it went */
static void invoke(struct fixture *f, struct api_call *call, const char *operation, json_t *input)
{
    *call = (struct api_call){
        .control = &f->control,
        .service = &cloudwatch_service,
        .operation = service_find_operation(&cloudwatch_service, operation),
        .now = (wall_ms_t)(f->now_s * 1000),
    };
    assert_non_null(input);
    assert_non_null(call->operation);
    int r = api_invoke(call, input, f->patterns);
    assert_true(r == 0 || r == API_REFUSED);
    assert_int_equal(r == API_REFUSED, call->error != NULL);
}

static void call_text(struct fixture *f, struct api_call *call, const char *operation,
                      const char *input)
{
    json_t *value = parse(input);

    invoke(f, call, operation, value);
    json_decref(value);
}

static void expect_error(struct fixture *f, const char *operation, const char *input,
                         const char *error, const char *message)
{
    struct api_call call;

    call_text(f, &call, operation, input);
    if (!call.error)
        fail_msg("no %s from %s", error, input);
    assert_string_equal(call.error, error);
    assert_string_equal(call.message, message);
    api_call_deinit(&call);
}

static void put(struct fixture *f, const char *data)
{
    struct api_call call;
    char input[4096];

    snprintf(input, sizeof(input), "{'Namespace':'Mine','MetricData':[%s]}", data);
    call_text(f, &call, "PutMetricData", input);
    if (call.error)
        fail_msg("%s: %s", call.error, call.message);
    api_call_deinit(&call);
}

/* The output as JSON with ' for " and sorted keys; to free(). */
static void expect_output(struct fixture *f, const char *operation, const char *input,
                          const char *output)
{
    struct api_call call;
    char *text;

    call_text(f, &call, operation, input);
    if (call.error)
        fail_msg("%s: %s", call.error, call.message);
    text = json_dumps(call.output, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(12));
    for (char *c = text; *c; c++)
        if (*c == '"')
            *c = '\'';
    assert_string_equal(text, output);
    free(text);
    api_call_deinit(&call);
}

/* --- PutMetricData ---------------------------------------------------------------------------- */

#define INVALID     "InvalidParameterValueException"
#define COMBINATION "InvalidParameterCombinationException"
#define MISSING     "MissingRequiredParameterException"

static const struct {
    const char *datum, *error, *message;
} bad_data[] = {
    { "'Value':'NaN'", INVALID,
      "The value NaN for parameter MetricData.member.2.Value is invalid." },
    { "'Values':[1,'-Infinity']", INVALID,
      "The value -Infinity for parameter MetricData.member.2.Values.member.2 is invalid." },
    { "'Value':1e200", INVALID,
      "The value 1e+200 for parameter MetricData.member.2.Value is invalid." },
    { "'Value':1,'Values':[1]", INVALID,
      "The parameters MetricData.member.2.Value and MetricData.member.2.Values are mutually "
      "exclusive and you have specified both." },
    { "'Values':[1],'Counts':[1,2]", INVALID,
      "The parameters MetricData.member.2.Values and MetricData.member.2.Counts must be of the "
      "same size." },
    { "'Counts':[1,2]", INVALID,
      "The parameters MetricData.member.2.Values and MetricData.member.2.Counts must be of the "
      "same size." },
    { "'Values':[1],'Counts':[0]", INVALID,
      "The value 0 for parameter MetricData.member.2.Counts.member.1 is invalid." },
    { "'Value':1,'StatisticValues':{'SampleCount':1,'Sum':1,'Minimum':1,'Maximum':1}", COMBINATION,
      "The parameters MetricData.member.2.Value and MetricData.member.2.StatisticValues are "
      "mutually exclusive and you have specified both." },
    { "'Values':[1],'StatisticValues':{'SampleCount':1,'Sum':1,'Minimum':1,'Maximum':1}",
      COMBINATION,
      "The parameters MetricData.member.2.Values and MetricData.member.2.StatisticValues are "
      "mutually exclusive and you have specified both." },
    { "'StatisticValues':{'SampleCount':0,'Sum':1,'Minimum':1,'Maximum':1}", INVALID,
      "The value 0 for parameter MetricData.member.2.StatisticValues.SampleCount is invalid." },
    { "'StatisticValues':{'SampleCount':2,'Sum':3,'Minimum':2,'Maximum':1}", INVALID,
      "The parameter MetricData.member.2.StatisticValues.Minimum must be less than or equal to "
      "the parameter MetricData.member.2.StatisticValues.Maximum." },
    { "'Unit':'Count'", MISSING, "At least one of the parameters must be specified." },
    { "'Value':1,'Timestamp':1766113444", INVALID,
      "The parameter MetricData.member.2.Timestamp must specify a time within the past two "
      "weeks." },
    { "'Value':1,'Timestamp':1767330246", INVALID,
      "The parameter MetricData.member.2.Timestamp must specify a time no more than two hours "
      "in the future." },
    { "'Value':1,'StorageResolution':30", INVALID,
      "The value 30 for parameter MetricData.member.2.StorageResolution is invalid." },
    { "'Value':1,'Dimensions':[{'Name':':a','Value':'b'}]", INVALID,
      "The value :a for parameter MetricData.member.2.Dimensions.member.1.Name is invalid." },
    { "'Value':1,'Dimensions':[{'Name':'a','Value':' '}]", INVALID,
      "The value   for parameter MetricData.member.2.Dimensions.member.1.Value is invalid." },
    { "'Value':1,'Dimensions':[{'Name':'a','Value':'b'},{'Name':'a','Value':'c'}]", INVALID,
      "The value a for parameter MetricData.member.2.Dimensions.member.2.Name is invalid." },
    { "'Value':'NaN','Timestamp':1", INVALID,
      "The parameter MetricData.member.2.Timestamp must specify a time within the past two "
      "weeks.\nThe value NaN for parameter MetricData.member.2.Value is invalid." },
};

static void bad_data_are_refused_and_nothing_is_stored(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad_data) / sizeof(*bad_data); i++) {
        char input[1024];

        snprintf(input, sizeof(input),
                 "{'Namespace':'Mine','MetricData':[{'MetricName':'good','Value':1},"
                 "{'MetricName':'m',%s}]}",
                 bad_data[i].datum);
        expect_error(f, "PutMetricData", input, bad_data[i].error, bad_data[i].message);
        assert_int_equal(metrics_series(f->control.metrics), 0);
    }
}

static void a_request_as_a_whole_has_rules(void **state)
{
    struct fixture *f = *state;

    expect_error(f, "PutMetricData", "{'Namespace':'Mine'}", MISSING,
                 "The parameter MetricData is required.");
    expect_error(f, "PutMetricData", "{'Namespace':'Mine','MetricData':[]}", MISSING,
                 "The parameter MetricData is required.");
    expect_error(f, "PutMetricData",
                 "{'Namespace':'AWS/Mine','MetricData':[{'MetricName':'m','Value':1}]}", INVALID,
                 "The value AWS/Mine for parameter Namespace is invalid.");
    expect_error(f, "PutMetricData", "{'MetricData':[{'MetricName':'m','Value':1}]}",
                 "ValidationError",
                 "1 validation error detected: Value null at 'namespace' failed to satisfy "
                 "constraint: Member must not be null");
    expect_error(f, "PutMetricData",
                 "{'Namespace':'Mine','MetricData':[{'MetricName':'m','Value':1,'Unit':'Feet'}]}",
                 "ValidationError",
                 "1 validation error detected: Value 'Feet' at 'metricData.1.member.unit' failed "
                 "to satisfy constraint: Member must satisfy enum value set: [Seconds, "
                 "Microseconds, Milliseconds, Bytes, Kilobytes, Megabytes, Gigabytes, Terabytes, "
                 "Bits, Kilobits, Megabits, Gigabits, Terabits, Percent, Count, Bytes/Second, "
                 "Kilobytes/Second, Megabytes/Second, Gigabytes/Second, Terabytes/Second, "
                 "Bits/Second, Kilobits/Second, Megabits/Second, Gigabits/Second, "
                 "Terabits/Second, Count/Second, None]");
}

/* a request with @n_data data of @n_values values each; the last has @n_dimensions */
static json_t *big_request(size_t n_data, size_t n_values, size_t n_dimensions)
{
    json_t *data = json_array(), *datum = NULL, *dimensions = json_array();
    char name[32];

    for (size_t i = 0; i < n_data; i++) {
        json_t *values = json_array();

        for (size_t k = 0; k < n_values; k++)
            json_array_append_new(values, json_real((double)k));
        datum = json_pack("{s:s, s:o}", "MetricName", "m", "Values", values);
        json_array_append_new(data, datum);
    }
    for (size_t i = 0; i < n_dimensions; i++) {
        snprintf(name, sizeof(name), "d%zu", i);
        json_array_append_new(dimensions, json_pack("{s:s, s:s}", "Name", name, "Value", "v"));
    }
    json_object_set_new(datum, "Dimensions", dimensions);
    return json_pack("{s:s, s:o}", "Namespace", "Mine", "MetricData", data);
}

static void requests_are_bounded_in_every_direction(void **state)
{
    static const struct {
        size_t n_data, n_values, n_dimensions;
        const char *error, *message;
    } cases[] = {
        { 1000, 2, 0, NULL, NULL },
        { 1001, 1, 0, INVALID,
          "The collection MetricData must not have a size greater than 1000." },
        { 1, 150, 0, NULL, NULL },
        { 1, 151, 0, INVALID,
          "The collection MetricData.member.1.Values must not have a size greater than 150." },
        { 1, 1, 30, NULL, NULL },
        { 1, 1, 31, "ValidationError", NULL },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *input = big_request(cases[i].n_data, cases[i].n_values, cases[i].n_dimensions);
        struct api_call call;

        invoke(f, &call, "PutMetricData", input);
        if (cases[i].error)
            assert_string_equal(call.error, cases[i].error);
        else
            assert_null(call.error);
        if (cases[i].message)
            assert_string_equal(call.message, cases[i].message);
        api_call_deinit(&call);
        json_decref(input);
    }
}

static void data_of_entities_are_data(void **state)
{
    struct fixture *f = *state;
    struct api_call call;

    call_text(
        f, &call, "PutMetricData",
        "{'Namespace':'Mine','EntityMetricData':[{'Entity':{'KeyAttributes':{'Type':'Service',"
        "'Name':'x'}},'MetricData':[{'MetricName':'m','Value':1}]}]}");
    assert_null(call.error);
    assert_int_equal(metrics_series(f->control.metrics), 1);
    api_call_deinit(&call);
    expect_error(f, "PutMetricData",
                 "{'Namespace':'Mine','EntityMetricData':[{'MetricData':[{'MetricName':'m',"
                 "'Value':'NaN'}]}]}",
                 INVALID,
                 "The value NaN for parameter "
                 "EntityMetricData.member.1.MetricData.member.1.Value is invalid.");
}

static void a_full_store_refuses_new_metrics_whole(void **state)
{
    struct fixture *f = *state;

    metrics_free(f->control.metrics);
    assert_int_equal(metrics_new(2, &f->control.metrics), 0);
    put(f, "{'MetricName':'a','Value':1}");
    expect_error(f, "PutMetricData",
                 "{'Namespace':'Mine','MetricData':[{'MetricName':'b','Value':1},"
                 "{'MetricName':'c','Value':1}]}",
                 "LimitExceededFault", "There are 1 metrics, and no room for as many new ones.");
    assert_int_equal(metrics_series(f->control.metrics), 1);
    put(f,
        "{'MetricName':'a','Value':1},{'MetricName':'a','Value':1},{'MetricName':'b','Value':1}");
}

/* --- GetMetricStatistics ---------------------------------------------------------------------- */

static void statistics_come_per_period_and_unit(void **state)
{
    struct fixture *f = *state;

    put(f, "{'MetricName':'m','Value':2,'Timestamp':1767322981},"
           "{'MetricName':'m','Values':[4,6],'Counts':[1,2],'Timestamp':1767322999.5},"
           "{'MetricName':'m','Value':7,'Unit':'Seconds','Timestamp':1767323045}");
    /* the start is rounded down to 03:02:00, the end is not included */
    expect_output(
        f, "GetMetricStatistics",
        "{'Namespace':'Mine','MetricName':'m','StartTime':1767322950,'EndTime':1767323040,"
        "'Period':60,'Statistics':['Sum','SampleCount','Average','Minimum','Maximum'],"
        "'ExtendedStatistics':['p100']}",
        "{'Datapoints':[{'Average':4.5,'ExtendedStatistics':{'p100':6.0},'Maximum':6.0,"
        "'Minimum':2.0,'SampleCount':4.0,'Sum':18.0,'Timestamp':1767322980.0,"
        "'Unit':'None'}],'Label':'m'}");
    expect_output(
        f, "GetMetricStatistics",
        "{'Namespace':'Mine','MetricName':'m','StartTime':1767322950,'EndTime':1767323060,"
        "'Period':300,'Statistics':['Sum']}",
        "{'Datapoints':[{'Sum':18.0,'Timestamp':1767322920.0,'Unit':'None'},"
        "{'Sum':7.0,'Timestamp':1767322920.0,'Unit':'Seconds'}],'Label':'m'}");
    expect_output(
        f, "GetMetricStatistics",
        "{'Namespace':'Mine','MetricName':'m','StartTime':1767322950,'EndTime':1767323060,"
        "'Period':300,'Statistics':['Sum'],'Unit':'Seconds'}",
        "{'Datapoints':[{'Sum':7.0,'Timestamp':1767322920.0,'Unit':'Seconds'}],"
        "'Label':'m'}");
    expect_output(f, "GetMetricStatistics",
                  "{'Namespace':'Mine','MetricName':'other','StartTime':1767322950,"
                  "'EndTime':1767323060,'Period':300,'Statistics':['Sum']}",
                  "{'Datapoints':[],'Label':'other'}");
}

static void high_resolution_is_kept_by_the_second(void **state)
{
    struct fixture *f = *state;

    put(f, "{'MetricName':'m','Value':2,'Timestamp':1767323001,'StorageResolution':1},"
           "{'MetricName':'m','Value':3,'Timestamp':1767323012,'StorageResolution':1}");
    expect_output(
        f, "GetMetricStatistics",
        "{'Namespace':'Mine','MetricName':'m','StartTime':1767323004,'EndTime':1767323020,"
        "'Period':10,'Statistics':['Sum']}",
        "{'Datapoints':[{'Sum':2.0,'Timestamp':1767323000.0,'Unit':'None'},"
        "{'Sum':3.0,'Timestamp':1767323010.0,'Unit':'None'}],'Label':'m'}");
}

static void bad_questions_are_refused(void **state)
{
    static const struct {
        const char *range, *error, *message;
    } cases[] = {
        { "'StartTime':0,'EndTime':86400,'Period':60", COMBINATION,
          "Must specify either Statistics or ExtendedStatistics" },
        { "'StartTime':60,'EndTime':60,'Period':60,'Statistics':['Sum']", INVALID,
          "The parameter StartTime must be less than the parameter EndTime." },
        { "'StartTime':0,'EndTime':60,'Period':45,'Statistics':['Sum']", INVALID,
          "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60." },
        { "'StartTime':0,'EndTime':86401,'Period':60,'Statistics':['Sum']", COMBINATION,
          "You have requested up to 1441 datapoints, which exceeds the limit of 1,440. You may "
          "reduce the datapoints requested by increasing Period, or decreasing the time range." },
        { "'StartTime':0,'EndTime':60,'Period':60,'ExtendedStatistics':['p50','p101']", INVALID,
          "The value p101 for parameter ExtendedStatistics.member.2 is not supported." },
    };
    struct fixture *f = *state;
    char input[512];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(input, sizeof(input), "{'Namespace':'Mine','MetricName':'m',%s}", cases[i].range);
        expect_error(f, "GetMetricStatistics", input, cases[i].error, cases[i].message);
    }
    expect_output(f, "GetMetricStatistics",
                  "{'Namespace':'Mine','MetricName':'m','StartTime':0,'EndTime':86400,'Period':60,"
                  "'Statistics':['Sum']}",
                  "{'Datapoints':[],'Label':'m'}");
}

/* --- GetMetricData ---------------------------------------------------------------------------- */

#define QUERY(id, metric, stat)                                                                    \
    "{'Id':'" id "','MetricStat':{'Metric':{'Namespace':'Mine','MetricName':'" metric              \
    "'},'Period':60,'Stat':'" stat "'}}"
#define RANGE "'StartTime':1767322740,'EndTime':1767323040"

static void put_minutes(struct fixture *f)
{
    put(f, "{'MetricName':'a','Value':1,'Timestamp':1767322800},"
           "{'MetricName':'a','Value':2,'Timestamp':1767322860},"
           "{'MetricName':'a','Value':3,'Timestamp':1767322980},"
           "{'MetricName':'b','Value':9,'Timestamp':1767322860}");
}

static void the_newest_comes_first_unless_asked_otherwise(void **state)
{
    struct fixture *f = *state;

    put_minutes(f);
    expect_output(
        f, "GetMetricData", "{" RANGE ",'MetricDataQueries':[" QUERY("q", "a", "Sum") "]}",
        "{'Messages':[],'MetricDataResults':[{'Id':'q','Label':'a','StatusCode':'Complete',"
        "'Timestamps':[1767322980.0,1767322860.0,1767322800.0],'Values':[3.0,2.0,1.0]}]}");
    expect_output(
        f, "GetMetricData",
        "{" RANGE ",'ScanBy':'TimestampAscending','MetricDataQueries':[" QUERY(
            "q", "a", "Sum") "," QUERY("r", "a", "p50") "]}",
        "{'Messages':[],'MetricDataResults':[{'Id':'q','Label':'a Sum','StatusCode':'Complete',"
        "'Timestamps':[1767322800.0,1767322860.0,1767322980.0],'Values':[1.0,2.0,3.0]},"
        "{'Id':'r','Label':'a p50','StatusCode':'Complete',"
        "'Timestamps':[1767322800.0,1767322860.0,1767322980.0],'Values':[1.0,2.0,3.0]}]}");
}

static void queries_that_return_no_data_are_left_out(void **state)
{
    struct fixture *f = *state;

    put_minutes(f);
    expect_output(
        f, "GetMetricData",
        "{" RANGE ",'MetricDataQueries':[{'Id':'q','ReturnData':false,'MetricStat':"
        "{'Metric':{'Namespace':'Mine','MetricName':'a'},'Period':60,'Stat':'Sum'}},"
        "{'Id':'r','Label':'Bees','MetricStat':{'Metric':{'Namespace':'Mine',"
        "'MetricName':'b'},'Period':300,'Stat':'Sum','Unit':'None'}}]}",
        "{'Messages':[],'MetricDataResults':[{'Id':'r','Label':'Bees','StatusCode':'Complete',"
        "'Timestamps':[1767322740.0],'Values':[9.0]}]}");
}

/* All pages' results as "id: status time=value ... ;", times since RANGE's start. */
static void walk_pages(struct fixture *f, const char *order, unsigned max, char *ret_text)
{
    char token[128] = "", input[2048];

    *ret_text = '\0';
    do {
        struct api_call call;
        size_t i, k;
        json_t *result, *value;
        const char *next;

        snprintf(input, sizeof(input),
                 "{" RANGE ",'ScanBy':'%s','MaxDatapoints':%u,%s%s%s'MetricDataQueries':[" QUERY(
                     "q", "a", "Sum") "," QUERY("r", "b", "Sum") "," QUERY("s", "c", "Sum") "]}",
                 order, max, *token ? "'NextToken':'" : "", token, *token ? "'," : "");
        call_text(f, &call, "GetMetricData", input);
        assert_null(call.error);
        json_array_foreach (json_object_get(call.output, "MetricDataResults"), i, result) {
            sprintf(ret_text + strlen(ret_text),
                    "%s %.1s:", json_string_value(json_object_get(result, "Id")),
                    json_string_value(json_object_get(result, "StatusCode")));
            json_array_foreach (json_object_get(result, "Values"), k, value)
                sprintf(
                    ret_text + strlen(ret_text), " %g=%g",
                    json_number_value(json_array_get(json_object_get(result, "Timestamps"), k)) -
                        1767322740,
                    json_number_value(value));
            strcat(ret_text, "; ");
        }
        strcat(ret_text, "| ");
        next = json_string_value(json_object_get(call.output, "NextToken"));
        snprintf(token, sizeof(token), "%s", next ? next : "");
        api_call_deinit(&call);
    } while (*token);
}

static void pages_go_on_where_the_last_one_ended(void **state)
{
    struct fixture *f = *state;
    char text[1024];

    put_minutes(f);
    walk_pages(f, "TimestampDescending", 2, text);
    assert_string_equal(text, "q P: 240=3 120=2; | q C: 60=1; r C: 120=9; | s C:; | ");
    walk_pages(f, "TimestampAscending", 3, text);
    assert_string_equal(text, "q C: 60=1 120=2 240=3; | r C: 120=9; s C:; | ");
    walk_pages(f, "TimestampAscending", 100800, text);
    assert_string_equal(text, "q C: 60=1 120=2 240=3; r C: 120=9; s C:; | ");
}

static void any_range_is_answered_at_once(void **state)
{
    struct fixture *f = *state;

    put_minutes(f);
    expect_output(
        f, "GetMetricData",
        "{'StartTime':-62135596800,'EndTime':253402300799,'MetricDataQueries':[{'Id':'q',"
        "'MetricStat':{'Metric':{'Namespace':'Mine','MetricName':'b'},'Period':60,"
        "'Stat':'Sum'}}]}",
        "{'Messages':[],'MetricDataResults':[{'Id':'q','Label':'b','StatusCode':'Complete',"
        "'Timestamps':[1767322860.0],'Values':[9.0]}]}");
}

#define ID_Q "'Id':'q'"
#define STAT                                                                                       \
    "'MetricStat':{'Metric':{'Namespace':'Mine','MetricName':'a'},'Period':60,'Stat':'Sum'}"

static const struct {
    const char *input, *message;
} bad_queries[] = {
    { "'StartTime':60,'EndTime':60,'MetricDataQueries':[{" ID_Q "," STAT "}]",
      "The parameter StartTime must not equal parameter EndTime." },
    { "'StartTime':61,'EndTime':60,'MetricDataQueries':[{" ID_Q "," STAT "}]",
      "The parameter EndTime must be greater than StartTime." },
    { RANGE ",'MetricDataQueries':[]", "The parameter MetricDataQueries is required." },
    { RANGE ",'MetricDataQueries':[{" ID_Q "}]",
      "The parameter MetricDataQueries.member.1.MetricStat is required.\n" },
    { RANGE ",'MetricDataQueries':[{" ID_Q "," STAT "},{" ID_Q "," STAT "}]",
      "The values for parameter id in MetricDataQueries are not unique." },
    { RANGE ",'MetricDataQueries':[{'Id':'Q'," STAT "}]",
      "The value Q for parameter MetricDataQueries.member.1.Id is not matching the expected "
      "pattern ^[a-z][a-zA-Z0-9_]*$." },
    { RANGE ",'MetricDataQueries':[{" ID_Q ",'Expression':'1'," STAT "}]",
      "The parameters MetricDataQueries.member.1.MetricStat and "
      "MetricDataQueries.member.1.Expression are mutually exclusive and you have specified "
      "both." },
    { RANGE ",'MetricDataQueries':[{" ID_Q ",'MetricStat':{'Metric':{'Namespace':'Mine'},"
            "'Period':60,'Stat':'Sum'}}]",
      "The parameter MetricDataQueries.member.1.MetricStat.Metric.MetricName is required." },
    { RANGE ",'MetricDataQueries':[{" ID_Q ",'MetricStat':{'Metric':{'Namespace':'Mine',"
            "'MetricName':'a'},'Period':7,'Stat':'Sum'}}]",
      "The parameter MetricDataQueries.member.1.MetricStat.Period must be 1, 5, 10, 20, 30 or "
      "a multiple of 60." },
    { RANGE ",'MetricDataQueries':[{" ID_Q ",'MetricStat':{'Metric':{'Namespace':'Mine',"
            "'MetricName':'a'},'Period':60,'Stat':'Median'}}]",
      "The value Median for parameter MetricDataQueries.member.1.MetricStat.Stat is not "
      "supported." },
    { RANGE ",'MaxDatapoints':100801,'MetricDataQueries':[{" ID_Q "," STAT "}]",
      "The parameter MaxDatapoints must be between 1 and 100800." },
};

static void bad_queries_are_refused(void **state)
{
    static const char *const tokens[] = { "x",  "",      "1",  "0.",  "0.x",
                                          "-1", "0.1.2", "0:", "0:x", "0:1000001" };
    struct fixture *f = *state;
    char input[1024];

    for (size_t i = 0; i < sizeof(bad_queries) / sizeof(*bad_queries); i++) {
        snprintf(input, sizeof(input), "{%s}", bad_queries[i].input);
        expect_error(f, "GetMetricData", input, "ValidationError", bad_queries[i].message);
    }
    for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
        snprintf(input, sizeof(input),
                 "{" RANGE ",'NextToken':'%s','MetricDataQueries':[{" ID_Q "," STAT "}]}",
                 tokens[i]);
        expect_error(f, "GetMetricData", input, "InvalidNextToken",
                     "The value for parameter NextToken is invalid.");
    }
}

/* --- GetMetricData: expressions --------------------------------------------------------------- */

#define HIDDEN(id, metric, period)                                                                 \
    "{'Id':'" id                                                                                   \
    "','ReturnData':false,'MetricStat':{'Metric':{'Namespace':'Mine','MetricName':'" metric        \
    "'},'Period':" period ",'Stat':'Sum'}}"
#define EXPRESSION(id, text) "{'Id':'" id "','Expression':\"" text "\"}"
#define ASCENDING            "{" RANGE ",'ScanBy':'TimestampAscending','MetricDataQueries':["

/* All pages' results as "id (label): value@time ... ;", times since RANGE's start. */
static void walk_math(struct fixture *f, const char *members, unsigned max, char *ret_text)
{
    char token[128] = "";

    *ret_text = '\0';
    do {
        json_t *input = parse("{" RANGE ",'ScanBy':'TimestampAscending'}"), *result, *value;
        json_t *queries = json_loads(members, 0, NULL);
        struct api_call call;
        size_t i, k;
        const char *next;

        assert_non_null(queries);
        json_object_set_new(input, "MetricDataQueries", queries);
        json_object_set_new(input, "MaxDatapoints", json_integer(max));
        if (*token)
            json_object_set_new(input, "NextToken", json_string(token));
        invoke(f, &call, "GetMetricData", input);
        json_decref(input);
        if (call.error)
            fail_msg("%s: %s", call.error, call.message);
        json_array_foreach (json_object_get(call.output, "MetricDataResults"), i, result) {
            sprintf(ret_text + strlen(ret_text),
                    "%s (%s):", json_string_value(json_object_get(result, "Id")),
                    json_string_value(json_object_get(result, "Label")));
            json_array_foreach (json_object_get(result, "Values"), k, value)
                sprintf(
                    ret_text + strlen(ret_text), " %g@%g", json_number_value(value),
                    json_number_value(json_array_get(json_object_get(result, "Timestamps"), k)) -
                        1767322740);
            strcat(ret_text, "; ");
        }
        next = json_string_value(json_object_get(call.output, "NextToken"));
        strcat(ret_text, next ? "| " : "");
        snprintf(token, sizeof(token), "%s", next ? next : "");
        api_call_deinit(&call);
    } while (*token);
}

/* @queries: with ' for ", except within expressions */
static void expect_math(struct fixture *f, const char *queries, unsigned max, const char *expected)
{
    char members[4096], text[4096];
    bool within = false;

    snprintf(members, sizeof(members), "[%s]", queries);
    for (char *c = members; *c; c++) {
        within ^= *c == '"';
        *c = *c == '\'' && !within ? '"' : *c;
    }
    walk_math(f, members, max, text);
    assert_string_equal(text, expected);
}

static void expressions_are_computed_of_other_queries(void **state)
{
    struct fixture *f = *state;

    put_minutes(f); /* a: 1@60 2@120 3@240, b: 9@120 */
    expect_math(f,
                HIDDEN("m1", "a", "60") "," HIDDEN("m2", "b", "60") "," EXPRESSION("e1", "m1 + m2"),
                100, "e1 (e1): 1@60 11@120 3@240; ");
    /* forward, through an expression that is a scalar, and beside the metric itself */
    expect_math(f,
                EXPRESSION("e1", "m1 / e2 * 6") "," QUERY(
                    "m1", "a", "Sum") "," //
                                      "{'Id':'e2','ReturnData':false,'Expression':'SUM(m1)'}",
                100, "e1 (e1): 1@60 2@120 3@240; m1 (a): 1@60 2@120 3@240; ");
    expect_math(f,
                HIDDEN("m1", "b", "60") "," //
                                        "{'Id':'e1','Expression':'FILL(m1, 0)','Label':'Bees'}",
                100, "e1 (Bees): 0@0 0@60 9@120 0@180 0@240; ");
    expect_math(f, HIDDEN("m1", "nothing", "60") "," EXPRESSION("e1", "m1 * 2"), 100, "e1 (e1):; ");
    expect_math(f, HIDDEN("m1", "a", "60") "," EXPRESSION("e1", "RATE(m1) * PERIOD(m1)"), 100,
                "e1 (e1): 1@120 0.5@240; ");
    expect_math(f, EXPRESSION("e1", "TIME_SERIES(4)"), 100,
                "e1 (e1): 4@0 4@60 4@120 4@180 4@240; ");
    expect_math(f, "{'Id':'e1','Expression':'TIME_SERIES(4)','Period':300}", 100, "e1 (e1): 4@0; ");
}

static void arrays_are_answered_series_by_series(void **state)
{
    static const char queries[] =
        QUERY("m1", "a", "Sum") "," QUERY("m2", "b", "Sum") "," EXPRESSION("e1", "METRICS() * 2");
    struct fixture *f = *state;

    put_minutes(f);
    expect_math(f, queries, 100,
                "m1 (a): 1@60 2@120 3@240; m2 (b): 9@120; e1 (a): 2@60 4@120 6@240; "
                "e1 (b): 18@120; ");
    /* pages go on within an array, and within one of its series */
    expect_math(f, queries, 3,
                "m1 (a): 1@60 2@120 3@240; | m2 (b): 9@120; e1 (a): 2@60 4@120; | "
                "e1 (a): 6@240; e1 (b): 18@120; ");
    expect_math(f, queries, 7,
                "m1 (a): 1@60 2@120 3@240; m2 (b): 9@120; e1 (a): 2@60 4@120 6@240; | "
                "e1 (b): 18@120; ");
    expect_math(
        f,
        HIDDEN("m1", "a", "60") "," HIDDEN(
            "m2", "b",
            "60") "," //
                  "{'Id':'e1','Label':'Twice','Expression':'[m2 * 2, m1, TIME_SERIES(SUM(m2))]'}",
        100,
        "e1 (Twice b): 18@120; e1 (Twice a): 1@60 2@120 3@240; "
        "e1 (Twice): 9@0 9@60 9@120 9@180 9@240; ");
    expect_math(f, HIDDEN("m1", "a", "60") "," EXPRESSION("e1", "METRICS('zz')"), 100, "");
}

static void metrics_of_different_periods_meet_where_periods_start(void **state)
{
    struct fixture *f = *state;

    put_minutes(f);
    expect_math(f,
                HIDDEN("m1", "a", "60") "," HIDDEN("m2", "b", "120") "," //
                EXPRESSION("e1", "m1 + m2") "," EXPRESSION("e2", "FILL(m2, 0)"),
                100, "e1 (e1): 1@60 11@120 3@240; e2 (e2): 0@0 9@120 0@240; ");
}

static void searches_are_labelled_by_what_they_found(void **state)
{
    struct fixture *f = *state;

    put_minutes(f);
    expect_math(f, EXPRESSION("e1", "SEARCH('{Mine}', 'Sum', 60)"), 100,
                "e1 (a): 1@60 2@120 3@240; e1 (b): 9@120; ");
    expect_math(f,
                "{'Id':'e1','Label':'mine','Expression':\"SORT(SEARCH('{Mine}', 'Sum', 60), MAX, "
                "DESC)\"}",
                100, "e1 (mine b): 9@120; e1 (mine a): 1@60 2@120 3@240; ");
    expect_math(f, EXPRESSION("e1", "SUM(SEARCH('MetricName=(a OR b)', 'Sum', 60))"), 100,
                "e1 (e1): 1@60 11@120 3@240; ");
    /* page by page */
    expect_math(f, EXPRESSION("e1", "SEARCH('{Mine}', 'Sum', 60)"), 2,
                "e1 (a): 1@60 2@120; | e1 (a): 3@240; e1 (b): 9@120; ");
    expect_math(f, EXPRESSION("e1", "SEARCH('nothing', 'Sum', 60)"), 2, "");
}

static void bad_expressions_are_refused(void **state)
{
#define ERROR_IN "Error in expression 'e1': "
    static const struct {
        const char *expression, *message;
    } cases[] = {
        { "m1 +", ERROR_IN "a value expected, but the expression ends (at position 5)" },
        { "m1 + m9", ERROR_IN "there is no query with the id 'm9' (at position 6)" },
        { "SUM(m1)", ERROR_IN "the result must be a time series or an array of time series, not a "
                              "scalar" },
        { "e2 + 1", "Error in expression 'e1': it depends on its own result" },
        { "SEARCH(m1)", ERROR_IN "a string expected (at position 8)" },
        { "TOTAL(m1)", ERROR_IN "Function 'TOTAL' not found (at position 1)" },
        { "SELECT AVG(x)", ERROR_IN "SELECT queries are not supported (at position 1)" },
        { "[m1, m1] + [m1]", ERROR_IN "+ between arrays of 2 and 1 time series (at position 10)" },
    };
    struct fixture *f = *state;
    char input[2048];

    put_minutes(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(input, sizeof(input),
                 ASCENDING HIDDEN("m1", "a", "60") ",{'Id':'e1','Expression':'%s'},"
                                                   "{'Id':'e2','Expression':'m1 + e1'}]}",
                 cases[i].expression);
        expect_error(f, "GetMetricData", input, "ValidationError", cases[i].message);
    }
    expect_error(f, "GetMetricData",
                 ASCENDING "{'Id':'e1','Expression':'TIME_SERIES(1)','Period':7}]}",
                 "ValidationError",
                 "The parameter MetricDataQueries.member.1.Period must be 1, 5, 10, 20, 30 or a "
                 "multiple of 60.");
}

static void what_expressions_cost_is_limited(void **state)
{
    static const char message[] = "The expressions of this request take too much to compute; ask "
                                  "for a shorter range, a longer period or fewer metrics.";
    struct fixture *f = *state;
    char input[4096];

    /* a year by the second */
    expect_error(
        f, "GetMetricData",
        "{'StartTime':0,'EndTime':1767323040,'MetricDataQueries':[" HIDDEN(
            "m1", "a", "1") "," HIDDEN("m2", "a", "86400") "," //
                                                           "{'Id':'e1','Expression':'m1 + m2'}]}",
        "ValidationError", message);
    /* nothing is made of what is read, again and again */
    snprintf(input, sizeof(input),
             "{'StartTime':0,'EndTime':1767323040,'MetricDataQueries':[" HIDDEN(
                 "m1", "a", "60") "," HIDDEN("m2", "a", "3600") ",{'Id':'e1','Expression':'m2 + ");
    for (unsigned i = 0; i < 200; i++)
        strcat(input, "SUM(m1)+");
    strcat(input, "1'}]}");
    expect_error(f, "GetMetricData", input, "ValidationError", message);
}

/* --- ListMetrics ------------------------------------------------------------------------------ */

static void metrics_are_listed_by_what_they_have(void **state)
{
    struct fixture *f = *state;

    put(f, "{'MetricName':'m','Value':1,'Dimensions':[{'Name':'h','Value':'1'}]},"
           "{'MetricName':'m','Value':1,'Dimensions':[{'Name':'h','Value':'2'}]},"
           "{'MetricName':'n','Value':1,'Timestamp':1767300000}");
    expect_output(f, "ListMetrics", "{}",
                  "{'Metrics':[{'Dimensions':[{'Name':'h','Value':'1'}],'MetricName':'m',"
                  "'Namespace':'Mine'},{'Dimensions':[{'Name':'h','Value':'2'}],'MetricName':'m',"
                  "'Namespace':'Mine'},{'Dimensions':[],'MetricName':'n','Namespace':'Mine'}]}");
    expect_output(f, "ListMetrics", "{'Dimensions':[{'Name':'h','Value':'2'}]}",
                  "{'Metrics':[{'Dimensions':[{'Name':'h','Value':'2'}],'MetricName':'m',"
                  "'Namespace':'Mine'}]}");
    expect_output(f, "ListMetrics", "{'MetricName':'n','RecentlyActive':'PT3H'}", "{'Metrics':[]}");
    expect_output(f, "ListMetrics", "{'Namespace':'Other'}", "{'Metrics':[]}");
    f->now_s += 15 * 86400;
    expect_output(f, "ListMetrics", "{}", "{'Metrics':[]}");
}

static size_t count_page(struct fixture *f, const char *token, char ret_token[256])
{
    struct api_call call;
    char input[512];
    const char *next;
    size_t n;

    snprintf(input, sizeof(input), "{%s%s%s}", token ? "'NextToken':'" : "", token ? token : "",
             token ? "'" : "");
    call_text(f, &call, "ListMetrics", input);
    assert_null(call.error);
    n = json_array_size(json_object_get(call.output, "Metrics"));
    next = json_string_value(json_object_get(call.output, "NextToken"));
    snprintf(ret_token, 256, "%s", next ? next : "");
    api_call_deinit(&call);
    return n;
}

static void five_hundred_metrics_are_a_page(void **state)
{
    static const char *const bad_tokens[] = { "", "0", "zz", "4d696e65", "00" };
    struct fixture *f = *state;
    char datum[64], token[256], input[64];

    for (int i = 0; i < 501; i++) {
        snprintf(datum, sizeof(datum), "{'MetricName':'m%d','Value':1}", i);
        put(f, datum);
    }
    assert_int_equal(count_page(f, NULL, token), 500);
    assert_true(*token);
    assert_int_equal(count_page(f, token, token), 1);
    assert_false(*token);
    for (size_t i = 0; i < sizeof(bad_tokens) / sizeof(*bad_tokens); i++) {
        snprintf(input, sizeof(input), "{'NextToken':'%s'}", bad_tokens[i]);
        expect_error(f, "ListMetrics", input, "InvalidNextToken",
                     "The value for parameter NextToken is invalid.");
    }
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        WITH_FIXTURE(bad_data_are_refused_and_nothing_is_stored),
        WITH_FIXTURE(a_request_as_a_whole_has_rules),
        WITH_FIXTURE(requests_are_bounded_in_every_direction),
        WITH_FIXTURE(data_of_entities_are_data),
        WITH_FIXTURE(a_full_store_refuses_new_metrics_whole),
        WITH_FIXTURE(statistics_come_per_period_and_unit),
        WITH_FIXTURE(high_resolution_is_kept_by_the_second),
        WITH_FIXTURE(bad_questions_are_refused),
        WITH_FIXTURE(the_newest_comes_first_unless_asked_otherwise),
        WITH_FIXTURE(queries_that_return_no_data_are_left_out),
        WITH_FIXTURE(pages_go_on_where_the_last_one_ended),
        WITH_FIXTURE(any_range_is_answered_at_once),
        WITH_FIXTURE(bad_queries_are_refused),
        WITH_FIXTURE(expressions_are_computed_of_other_queries),
        WITH_FIXTURE(arrays_are_answered_series_by_series),
        WITH_FIXTURE(metrics_of_different_periods_meet_where_periods_start),
        WITH_FIXTURE(searches_are_labelled_by_what_they_found),
        WITH_FIXTURE(bad_expressions_are_refused),
        WITH_FIXTURE(what_expressions_cost_is_limited),
        WITH_FIXTURE(metrics_are_listed_by_what_they_have),
        WITH_FIXTURE(five_hundred_metrics_are_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
