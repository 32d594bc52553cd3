/* Predictive scaling: what is refused, what is shown, and the forecasts that can be asked for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rig.h"
#include "base/text.h"

#define PREDICTIVE "'PredictiveScalingPolicyConfiguration':"
#define PUT(inside)                                                                                \
    TARGET ",'PolicyName':'p','PolicyType':'PredictiveScaling'," PREDICTIVE "{" inside "}"
#define SPECIFIED(inside) "'MetricSpecifications':[{" inside "}]"
#define OF(specification) PUT(SPECIFIED("'TargetValue':100.0," specification))
#define TYPE(name)        "{'PredefinedMetricType':'" name "'}"
#define PAIR              "'PredefinedMetricPairSpecification':" TYPE("SageMakerVariantInvocations")
#define LOAD              "'PredefinedLoadMetricSpecification':"
#define SCALING           "'PredefinedScalingMetricSpecification':"
#define CUSTOM_LOAD       "'CustomizedLoadMetricSpecification':"
#define CUSTOM_SCALING    "'CustomizedScalingMetricSpecification':"
#define CUSTOM_CAPACITY   "'CustomizedCapacityMetricSpecification':"
#define TOTAL             TYPE("SageMakerVariantTotalInvocations")
#define PER_INSTANCE      TYPE("SageMakerVariantInvocationsPerInstance")
#define QUERIES(list)     "{'MetricDataQueries':[" list "]}"
#define METRIC(id, name)                                                                           \
    "{'Id':'" id "','MetricStat':{'Metric':{'Namespace':'N','MetricName':'" name "'},'Stat':'Sum'" \
    "}}"
#define GOOD  SPECIFIED("'TargetValue':100.0," PAIR)
#define PLAIN PUT(GOOD)
#define UNKNOWN(name)                                                                              \
    "The metric type " name " is not supported for predictive scaling of the scalable dimension "  \
    "sagemaker:variant:DesiredInstanceCount; pairs are SageMakerVariantInvocations, "              \
    "SageMakerVariantConcurrentRequests and SageMakerVariantCPUUtilization"
#define EITHER                                                                                     \
    "A metric specification needs either a PredefinedMetricPairSpecification, or one load metric " \
    "and one scaling metric; there must be exactly one "

enum { INPUT_BYTES = 1024, HOUR_S = 3600, DAY_S = 86400 };

static const struct refusal bad_members[] = {
    { PUT("'MetricSpecifications':[]"),
      "MetricSpecifications must have exactly one metric specification" },
    { PUT("'MetricSpecifications':[{'TargetValue':1," PAIR "},{'TargetValue':1," PAIR "}]"),
      "MetricSpecifications must have exactly one metric specification" },
    { PUT(SPECIFIED("'TargetValue':0," PAIR)), "TargetValue must be greater than 0" },
    { PUT(SPECIFIED("'TargetValue':-1," PAIR)), "TargetValue must be greater than 0" },
    { PUT(SPECIFIED(PAIR)),
      "1 validation error detected: Value null at "
      "'predictiveScalingPolicyConfiguration.metricSpecifications.1.member.targetValue' failed "
      "to satisfy constraint: Member must not be null" },
    { PUT(""), "1 validation error detected: Value null at "
               "'predictiveScalingPolicyConfiguration.metricSpecifications' failed to satisfy "
               "constraint: Member must not be null" },
    { PUT(GOOD ",'Mode':'Scale'"),
      "1 validation error detected: Value 'Scale' at "
      "'predictiveScalingPolicyConfiguration.mode' failed to satisfy constraint: Member must "
      "satisfy enum value set: [ForecastOnly, ForecastAndScale]" },
    { PUT(GOOD ",'SchedulingBufferTime':3600"),
      "SchedulingBufferTime must be less than the 3600 seconds that a forecast's hour has" },
    { PUT(GOOD ",'SchedulingBufferTime':-1"),
      "1 validation error detected: Value '-1' at "
      "'predictiveScalingPolicyConfiguration.schedulingBufferTime' failed to satisfy "
      "constraint: Member must have value greater than or equal to 0" },
    { PUT(GOOD ",'MaxCapacityBreachBehavior':'IncreaseMaxCapacity'"),
      "MaxCapacityBuffer is required when MaxCapacityBreachBehavior is IncreaseMaxCapacity" },
    { PUT(GOOD ",'MaxCapacityBuffer':10"),
      "MaxCapacityBuffer is only valid when MaxCapacityBreachBehavior is "
      "IncreaseMaxCapacity" },
    { PUT(GOOD ",'MaxCapacityBreachBehavior':'HonorMaxCapacity','MaxCapacityBuffer':0"),
      "MaxCapacityBuffer is only valid when MaxCapacityBreachBehavior is "
      "IncreaseMaxCapacity" },
    { PUT(GOOD ",'MaxCapacityBreachBehavior':'IncreaseMaxCapacity','MaxCapacityBuffer':101"),
      "1 validation error detected: Value '101' at "
      "'predictiveScalingPolicyConfiguration.maxCapacityBuffer' failed to satisfy constraint: "
      "Member must have value less than or equal to 100" },
};

/* What it is to forecast, and by what. */
#define ALONE                                                                                      \
    "A metric specification with a PredefinedMetricPairSpecification must not name other metrics"

static const struct refusal bad_metrics[] = {
    { OF("'PredefinedMetricPairSpecification':" TYPE("ECSServiceCPUUtilization")),
      UNKNOWN("ECSServiceCPUUtilization") },
    { OF("'PredefinedMetricPairSpecification':" TYPE("SageMakerVariantTotalInvocations")),
      UNKNOWN("SageMakerVariantTotalInvocations") },
    { OF("'PredefinedMetricPairSpecification':{'PredefinedMetricType':'"
         "SageMakerVariantInvocations','ResourceLabel':'x'}"),
      "ResourceLabel is not valid for the metric type SageMakerVariantInvocations" },
    { OF("'PredefinedMetricPairSpecification':{}"),
      "1 validation error detected: Value null at "
      "'predictiveScalingPolicyConfiguration.metricSpecifications.1.member."
      "predefinedMetricPairSpecification.predefinedMetricType' failed to satisfy constraint: "
      "Member must not be null" },
    { PUT(SPECIFIED("'TargetValue':100")), EITHER "load metric" },
    { OF(LOAD TOTAL), EITHER "scaling metric" },
    { OF(SCALING PER_INSTANCE), EITHER "load metric" },
    { OF(LOAD TOTAL "," CUSTOM_LOAD QUERIES(METRIC("m", "a")) "," SCALING PER_INSTANCE),
      EITHER "load metric" },
    { OF(LOAD PER_INSTANCE "," SCALING PER_INSTANCE),
      UNKNOWN("SageMakerVariantInvocationsPerInstance") },
    { OF(PAIR "," LOAD TOTAL), ALONE },
    { OF(PAIR "," CUSTOM_CAPACITY QUERIES(METRIC("m", "a"))), ALONE },
    { OF(CUSTOM_LOAD QUERIES("") "," SCALING PER_INSTANCE), "Metrics has from 1 to 20 elements" },
    { OF(CUSTOM_LOAD QUERIES("{'Id':'e'}") "," SCALING PER_INSTANCE),
      "Exactly one of MetricStat and Expression is required in e" },
    { OF(LOAD TOTAL "," CUSTOM_SCALING QUERIES(METRIC("A", "a"))),
      "The value A for parameter Id is not matching the expected pattern "
      "^[a-z][a-zA-Z0-9_]*$." },
    { OF(LOAD TOTAL "," CUSTOM_SCALING QUERIES(METRIC("m", "a") "," METRIC("n", "b"))),
      "Exactly one element of the metrics list should return data." },
    { OF(LOAD TOTAL "," SCALING PER_INSTANCE
                    "," CUSTOM_CAPACITY QUERIES(METRIC("m", "a") ",{'Id':'e','Expression':'m +'}")),
      "Exactly one element of the metrics list should return data." },
    { OF(CUSTOM_LOAD "{}," SCALING PER_INSTANCE),
      "1 validation error detected: Value null at "
      "'predictiveScalingPolicyConfiguration.metricSpecifications.1.member."
      "customizedLoadMetricSpecification.metricDataQueries' failed to satisfy constraint: "
      "Member must not be null" },
};

static void a_policy_that_cannot_be_is_refused(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    refused_each(f, "PutScalingPolicy", bad_members);
    refused_each(f, "PutScalingPolicy", bad_metrics);
    assert_int_equal(
        count_of(f, "DescribeScalingPolicies", "'ServiceNamespace':'sagemaker'", "ScalingPolicies"),
        0);
}

static void a_policy_is_shown_as_it_was_given(void **state)
{
    static const char *const given[] = {
        GOOD,
        GOOD ",'Mode':'ForecastAndScale','SchedulingBufferTime':3599,'MaxCapacityBreachBehavior':"
             "'IncreaseMaxCapacity','MaxCapacityBuffer':0",
        SPECIFIED("'TargetValue':1.5,'PredefinedMetricPairSpecification':" TYPE(
            "SageMakerVariantConcurrentRequests")),
        SPECIFIED("'TargetValue':50.0,'PredefinedMetricPairSpecification':" TYPE(
            "SageMakerVariantCPUUtilization")),
        SPECIFIED("'TargetValue':100.0," LOAD TOTAL "," SCALING PER_INSTANCE),
        SPECIFIED("'TargetValue':100.0," CUSTOM_LOAD QUERIES(METRIC("m", "a")) "," SCALING TYPE(
            "SageMakerVariantAverageCPUUtilization") "," CUSTOM_CAPACITY QUERIES(METRIC("c", "b"))),
    };
    struct fixture *f = *state;

    make_target(f);
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        autofree(mem_free) char *input = text_format(
            TARGET ",'PolicyName':'p','PolicyType':'PredictiveScaling'," PREDICTIVE "{%s}",
            given[i]);
        json_auto_t *configuration = parse(given[i]);
        json_auto_t *answer = ask(f, "PutScalingPolicy", input);
        json_auto_t *policy = ask_for_one(f, "DescribeScalingPolicies", TARGET, "ScalingPolicies");

        assert_int_equal(json_array_size(json_object_get(answer, "Alarms")), 0);
        assert_string_equal(text(policy, "PolicyType"), "PredictiveScaling");
        assert_string_equal(text(policy, "PolicyARN"), text(answer, "PolicyARN"));
        assert_true(json_equal(json_object_get(policy, "PredictiveScalingPolicyConfiguration"),
                               configuration));
    }
    refused(f, "PutScalingPolicy", TARGET ",'PolicyName':'p','PolicyType':'StepScaling'", INVALID,
            "The type of a scaling policy cannot be changed; p is of type PredictiveScaling");
    restart(f);
    done(f, "PutScalingPolicy", TARGET ",'PolicyName':'p'"); /* as it was */
    done(f, "DeleteScalingPolicy", TARGET ",'PolicyName':'p'");
    assert_int_equal(count_of(f, "DescribeScalingPolicies", TARGET, "ScalingPolicies"), 0);
}

/* --- forecasts -------------------------------------------------------------------------------- */

/* @hours of 6000 requests each, up to the start of this one */
static void remember(struct fixture *f, int hours)
{
    const struct metric_name name = {
        .namespace = "AWS/SageMaker",
        .name = "Invocations",
        .dimensions = { { "EndpointName", "e" }, { "VariantName", "v" } },
        .n_dimensions = 2,
    };
    wall_ms_t now = loop_wall(f->loop), hour = now - now % (HOUR_S * MS_PER_S);

    for (int i = 1; i <= hours; i++) {
        const struct metric_datum d = { .at = hour - (wall_ms_t)i * HOUR_S * MS_PER_S,
                                        .resolution_s = 60,
                                        .count = 6000,
                                        .sum = 6000,
                                        .min = 1,
                                        .max = 1 };
        assert_int_equal(metrics_put(f->metrics, &name, &d, now), 0);
    }
}

/* GetPredictiveScalingForecast from @start to @end, seconds from now */
static void request(const struct fixture *f, double start, double end, char ret[INPUT_BYTES])
{
    double now = (double)loop_wall(f->loop) / MS_PER_S;

    snprintf(ret, INPUT_BYTES, TARGET ",'PolicyName':'p','StartTime':%.3f,'EndTime':%.3f",
             now + start, now + end);
}

static void forecasts_are_shown_by_the_hour(void **state)
{
    struct fixture *f = *state;
    char input[INPUT_BYTES];
    json_auto_t *before = NULL, *answer = NULL, *target = NULL;
    json_t *load, *capacity, *starts, *start;
    size_t i;

    make_target(f);
    done(f, "PutScalingPolicy", PLAIN);
    request(f, -HOUR_S, DAY_S, input);
    before = ask(f, "GetPredictiveScalingForecast", input);
    load = json_array_get(json_object_get(before, "LoadForecast"), 0);
    assert_int_equal(json_array_size(json_object_get(load, "Values")), 0);
    assert_null(json_object_get(before, "UpdateTime"));
    target = ask_for_one(f, "DescribeScalableTargets", "'ServiceNamespace':'sagemaker'",
                         "ScalableTargets");
    assert_null(json_object_get(target, "PredictedCapacity"));
    json_decref(target);

    remember(f, 24);
    for (int s = 0; s < 61; s++)
        run_second(f);
    target = ask_for_one(f, "DescribeScalableTargets", "'ServiceNamespace':'sagemaker'",
                         "ScalableTargets");
    assert_int_equal(integer(target, "PredictedCapacity"), 1);
    request(f, -HOUR_S, DAY_S, input);
    answer = ask(f, "GetPredictiveScalingForecast", input);
    load = json_array_get(json_object_get(answer, "LoadForecast"), 0);
    capacity = json_object_get(answer, "CapacityForecast");
    starts = json_object_get(load, "Timestamps");
    assert_true(json_number_value(json_object_get(answer, "UpdateTime")) > 0);
    assert_true(json_number_value(json_object_get(json_object_get(load, "MetricSpecification"),
                                                  "TargetValue")) == 100);
    assert_int_equal(json_array_size(starts), 25);
    assert_true(json_equal(starts, json_object_get(capacity, "Timestamps")));
    json_array_foreach (starts, i, start) {
        double wanted = json_number_value(json_array_get(starts, 0)) + (double)i * HOUR_S;
        assert_true(json_number_value(start) == wanted);
        assert_true(fmod(wanted, HOUR_S) == 0);
        assert_true(fabs(json_number_value(json_array_get(json_object_get(load, "Values"), i)) -
                         6000) < 1e-6);
        assert_true(json_number_value(json_array_get(json_object_get(capacity, "Values"), i)) == 1);
    }
}

static void start_is_within_and_end_is_not(void **state)
{
    struct fixture *f = *state;
    wall_ms_t now, hour;
    char input[INPUT_BYTES];
    json_auto_t *answer = NULL;
    double first;

    make_target(f);
    remember(f, 24);
    done(f, "PutScalingPolicy", PLAIN);
    for (int s = 0; s < 3; s++)
        run_second(f);
    now = loop_wall(f->loop);
    hour = now - now % (HOUR_S * MS_PER_S);
    first = (double)(hour - now) / MS_PER_S + HOUR_S;
    request(f, first, first + 3.0 * HOUR_S, input);
    answer = ask(f, "GetPredictiveScalingForecast", input);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(answer, "CapacityForecast"), "Timestamps")),
        3);
    json_decref(answer);
    request(f, first + 1, first + 3.0 * HOUR_S + 1, input);
    answer = ask(f, "GetPredictiveScalingForecast", input);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(answer, "CapacityForecast"), "Timestamps")),
        3);
    json_decref(answer);
    request(f, 0, 30.0 * DAY_S, input);
    answer = ask(f, "GetPredictiveScalingForecast", input);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(answer, "CapacityForecast"), "Timestamps")),
        47);
    /* thirty days that begin a hair before or after an hour */
    for (int hair = -1; hair <= 1; hair++) {
        double begin = ((double)now / MS_PER_S) + first + hair * 3e-7;
        snprintf(input, sizeof input, TARGET ",'PolicyName':'p','StartTime':%.9f,'EndTime':%.9f",
                 begin, begin + 30.0 * DAY_S);
        done(f, "GetPredictiveScalingForecast", input);
    }
}

static void times_and_policies_that_cannot_be_are_refused(void **state)
{
    static const struct {
        double start, end;
        const char *message;
    } cases[] = {
        { 0, 0, "StartTime must be before EndTime" },
        { HOUR_S, 0, "StartTime must be before EndTime" },
        { 0, 30.0 * DAY_S + 1, "There must be at most 30 days from StartTime to EndTime" },
        { -365.0 * DAY_S - 1, -365.0 * DAY_S + 10,
          "StartTime must not be more than one year before now" },
        { 365.0 * DAY_S + 10, 365.0 * DAY_S + 20,
          "StartTime must not be more than one year after now" },
    };
    struct fixture *f = *state;
    char input[INPUT_BYTES];

    make_target(f);
    done(f, "PutScalingPolicy", PLAIN);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        request(f, cases[i].start, cases[i].end, input);
        refused(f, "GetPredictiveScalingForecast", input, INVALID, cases[i].message);
    }
    request(f, -365.0 * DAY_S + 1, -364.0 * DAY_S, input);
    done(f, "GetPredictiveScalingForecast", input);

    done(f, "DeleteScalingPolicy", TARGET ",'PolicyName':'p'");
    refused(f, "GetPredictiveScalingForecast", input, INVALID,
            "No scaling policy of type PredictiveScaling found for service namespace: sagemaker, "
            "resource ID: "
            "endpoint/e/variant/v, scalable dimension: sagemaker:variant:DesiredInstanceCount, "
            "policy name: p");
    put_policy(f, "p", "'TargetValue':60," INVOCATIONS);
    refused(f, "GetPredictiveScalingForecast", input, INVALID,
            "No scaling policy of type PredictiveScaling found for service namespace: sagemaker, "
            "resource "
            "ID: endpoint/e/variant/v, scalable dimension: sagemaker:variant:DesiredInstanceCount, "
            "policy name: p");
}

/* An alarm's action cannot be a predictive policy: it goes by its forecast. */
static void an_alarm_does_not_trigger_it(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *input = NULL;
    json_auto_t *answer = NULL, *history = NULL;

    make_target(f);
    answer = ask(f, "PutScalingPolicy", PLAIN);
    input = text_format("'AlarmName':'a','Namespace':'N','MetricName':'m','Statistic':'Sum',"
                        "'Period':60,'EvaluationPeriods':1,'Threshold':1,'ComparisonOperator':"
                        "'GreaterThanThreshold','AlarmActions':['%s']",
                        text(answer, "PolicyARN"));
    done(f, "PutMetricAlarm", input);
    done(f, "SetAlarmState", "'AlarmName':'a','StateValue':'ALARM','StateReason':'r'");
    run_second(f);
    history = ask(f, "DescribeAlarmHistory", "'AlarmName':'a','HistoryItemType':'Action'");
    assert_contains(
        text(json_array_get(json_object_get(history, "AlarmHistoryItems"), 0), "HistorySummary"),
        "Failed");
    assert_int_equal(counts(f).desired, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_policy_that_cannot_be_is_refused),
        TEST(a_policy_is_shown_as_it_was_given),
        TEST(forecasts_are_shown_by_the_hour),
        TEST(start_is_within_and_end_is_not),
        TEST(times_and_policies_that_cannot_be_are_refused),
        TEST(an_alarm_does_not_trigger_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
