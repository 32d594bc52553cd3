/* The autoscaler in a whole control plane on a simulated clock: what becomes of decisions, and what
 * survives a restart. The rules themselves are proven in src/scaling. */
#include <math.h>
#include <string.h>

#include "control/tags.h"
#include "control/test_scaling.h"

/* --- helpers ---------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    return set_up_with(state, 1);
}

static struct scaling_policy *follow(struct fixture *f, const char *name)
{
    return put_policy(f, name, POLICY_TRACKING, FOLLOW);
}

/* @seconds with @rate requests in each, shared by what is in service */
static void pass(struct fixture *f, int seconds, double rate)
{
    struct metric_name name = {
        .namespace = "AWS/SageMaker",
        .name = "InvocationsPerInstance",
        .dimensions = { { "EndpointName", "e" }, { "VariantName", "v" } },
        .n_dimensions = 2,
    };

    for (int i = 0; i < seconds; i++) {
        wall_ms_t now = wall(f);
        unsigned n = counts(f).in_service;
        struct metric_datum d = {
            .at = now,
            .resolution_s = 1,
            .count = rate > 0 ? rate : 1,
            .sum = n > 0 ? rate / n : 0,
        };
        d.min = d.max = d.sum / d.count;
        assert_int_equal(metrics_put(f->metrics, &name, &d, now), 0);
        run(f, 1000);
    }
}

static void pass_until_scaled(struct fixture *f, double rate)
{
    unsigned before = counts(f).desired;

    for (int i = 0; counts(f).desired == before; i++) {
        assert_true(i < 300);
        pass(f, 1, rate);
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

static void follows_the_load_out_and_in(void **state)
{
    struct fixture *f = *state;
    struct scaling_activity *out;

    register_target(f, 1, 4);
    follow(f, "p");
    pass(f, 20, 8);
    assert_int_equal(counts(f).desired, 1);
    pass(f, 6, 32);
    assert_int_equal(counts(f).desired, 4);
    out = newest(f);
    assert_non_null(strstr(out->cause, "-AlarmHigh-"));
    assert_non_null(strstr(out->cause, " in state ALARM triggered policy p. "));
    assert_non_null(strstr(out->cause, "1 x 1920 / 600 rounded up is 4"));
    assert_non_null(strstr(out->details, "\"to\":4"));
    pass(f, 5, 32);
    assert_int_equal(counts(f).in_service, 4);
    assert_int_equal(out->status, ACTIVITY_SUCCESSFUL);
    assert_string_equal(out->message, "Successfully set desired instance count to 4. Change "
                                      "successfully fulfilled by sagemaker.");
    pass(f, 60, 8);
    assert_int_equal(counts(f).desired, 1);
    assert_non_null(strstr(newest(f)->cause, "-AlarmLow-"));
}

static struct scaling_policy *put_steps(struct fixture *f)
{
    return put_policy(f, "steps", POLICY_STEP,
                      "'AdjustmentType':'ChangeInCapacity','Cooldown':60,'StepAdjustments':["
                      "{'MetricIntervalLowerBound':0,'MetricIntervalUpperBound':10,"
                      "'ScalingAdjustment':2},"
                      "{'MetricIntervalLowerBound':10,'ScalingAdjustment':3}]");
}

static void an_alarm_makes_steps(void **state)
{
    struct fixture *f = *state;
    struct scaling_policy *p;
    struct scaling_activity *out;

    register_target(f, 1, 9);
    p = put_steps(f);
    assert_int_equal(tell(f, p, 55, 0), 0);
    run(f, 1500);
    assert_int_equal(counts(f).desired, 3);
    out = newest(f);
    assert_non_null(strstr(out->cause, "monitor alarm busy in state ALARM triggered policy steps. "
                                       "The metric was 55, which is 5 above the threshold 50; for "
                                       "that the step is ChangeInCapacity +2, from 1 to 3;"));
    run(f, 10000);
    assert_int_equal(out->status, ACTIVITY_SUCCESSFUL);

    /* it cools down: the same again adds nothing, a larger step the difference */
    assert_int_equal(tell(f, p, 55, 0), 0);
    run(f, 1500);
    assert_int_equal(counts(f).desired, 3);
    assert_int_equal(tell(f, p, 60, 0), 0);
    run(f, 1500);
    assert_int_equal(counts(f).desired, 4);
    run(f, 70000);
    assert_int_equal(tell(f, p, 60, 0), 0);
    run(f, 1500);
    assert_int_equal(counts(f).desired, 7);
}

static void a_signal_without_fresh_data_is_not_heard(void **state)
{
    struct fixture *f = *state;
    struct scaling_policy *p;

    register_target(f, 1, 9);
    p = put_steps(f);
    assert_int_equal(tell(f, p, 55, 15600), ALARM_ACTION_E_STALE);
    assert_int_equal(tell(f, p, (double)NAN, 0), ALARM_ACTION_E_STALE);
    run(f, 1500);
    assert_int_equal(counts(f).desired, 1);
    assert_int_equal(tell(f, p, 55, 5700), 0);
    run(f, 1500);
    assert_int_equal(counts(f).desired, 3);
    assert_int_equal(
        scaling_policy_hear(autoscaler(f), "arn:x", &(struct alarm_signal){ .alarm = "busy" }),
        ALARM_ACTION_E_UNKNOWN);
}

static void suspended_steps_are_dropped(void **state)
{
    struct fixture *f = *state;
    struct scaling_target_change change = change_to(f, 1, 9);
    struct scaling_policy *p;

    change.out_suspended = 1;
    assert_int_equal(register_as(f, &change), 0);
    p = put_steps(f);
    assert_int_equal(tell(f, p, 55, 0), 0);
    run(f, 3000);
    assert_int_equal(counts(f).desired, 1);
    target(f)->out_suspended = false; /* resumed: what was dropped is gone, what comes now counts */
    run(f, 3000);
    assert_int_equal(counts(f).desired, 1);
    assert_int_equal(tell(f, p, 55, 0), 0);
    run(f, 3000);
    assert_int_equal(counts(f).desired, 3);
}

/* All activities so far, by what their Details say. */
static void assert_all_replay(struct fixture *f)
{
    assert_non_null(newest(f));
    for (size_t i = 0; activity(f, i); i++)
        assert_replays(activity(f, i));
}

static void every_decision_can_be_made_again_from_its_record(void **state)
{
    struct fixture *f = *state;
    struct scaling_policy *steps;

    register_target(f, 2, 9);
    steps = put_steps(f);
    follow(f, "p");
    pass(f, 3, 8);
    pass(f, 20, 47.3);
    assert_int_equal(tell(f, steps, 55.1, 0), 0);
    pass(f, 20, 200.7);
    pass(f, 70, 3.3);
    assert_true(autoscaler(f)->n_activities >= 4);
    assert_all_replay(f);
}

static void registering_enforces_the_bounds_once(void **state)
{
    struct fixture *f = *state;

    register_target(f, 2, 4);
    run(f, 2000);
    assert_int_equal(counts(f).desired, 2);
    assert_string_equal(newest(f)->description, "Setting desired instance count to 2.");
    assert_int_equal(strncmp(newest(f)->cause, "minimum capacity was set to 2", 29), 0);
    run(f, 10000);
    assert_int_equal(newest(f)->status, ACTIVITY_SUCCESSFUL);

    /* by hand beyond the bounds: it stays */
    assert_int_equal(world_set_count(&f->world, 1), 0);
    run(f, 10000);
    assert_int_equal(counts(f).desired, 1);
}

static void says_once_why_it_does_nothing(void **state)
{
    struct fixture *f = *state;
    struct autoscaler *a = autoscaler(f);
    size_t n;

    register_target(f, 1, 1);
    follow(f, "p");
    pass(f, 20, 32);
    assert_true(newest(f)->not_scaled);
    assert_int_equal(newest(f)->reason, NOT_SCALED_AT_MAX);
    assert_int_equal(newest(f)->capacity, 1);
    n = a->n_activities;
    pass(f, 20, 32);
    assert_int_equal(a->n_activities, n);
    pass(f, 30, 1);
    assert_int_equal(newest(f)->reason, NOT_SCALED_AT_MIN);
    assert_int_equal(a->n_activities, n + 1);
}

static void a_newer_count_overrides_an_activity(void **state)
{
    struct fixture *f = *state;
    struct scaling_activity *out;

    register_target(f, 1, 4);
    follow(f, "p");
    pass(f, 10, 8);
    pass_until_scaled(f, 12);
    out = newest(f);
    assert_int_equal(out->to, 2);
    assert_int_equal(endpoint_set_desired(f->world.control, "e", "v", 3, "test"), 0);
    run(f, 1000);
    assert_int_equal(out->status, ACTIVITY_OVERRIDDEN);
    assert_string_equal(out->message, "Successfully set desired instance count to 2. Found it was "
                                      "later changed to 3.");
}

static void a_restart_keeps_everything_that_was_said(void **state)
{
    struct fixture *f = *state;
    struct scaling_target_change change = change_to(f, 1, 4);
    struct scaling_policy *p;
    struct scaling_target *t;
    char arn[SCALING_ARN_BYTES], arn_again[SCALING_ARN_BYTES];
    size_t n;

    change.in_suspended = 1;
    change.tags = json_pack("[{s:s, s:s}]", "Key", SCALING_PACE_TAG, "Value", "aws");
    assert_int_equal(register_as(f, &change), 0);
    json_decref(change.tags);
    p = follow(f, "p");
    cooldown_start(&p->state.cooldown, 4, 3, wall(f), 300);
    assert_int_equal(scaling_policy_save(p), 0);
    scaling_policy_arn(p, arn);
    assert_int_equal(
        scaling_activity_not_scaled(target(f), wall(f), NOT_SCALED_AT_MIN, 1, "d", "c", "{}"), 0);
    n = autoscaler(f)->n_activities;

    restart(f, 0);
    t = target(f);
    assert_non_null(t);
    assert_int_equal(t->max, 4);
    assert_true(t->in_suspended);
    assert_int_equal(t->pace, PACE_AWS);
    p = scaling_policy_find(t, "p");
    assert_non_null(p);
    scaling_policy_arn(p, arn_again);
    assert_string_equal(arn, arn_again);
    assert_true(cooldown_blocks_in(&p->state.cooldown, wall(f)));
    assert_int_equal(autoscaler(f)->n_activities, n);
    assert_true(newest(f)->not_scaled);
    assert_int_equal(newest(f)->reason, NOT_SCALED_AT_MIN);
    assert_int_equal(newest(f)->capacity, 1);
}

static void an_activity_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct scaling_activity *out;

    register_target(f, 1, 4);
    follow(f, "p");
    pass(f, 10, 8);
    pass_until_scaled(f, 32);
    assert_int_equal(newest(f)->status, ACTIVITY_IN_PROGRESS);
    restart(f, 0);
    run(f, 20000);
    assert_int_equal(counts(f).in_service, 4);
    out = list_first_entry(&autoscaler(f)->activities, struct scaling_activity, link);
    assert_int_equal(out->to, 4);
    assert_int_equal(out->status, ACTIVITY_SUCCESSFUL);
}

static void a_refused_change_fails_and_is_tried_each_minute(void **state)
{
    struct fixture *f = *state;
    struct autoscaler *a = autoscaler(f);

    register_target(f, 1, 4);
    follow(f, "p");
    f->world.control->settings.instances_max = 1;
    pass(f, 10, 8);
    pass(f, 30, 32);
    assert_int_equal(a->n_activities, 1);
    assert_int_equal(newest(f)->status, ACTIVITY_FAILED);
    assert_non_null(
        strstr(newest(f)->message, "Failed to set desired instance count to 4. Reason: "));
    assert_non_null(strstr(newest(f)->message, "ResourceLimitExceeded"));
    pass(f, 60, 32);
    assert_int_equal(a->n_activities, 2);
}

static void a_deleted_endpoint_takes_its_targets_along(void **state)
{
    struct fixture *f = *state;

    register_target(f, 1, 4);
    follow(f, "p");
    assert_int_equal(endpoint_delete(f->world.control, "e"), 0);
    run(f, 30000);
    assert_int_equal(autoscaler(f)->n_targets, 0);
    restart(f, 0);
    assert_int_equal(autoscaler(f)->n_targets, 0);
}

static void refuses_what_cannot_be_registered(void **state)
{
    struct fixture *f = *state;
    struct scaling_target_change change = change_to(f, 1, -1);
    struct scaling_target *t;

    assert_int_equal(register_as(f, &change), SCALING_E_INCOMPLETE);
    change = change_to(f, 3, 2);
    assert_int_equal(register_as(f, &change), SCALING_E_BOUNDS);
    change.resource_id = "endpoint/e/variant/w";
    assert_int_equal(register_as(f, &change), SCALING_E_NO_RESOURCE);
    change.resource_id = "service/e";
    assert_int_equal(register_as(f, &change), SCALING_E_NO_RESOURCE);
    t = register_target(f, 1, 4);
    change = change_to(f, 5, -1);
    assert_int_equal(register_as(f, &change), SCALING_E_BOUNDS);
    assert_int_equal(t->min, 1);
    change = change_to(f, -1, 6); /* what is left out stays */
    assert_int_equal(register_as(f, &change), 0);
    assert_int_equal(t->min, 1);
    assert_int_equal(t->max, 6);
    change.tags = json_pack("[{s:s, s:s}]", "Key", "k", "Value", "v");
    assert_int_equal(register_as(f, &change), SCALING_E_TAGGED);
    json_decref(change.tags);
}

static int put(struct scaling_target *t, const char *name, const char *configuration)
{
    char why[SCALING_WHY_BYTES] = "";
    json_t *parsed = parse(configuration);
    struct scaling_policy *p;
    int r = scaling_policy_put(t, name, POLICY_TRACKING, parsed, &p, why);

    json_decref(parsed);
    assert_true(r != SCALING_E_CONFIGURATION || why[0] != '\0');
    return r;
}

static void refuses_policies_that_make_no_sense(void **state)
{
    static const char *const wrong[] = {
        "'TargetValue':0," INVOCATIONS,
        "'TargetValue':5",
        "'TargetValue':5,'PredefinedMetricSpecification':"
        "{'PredefinedMetricType':'RDSReaderAverageCPUUtilization'}",
        "'TargetValue':5,'ScaleInCooldown':-1," INVOCATIONS,
        "'TargetValue':5,'CustomizedMetricSpecification':{'MetricName':'m'}",
        "'TargetValue':5,'CustomizedMetricSpecification':{'Metrics':[{'Id':'a'}]}",
        "'TargetValue':5,'CustomizedMetricSpecification':"
        "{'MetricName':'m','Namespace':'n','Statistic':'Average','Unit':'Miles'}",
    };
    struct scaling_target *t = register_target(*state, 1, 4);

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(put(t, "p", wrong[i]), SCALING_E_CONFIGURATION);
    assert_int_equal(t->n_policies, 0);
    follow(*state, "p");
    assert_int_equal(put(t, "q", "'TargetValue':5," INVOCATIONS), SCALING_E_DUPLICATE);
    assert_int_equal(put(t, "q",
                         "'TargetValue':70,'CustomizedMetricSpecification':{"
                         "'MetricName':'CPUUtilization','Namespace':'/aws/sagemaker/Endpoints',"
                         "'Statistic':'Average','Unit':'Percent','Dimensions':["
                         "{'Name':'EndpointName','Value':'e'},"
                         "{'Name':'VariantName','Value':'v'}]}"),
                     0);
    assert_int_equal(t->n_policies, 2);
}

static void replacing_a_policy_makes_new_alarms(void **state)
{
    struct fixture *f = *state;
    struct scaling_target *t = register_target(f, 1, 4);
    struct scaling_policy *p = follow(f, "p");
    char alarm[SCALING_ALARM_NAME_BYTES], action[SCALING_ARN_BYTES], again[SCALING_ARN_BYTES];

    scaling_policy_alarm_name(p, &p->high, alarm);
    scaling_policy_action_arn(p, action);
    p = follow(f, "p");
    scaling_policy_alarm_name(p, &p->high, again);
    assert_string_not_equal(alarm, again);
    scaling_policy_action_arn(p, again);
    assert_string_equal(action, again);
    assert_int_equal(t->n_policies, 1);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(follows_the_load_out_and_in),
        TEST(an_alarm_makes_steps),
        TEST(a_signal_without_fresh_data_is_not_heard),
        TEST(suspended_steps_are_dropped),
        TEST(every_decision_can_be_made_again_from_its_record),
        TEST(registering_enforces_the_bounds_once),
        TEST(says_once_why_it_does_nothing),
        TEST(a_newer_count_overrides_an_activity),
        TEST(a_restart_keeps_everything_that_was_said),
        TEST(an_activity_goes_on_after_a_restart),
        TEST(a_refused_change_fails_and_is_tried_each_minute),
        TEST(a_deleted_endpoint_takes_its_targets_along),
        TEST(refuses_what_cannot_be_registered),
        TEST(refuses_policies_that_make_no_sense),
        TEST(replacing_a_policy_makes_new_alarms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
