/* Application Auto Scaling, and DescribeAlarms, on a real control plane (rig.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rig.h"

enum { TEXT_BYTES = 8192 };

/* --- targets ---------------------------------------------------------------------------------- */

#define NAMESPACE "'ServiceNamespace':'sagemaker'"

static void a_target_is_described_as_it_was_registered(void **state)
{
    struct fixture *f = *state;
    json_t *answer, *target, *suspended;

    make_endpoint_of(f, "ml.m5.large");
    answer = ask(f, "RegisterScalableTarget",
                 TARGET ",'MinCapacity':1,'MaxCapacity':4,"
                        "'SuspendedState':{'DynamicScalingInSuspended':true},'Tags':{'a':'b'}");
    target = ask_for_one(f, "DescribeScalableTargets", NAMESPACE, "ScalableTargets");
    assert_begins(text(answer, "ScalableTargetARN"),
                  "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/");
    assert_string_equal(text(target, "ScalableTargetARN"), text(answer, "ScalableTargetARN"));
    assert_string_equal(text(target, "ResourceId"), "endpoint/e/variant/v");
    assert_string_equal(text(target, "RoleARN"),
                        "arn:aws:iam::000000000000:role/aws-service-role/"
                        "sagemaker.application-autoscaling.amazonaws.com/"
                        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint");
    assert_int_equal(integer(target, "MinCapacity"), 1);
    assert_int_equal(integer(target, "MaxCapacity"), 4);
    suspended = json_object_get(target, "SuspendedState");
    assert_true(json_is_true(json_object_get(suspended, "DynamicScalingInSuspended")));
    assert_true(json_is_false(json_object_get(suspended, "DynamicScalingOutSuspended")));
    assert_true(json_is_false(json_object_get(suspended, "ScheduledScalingSuspended")));
    json_decref(target);

    /* what an update leaves out stays */
    done(f, "RegisterScalableTarget", TARGET ",'MaxCapacity':5");
    target =
        ask_for_one(f, "DescribeScalableTargets",
                    NAMESPACE ",'ResourceIds':['endpoint/e/variant/v','endpoint/no/variant/v']",
                    "ScalableTargets");
    assert_int_equal(integer(target, "MinCapacity"), 1);
    assert_int_equal(integer(target, "MaxCapacity"), 5);
    suspended = json_object_get(target, "SuspendedState");
    assert_true(json_is_true(json_object_get(suspended, "DynamicScalingInSuspended")));
    json_decref(target);
    json_decref(answer);
    assert_int_equal(
        count_of(f, "DescribeScalableTargets", "'ServiceNamespace':'ecs'", "ScalableTargets"), 0);

    done(f, "DeregisterScalableTarget", TARGET);
    assert_int_equal(count_of(f, "DescribeScalableTargets", NAMESPACE, "ScalableTargets"), 0);
    refused(f, "DeregisterScalableTarget", TARGET, MISSING,
            "No scalable target found for service namespace: sagemaker, resource ID: "
            "endpoint/e/variant/v, scalable dimension: sagemaker:variant:DesiredInstanceCount");
}

static const struct refusal bad_targets[] = {
    { TARGET, "MinCapacity and MaxCapacity are required to register a scalable target" },
    { TARGET ",'MinCapacity':1",
      "MinCapacity and MaxCapacity are required to register a scalable target" },
    { TARGET ",'MinCapacity':3,'MaxCapacity':2",
      "Maximum capacity cannot be less than minimum capacity" },
    { TARGET ",'MinCapacity':-1,'MaxCapacity':2", "MinCapacity must be at least 0" },
    { TARGET ",'MinCapacity':1,'MaxCapacity':-2", "MaxCapacity must be at least 0" },
    { TARGET ",'MinCapacity':1,'MaxCapacity':2,'RoleARN':'me'", "RoleARN 'me' is not an ARN" },
    { TARGET ",'MinCapacity':1,'MaxCapacity':2,'Tags':{'weir:pace':'slow'}",
      "The value of tag weir:pace is fast or aws, not 'slow'" },
    { TRIPLE("endpoint/e/variant/w") ",'MinCapacity':1,'MaxCapacity':2",
      "Resource Id [endpoint/e/variant/w] is not scalable. Reason: there is no such endpoint, "
      "or it has no such variant" },
    { TRIPLE("e") ",'MinCapacity':1,'MaxCapacity':2",
      "Unsupported service namespace, resource type or scalable dimension" },
    { "'ServiceNamespace':'ecs','ResourceId':'service/a/b',"
      "'ScalableDimension':'ecs:service:DesiredCount','MinCapacity':1,'MaxCapacity':2",
      "Unsupported service namespace, resource type or scalable dimension" },
    { "'ServiceNamespace':'sagemaker','ResourceId':'endpoint/e/variant/v',"
      "'ScalableDimension':'sagemaker:variant:DesiredProvisionedConcurrency','MinCapacity':1,"
      "'MaxCapacity':2",
      "The scalable dimension sagemaker:variant:DesiredProvisionedConcurrency is not "
      "supported: this server has no serverless variants" },
    { "'ServiceNamespace':'sagemaker','ResourceId':'inference-component/c',"
      "'ScalableDimension':'sagemaker:inference-component:DesiredCopyCount','MinCapacity':0,"
      "'MaxCapacity':2",
      "The scalable dimension sagemaker:inference-component:DesiredCopyCount is not supported: "
      "this server has no inference components" },
    { "'ServiceNamespace':'dynamodb','ResourceId':'endpoint/e/variant/v',"
      "'ScalableDimension':'sagemaker:variant:DesiredInstanceCount','MinCapacity':1,"
      "'MaxCapacity':2",
      "Unsupported service namespace, resource type or scalable dimension" },
    { "'ServiceNamespace':'sagemaker'",
      "2 validation errors detected: Value null at 'resourceId' failed to satisfy constraint: "
      "Member must not be null; Value null at 'scalableDimension' failed to satisfy "
      "constraint: Member must not be null" },
    { TRIPLE("a\\u0001b"),
      "1 validation error detected: Value 'a\001b' at 'resourceId' failed to satisfy "
      "constraint: Member must satisfy regular expression pattern: "
      "[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\r\\n\\t]*" },
};

static void a_target_that_cannot_be_is_refused(void **state)
{
    struct fixture *f = *state;

    make_endpoint_of(f, "ml.m5.large");
    refused_each(f, "RegisterScalableTarget", bad_targets);
    assert_int_equal(count_of(f, "DescribeScalableTargets", NAMESPACE, "ScalableTargets"), 0);

    done(f, "RegisterScalableTarget", TARGET ",'MinCapacity':1,'MaxCapacity':2");
    refused(f, "RegisterScalableTarget", TARGET ",'Tags':{'a':'b'}", INVALID,
            "The scalable target that you tried to tag already exists. To update tags on an "
            "existing scalable target, use the TagResource API.");
    refused(f, "RegisterScalableTarget", TARGET ",'MinCapacity':3", INVALID,
            "Maximum capacity cannot be less than minimum capacity");
}

static void burstable_instances_are_not_scaled(void **state)
{
    struct fixture *f = *state;

    make_endpoint_of(f, "ml.t2.medium");
    refused(f, "RegisterScalableTarget", TARGET ",'MinCapacity':1,'MaxCapacity':2", INVALID,
            "Resource Id [endpoint/e/variant/v] is not scalable. Reason: burstable instance types "
            "cannot be scaled automatically");
}

static void registering_brings_the_count_within_the_bounds(void **state)
{
    struct fixture *f = *state;
    json_t *activity, *details;

    make_endpoint_of(f, "ml.m5.large");
    done(f, "RegisterScalableTarget", TARGET ",'MinCapacity':2,'MaxCapacity':4");
    await_count(f, 2);
    run_second(f);
    activity = ask_for_one(f, "DescribeScalingActivities", NAMESPACE, "ScalingActivities");
    assert_string_equal(text(activity, "StatusCode"), "Successful");
    assert_string_equal(text(activity, "Description"), "Setting desired instance count to 2.");
    assert_begins(text(activity, "Cause"), "minimum capacity was set to 2");
    assert_string_equal(text(activity, "StatusMessage"),
                        "Successfully set desired instance count to 2. Change successfully "
                        "fulfilled by sagemaker.");
    details = json_loads(text(activity, "Details"), 0, NULL);
    assert_int_equal(integer(details, "from"), 1);
    assert_int_equal(integer(details, "to"), 2);
    json_decref(details);
    json_decref(activity);
}

static void listing_is_checked_filtered_and_paged(void **state)
{
    struct fixture *f = *state;
    json_t *first, *second;
    char input[1024];

    make_target(f);
    refused(f, "DescribeScalableTargets", NAMESPACE ",'MaxResults':-1", INVALID,
            "MaxResults must not be negative");
    refused(f, "DescribeScalableTargets",
            NAMESPACE ",'ScalableDimension':'sagemaker:variant:DesiredInstanceCount'", INVALID,
            "ScalableDimension can only be specified together with ResourceIds");
    refused(f, "DescribeScalingPolicies", TRIPLE("e") ",'NextToken':'x'",
            "InvalidNextTokenException", "The NextToken value is not valid.");
    refused(f, "DescribeScalingPolicies",
            NAMESPACE ",'ResourceId':'e','ScalableDimension':'ecs:service:DesiredCount'", INVALID,
            "Unsupported service namespace, resource type or scalable dimension");

    put_policy(f, "a", "'TargetValue':6," INVOCATIONS);
    put_policy(f, "b", "'TargetValue':6," CONCURRENCY);
    first = ask(f, "DescribeScalingPolicies", NAMESPACE ",'MaxResults':1");
    assert_int_equal(json_array_size(json_object_get(first, "ScalingPolicies")), 1);
    snprintf(input, sizeof input, NAMESPACE ",'MaxResults':5,'NextToken':'%s'",
             text(first, "NextToken"));
    second = ask(f, "DescribeScalingPolicies", input);
    assert_null(json_object_get(second, "NextToken"));
    assert_string_equal(
        text(json_array_get(json_object_get(second, "ScalingPolicies"), 0), "PolicyName"), "b");
    json_decref(second);
    snprintf(input, sizeof input, TARGET ",'NextToken':'%s'", text(first, "NextToken"));
    refused(f, "DescribeScalingPolicies", input, "InvalidNextTokenException",
            "The NextToken value is not valid.");
    json_decref(first);
    assert_int_equal(count_of(f, "DescribeScalingPolicies", TARGET ",'PolicyNames':['b','x']",
                              "ScalingPolicies"),
                     1);
}

static void assert_uuid(const char *text)
{
    assert_int_equal(strlen(text), 36);
    for (int i = 0; i < 36; i++)
        assert_non_null(
            strchr(i == 8 || i == 13 || i == 18 || i == 23 ? "-" : "0123456789abcdef", text[i]));
}

/* --- policies and alarms ---------------------------------------------------------------------- */

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

/* --- scaling ---------------------------------------------------------------------------------- */

static void load_scales_out_within_seconds_and_back(void **state)
{
    struct fixture *f = *state;
    json_t *answer, *activity, *details;

    make_target(f);
    put_policy(f, "p", "'TargetValue':6000,'ScaleInCooldown':15," INVOCATIONS);
    f->load = 290; /* 17400 a minute */
    assert_in_range(await_count(f, 3), 1, 6);
    run_second(f);
    activity = ask_for_one(f, "DescribeScalingActivities", TARGET, "ScalingActivities");
    assert_string_equal(text(activity, "StatusCode"), "Successful");
    assert_begins(text(activity, "Cause"),
                  "monitor alarm TargetTracking-endpoint/e/variant/v-AlarmHigh-");
    assert_contains(text(activity, "Cause"),
                    " in state ALARM triggered policy p. InvocationsPerInstance was 17400 over the "
                    "last 2 s (Sum per minute, target 6000) with 1 instance in service: 1 x 17400 "
                    "/ 6000 rounded up is 3; within 1 to 4, the desired count goes from 1 to 3.");
    details = json_loads(text(activity, "Details"), 0, NULL);
    assert_int_equal(integer(details, "from"), 1);
    assert_int_equal(integer(details, "to"), 3);
    assert_string_equal(text(details, "winner"), "p");
    json_decref(details);
    json_decref(activity);

    f->load = 0;
    assert_in_range(await_count(f, 1), 15, 60);
    run_second(f);
    answer = ask(f, "DescribeScalingActivities", NAMESPACE);
    activity = json_array_get(json_object_get(answer, "ScalingActivities"), 0);
    assert_string_equal(text(activity, "Description"), "Setting desired instance count to 1.");
    assert_contains(text(activity, "Cause"), "-AlarmLow-");
    json_decref(answer);
}

static void alarms_tell_why_they_are_in_their_state(void **state)
{
    struct fixture *f = *state;
    json_t *alarm, *data;

    make_target(f);
    put_policy(f, "p", "'TargetValue':6000,'ScaleInCooldown':15," INVOCATIONS);
    f->load = 290;
    for (int i = 0; i < 4 && counts(f).desired == 1; i++)
        run_second(f);
    alarm = ask_for_one(f, "DescribeAlarms", "'StateValue':'ALARM'", "MetricAlarms");
    assert_begins(text(alarm, "AlarmName"), "TargetTracking-endpoint/e/variant/v-AlarmHigh-");
    assert_begins(text(alarm, "StateReason"), "Threshold Crossed: 2 ");
    data = json_loads(text(alarm, "StateReasonData"), 0, NULL);
    assert_true(json_number_value(json_object_get(data, "threshold")) == 6000);
    json_decref(data);
    json_decref(alarm);
}

static void what_was_not_scaled_is_told_on_request(void **state)
{
    struct fixture *f = *state;
    json_t *answer, *newest, *reason;

    make_target(f);
    put_policy(f, "p", "'TargetValue':600," INVOCATIONS);
    f->load = 290;
    await_count(f, 4);
    for (int i = 0; i < 5; i++)
        run_second(f);
    answer = ask(f, "DescribeScalingActivities", NAMESPACE ",'IncludeNotScaledActivities':true");
    assert_int_equal(json_array_size(json_object_get(answer, "ScalingActivities")), 2);
    newest = json_array_get(json_object_get(answer, "ScalingActivities"), 0);
    assert_string_equal(text(newest, "Description"), "Attempting to scale due to alarm triggered");
    assert_string_equal(text(newest, "StatusCode"), "Failed");
    reason = json_array_get(json_object_get(newest, "NotScaledReasons"), 0);
    assert_string_equal(text(reason, "Code"), "AlreadyAtMaxCapacity");
    assert_int_equal(integer(reason, "MaxCapacity"), 4);
    json_decref(answer);
    assert_int_equal(count_of(f, "DescribeScalingActivities", NAMESPACE, "ScalingActivities"), 1);
}

static void pages_of_activities_make_up_the_whole_list(void **state)
{
#define EVERYTHING NAMESPACE ",'IncludeNotScaledActivities':true"
    struct fixture *f = *state;
    json_t *whole, *activity, *token = NULL;
    char input[1024] = EVERYTHING ",'MaxResults':1";
    size_t i;

    make_target(f);
    put_policy(f, "p", "'TargetValue':600,'ScaleInCooldown':15," INVOCATIONS);
    f->load = 290;
    await_count(f, 4);
    run_second(f);
    f->load = 0;
    await_count(f, 1);
    whole = ask(f, "DescribeScalingActivities", EVERYTHING);
    assert_true(json_array_size(json_object_get(whole, "ScalingActivities")) > 2);
    json_array_foreach (json_object_get(whole, "ScalingActivities"), i, activity) {
        json_t *page = ask(f, "DescribeScalingActivities", input);
        json_t *list = json_object_get(page, "ScalingActivities");

        assert_int_equal(json_array_size(list), 1);
        assert_true(json_equal(json_array_get(list, 0), activity));
        token = json_object_get(page, "NextToken");
        if (token)
            snprintf(input, sizeof input, EVERYTHING ",'MaxResults':1,'NextToken':'%s'",
                     json_string_value(token));
        json_decref(page);
    }
    assert_null(token); /* of the last page */
    json_decref(whole);
}

static void suspended_directions_stay_as_they_are(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    put_policy(f, "p", "'TargetValue':600,'ScaleInCooldown':15," INVOCATIONS);
    done(f, "RegisterScalableTarget",
         TARGET ",'SuspendedState':{'DynamicScalingOutSuspended':true}");
    f->load = 290;
    for (int i = 0; i < 30; i++)
        run_second(f);
    assert_int_equal(counts(f).desired, 1);
    done(f, "RegisterScalableTarget",
         TARGET ",'SuspendedState':{'DynamicScalingOutSuspended':false,"
                "'DynamicScalingInSuspended':true}");
    await_count(f, 4);
    f->load = 0;
    for (int i = 0; i < 90; i++)
        run_second(f);
    assert_int_equal(counts(f).desired, 4);
}

static void a_restart_keeps_targets_policies_and_activities(void **state)
{
    static const char *const calls[][2] = {
        { "DescribeScalableTargets", NAMESPACE },
        { "DescribeScalingPolicies", NAMESPACE },
        { "DescribeScalingActivities", NAMESPACE ",'IncludeNotScaledActivities':true" },
    };
    enum { N = sizeof calls / sizeof *calls };
    struct fixture *f = *state;
    json_t *before[N];

    make_target(f);
    put_policy(f, "p", "'TargetValue':600,'ScaleInCooldown':15," INVOCATIONS);
    f->load = 290;
    await_count(f, 4);
    for (int i = 0; i < 5; i++)
        run_second(f);
    for (size_t i = 0; i < N; i++)
        before[i] = ask(f, calls[i][0], calls[i][1]);
    restart(f);
    for (size_t i = 0; i < N; i++) {
        json_t *after = ask(f, calls[i][0], calls[i][1]);

        if (!json_equal(before[i], after))
            fail_msg("%s: %s\nbut before: %s", calls[i][0], json_dumps(after, JSON_COMPACT),
                     json_dumps(before[i], JSON_COMPACT));
        json_decref(before[i]);
        json_decref(after);
    }
}

/* --- tags ------------------------------------------------------------------------------------- */

static void tags_of_a_target_can_change_its_pace(void **state)
{
    struct fixture *f = *state;
    json_t *answer, *alarm;
    char arn[256], input[1024];

    make_endpoint_of(f, "ml.m5.large");
    answer = ask(f, "RegisterScalableTarget",
                 TARGET ",'MinCapacity':1,'MaxCapacity':4,'Tags':{'a':'1','b':''}");
    snprintf(arn, sizeof arn, "%s", text(answer, "ScalableTargetARN"));
    json_decref(answer);
    put_policy(f, "p", "'TargetValue':600," INVOCATIONS);

    snprintf(input, sizeof input, "'ResourceARN':'%s','Tags':{'weir:pace':'aws','a':'2'}", arn);
    done(f, "TagResource", input);
    alarm = ask_for_one(f, "DescribeAlarms", "'MaxRecords':1", "MetricAlarms");
    assert_int_equal(integer(alarm, "Period"), 60);
    assert_int_equal(integer(alarm, "EvaluationPeriods"), 3);
    json_decref(alarm);

    snprintf(input, sizeof input, "'ResourceARN':'%s','TagKeys':['weir:pace','b','c']", arn);
    done(f, "UntagResource", input);
    alarm = ask_for_one(f, "DescribeAlarms", "'MaxRecords':1", "MetricAlarms");
    assert_int_equal(integer(alarm, "Period"), 1);
    json_decref(alarm);

    snprintf(input, sizeof input, "'ResourceARN':'%s'", arn);
    answer = ask(f, "ListTagsForResource", input);
    assert_int_equal(json_object_size(json_object_get(answer, "Tags")), 1);
    assert_string_equal(text(json_object_get(answer, "Tags"), "a"), "2");
    json_decref(answer);

    snprintf(input, sizeof input, "'ResourceARN':'%s','Tags':{'weir:pace':'slow'}", arn);
    refused(f, "TagResource", input, INVALID,
            "The value of tag weir:pace is fast or aws, not 'slow'");
}

static void tags_have_limits_and_need_a_target(void **state)
{
#define NO_ARN "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/x"
    struct fixture *f = *state;
    char arn[256], input[TEXT_BYTES];
    json_t *answer;
    int n;

    refused(f, "ListTagsForResource", "'ResourceARN':'" NO_ARN "'", "ResourceNotFoundException",
            "No scalable target found for ARN: " NO_ARN);
    refused(f, "TagResource", "'ResourceARN':'x','Tags':{}", INVALID,
            "1 validation error detected: Value 'x' at 'resourceARN' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            "^arn:.+:application-autoscaling:.+:[0-9]+:scalable-target\\/[a-zA-Z0-9-]+$");
    make_endpoint_of(f, "ml.m5.large");
    answer = ask(f, "RegisterScalableTarget", TARGET ",'MinCapacity':1,'MaxCapacity':4");
    snprintf(arn, sizeof arn, "%s", text(answer, "ScalableTargetARN"));
    json_decref(answer);
    n = snprintf(input, sizeof input, "'ResourceARN':'%s','Tags':{'0':''", arn);
    for (int i = 1; i < 51; i++)
        n += snprintf(input + n, sizeof input - (size_t)n, ",'%d':''", i);
    snprintf(input + n, sizeof input - (size_t)n, "}");
    refused(f, "TagResource", input, "TooManyTagsException",
            "A scalable target has at most 50 tags, which this request would exceed");
}

/* --- scheduled actions ------------------------------------------------------------------------ */

#define ACTION   TARGET ",'ScheduledActionName':'a'"
#define UP       ",'ScalableTargetAction':{'MinCapacity':2}"
#define MORNINGS ",'Schedule':'cron(0 8 ? * MON-FRI *)'"

static void an_updated_scheduled_action_forgets_only_its_start_and_end(void **state)
{
    struct fixture *f = *state;
    json_t *x;

    make_target(f);
    done(f, "PutScheduledAction",
         ACTION MORNINGS UP ",'Timezone':'Europe/Berlin','StartTime':1767400000.5,"
                            "'EndTime':1777400000");
    x = ask_for_one(f, "DescribeScheduledActions", NAMESPACE, "ScheduledActions");
    assert_begins(text(x, "ScheduledActionARN"),
                  "arn:aws:autoscaling:us-east-1:000000000000:scheduledAction:");
    assert_contains(text(x, "ScheduledActionARN"),
                    ":resource/sagemaker/endpoint/e/variant/v:scheduledActionName/a");
    assert_string_equal(text(x, "Timezone"), "Europe/Berlin");
    assert_true(json_real_value(json_object_get(x, "StartTime")) == 1767400000.5);
    assert_true(json_real_value(json_object_get(x, "EndTime")) == 1777400000);
    assert_int_equal(json_object_size(json_object_get(x, "ScalableTargetAction")), 1);
    json_decref(x);

    done(f, "PutScheduledAction", ACTION);
    x = ask_for_one(f, "DescribeScheduledActions", NAMESPACE ",'ScheduledActionNames':['a','b']",
                    "ScheduledActions");
    assert_string_equal(text(x, "Schedule"), "cron(0 8 ? * MON-FRI *)");
    assert_string_equal(text(x, "Timezone"), "Europe/Berlin");
    assert_int_equal(integer(json_object_get(x, "ScalableTargetAction"), "MinCapacity"), 2);
    assert_null(json_object_get(x, "StartTime"));
    assert_null(json_object_get(x, "EndTime"));
    json_decref(x);

    done(f, "DeleteScheduledAction", ACTION);
    assert_int_equal(count_of(f, "DescribeScheduledActions", NAMESPACE, "ScheduledActions"), 0);
    refused(f, "DeleteScheduledAction", ACTION, MISSING,
            "No scheduled action found for service namespace: sagemaker, resource ID: "
            "endpoint/e/variant/v, scalable dimension: sagemaker:variant:DesiredInstanceCount, "
            "scheduled action name: a");
}

static void a_scheduled_action_that_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *input, *message;
    } rows[] = {
        { UP, "Schedule is required to create a scheduled action" },
        { MORNINGS, "At least one of minimum capacity and maximum capacity should be provided" },
        { MORNINGS ",'ScalableTargetAction':{}",
          "At least one of minimum capacity and maximum capacity should be provided" },
        { MORNINGS ",'ScalableTargetAction':{'MinCapacity':3,'MaxCapacity':2}",
          "Maximum capacity cannot be less than minimum capacity" },
        { MORNINGS ",'ScalableTargetAction':{'MaxCapacity':-1}", "MaxCapacity must be at least 0" },
        { UP ",'Schedule':'cron(0 0 31 2 ? *)'",
          "Invalid schedule expression cron(0 0 31 2 ? *): there is no such date" },
        { MORNINGS UP ",'Timezone':'Europe/Nowhere'", "Invalid time zone: Europe/Nowhere" },
        { UP ",'Schedule':'at(2026-03-29T02:30:00)','Timezone':'Europe/Berlin'",
          "Invalid schedule expression at(2026-03-29T02:30:00): there is no such time in "
          "Europe/Berlin, where clocks are put forward over it" },
        { MORNINGS UP ",'StartTime':1767400000,'EndTime':1767400000",
          "StartTime must be before EndTime" },
        { MORNINGS UP ",'EndTime':-1", "EndTime must not be before 1970" },
    };
    struct fixture *f = *state;
    char input[1024];

    refused(f, "PutScheduledAction", ACTION MORNINGS UP, MISSING,
            "No scalable target registered for service namespace: sagemaker, resource ID: "
            "endpoint/e/variant/v, scalable dimension: sagemaker:variant:DesiredInstanceCount");
    make_target(f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(input, sizeof input, ACTION "%s", rows[i].input);
        refused(f, "PutScheduledAction", input, INVALID, rows[i].message);
    }
    for (const char *const *name = (const char *const[]){ " a", "a ", "a:b", "a/b", "a|b", NULL };
         *name; name++) {
        struct api_call call;
        snprintf(input, sizeof input, TARGET ",'ScheduledActionName':'%s'" MORNINGS UP, *name);
        assert_int_equal(invoke(f, "PutScheduledAction", input, &call), API_REFUSED);
        assert_contains(call.message, "at 'scheduledActionName' failed to satisfy constraint");
        api_call_deinit(&call);
    }
    assert_int_equal(count_of(f, "DescribeScheduledActions", NAMESPACE, "ScheduledActions"), 0);
}

static void two_hundred_scheduled_actions_are_listed_by_fifty(void **state)
{
    struct fixture *f = *state;
    char input[1024];
    json_t *page;

    make_target(f);
    for (int i = 0; i < 200; i++) {
        snprintf(input, sizeof input, TARGET ",'ScheduledActionName':'%03d'" MORNINGS UP, i);
        done(f, "PutScheduledAction", input);
    }
    refused(f, "PutScheduledAction", ACTION MORNINGS UP, "LimitExceededException",
            "A scalable target has at most 200 scheduled actions");
    page = ask(f, "DescribeScheduledActions", NAMESPACE);
    assert_int_equal(json_array_size(json_object_get(page, "ScheduledActions")), 50);
    snprintf(input, sizeof input, NAMESPACE ",'NextToken':'%s','MaxResults':2",
             text(page, "NextToken"));
    json_decref(page);
    page = ask(f, "DescribeScheduledActions", input);
    assert_int_equal(json_array_size(json_object_get(page, "ScheduledActions")), 2);
    assert_string_equal(
        text(json_array_get(json_object_get(page, "ScheduledActions"), 0), "ScheduledActionName"),
        "050");
    json_decref(page);
}

static void a_scheduled_action_brings_the_count_within_its_bounds(void **state)
{
    struct fixture *f = *state;
    json_t *x;

    make_target(f);
    done(f, "PutScheduledAction", ACTION UP ",'Schedule':'at(2026-01-02T03:10:00)'");
    await_count(f, 2);
    x = ask_for_one(f, "DescribeScalableTargets", NAMESPACE, "ScalableTargets");
    assert_int_equal(integer(x, "MinCapacity"), 2);
    json_decref(x);
    assert_int_equal(count_of(f, "DescribeScalingActivities", NAMESPACE, "ScalingActivities"), 2);
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_target_is_described_as_it_was_registered),
        test(a_target_that_cannot_be_is_refused),
        test(burstable_instances_are_not_scaled),
        test(registering_brings_the_count_within_the_bounds),
        test(listing_is_checked_filtered_and_paged),
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
        test(a_step_policy_is_described_as_it_was_put),
        test(policies_and_alarms_go_with_their_target),
        test(load_scales_out_within_seconds_and_back),
        test(alarms_tell_why_they_are_in_their_state),
        test(what_was_not_scaled_is_told_on_request),
        test(pages_of_activities_make_up_the_whole_list),
        test(suspended_directions_stay_as_they_are),
        test(a_restart_keeps_targets_policies_and_activities),
        test(tags_of_a_target_can_change_its_pace),
        test(tags_have_limits_and_need_a_target),
        test(an_updated_scheduled_action_forgets_only_its_start_and_end),
        test(a_scheduled_action_that_cannot_be_is_refused),
        test(two_hundred_scheduled_actions_are_listed_by_fifty),
        test(a_scheduled_action_brings_the_count_within_its_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
