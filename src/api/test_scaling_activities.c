/* What policies do and what is told of it: activities, states of alarms, what is suspended. */
#include <stdio.h>

#include "api/rig.h"

#define NAMESPACE "'ServiceNamespace':'sagemaker'"

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

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(load_scales_out_within_seconds_and_back),
        test(alarms_tell_why_they_are_in_their_state),
        test(what_was_not_scaled_is_told_on_request),
        test(pages_of_activities_make_up_the_whole_list),
        test(suspended_directions_stay_as_they_are),
        test(a_restart_keeps_targets_policies_and_activities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
