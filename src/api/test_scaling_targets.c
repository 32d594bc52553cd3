/* Scalable targets and their tags: described as they were registered, and refused. */
#include <stdio.h>

#include "api/rig.h"

enum { TEXT_BYTES = 8192 };

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

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_target_is_described_as_it_was_registered),
        test(a_target_that_cannot_be_is_refused),
        test(burstable_instances_are_not_scaled),
        test(registering_brings_the_count_within_the_bounds),
        test(listing_is_checked_filtered_and_paged),
        test(tags_of_a_target_can_change_its_pace),
        test(tags_have_limits_and_need_a_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
