/* Application Auto Scaling's quotas, ranges, pages and tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rig.h"

#define NAMESPACE "'ServiceNamespace':'sagemaker'"
#define CUSTOM    "'ServiceNamespace':'custom-resource'"
#define WIDEST    "1e109" /* more than 2^360, which is 2.3e108 */

/* --- quotas ----------------------------------------------------------------------------------- */

static void register_custom(int i, char ret_input[512])
{
    snprintf(ret_input, 512,
             CUSTOM ",'ResourceId':'http://h/%03d','ScalableDimension':"
                    "'custom-resource:ResourceType:Property','MinCapacity':0,'MaxCapacity':1",
             i);
}

static void five_hundred_targets_of_a_dimension_are_listed_by_fifty(void **state)
{
    struct fixture *f = *state;
    char input[512];
    json_t *page;

    make_target(f); /* of another dimension: does not count */
    for (int i = 0; i < 500; i++) {
        register_custom(i, input);
        done(f, "RegisterScalableTarget", input);
    }
    register_custom(500, input);
    refused(f, "RegisterScalableTarget", input, "LimitExceededException",
            "There are at most 500 scalable targets of the scalable dimension "
            "custom-resource:ResourceType:Property");
    register_custom(499, input);
    done(f, "RegisterScalableTarget", input); /* an update is none more */

    assert_int_equal(count_of(f, "DescribeScalableTargets", CUSTOM, "ScalableTargets"), 50);
    page = ask(f, "DescribeScalableTargets", CUSTOM ",'MaxResults':1000");
    assert_int_equal(json_array_size(json_object_get(page, "ScalableTargets")), 50);
    assert_string_equal(
        text(json_array_get(json_object_get(page, "ScalableTargets"), 49), "ResourceId"),
        "http://h/049");
    json_decref(page);
    assert_int_equal(count_of(f, "DescribeScalableTargets", NAMESPACE, "ScalableTargets"), 1);
}

static void put_numbered(int i, char ret_input[1024])
{
    snprintf(ret_input, 1024,
             TARGET ",'PolicyName':'p%02d','PolicyType':'StepScaling',"
                    "'StepScalingPolicyConfiguration':{'AdjustmentType':'ExactCapacity',"
                    "'StepAdjustments':[{'MetricIntervalLowerBound':0,'ScalingAdjustment':1}]}",
             i);
}

static void fifty_policies_are_listed_by_ten(void **state)
{
    struct fixture *f = *state;
    char input[1024], token[4096] = "";
    int pages = 0, n = 0;

    make_target(f);
    for (int i = 0; i < 50; i++) {
        put_numbered(i, input);
        done(f, "PutScalingPolicy", input);
    }
    put_numbered(50, input);
    refused(f, "PutScalingPolicy", input, "LimitExceededException",
            "A scalable target has at most 50 scaling policies");
    put_numbered(3, input);
    done(f, "PutScalingPolicy", input);
    do {
        char call[8192];
        json_t *page, *next;

        snprintf(call, sizeof call, NAMESPACE ",'MaxResults':%d%s%s%s", 50 + pages,
                 *token ? ",'NextToken':'" : "", token, *token ? "'" : "");
        page = ask(f, "DescribeScalingPolicies", call);
        assert_int_equal(json_array_size(json_object_get(page, "ScalingPolicies")), 10);
        snprintf(input, sizeof input, "p%02d", n);
        assert_string_equal(
            text(json_array_get(json_object_get(page, "ScalingPolicies"), 0), "PolicyName"), input);
        next = json_object_get(page, "NextToken");
        snprintf(token, sizeof token, "%s", next ? json_string_value(next) : "");
        json_decref(page);
        n += 10;
        pages++;
    } while (*token);
    assert_int_equal(pages, 5);
}

/* n steps side by side, the last one open */
static void put_steps(int n, char ret_input[4096])
{
    size_t used = (size_t)snprintf(
        ret_input, 4096,
        TARGET ",'PolicyName':'p','PolicyType':'StepScaling','StepScalingPolicyConfiguration':{"
               "'AdjustmentType':'ChangeInCapacity','StepAdjustments':[");

    for (int i = 0; i < n - 1; i++)
        used += (size_t)snprintf(ret_input + used, 4096 - used,
                                 "{'MetricIntervalLowerBound':%d,'MetricIntervalUpperBound':%d,"
                                 "'ScalingAdjustment':1},",
                                 i, i + 1);
    snprintf(ret_input + used, 4096 - used,
             "{'MetricIntervalLowerBound':%d,'ScalingAdjustment':1}]}", n - 1);
}

static void a_policy_has_twenty_steps(void **state)
{
    struct fixture *f = *state;
    char input[4096];

    make_target(f);
    put_steps(20, input);
    done(f, "PutScalingPolicy", input);
    put_steps(21, input);
    refused(f, "PutScalingPolicy", input, INVALID,
            "A step scaling policy has at most 20 step adjustments");
}

/* --- ranges ----------------------------------------------------------------------------------- */

#define TRACK(rest)                                                                                \
    TARGET ",'PolicyName':'p','PolicyType':'TargetTrackingScaling'," TRACKING "{" rest "}"
#define STEPS(rest)                                                                                \
    TARGET ",'PolicyName':'p','PolicyType':'StepScaling','StepScalingPolicyConfiguration':{"       \
           "'AdjustmentType':'ChangeInCapacity'," rest "}"

static void numbers_outside_their_ranges_are_refused(void **state)
{
    static const struct {
        const char *operation, *input, *message;
    } cases[] = {
        { "PutScalingPolicy", TRACK("'TargetValue':" WIDEST "," INVOCATIONS),
          "TargetValue must not be greater than 2^360" },
        { "PutScalingPolicy", TRACK("'TargetValue':-1," INVOCATIONS),
          "TargetValue must be greater than 0" },
        { "PutScalingPolicy", TRACK("'TargetValue':1,'ScaleOutCooldown':-1," INVOCATIONS),
          "A cooldown must not be negative" },
        { "PutScalingPolicy",
          STEPS(
              "'StepAdjustments':[{'MetricIntervalLowerBound':0,'MetricIntervalUpperBound':" WIDEST
              ",'ScalingAdjustment':1},{'MetricIntervalLowerBound':" WIDEST
              ",'ScalingAdjustment':2}]"),
          "Bounds of step adjustments must be between -2^360 and 2^360" },
        { "PutScalingPolicy",
          STEPS("'Cooldown':-1,'StepAdjustments':[{'MetricIntervalLowerBound':0,"
                "'ScalingAdjustment':1}]"),
          "Cooldown must not be negative" },
        { "PutScalingPolicy", STEPS("'StepAdjustments':[]"),
          "At least one step adjustment is required" },
        { "DescribeScalableTargets", NAMESPACE ",'MaxResults':-1",
          "MaxResults must not be negative" },
        { "DescribeScalingActivities", NAMESPACE ",'MaxResults':-1",
          "MaxResults must not be negative" },
        { "PutScheduledAction",
          TARGET ",'ScheduledActionName':'a\302\205b','Schedule':'rate(1 day)',"
                 "'ScalableTargetAction':{'MinCapacity':1}",
          "ScheduledActionName must not have control characters" },
    };
    struct fixture *f = *state;

    make_target(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(f, cases[i].operation, cases[i].input, INVALID, cases[i].message);
}

static void lists_of_names_have_fifty(void **state)
{
    static const char *const members[][2] = {
        { "DescribeScalableTargets", "ResourceIds" },
        { "DescribeScalingPolicies", "PolicyNames" },
        { "DescribeScheduledActions", "ScheduledActionNames" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct api_call call;
        char input[2048];
        size_t used = (size_t)snprintf(input, sizeof input, NAMESPACE ",'%s':[", members[i][1]);

        for (int k = 0; k <= 50; k++)
            used += (size_t)snprintf(input + used, sizeof input - used, "%s'endpoint/%d'",
                                     k ? "," : "", k);
        snprintf(input + used, sizeof input - used, "]");
        assert_int_equal(invoke(f, members[i][0], input, &call), API_REFUSED);
        assert_string_equal(call.error, INVALID);
        assert_contains(call.message, "Member must have length less than or equal to 50");
        api_call_deinit(&call);
    }
}

/* Whatever AWS has predefined for other services, and for what weir has not. */
static void other_services_metrics_are_refused(void **state)
{
    static const char *const types[] = {
        "DynamoDBReadCapacityUtilization",
        "DynamoDBWriteCapacityUtilization",
        "ALBRequestCountPerTarget",
        "RDSReaderAverageCPUUtilization",
        "RDSReaderAverageDatabaseConnections",
        "EC2SpotFleetRequestAverageCPUUtilization",
        "ECSServiceAverageCPUUtilization",
        "ECSServiceAverageMemoryUtilization",
        "AppStreamAverageCapacityUtilization",
        "ComprehendInferenceUtilization",
        "LambdaProvisionedConcurrencyUtilization",
        "CassandraReadCapacityUtilization",
        "KafkaBrokerStorageUtilization",
        "ElastiCacheEngineCPUUtilization",
        "NeptuneReaderAverageCPUUtilization",
        "SageMakerVariantProvisionedConcurrencyUtilization",
        "SageMakerInferenceComponentInvocationsPerCopy",
        "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
        "WorkSpacesAverageUserSessionsCapacityUtilization",
    };
    struct fixture *f = *state;
    char input[1024], message[512];

    make_target(f);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        snprintf(input, sizeof input,
                 TRACK("'TargetValue':1,'PredefinedMetricSpecification':{'PredefinedMetricType':"
                       "'%s'}"),
                 types[i]);
        snprintf(message, sizeof message,
                 "The metric type %s is not supported for the scalable dimension "
                 "sagemaker:variant:DesiredInstanceCount",
                 types[i]);
        refused(f, "PutScalingPolicy", input, INVALID, message);
    }
    refused(
        f, "PutScalingPolicy",
        TRACK("'TargetValue':1,'PredefinedMetricSpecification':{'PredefinedMetricType':"
              "'SageMakerVariantInvocationsPerInstance','ResourceLabel':'app/x/1'}"),
        INVALID,
        "ResourceLabel is not valid for the metric type SageMakerVariantInvocationsPerInstance");
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void tokens_are_good_for_the_same_question_only(void **state)
{
    static const char invalid[] = "The NextToken value is not valid.";
    struct fixture *f = *state;
    char input[4096], token[2048];
    json_t *page;

    make_target(f);
    for (int i = 0; i < 12; i++) {
        put_numbered(i, input);
        done(f, "PutScalingPolicy", input);
    }
    page = ask(f, "DescribeScalingPolicies", NAMESPACE ",'MaxResults':3");
    snprintf(token, sizeof token, "%s", text(page, "NextToken"));
    json_decref(page);

    snprintf(input, sizeof input, NAMESPACE ",'NextToken':'%s','MaxResults':7", token);
    page = ask(f, "DescribeScalingPolicies", input); /* pages may differ in length */
    assert_int_equal(json_array_size(json_object_get(page, "ScalingPolicies")), 7);
    assert_string_equal(
        text(json_array_get(json_object_get(page, "ScalingPolicies"), 0), "PolicyName"), "p03");
    json_decref(page);

    snprintf(input, sizeof input, NAMESPACE ",'NextToken':'%s','PolicyNames':['p1']", token);
    refused(f, "DescribeScalingPolicies", input, "InvalidNextTokenException", invalid);
    snprintf(input, sizeof input, TARGET ",'NextToken':'%s'", token);
    refused(f, "DescribeScalingPolicies", input, "InvalidNextTokenException", invalid);
    snprintf(input, sizeof input, NAMESPACE ",'NextToken':'%s'", token);
    refused(f, "DescribeScheduledActions", input, "InvalidNextTokenException", invalid);
    refused(f, "DescribeScalingActivities", input, "InvalidNextTokenException", invalid);
    refused(f, "DescribeScalableTargets", input, "InvalidNextTokenException", invalid);
    token[4] ^= 1;
    snprintf(input, sizeof input, NAMESPACE ",'NextToken':'%s'", token);
    refused(f, "DescribeScalingPolicies", NAMESPACE ",'NextToken':''", "InvalidNextTokenException",
            invalid);
    refused(f, "DescribeScalingPolicies", NAMESPACE ",'NextToken':'x'", "InvalidNextTokenException",
            invalid);
}

/* --- tags ------------------------------------------------------------------------------------- */

static void tags_of_aws_itself_are_refused_and_errors_name_the_resource(void **state)
{
#define NONE "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/none"
    struct fixture *f = *state;
    struct api_call call;

    make_endpoint_of(f, "ml.m5.large");
    refused(f, "RegisterScalableTarget",
            TARGET ",'MinCapacity':1,'MaxCapacity':4,'Tags':{'AWS:x':'y'}", INVALID,
            "Tag keys must not begin with aws:, which 'AWS:x' does");
    assert_int_equal(invoke(f, "ListTagsForResource", "'ResourceARN':'" NONE "'", &call),
                     API_REFUSED);
    assert_string_equal(call.error, "ResourceNotFoundException");
    assert_string_equal(call.about, NONE);
    api_call_deinit(&call);
}

/* @before: 51 tags, of which two have the same key */
static void too_many(struct fixture *f, const char *operation, const char *before, const char *tag,
                     const char *after, const char *error, const char *message)
{
    char input[4096];
    int n = snprintf(input, sizeof input, "%s", before);

    for (int i = 0; i < 51; i++) {
        n += snprintf(input + n, sizeof input - (size_t)n, i ? "," : "");
        n += snprintf(input + n, sizeof input - (size_t)n, tag, i == 50 ? 0 : i);
    }
    snprintf(input + n, sizeof input - (size_t)n, "%s", after);
    refused(f, operation, input, error, message);
}

static void tags_are_counted_before_they_are_compared(void **state)
{
    struct fixture *f = *state;
    char before[512], arn[256];
    json_t *answer;

    make_endpoint_of(f, "ml.m5.large");
    answer = ask(f, "RegisterScalableTarget", TARGET ",'MinCapacity':1,'MaxCapacity':4");
    snprintf(arn, sizeof arn, "%s", text(answer, "ScalableTargetARN"));
    json_decref(answer);
    snprintf(before, sizeof before, "'ResourceARN':'%s','Tags':{'aws:x':'',", arn);
    too_many(f, "TagResource", before, "'k%d':''", ",'k50':''}", "TooManyTagsException",
             "A scalable target has at most 50 tags, which this request would exceed");
    too_many(f, "PutMetricAlarm",
             "'AlarmName':'a','MetricName':'m','Namespace':'n','Statistic':'Sum','Period':60,"
             "'EvaluationPeriods':1,'Threshold':1,'ComparisonOperator':'GreaterThanThreshold',"
             "'Tags':[",
             "{'Key':'k%d','Value':''}", "]", "LimitExceededFault",
             "A resource has at most 50 tags");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(five_hundred_targets_of_a_dimension_are_listed_by_fifty),
        TEST(fifty_policies_are_listed_by_ten),
        TEST(a_policy_has_twenty_steps),
        TEST(numbers_outside_their_ranges_are_refused),
        TEST(lists_of_names_have_fifty),
        TEST(other_services_metrics_are_refused),
        TEST(tokens_are_good_for_the_same_question_only),
        TEST(tags_of_aws_itself_are_refused_and_errors_name_the_resource),
        TEST(tags_are_counted_before_they_are_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
