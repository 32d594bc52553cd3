/* Target tracking of metric math: what is refused, what is shown, and that it scales. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rig.h"
#include "base/text.h"

#define PUT(metrics)                                                                               \
    TARGET ",'PolicyName':'p','PolicyType':'TargetTrackingScaling'," TRACKING                      \
           "{'TargetValue':10,'CustomizedMetricSpecification':{" metrics "}}"
#define STAT(id, name, stat, rest)                                                                 \
    "{'Id':'" id "','MetricStat':{'Metric':{'Namespace':'N','MetricName':'" name                   \
    "','Dimensions':[{'Name':'d','Value':'v'}]},'Stat':'" stat "'}" rest "}"
#define HIDDEN        ",'ReturnData':false"
#define EXPRESSION(t) "{'Id':'e','Expression':'" t "','Label':'per instance'}"
#define BOTH          STAT("a", "A", "Sum", HIDDEN) "," STAT("b", "B", "Average", HIDDEN)
#define METRICS(text) "'Metrics':[" text "]"

static const struct refusal no_series[] = {
    { PUT(METRICS("")), "Metrics has from 1 to 20 elements" },
    { PUT("'MetricName':'m'," METRICS(STAT("a", "A", "Sum", ""))),
      "A customized metric specification with Metrics must not have MetricName: either names "
      "one metric or is metric math" },
    { PUT("'Statistic':'Sum'," METRICS(STAT("a", "A", "Sum", ""))),
      "A customized metric specification with Metrics must not have Statistic: either names "
      "one metric or is metric math" },
    { PUT(METRICS(STAT("A", "A", "Sum", ""))), "The value A for parameter Id is not matching the "
                                               "expected pattern ^[a-z][a-zA-Z0-9_]*$." },
    { PUT(METRICS(STAT("a-b", "A", "Sum", ""))),
      "The value a-b for parameter Id is not matching the expected pattern "
      "^[a-z][a-zA-Z0-9_]*$." },
    { PUT(METRICS("{'Id':'e'}")), "Exactly one of MetricStat and Expression is required in e" },
    { PUT(METRICS(STAT("a", "A", "Sum", ",'Expression':'1'"))),
      "Exactly one of MetricStat and Expression is required in a" },
    { PUT(METRICS(STAT("a", "A", "Sum", HIDDEN) "," STAT("a", "B", "Sum", ""))),
      "The id 'a' is not unique" },
    { PUT(METRICS(STAT("a", "A", "Sum", "") "," STAT("b", "B", "Sum", ""))),
      "Exactly one element of the metrics list should return data." },
    { PUT(METRICS(STAT("a", "A", "Sum", HIDDEN))),
      "Exactly one element of the metrics list should return data." },
    { PUT(METRICS(EXPRESSION("TIME_SERIES(1)"))), "Metrics needs at least one metric" },
    { PUT(METRICS(STAT("a", "A", "Total", ""))),
      "The value Total for parameter Stat is not supported." },
    { PUT(METRICS("{'Id':'a','MetricStat':{'Metric':{'Namespace':'N'},'Stat':'Sum'}}")),
      "The metric a needs a Namespace and a MetricName" },
    { PUT(METRICS("{'Id':'a','MetricStat':{'Metric':{'Namespace':'N','MetricName':'A'},"
                  "'Stat':'Sum','Unit':'Furlongs'}}")),
      "The value Furlongs for parameter Unit is not supported." },
    { PUT(METRICS("{'Id':'a','MetricStat':{'Stat':'Sum'}}")),
      "1 validation error detected: Value null at 'targetTrackingScalingPolicyConfiguration."
      "customizedMetricSpecification.metrics.1.member.metricStat.metric' failed to satisfy "
      "constraint: Member must not be null" },
    { PUT(METRICS(BOTH "," EXPRESSION("a + c"))),
      "Error in expression 'e': there is no query with the id 'c' (at position 5)" },
    { PUT(METRICS(BOTH "," EXPRESSION("a / AVG(b) +"))),
      "Error in expression 'e': a value expected, but the expression ends (at position 13)" },
    { PUT(METRICS(BOTH "," EXPRESSION("e + a"))),
      "Error in expression 'e': it depends on its own result" },
    { PUT(METRICS(BOTH "," EXPRESSION("SUM(a)"))),
      "Error in expression 'e': the result must be a single time series, not a scalar" },
    { PUT(METRICS(BOTH "," EXPRESSION("METRICS()"))),
      "Error in expression 'e': the result must be a single time series, not an array of time "
      "series" },
    { PUT(METRICS(BOTH "," EXPRESSION("SEARCH(\\'x\\', \\'Sum\\', 60)"))),
      "SEARCH is not supported on Metric Alarms." },
};

static void what_is_no_single_series_is_refused(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    refused_each(f, "PutScalingPolicy", no_series);
    assert_int_equal(
        count_of(f, "DescribeScalingPolicies", "'ServiceNamespace':'sagemaker'", "ScalingPolicies"),
        0);
}

/* @n metrics m0, m1 ..., the first of which is returned, each with a label of @label_bytes */
static char *many(size_t n, size_t label_bytes)
{
    autofree(mem_free) char *label = calloc(label_bytes + 1, 1);
    autobuffer struct buffer out = BUFFER_INIT(1 << 18);
    char *text;

    memset(label, 'x', label_bytes);
    assert_int_equal(buffer_puts(&out, TARGET ",'PolicyName':'p','PolicyType':"
                                              "'TargetTrackingScaling'," TRACKING
                                              "{'TargetValue':10,'CustomizedMetricSpecification':{"
                                              "'Metrics':["),
                     0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buffer_printf(&out,
                                       "%s{'Id':'m%zu','MetricStat':{'Metric':{'Namespace':'N',"
                                       "'MetricName':'A'},'Stat':'Sum'},'ReturnData':%s,"
                                       "'Label':'%s'}",
                                       i > 0 ? "," : "", i, i == 0 ? "true" : "false", label),
                         0);
    assert_int_equal(buffer_puts(&out, "]}}"), 0);
    text = slice_dup((struct slice){ buffer_data(&out), buffer_size(&out) });
    assert_non_null(text);
    return text;
}

static void lists_and_requests_have_limits(void **state)
{
    struct fixture *f = *state;
    char *input;

    make_target(f);
    input = many(21, 1);
    refused(f, "PutScalingPolicy", input, INVALID, "Metrics has from 1 to 20 elements");
    free(input);
    input = many(11, 1);
    refused(f, "PutScalingPolicy", input, INVALID,
            "Metrics has at most 10 metrics and 10 expressions");
    free(input);
    input = many(10, 6000);
    refused(f, "PutScalingPolicy", input, INVALID,
            "A request with metric math must not have more than 51200 bytes");
    free(input);
    input = many(10, 4000);
    done(f, "PutScalingPolicy", input);
    free(input);
}

#define MATH METRICS(BOTH "," EXPRESSION("a / FILL(b, REPEAT)"))

static void alarms_and_policies_show_the_metrics(void **state)
{
    struct fixture *f = *state;
    json_t *policy, *alarms, *alarm, *list, *shown;

    make_target(f);
    done(f, "PutScalingPolicy", PUT(MATH));
    refused(f, "PutScalingPolicy",
            TARGET ",'PolicyName':'q','PolicyType':'TargetTrackingScaling'," TRACKING
                   "{'TargetValue':11,'CustomizedMetricSpecification':{" MATH "}}",
            INVALID,
            "Only one TargetTrackingScaling policy for a given metric specification is allowed.");
    restart(f);
    policy = ask_for_one(f, "DescribeScalingPolicies", "'ServiceNamespace':'sagemaker'",
                         "ScalingPolicies");
    list = json_object_get(
        json_object_get(json_object_get(policy, "TargetTrackingScalingPolicyConfiguration"),
                        "CustomizedMetricSpecification"),
        "Metrics");
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(text(json_array_get(list, 2), "Label"), "per instance");
    assert_null(json_object_get(json_object_get(json_array_get(list, 0), "MetricStat"), "Period"));

    alarms = ask(f, "DescribeAlarms", "");
    alarm = json_array_get(json_object_get(alarms, "MetricAlarms"), 0);
    shown = json_object_get(alarm, "Metrics");
    assert_int_equal(json_array_size(shown), 3);
    assert_null(json_object_get(alarm, "MetricName"));
    assert_null(json_object_get(alarm, "Statistic"));
    assert_null(json_object_get(alarm, "Period"));
    assert_int_equal(integer(json_object_get(json_array_get(shown, 0), "MetricStat"), "Period"), 5);
    json_decref(alarms);
    json_decref(policy);
}

/* --- scaling ---------------------------------------------------------------------------------- */

static void put(struct fixture *f, const char *name, double value)
{
    const struct metric_name n = { "N", name, { { "d", "v" } }, 1 };

    assert_int_equal(metrics_put_value(f->metrics, &n, value, METRIC_UNIT_NONE, loop_wall(f->loop)),
                     0);
}

/* jobs of which each second some come, and workers that share them */
static int seconds_until(struct fixture *f, unsigned n, double jobs)
{
    for (int s = 0; s < 1200; s++) {
        if (counts(f).in_service == n && counts(f).desired == n)
            return s;
        put(f, "A", jobs);
        put(f, "B", counts(f).in_service);
        run_second(f);
    }
    fail_msg("there are %u instances, not %u", counts(f).in_service, n);
    return 0;
}

static json_t *newest_details(struct fixture *f)
{
    json_t *activities = ask(f, "DescribeScalingActivities", "'ServiceNamespace':'sagemaker'");
    json_t *newest = json_array_get(json_object_get(activities, "ScalingActivities"), 0);
    json_t *details = json_loads(text(newest, "Details"), 0, NULL);

    assert_non_null(details);
    json_decref(activities);
    return details;
}

static void an_expression_scales_within_seconds_and_says_of_what(void **state)
{
    struct fixture *f = *state;
    json_t *details, *read, *points;

    make_target(f);
    done(f, "PutScalingPolicy", PUT(MATH)); /* jobs per worker and minute near 10 */
    for (int i = 0; i < 90; i++) {
        put(f, "A", 0.1);
        put(f, "B", 1);
        run_second(f);
    }
    assert_int_equal(counts(f).desired, 1);
    assert_in_range(seconds_until(f, 4, 5), 1, 30); /* 300 a minute */

    details = newest_details(f);
    read = json_object_get(json_array_get(json_object_get(details, "wishes"), 0), "read");
    points = json_object_get(json_object_get(read, "points"), "e");
    assert_int_equal(json_array_size(points), 3);
    assert_true(json_is_true(json_object_get(read, "strict")));
    assert_non_null(json_object_get(json_object_get(read, "points"), "a"));
    assert_non_null(json_object_get(json_object_get(read, "points"), "b"));
    json_decref(details);
}

/* What differs from minute to minute says nothing of seconds. */
static void an_expression_of_minutes_waits_for_them(void **state)
{
    struct fixture *f = *state;
    json_t *details, *read;
    int s;

    make_target(f);
    done(f, "PutScalingPolicy",
         PUT(METRICS(BOTH "," EXPRESSION("RUNNING_SUM(a) / RUNNING_SUM(b)"))));
    s = seconds_until(f, 2, 0.33); /* 20 a minute, of an average of 1 */
    assert_in_range(s, 120, 300);
    details = newest_details(f);
    read = json_object_get(json_array_get(json_object_get(details, "wishes"), 0), "read");
    assert_true(json_is_false(json_object_get(read, "strict")));
    assert_int_equal(integer(read, "periodSeconds"), 60);
    json_decref(details);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_is_no_single_series_is_refused),
        TEST(lists_and_requests_have_limits),
        TEST(alarms_and_policies_show_the_metrics),
        TEST(an_expression_scales_within_seconds_and_says_of_what),
        TEST(an_expression_of_minutes_waits_for_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
