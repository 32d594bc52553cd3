/* Scaling policies, and the alarms that come with them: described as they were put, and refused. */
#include <stdio.h>
#include <string.h>

#include "api/rig.h"

#define NAMESPACE "'ServiceNamespace':'sagemaker'"

static void assert_uuid(const char *text)
{
    assert_int_equal(strlen(text), 36);
    for (int i = 0; i < 36; i++)
        assert_non_null(
            strchr(i == 8 || i == 13 || i == 18 || i == 23 ? "-" : "0123456789abcdef", text[i]));
}

static void a_policy_comes_with_two_alarms(void **state)
{
    struct fixture *f = *state;
    json_t *put, *policy, *alarms, *high, *low;
    char action[512];

    make_target(f);
    put = ask(f, "PutScalingPolicy",
              TARGET ",'PolicyName':'p','PolicyType':'TargetTrackingScaling'," TRACKING
                     "{'TargetValue':600,'ScaleInCooldown':15," INVOCATIONS "}");
    policy = ask_for_one(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies");
    assert_begins(text(put, "PolicyARN"),
                  "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:");
    assert_contains(text(put, "PolicyARN"),
                    ":resource/sagemaker/endpoint/e/variant/v:policyName/p");
    assert_string_equal(text(policy, "PolicyARN"), text(put, "PolicyARN"));
    assert_true(json_equal(json_object_get(policy, "Alarms"), json_object_get(put, "Alarms")));
    assert_int_equal(
        json_object_size(json_object_get(policy, "TargetTrackingScalingPolicyConfiguration")), 3);

    alarms = ask(f, "DescribeAlarms", "");
    assert_int_equal(json_array_size(json_object_get(alarms, "CompositeAlarms")), 0);
    assert_int_equal(json_array_size(json_object_get(alarms, "MetricAlarms")), 2);
    high = json_array_get(json_object_get(alarms, "MetricAlarms"), 0);
    low = json_array_get(json_object_get(alarms, "MetricAlarms"), 1);
    assert_begins(text(high, "AlarmName"), "TargetTracking-endpoint/e/variant/v-AlarmHigh-");
    assert_begins(text(low, "AlarmName"), "TargetTracking-endpoint/e/variant/v-AlarmLow-");
    assert_uuid(text(high, "AlarmName") + strlen("TargetTracking-endpoint/e/variant/v-AlarmHigh-"));
    assert_uuid(text(low, "AlarmName") + strlen("TargetTracking-endpoint/e/variant/v-AlarmLow-"));
    assert_string_equal(text(high, "ComparisonOperator"), "GreaterThanThreshold");
    assert_string_equal(text(low, "ComparisonOperator"), "LessThanThreshold");
    assert_true(json_number_value(json_object_get(high, "Threshold")) == 600);
    assert_true(json_number_value(json_object_get(low, "Threshold")) == 540);
    assert_string_equal(text(high, "StateValue"), "INSUFFICIENT_DATA");
    assert_string_equal(text(high, "StateReason"), "Unchecked: Initial alarm creation");
    snprintf(action, sizeof action, "%s:createdBy/", text(put, "PolicyARN"));
    assert_begins(json_string_value(json_array_get(json_object_get(high, "AlarmActions"), 0)),
                  action);
    assert_begins(text(high, "AlarmDescription"),
                  "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy arn:aws:autoscaling:");
    json_decref(alarms);
    json_decref(policy);
    json_decref(put);
}

static void a_policys_alarms_have_a_history_at_once(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    put_policy(f, "p", "'TargetValue':600," INVOCATIONS);
    assert_int_equal(count_of(f, "DescribeAlarmHistory", "", "AlarmHistoryItems"), 2);
}

static void alarms_are_filtered(void **state)
{
    static const struct {
        const char *input;
        size_t n;
    } cases[] = {
        { "", 3 },
        { "'AlarmNamePrefix':'TargetTracking-endpoint/e/variant/v-AlarmLow'", 1 },
        { "'AlarmNamePrefix':'Mine'", 0 },
        { "'AlarmNames':['no such alarm']", 0 },
        { "'StateValue':'OK'", 0 },
        { "'StateValue':'INSUFFICIENT_DATA'", 3 },
        { "'ActionPrefix':'arn:aws:autoscaling:'", 3 },
        { "'ActionPrefix':'arn:aws:sns:'", 0 },
        { "'AlarmTypes':['CompositeAlarm']", 0 },
        { "'AlarmTypes':['CompositeAlarm','MetricAlarm']", 3 },
        { "'ParentsOfAlarmName':'x'", 0 },
        { "'MaxRecords':2", 2 },
    };
    struct fixture *f = *state;
    json_t *put;
    char input[512];

    make_target(f);
    put_policy(f, "a", "'TargetValue':6," INVOCATIONS);
    put_policy(f, "b", "'TargetValue':6,'DisableScaleIn':true," CONCURRENCY);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(count_of(f, "DescribeAlarms", cases[i].input, "MetricAlarms"), cases[i].n);

    put = ask_for_one(f, "DescribeScalingPolicies", NAMESPACE ",'PolicyNames':['b']",
                      "ScalingPolicies");
    snprintf(input, sizeof input, "'AlarmNames':['%s']",
             text(json_array_get(json_object_get(put, "Alarms"), 0), "AlarmName"));
    assert_int_equal(count_of(f, "DescribeAlarms", input, "MetricAlarms"), 1);
    json_decref(put);
    refused(f, "DescribeAlarms", "'AlarmNames':['a'],'AlarmNamePrefix':'b'",
            "InvalidParameterCombinationException",
            "The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and you have "
            "specified both.");
}

static void an_updated_policy_keeps_its_arn_and_gets_new_alarms(void **state)
{
    struct fixture *f = *state;
    json_t *before, *after, *configuration;

    make_target(f);
    put_policy(f, "p", "'TargetValue':6,'ScaleInCooldown':7," INVOCATIONS);
    before = ask_for_one(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies");
    done(f, "PutScalingPolicy", TARGET ",'PolicyName':'p'," TRACKING "{'TargetValue':9}");
    after = ask_for_one(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies");
    assert_string_equal(text(after, "PolicyARN"), text(before, "PolicyARN"));
    assert_true(json_equal(json_object_get(after, "CreationTime"),
                           json_object_get(before, "CreationTime")));
    assert_false(json_equal(json_object_get(after, "Alarms"), json_object_get(before, "Alarms")));
    configuration = json_object_get(after, "TargetTrackingScalingPolicyConfiguration");
    assert_true(json_number_value(json_object_get(configuration, "TargetValue")) == 9);
    /* the metric stays, an optional member goes back to its default */
    assert_non_null(json_object_get(configuration, "PredefinedMetricSpecification"));
    assert_null(json_object_get(configuration, "ScaleInCooldown"));
    json_decref(before);
    json_decref(after);
    assert_int_equal(count_of(f, "DescribeAlarms", "", "MetricAlarms"), 2);
}

#define PUT(more)      TARGET ",'PolicyName':'p'" more
#define TRACK(inside)  PUT(",'PolicyType':'TargetTrackingScaling'," TRACKING "{" inside "}")
#define CUSTOM(inside) TRACK("'TargetValue':1,'CustomizedMetricSpecification':{" inside "}")

#define STEP(inside)                                                                               \
    PUT(",'PolicyType':'StepScaling','StepScalingPolicyConfiguration':{" inside "}")
#define PLUS_ONE "'StepAdjustments':[{'MetricIntervalLowerBound':0,'ScalingAdjustment':1}]"

static const struct refusal bad_policies[] = {
    { PUT(""), "PolicyType is required to create a scaling policy" },
    { PUT(",'PolicyType':'TargetTrackingScaling'"),
      "TargetTrackingScalingPolicyConfiguration is required to create a scaling policy" },
    { PUT(",'PolicyType':'StepScaling'"),
      "StepScalingPolicyConfiguration is required to create a scaling policy" },
    { PUT(",'PolicyType':'StepScaling','StepScalingPolicyConfiguration':{}"),
      "AdjustmentType is required to create a step scaling policy" },
    { STEP("'AdjustmentType':'ChangeInCapacity'," PLUS_ONE "}," TRACKING "{'TargetValue':1"),
      "TargetTrackingScalingPolicyConfiguration is not valid for a policy of type "
      "StepScaling" },
    { PUT(",'PolicyType':'PredictiveScaling'"),
      "PredictiveScalingPolicyConfiguration is required to create a scaling policy" },
    { STEP("'AdjustmentType':'ChangeInCapacity'," PLUS_ONE "},"
           "'PredictiveScalingPolicyConfiguration':{'MetricSpecifications':[]"),
      "PredictiveScalingPolicyConfiguration is not valid for a policy of type StepScaling" },
    { TARGET ",'PolicyName':'p\\u007f'",
      "1 validation error detected: Value 'p\177' at 'policyName' failed to satisfy "
      "constraint: Member must satisfy regular expression pattern: \\p{Print}+" },
};

static void a_policy_without_what_its_type_needs_is_refused(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    refused_each(f, "PutScalingPolicy", bad_policies);
    assert_int_equal(count_of(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies"), 0);
}

static const struct refusal bad_steps[] = {
    { STEP("'AdjustmentType':'ChangeInCapacity'"), "At least one step adjustment is required" },
    { STEP("'AdjustmentType':'ChangeInCapacity','MinAdjustmentMagnitude':1," PLUS_ONE),
      "MinAdjustmentMagnitude is only valid with PercentChangeInCapacity" },
    { STEP("'AdjustmentType':'PercentChangeInCapacity','MinAdjustmentMagnitude':0," PLUS_ONE),
      "MinAdjustmentMagnitude must be greater than 0" },
    { STEP("'AdjustmentType':'ChangeInCapacity','Cooldown':-1," PLUS_ONE),
      "Cooldown must not be negative" },
    { STEP("'AdjustmentType':'ChangeInCapacity','StepAdjustments':["
           "{'MetricIntervalLowerBound':0,'MetricIntervalUpperBound':5,'ScalingAdjustment':1},"
           "{'MetricIntervalLowerBound':6,'ScalingAdjustment':2}]"),
      "There must be no gap between the intervals of step adjustments" },
    { STEP("'AdjustmentType':'PercentOf'," PLUS_ONE),
      "1 validation error detected: Value 'PercentOf' at "
      "'stepScalingPolicyConfiguration.adjustmentType' failed to satisfy constraint: Member "
      "must satisfy enum value set: [ChangeInCapacity, PercentChangeInCapacity, "
      "ExactCapacity]" },
};

static void a_step_policy_that_cannot_be_is_refused(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    refused_each(f, "PutScalingPolicy", bad_steps);
    assert_int_equal(count_of(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies"), 0);
}

#define ONE_OF                                                                                     \
    "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be "      \
    "specified"

static const struct refusal bad_tracking[] = {
    { TRACK("'TargetValue':0," INVOCATIONS), "TargetValue must be greater than 0" },
    { TRACK("'TargetValue':1"), ONE_OF },
    { TRACK("'TargetValue':1," INVOCATIONS ",'CustomizedMetricSpecification':{}"), ONE_OF },
    { TRACK("'TargetValue':1,'ScaleInCooldown':-1," INVOCATIONS),
      "A cooldown must not be negative" },
    { TRACK("'TargetValue':1,'PredefinedMetricSpecification':{'PredefinedMetricType':"
            "'ALBRequestCountPerTarget'}"),
      "The metric type ALBRequestCountPerTarget is not supported for the scalable dimension "
      "sagemaker:variant:DesiredInstanceCount" },
    { CUSTOM("'MetricName':'m','Namespace':'n'"),
      "A customized metric specification needs MetricName, Namespace and Statistic, or "
      "Metrics" },
    { CUSTOM("'MetricName':'m','Namespace':'n','Statistic':'Sum','Dimensions':["
             "{'Name':'a','Value':'1'},{'Name':'a','Value':'2'}]"),
      "Namespace, MetricName and names of dimensions have 1 to 255 characters, values of "
      "dimensions 1 to 1024, and no two dimensions have one name" },
};

static void a_tracking_policy_that_cannot_be_is_refused(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    refused_each(f, "PutScalingPolicy", bad_tracking);
    assert_int_equal(count_of(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies"), 0);
    put_policy(f, "a", "'TargetValue':1," INVOCATIONS);
    refused(f, "PutScalingPolicy", TRACK("'TargetValue':2," INVOCATIONS), INVALID,
            "Only one TargetTrackingScaling policy for a given metric specification is allowed.");
}

static void metrics_of_other_services_are_refused(void **state)
{
    static const char *const elsewhere[] = {
        "SageMakerInferenceComponentInvocationsPerCopy",
        "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
        "SageMakerVariantProvisionedConcurrencyUtilization",
        "ECSServiceAverageCPUUtilization",
        "DynamoDBReadCapacityUtilization",
        "RDSReaderAverageCPUUtilization",
    };
    struct fixture *f = *state;

    make_target(f);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        char input[512], message[256];

        snprintf(input, sizeof input,
                 TRACK("'TargetValue':1,'PredefinedMetricSpecification':{'PredefinedMetricType':"
                       "'%s'}"),
                 elsewhere[i]);
        snprintf(message, sizeof message,
                 "The metric type %s is not supported for the scalable dimension "
                 "sagemaker:variant:DesiredInstanceCount",
                 elsewhere[i]);
        refused(f, "PutScalingPolicy", input, INVALID, message);
    }
}

static void a_policy_needs_its_target_and_its_name(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    refused(f, "DeleteScalingPolicy", TARGET ",'PolicyName':'p'", MISSING,
            "No scaling policy found for service namespace: sagemaker, resource ID: "
            "endpoint/e/variant/v, scalable dimension: sagemaker:variant:DesiredInstanceCount, "
            "policy name: p");
    refused(f, "PutScalingPolicy",
            TRIPLE("endpoint/x/variant/v") ",'PolicyName':'p',"
                                           "'PolicyType':'TargetTrackingScaling'",
            MISSING,
            "No scalable target registered for service namespace: sagemaker, resource ID: "
            "endpoint/x/variant/v, scalable dimension: sagemaker:variant:DesiredInstanceCount");
}

static void a_step_policy_is_described_as_it_was_put(void **state)
{
    static const char steps[] =
        "'StepAdjustments':[{'MetricIntervalLowerBound':10.5,'ScalingAdjustment':3},"
        "{'MetricIntervalLowerBound':0,'MetricIntervalUpperBound':10.5,'ScalingAdjustment':1}]";
    struct fixture *f = *state;
    json_t *answer, *policy, *configuration;
    char input[1024];

    make_target(f);
    snprintf(input, sizeof input,
             STEP("'AdjustmentType':'PercentChangeInCapacity','MinAdjustmentMagnitude':2,"
                  "'MetricAggregationType':'Maximum','Cooldown':60,%s"),
             steps);
    answer = ask(f, "PutScalingPolicy", input);
    assert_int_equal(json_array_size(json_object_get(answer, "Alarms")), 0);
    json_decref(answer);
    policy = ask_for_one(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies");
    configuration = json_object_get(policy, "StepScalingPolicyConfiguration");
    assert_string_equal(text(policy, "PolicyType"), "StepScaling");
    assert_null(json_object_get(policy, "TargetTrackingScalingPolicyConfiguration"));
    assert_string_equal(text(configuration, "MetricAggregationType"), "Maximum");
    assert_int_equal(json_array_size(json_object_get(configuration, "StepAdjustments")), 2);
    assert_int_equal(json_integer_value(json_object_get(
                         json_array_get(json_object_get(configuration, "StepAdjustments"), 0),
                         "ScalingAdjustment")),
                     3);
    json_decref(policy);
    assert_int_equal(count_of(f, "DescribeAlarms", "", "MetricAlarms"), 0);

    /* what is left out: optional members go, required ones stay */
    done(f, "PutScalingPolicy",
         TARGET ",'PolicyName':'p','StepScalingPolicyConfiguration':{'Cooldown':30}");
    policy = ask_for_one(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies");
    configuration = json_object_get(policy, "StepScalingPolicyConfiguration");
    assert_null(json_object_get(configuration, "MinAdjustmentMagnitude"));
    assert_string_equal(text(configuration, "AdjustmentType"), "PercentChangeInCapacity");
    assert_int_equal(json_array_size(json_object_get(configuration, "StepAdjustments")), 2);
    json_decref(policy);
    refused(f, "PutScalingPolicy", TRACK("'TargetValue':1," INVOCATIONS), INVALID,
            "The type of a scaling policy cannot be changed; p is of type StepScaling");
    done(f, "DeleteScalingPolicy", TARGET ",'PolicyName':'p'");
    assert_int_equal(count_of(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies"), 0);
}

static void policies_and_alarms_go_with_their_target(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    put_policy(f, "a", "'TargetValue':1," INVOCATIONS);
    put_policy(f, "b", "'TargetValue':1," CONCURRENCY);
    done(f, "DeleteScalingPolicy", TARGET ",'PolicyName':'a'");
    assert_int_equal(count_of(f, "DescribeAlarms", "", "MetricAlarms"), 2);
    done(f, "DeregisterScalableTarget", TARGET);
    assert_int_equal(count_of(f, "DescribeAlarms", "", "MetricAlarms"), 0);
    assert_int_equal(count_of(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies"), 0);

    done(f, "RegisterScalableTarget", TARGET ",'MinCapacity':1,'MaxCapacity':2");
    assert_int_equal(count_of(f, "DescribeScalingPolicies", NAMESPACE, "ScalingPolicies"), 0);
    done(f, "DeleteEndpoint", "'EndpointName':'e'");
    await_count(f, 0);
    run_second(f);
    assert_int_equal(count_of(f, "DescribeScalableTargets", NAMESPACE, "ScalableTargets"), 0);
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_policy_comes_with_two_alarms),
        test(a_policys_alarms_have_a_history_at_once),
        test(alarms_are_filtered),
        test(an_updated_policy_keeps_its_arn_and_gets_new_alarms),
        test(a_policy_without_what_its_type_needs_is_refused),
        test(a_step_policy_that_cannot_be_is_refused),
        test(a_tracking_policy_that_cannot_be_is_refused),
        test(metrics_of_other_services_are_refused),
        test(a_policy_needs_its_target_and_its_name),
        test(a_step_policy_is_described_as_it_was_put),
        test(policies_and_alarms_go_with_their_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
