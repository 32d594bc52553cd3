/* Custom resources as scalable targets: registered, scaled by every kind of policy, and what is said
 * when they fail. The resource is made up and as AWS's sample of a backend has it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rig.h"
#include "net/courier.h"

#define URL       "https://example.execute-api.us-west-2.amazonaws.com/prod/scalableTargetDimensions/1-2"
#define NAMESPACE "'ServiceNamespace':'custom-resource'"
#define OF(url)                                                                                    \
    NAMESPACE ",'ResourceId':'" url "','ScalableDimension':'custom-resource:ResourceType:"         \
              "Property'"
#define RESOURCE OF(URL)
#define REGISTER RESOURCE ",'MinCapacity':1,'MaxCapacity':10"

/* --- the resource ----------------------------------------------------------------------------- */

enum { OPEN_MAX = 8 };

static struct backend {
    struct courier base;
    int actual, desired;
    const char *status; /* NULL: as it goes; else what it says */
    unsigned down;      /* answers with this status instead; 1: does not answer */
    unsigned patches;
    struct {
        bool patch;
        int to;
        courier_answered_fn *answered;
        void *context;
    } open[OPEN_MAX];
    unsigned n_open;
} backend;

static int backend_send(struct courier *c, const struct courier_request *request,
                        courier_answered_fn *answered, void *context)
{
    int to = 0;

    assert_true(backend.n_open < OPEN_MAX);
    assert_string_equal(request->url, URL);
    backend.open[backend.n_open].patch = strcmp(request->method, "PATCH") == 0;
    if (backend.open[backend.n_open].patch) {
        json_t *body = json_loads(request->body, 0, NULL);

        to = (int)json_integer_value(json_object_get(body, "desiredCapacity"));
        json_decref(body);
        backend.patches++;
    }
    backend.open[backend.n_open].to = to;
    backend.open[backend.n_open].answered = answered;
    backend.open[backend.n_open++].context = context;
    return 0;
}

static void backend_cancel(struct courier *c, const void *context)
{
    static const struct courier_answer cancelled = { .error = "cancelled" };

    while (backend.n_open > 0) {
        backend.n_open--;
        backend.open[backend.n_open].answered(&cancelled, backend.open[backend.n_open].context);
    }
}

static const struct courier_ops backend_ops = { backend_send, backend_cancel, NULL };

static void backend_answer_one(void)
{
    struct courier_answer answer = { .status = 200 };
    courier_answered_fn *answered = backend.open[0].answered;
    void *context = backend.open[0].context;
    char body[512];

    if (backend.open[0].patch && !backend.down)
        backend.desired = backend.open[0].to;
    else if (!backend.open[0].patch && backend.actual != backend.desired && !backend.status)
        backend.actual += backend.actual < backend.desired ? 1 : -1;
    snprintf(body, sizeof body,
             "{\"actualCapacity\": %d.0, \"desiredCapacity\": %d.0, \"dimensionName\": \"D\", "
             "\"resourceName\": \"R\", \"scalableTargetDimensionId\": \"1-2\", "
             "\"scalingStatus\": \"%s\", \"version\": \"v\"%s}",
             backend.actual, backend.desired,
             backend.status                      ? backend.status
             : backend.actual == backend.desired ? "Successful"
                                                 : "InProgress",
             backend.status ? ", \"failureReason\": \"no machines\"" : "");
    answer.body = slice_from(body);
    if (backend.down == 1)
        answer = (struct courier_answer){ .error = "Connection refused" };
    else if (backend.down)
        answer = (struct courier_answer){ .status = backend.down,
                                          .body = SLICE("{\"message\": \"not now\"}") };
    memmove(&backend.open[0], &backend.open[1], --backend.n_open * sizeof backend.open[0]);
    answered(&answer, context);
}

static void second(struct fixture *f)
{
    run_second(f);
    for (unsigned n = backend.n_open; n > 0; n--)
        backend_answer_one();
}

static void seconds(struct fixture *f, int n)
{
    for (; n > 0; n--)
        second(f);
}

static int await(struct fixture *f, int actual)
{
    for (int s = 0; s < 1800; s++) {
        if (backend.actual == actual && backend.desired == actual)
            return s;
        second(f);
    }
    fail_msg("capacity is %d of %d, not %d", backend.actual, backend.desired, actual);
    return 0;
}

static int set_up_backend(void **state)
{
    int r = set_up(state);
    struct fixture *f = *state;

    backend = (struct backend){ .base = { &backend_ops }, .actual = 2, .desired = 2 };
    f->courier = &backend.base;
    restart(f);
    return r;
}

static json_t *newest(struct fixture *f)
{
    json_t *output = ask(f, "DescribeScalingActivities", NAMESPACE);
    json_t *first = json_incref(json_array_get(json_object_get(output, "ScalingActivities"), 0));

    json_decref(output);
    return first;
}

static void newest_says(struct fixture *f, const char *status, const char *description,
                        const char *message)
{
    json_t *activity = newest(f);

    assert_non_null(activity);
    assert_string_equal(text(activity, "StatusCode"), status);
    assert_string_equal(text(activity, "Description"), description);
    if (message)
        assert_string_equal(text(activity, "StatusMessage"), message);
    else
        assert_null(json_object_get(activity, "StatusMessage"));
    json_decref(activity);
}

/* --- registering ------------------------------------------------------------------------------ */

static void it_is_registered_and_described(void **state)
{
    struct fixture *f = *state;
    json_t *target;

    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':0,'MaxCapacity':10");
    restart(f);
    target = ask_for_one(f, "DescribeScalableTargets",
                         NAMESPACE ",'ResourceIds':['" URL "'],'ScalableDimension':'custom-resource"
                                   ":ResourceType:Property'",
                         "ScalableTargets");
    assert_string_equal(text(target, "ServiceNamespace"), "custom-resource");
    assert_string_equal(text(target, "ResourceId"), URL);
    assert_string_equal(text(target, "RoleARN"),
                        "arn:aws:iam::000000000000:role/aws-service-role/"
                        "custom-resource.application-autoscaling.amazonaws.com/"
                        "AWSServiceRoleForApplicationAutoScaling_CustomResource");
    json_decref(target);
    assert_int_equal(
        count_of(f, "DescribeScalableTargets", "'ServiceNamespace':'sagemaker'", "ScalableTargets"),
        0);
    done(f, "DeregisterScalableTarget", RESOURCE);
    assert_int_equal(count_of(f, "DescribeScalableTargets", NAMESPACE, "ScalableTargets"), 0);
    assert_int_equal(backend.patches, 0); /* what it has stays */
}

static void what_leads_nowhere_is_refused(void **state)
{
    static const struct refusal cases[] = {
        { OF("my-resource") ",'MinCapacity':1,'MaxCapacity':2",
          "Unsupported service namespace, resource type or scalable dimension" },
        { OF("ftp://h/x") ",'MinCapacity':1,'MaxCapacity':2",
          "Resource Id [ftp://h/x] is not scalable. Reason: it must be the http:// or https:// URL "
          "of a custom resource" },
        { OF("http://u:p@h/x") ",'MinCapacity':1,'MaxCapacity':2",
          "Resource Id [http://u:p@h/x] is not scalable. Reason: its URL must have a host, and no "
          "user or password" },
        { OF("http://h/a b") ",'MinCapacity':1,'MaxCapacity':2",
          "Resource Id [http://h/a b] is not scalable. Reason: its URL must be of printable ASCII "
          "characters, without spaces, backslashes and fragments" },
        { RESOURCE ",'MinCapacity':-1,'MaxCapacity':2", "MinCapacity must be at least 0" },
        { "'ServiceNamespace':'sagemaker','ResourceId':'" URL
          "','ScalableDimension':'sagemaker:variant:DesiredInstanceCount','MinCapacity':1,"
          "'MaxCapacity':2",
          "Unsupported service namespace, resource type or scalable dimension" },
    };
    struct fixture *f = *state;

    refused_each(f, "RegisterScalableTarget", cases);
    done(f, "RegisterScalableTarget", REGISTER);
    refused(f, "PutScalingPolicy",
            RESOURCE ",'PolicyName':'p','PolicyType':'TargetTrackingScaling'," TRACKING
                     "{'TargetValue':1," INVOCATIONS "}",
            INVALID,
            "The metric type SageMakerVariantInvocationsPerInstance is not supported for the "
            "scalable dimension custom-resource:ResourceType:Property");
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void registering_brings_it_within_the_bounds(void **state)
{
    struct fixture *f = *state;

    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':4,'MaxCapacity':10");
    second(f);
    second(f);
    second(f);
    newest_says(f, "InProgress", "Setting desired capacity to 4.",
                "Successfully set desired capacity to 4. Waiting for change to be fulfilled by "
                "custom-resource.");
    await(f, 4);
    seconds(f, 2);
    newest_says(f, "Successful", "Setting desired capacity to 4.",
                "Successfully set desired capacity to 4. Change successfully fulfilled by "
                "custom-resource.");
    assert_int_equal(backend.patches, 1);
}

static void a_scheduled_action_changes_it(void **state)
{
    struct fixture *f = *state;
    json_t *action;

    done(f, "RegisterScalableTarget", REGISTER);
    seconds(f, 3);
    done(f, "PutScheduledAction",
         RESOURCE ",'ScheduledActionName':'more','Schedule':'rate(1 minute)',"
                  "'ScalableTargetAction':{'MinCapacity':6}");
    restart(f);
    action = ask_for_one(f, "DescribeScheduledActions", RESOURCE, "ScheduledActions");
    assert_begins(text(action, "ScheduledActionARN"),
                  "arn:aws:autoscaling:us-east-1:000000000000:scheduledAction:");
    assert_contains(text(action, "ScheduledActionARN"), ":resource/custom-resource/" URL ":");
    json_decref(action);
    assert_in_range(await(f, 6), 50, 90);
}

/* --- policies --------------------------------------------------------------------------------- */

static void put(struct fixture *f, double value)
{
    const struct metric_name n = { "N", "jobs", { { "d", "v" } }, 1 };

    assert_int_equal(metrics_put_value(f->metrics, &n, value, METRIC_UNIT_NONE, loop_wall(f->loop)),
                     0);
}

static void target_tracking_changes_it(void **state)
{
    struct fixture *f = *state;
    json_t *policy, *activity, *alarms, *details;
    int out = 0;

    done(f, "RegisterScalableTarget", REGISTER);
    done(f, "PutScalingPolicy",
         RESOURCE ",'PolicyName':'p','PolicyType':'TargetTrackingScaling'," TRACKING
                  "{'TargetValue':10,'CustomizedMetricSpecification':{'Namespace':'N','MetricName':"
                  "'jobs','Statistic':'Average','Dimensions':[{'Name':'d','Value':'v'}]}}");
    restart(f);
    policy = ask_for_one(f, "DescribeScalingPolicies", RESOURCE, "ScalingPolicies");
    assert_contains(text(policy, "PolicyARN"), ":resource/custom-resource/" URL ":policyName/p");
    json_decref(policy);
    alarms = ask(f, "DescribeAlarms", "");
    assert_begins(text(json_array_get(json_object_get(alarms, "MetricAlarms"), 0), "AlarmName"),
                  "TargetTracking-" URL "-Alarm");
    json_decref(alarms);

    for (; out < 120 && backend.actual != 6; out++) {
        put(f, 60.0 / (backend.actual ? backend.actual : 1)); /* 60 jobs, shared */
        second(f);
    }
    assert_in_range(out, 10, 90);
    activity = newest(f);
    assert_contains(text(activity, "Cause"), "triggered policy p. jobs was 30 over the last");
    assert_contains(text(activity, "Cause"),
                    "with 2 units in service: 2 x 30 / 10 rounded up is 6");
    details = json_loads(text(activity, "Details"), 0, NULL);
    assert_int_equal(integer(details, "to"), 6);
    json_decref(details);
    json_decref(activity);
}

static void step_scaling_changes_it_from_zero(void **state)
{
    struct fixture *f = *state;
    char input[4096];
    json_t *answer;

    backend.actual = backend.desired = 0;
    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':0,'MaxCapacity':10");
    answer = ask(f, "PutScalingPolicy",
                 RESOURCE ",'PolicyName':'s','PolicyType':'StepScaling',"
                          "'StepScalingPolicyConfiguration':{'AdjustmentType':'ChangeInCapacity',"
                          "'Cooldown':0,'StepAdjustments':[{'MetricIntervalLowerBound':0,"
                          "'ScalingAdjustment':3}]}");
    snprintf(
        input, sizeof input,
        "'AlarmName':'a','Namespace':'N','MetricName':'jobs','Statistic':'Maximum','Period':60,"
        "'EvaluationPeriods':1,'Threshold':1,'ComparisonOperator':"
        "'GreaterThanOrEqualToThreshold','AlarmActions':['%s']",
        text(answer, "PolicyARN"));
    json_decref(answer);
    done(f, "PutMetricAlarm", input);
    seconds(f, 3);
    snprintf(input, sizeof input,
             "'AlarmName':'a','StateValue':'ALARM','StateReason':'test','StateReasonData':"
             "'{\\'version\\':\\'1.0\\',\\'recentDatapoints\\':[5],\\'threshold\\':1,"
             "\\'queryDate\\':\\'2026-01-02T03:04:09.000+0000\\'}'");
    done(f, "SetAlarmState", input);
    await(f, 3);
    seconds(f, 2);
    newest_says(f, "Successful", "Setting desired capacity to 3.",
                "Successfully set desired capacity to 3. Change successfully fulfilled by "
                "custom-resource.");
}

/* --- failures --------------------------------------------------------------------------------- */

static void who_cannot_be_read_is_told_of_once(void **state)
{
    struct fixture *f = *state;
    json_t *all;

    backend.down = 1;
    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':4,'MaxCapacity':10");
    seconds(f, 90);
    newest_says(f, "Failed", "Reading actual and desired capacity.",
                "Failed to read capacity. Reason: the custom resource did not answer: Connection "
                "refused");
    assert_int_equal(count_of(f, "DescribeScalingActivities", RESOURCE, "ScalingActivities"), 1);
    assert_int_equal(backend.patches, 0);

    backend.down = 0; /* and then the bounds are heeded */
    await(f, 4);
    seconds(f, 6);
    backend.down = 404;
    seconds(f, 10);
    newest_says(f, "Failed", "Reading actual and desired capacity.",
                "Failed to read capacity. Reason: the custom resource answered with status code "
                "404: not now");
    all = ask(f, "DescribeScalingActivities", RESOURCE);
    assert_int_equal(json_array_size(json_object_get(all, "ScalingActivities")), 3);
    json_decref(all);
}

static void meanwhile_it_is_not_scalable(void **state)
{
    struct fixture *f = *state;
    json_t *activities, *reason;

    done(f, "RegisterScalableTarget", REGISTER);
    done(f, "PutScalingPolicy",
         RESOURCE ",'PolicyName':'p','PolicyType':'TargetTrackingScaling'," TRACKING
                  "{'TargetValue':10,'CustomizedMetricSpecification':{'Namespace':'N','MetricName':"
                  "'jobs','Statistic':'Average','Dimensions':[{'Name':'d','Value':'v'}]}}");
    seconds(f, 3);
    backend.down = 500;
    for (int i = 0; i < 60; i++) {
        put(f, 30);
        second(f);
    }
    assert_int_equal(backend.patches, 0);
    activities = ask(f, "DescribeScalingActivities", RESOURCE ",'IncludeNotScaledActivities':true");
    reason = json_array_get(
        json_object_get(json_array_get(json_object_get(activities, "ScalingActivities"), 0),
                        "NotScaledReasons"),
        0);
    assert_string_equal(text(reason, "Code"), "TargetServicePutResourceAsUnscalable");
    assert_int_equal(json_object_size(reason), 1);
    json_decref(activities);
}

static void a_refused_change_fails(void **state)
{
    struct fixture *f = *state;

    done(f, "RegisterScalableTarget", REGISTER);
    seconds(f, 7);
    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':4");
    second(f); /* the change is sent, and answered with */
    backend.down = 0;
    seconds(f, 1);
    await(f, 4);

    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':5");
    run_second(f);
    assert_int_equal(backend.n_open > 0, true);
    backend.down = 403;
    second(f);
    second(f);
    newest_says(f, "Failed", "Setting desired capacity to 5.",
                "Failed to set desired capacity to 5. Reason: the custom resource answered with "
                "status code 403: not now");
    assert_int_equal(backend.desired, 4);
}

static void a_failure_that_it_reports_is_told(void **state)
{
    struct fixture *f = *state;

    done(f, "RegisterScalableTarget", REGISTER);
    seconds(f, 7);
    backend.status = "Failed";
    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':5");
    seconds(f, 5);
    newest_says(f, "Failed", "Setting desired capacity to 5.",
                "Failed to set desired capacity to 5. Reason: no machines");
}

static void somebody_else_may_change_it(void **state)
{
    struct fixture *f = *state;

    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':6,'MaxCapacity':10");
    seconds(f, 4);
    backend.desired = 8;
    seconds(f, 3);
    newest_says(f, "Overridden", "Setting desired capacity to 6.",
                "Successfully set desired capacity to 6. Found it was later changed to 8.");
    await(f, 8); /* bounds are not enforced later */
    backend.desired = 20;
    await(f, 20);
}

static void a_change_before_a_restart_is_followed_or_ends(void **state)
{
    struct fixture *f = *state;

    done(f, "RegisterScalableTarget", REGISTER);
    seconds(f, 7);
    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':5");
    run_second(f); /* sent, not answered */
    newest_says(f, "Pending", "Setting desired capacity to 5.", NULL);
    restart(f);
    seconds(f, 4);
    newest_says(f, "Failed", "Setting desired capacity to 5.",
                "Failed to set desired capacity to 5. Reason: weir was restarted.");
    assert_int_equal(backend.desired, 2);

    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':6");
    seconds(f, 2);
    restart(f);
    await(f, 6);
    seconds(f, 2);
    newest_says(f, "Successful", "Setting desired capacity to 6.",
                "Successfully set desired capacity to 6. Change successfully fulfilled by "
                "custom-resource.");
}

static void bounds_are_enforced_after_a_restart_if_not_before(void **state)
{
    struct fixture *f = *state;

    backend.down = 1;
    done(f, "RegisterScalableTarget", RESOURCE ",'MinCapacity':5,'MaxCapacity':9");
    seconds(f, 3);
    restart(f);
    backend.down = 0;
    await(f, 5);
    backend.desired = 2; /* once is enough */
    restart(f);
    await(f, 2);
    seconds(f, 20);
    assert_int_equal(backend.desired, 2);
}

static void two_urls_are_two_targets(void **state)
{
    struct fixture *f = *state;
    struct courier *courier = f->courier;

    f->courier = NULL;
    restart(f);
    done(f, "RegisterScalableTarget", OF("http://h/x") ",'MinCapacity':1,'MaxCapacity':2");
    done(f, "RegisterScalableTarget", OF("http://h/X") ",'MinCapacity':1,'MaxCapacity':2");
    done(f, "RegisterScalableTarget", OF("http://h/x/y") ",'MinCapacity':1,'MaxCapacity':2");
#define SCHEDULE ",'Schedule':'rate(1 day)','ScalableTargetAction':{'MinCapacity':1}"
    done(f, "PutScheduledAction", OF("http://h/x") ",'ScheduledActionName':'b'" SCHEDULE);
    done(f, "PutScheduledAction", OF("http://h/x/y") ",'ScheduledActionName':'b'" SCHEDULE);
    restart(f);
    assert_int_equal(count_of(f, "DescribeScalableTargets", NAMESPACE, "ScalableTargets"), 3);
    assert_int_equal(count_of(f, "DescribeScheduledActions", NAMESPACE, "ScheduledActions"), 2);
    done(f, "DeregisterScalableTarget", OF("http://h/x"));
    restart(f);
    assert_int_equal(count_of(f, "DescribeScheduledActions", NAMESPACE, "ScheduledActions"), 1);
    f->courier = courier;
}

static void long_urls_fit_everywhere(void **state)
{
    struct fixture *f = *state;
    char url[1601], input[8192];
    json_t *output;

    f->courier = NULL;
    restart(f);
    snprintf(url, sizeof url, "http://h/");
    memset(url + 9, 'x', 1591);
    url[1600] = '\0';
#define OF_LONG                                                                                    \
    NAMESPACE ",'ResourceId':'%s','ScalableDimension':'custom-resource:ResourceType:Property'"
    snprintf(input, sizeof input, OF_LONG ",'MinCapacity':1,'MaxCapacity':2", url);
    done(f, "RegisterScalableTarget", input);
    for (int i = 0; i < 12; i++) {
        snprintf(input, sizeof input,
                 OF_LONG ",'PolicyName':'p%d','PolicyType':'TargetTrackingScaling'," TRACKING
                         "{'TargetValue':10,'CustomizedMetricSpecification':{'Namespace':'N',"
                         "'MetricName':'m%d','Statistic':'Average'}}",
                 url, i, i);
        done(f, "PutScalingPolicy", input);
    }
    restart(f);
    output = ask(f, "DescribeScalingPolicies", NAMESPACE);
    assert_int_equal(json_array_size(json_object_get(output, "ScalingPolicies")), 10);
    snprintf(input, sizeof input, NAMESPACE ",'NextToken':'%s'", text(output, "NextToken"));
    json_decref(output);
    assert_int_equal(count_of(f, "DescribeScalingPolicies", input, "ScalingPolicies"), 2);
    assert_int_equal(count_of(f, "DescribeAlarms", "", "MetricAlarms"), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_backend, tear_down)
        TEST(it_is_registered_and_described),
        TEST(what_leads_nowhere_is_refused),
        TEST(registering_brings_it_within_the_bounds),
        TEST(a_scheduled_action_changes_it),
        TEST(target_tracking_changes_it),
        TEST(step_scaling_changes_it_from_zero),
        TEST(who_cannot_be_read_is_told_of_once),
        TEST(meanwhile_it_is_not_scalable),
        TEST(a_refused_change_fails),
        TEST(a_failure_that_it_reports_is_told),
        TEST(somebody_else_may_change_it),
        TEST(a_change_before_a_restart_is_followed_or_ends),
        TEST(bounds_are_enforced_after_a_restart_if_not_before),
        TEST(two_urls_are_two_targets),
        TEST(long_urls_fit_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
