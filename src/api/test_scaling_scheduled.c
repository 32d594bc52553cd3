/* Scheduled actions: put, updated, listed, refused, and run. */
#include <stdio.h>

#include "api/rig.h"

#define NAMESPACE "'ServiceNamespace':'sagemaker'"

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
        test(an_updated_scheduled_action_forgets_only_its_start_and_end),
        test(a_scheduled_action_that_cannot_be_is_refused),
        test(two_hundred_scheduled_actions_are_listed_by_fifty),
        test(a_scheduled_action_brings_the_count_within_its_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
