/* The autoscaler in a whole control plane on a simulated clock: what becomes of decisions, and what
 * survives a restart. The rules themselves are proven in src/scaling. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/autoscaler.h"
#include "control/endpoint.h"
#include "control/explanation.h"
#include "control/scaling_activity.h"
#include "control/scaling_policy.h"
#include "control/tags.h"
#include "control/test_world.h"
#include "fleet/fake.h"

static const char resource[] = "endpoint/e/variant/v";

static struct world world;
static struct metrics *metrics;

/* --- helpers ---------------------------------------------------------------------------------- */

static void attach(void)
{
    world.control->metrics = metrics;
    assert_int_equal(autoscaler_new(world.control, &world.control->autoscaler), 0);
}

static void detach(void)
{
    world.control->autoscaler = autoscaler_free(world.control->autoscaler);
}

static bool in_service(struct world *w)
{
    return endpoint_find(w->control, "e")->status == ENDPOINT_IN_SERVICE;
}

static int set_up(void **state)
{
    world_set_up(&world);
    world_connect_proxy(&world);
    assert_int_equal(metrics_new(1000, &metrics), 0);
    attach();
    fake_driver_set_ready_at_launch(world.driver, true);
    world_make_endpoint(&world, "e", 1);
    world_await(&world, in_service);
    return 0;
}

static int tear_down(void **state)
{
    detach();
    world_tear_down(&world);
    metrics = metrics_free(metrics);
    return 0;
}

static void restart(void)
{
    detach();
    world_restart(&world);
    attach();
    world_run(&world, 3000);
}

static char not_scalable[SCALABLE_WHY_BYTES];

static struct scaling_target_change change_to(int min, int max)
{
    return (struct scaling_target_change){
        .resource_id = resource,
        .min = min,
        .max = max,
        .in_suspended = -1,
        .out_suspended = -1,
        .scheduled_suspended = -1,
    };
}

static struct scaling_target *register_target(int min, int max)
{
    struct scaling_target_change change = change_to(min, max);
    struct scaling_target *t = NULL;

    assert_int_equal(scaling_target_register(world.control->autoscaler, &change, &t, not_scalable),
                     0);
    return t;
}

/* 600 a minute for each instance, scaling in after 15 s */
static struct scaling_policy *put_policy(struct scaling_target *t, const char *name)
{
    char why[SCALING_WHY_BYTES];
    struct scaling_policy *p = NULL;
    json_t *configuration = json_pack(
        "{s:i, s:{s:s}, s:i}", "TargetValue", 600, "PredefinedMetricSpecification",
        "PredefinedMetricType", "SageMakerVariantInvocationsPerInstance", "ScaleInCooldown", 15);

    assert_int_equal(scaling_policy_put(t, name, POLICY_TRACKING, configuration, &p, why), 0);
    json_decref(configuration);
    return p;
}

static struct variant_counts counts(void)
{
    struct variant_counts c;

    assert_int_equal(endpoint_variant_counts(world.control, "e", "v", &c), 0);
    return c;
}

/* @seconds with @rate requests in each, shared by what is in service */
static void pass(int seconds, double rate)
{
    struct metric_name name = {
        .namespace = "AWS/SageMaker",
        .name = "InvocationsPerInstance",
        .dimensions = { { "EndpointName", "e" }, { "VariantName", "v" } },
        .n_dimensions = 2,
    };

    for (int i = 0; i < seconds; i++) {
        wall_ms_t now = loop_wall(world.loop);
        unsigned n = counts().in_service;
        struct metric_datum d = {
            .at = now,
            .resolution_s = 1,
            .count = rate > 0 ? rate : 1,
            .sum = n > 0 ? rate / n : 0,
        };
        d.min = d.max = d.sum / d.count;
        assert_int_equal(metrics_put(metrics, &name, &d, now), 0);
        world_run(&world, 1000);
    }
}

static void pass_until_scaled(double rate)
{
    unsigned before = counts().desired;

    for (int i = 0; counts().desired == before; i++) {
        assert_true(i < 300);
        pass(1, rate);
    }
}

static struct scaling_activity *newest(void)
{
    struct list *list = &world.control->autoscaler->activities;

    return list_empty(list) ? NULL
                            : container_of(list->head.previous, struct scaling_activity, link);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void follows_the_load_out_and_in(void **state)
{
    struct scaling_activity *out;

    put_policy(register_target(1, 4), "p");
    pass(20, 8);
    assert_int_equal(counts().desired, 1);
    pass(6, 32);
    assert_int_equal(counts().desired, 4);
    out = newest();
    assert_non_null(strstr(out->cause, "-AlarmHigh-"));
    assert_non_null(strstr(out->cause, " in state ALARM triggered policy p. "));
    assert_non_null(strstr(out->cause, "1 x 1920 / 600 rounded up is 4"));
    assert_non_null(strstr(out->details, "\"to\":4"));
    pass(5, 32);
    assert_int_equal(counts().in_service, 4);
    assert_int_equal(out->status, ACTIVITY_SUCCESSFUL);
    assert_string_equal(out->message, "Successfully set desired instance count to 4. Change "
                                      "successfully fulfilled by sagemaker.");
    pass(60, 8);
    assert_int_equal(counts().desired, 1);
    assert_non_null(strstr(newest()->cause, "-AlarmLow-"));
}

static struct scaling_policy *put_steps(struct scaling_target *t)
{
    char why[SCALING_WHY_BYTES];
    struct scaling_policy *p = NULL;
    json_t *configuration =
        json_pack("{s:s, s:i, s:[{s:i, s:i, s:i}, {s:i, s:i}]}", "AdjustmentType",
                  "ChangeInCapacity", "Cooldown", 60, "StepAdjustments", "MetricIntervalLowerBound",
                  0, "MetricIntervalUpperBound", 10, "ScalingAdjustment", 2,
                  "MetricIntervalLowerBound", 10, "ScalingAdjustment", 3);

    assert_int_equal(scaling_policy_put(t, "steps", POLICY_STEP, configuration, &p, why), 0);
    json_decref(configuration);
    return p;
}

/* as an alarm above 50 tells it, with the policy's ARN as its action */
static int tell(const struct scaling_policy *p, double metric, ms_t age_ms)
{
    char arn[SCALING_ARN_BYTES];
    wall_ms_t now = loop_wall(world.loop);

    scaling_policy_arn(p, arn);
    return scaling_policy_hear(world.control->autoscaler, arn,
                               &(struct alarm_signal){ .alarm = "busy",
                                                       .state = ALARM_ALARM,
                                                       .now = now,
                                                       .comparison = ALARM_GREATER,
                                                       .threshold = 50,
                                                       .points = &metric,
                                                       .n_points = 1,
                                                       .queried = now - age_ms });
}

static void an_alarm_makes_steps(void **state)
{
    struct scaling_policy *p = put_steps(register_target(1, 9));
    struct scaling_activity *out;

    assert_int_equal(tell(p, 55, 0), 0);
    world_run(&world, 1500);
    assert_int_equal(counts().desired, 3);
    out = newest();
    assert_non_null(strstr(out->cause, "monitor alarm busy in state ALARM triggered policy steps. "
                                       "The metric was 55, which is 5 above the threshold 50; for "
                                       "that the step is ChangeInCapacity +2, from 1 to 3;"));
    world_run(&world, 10000);
    assert_int_equal(out->status, ACTIVITY_SUCCESSFUL);

    /* it cools down: the same again adds nothing, a larger step the difference */
    assert_int_equal(tell(p, 55, 0), 0);
    world_run(&world, 1500);
    assert_int_equal(counts().desired, 3);
    assert_int_equal(tell(p, 60, 0), 0);
    world_run(&world, 1500);
    assert_int_equal(counts().desired, 4);
    world_run(&world, 70000);
    assert_int_equal(tell(p, 60, 0), 0);
    world_run(&world, 1500);
    assert_int_equal(counts().desired, 7);
}

static void a_signal_without_fresh_data_is_not_heard(void **state)
{
    struct scaling_policy *p = put_steps(register_target(1, 9));

    assert_int_equal(tell(p, 55, 15600), ALARM_ACTION_E_STALE);
    assert_int_equal(tell(p, (double)NAN, 0), ALARM_ACTION_E_STALE);
    world_run(&world, 1500);
    assert_int_equal(counts().desired, 1);
    assert_int_equal(tell(p, 55, 5700), 0);
    world_run(&world, 1500);
    assert_int_equal(counts().desired, 3);
    assert_int_equal(scaling_policy_hear(world.control->autoscaler, "arn:x",
                                         &(struct alarm_signal){ .alarm = "busy" }),
                     ALARM_ACTION_E_UNKNOWN);
}

static void suspended_steps_are_dropped(void **state)
{
    struct scaling_target_change change = change_to(1, 9);
    struct scaling_target *t;
    struct scaling_policy *p;

    change.out_suspended = 1;
    assert_int_equal(scaling_target_register(world.control->autoscaler, &change, &t, not_scalable),
                     0);
    p = put_steps(t);
    assert_int_equal(tell(p, 55, 0), 0);
    world_run(&world, 3000);
    assert_int_equal(counts().desired, 1);
    t->out_suspended = false; /* resumed: what was dropped is gone, what comes now counts */
    world_run(&world, 3000);
    assert_int_equal(counts().desired, 1);
    assert_int_equal(tell(p, 55, 0), 0);
    world_run(&world, 3000);
    assert_int_equal(counts().desired, 3);
}

/* All activities so far, by what their Details say. */
static void assert_all_replay(void)
{
    unsigned n = 0;

    list_for_each (x, &world.control->autoscaler->activities, struct scaling_activity, link) {
        autofree(explanation_free) struct explanation_file *f = NULL;
        struct wish scratch[EXPLANATION_WISHES_MAX];
        struct decision again;
        json_t *details = json_loads(x->details, 0, NULL);

        assert_int_equal(explanation_read(details, &f), 0);
        json_decref(details);
        again = explain_replay(&f->x, scratch);
        assert_true(explain_same(&again, &f->x.decision));
        assert_int_equal(f->x.at, x->start);
        if (!x->not_scaled)
            assert_int_equal(again.to, x->to);
        n++;
    }
    assert_true(n > 0);
}

static void every_decision_can_be_made_again_from_its_record(void **state)
{
    struct scaling_target *t = register_target(2, 9);
    struct scaling_policy *steps = put_steps(t);

    put_policy(t, "p");
    pass(3, 8);
    pass(20, 47.3);
    assert_int_equal(tell(steps, 55.1, 0), 0);
    pass(20, 200.7);
    pass(70, 3.3);
    assert_true(world.control->autoscaler->n_activities >= 4);
    assert_all_replay();
}

static void registering_enforces_the_bounds_once(void **state)
{
    struct variant_change change = { .variant = "v", .has_count = true, .count = 1 };
    const char *subject;

    register_target(2, 4);
    world_run(&world, 2000);
    assert_int_equal(counts().desired, 2);
    assert_string_equal(newest()->description, "Setting desired instance count to 2.");
    assert_int_equal(strncmp(newest()->cause, "minimum capacity was set to 2", 29), 0);
    world_run(&world, 10000);
    assert_int_equal(newest()->status, ACTIVITY_SUCCESSFUL);

    /* by hand beyond the bounds: it stays */
    assert_int_equal(
        endpoint_update_weights_and_capacities(world.control, "e", &change, 1, &subject), 0);
    world_run(&world, 10000);
    assert_int_equal(counts().desired, 1);
}

static void says_once_why_it_does_nothing(void **state)
{
    struct autoscaler *a = world.control->autoscaler;
    size_t n;

    put_policy(register_target(1, 1), "p");
    pass(20, 32);
    assert_true(newest()->not_scaled);
    assert_int_equal(newest()->reason, NOT_SCALED_AT_MAX);
    assert_int_equal(newest()->capacity, 1);
    n = a->n_activities;
    pass(20, 32);
    assert_int_equal(a->n_activities, n);
    pass(30, 1);
    assert_int_equal(newest()->reason, NOT_SCALED_AT_MIN);
    assert_int_equal(a->n_activities, n + 1);
}

static void a_newer_count_overrides_an_activity(void **state)
{
    struct scaling_activity *out;

    put_policy(register_target(1, 4), "p");
    pass(10, 8);
    pass_until_scaled(12);
    out = newest();
    assert_int_equal(out->to, 2);
    assert_int_equal(endpoint_set_desired(world.control, "e", "v", 3, "test"), 0);
    world_run(&world, 1000);
    assert_int_equal(out->status, ACTIVITY_OVERRIDDEN);
    assert_string_equal(out->message, "Successfully set desired instance count to 2. Found it was "
                                      "later changed to 3.");
}

static void a_restart_keeps_everything_that_was_said(void **state)
{
    struct scaling_target_change change = change_to(1, 4);
    struct scaling_policy *p;
    struct scaling_target *t;
    char arn[SCALING_ARN_BYTES], arn_again[SCALING_ARN_BYTES];
    size_t n;

    change.in_suspended = 1;
    change.tags = json_pack("[{s:s, s:s}]", "Key", SCALING_PACE_TAG, "Value", "aws");
    assert_int_equal(scaling_target_register(world.control->autoscaler, &change, &t, not_scalable),
                     0);
    json_decref(change.tags);
    p = put_policy(t, "p");
    cooldown_start(&p->state.cooldown, 4, 3, loop_wall(world.loop), 300);
    assert_int_equal(scaling_policy_save(p), 0);
    scaling_policy_arn(p, arn);
    assert_int_equal(
        scaling_activity_not_scaled(t, loop_wall(world.loop), NOT_SCALED_AT_MIN, 1, "d", "c", "{}"),
        0);
    n = world.control->autoscaler->n_activities;

    restart();
    t = scaling_target_find(world.control->autoscaler, resource);
    assert_non_null(t);
    assert_int_equal(t->max, 4);
    assert_true(t->in_suspended);
    assert_int_equal(t->pace, PACE_AWS);
    p = scaling_policy_find(t, "p");
    assert_non_null(p);
    scaling_policy_arn(p, arn_again);
    assert_string_equal(arn, arn_again);
    assert_true(cooldown_blocks_in(&p->state.cooldown, loop_wall(world.loop)));
    assert_int_equal(world.control->autoscaler->n_activities, n);
    assert_true(newest()->not_scaled);
    assert_int_equal(newest()->reason, NOT_SCALED_AT_MIN);
    assert_int_equal(newest()->capacity, 1);
}

static void an_activity_goes_on_after_a_restart(void **state)
{
    struct scaling_activity *out;

    put_policy(register_target(1, 4), "p");
    pass(10, 8);
    pass_until_scaled(32);
    assert_int_equal(newest()->status, ACTIVITY_IN_PROGRESS);
    restart();
    world_run(&world, 20000);
    assert_int_equal(counts().in_service, 4);
    out = list_first_entry(&world.control->autoscaler->activities, struct scaling_activity, link);
    assert_int_equal(out->to, 4);
    assert_int_equal(out->status, ACTIVITY_SUCCESSFUL);
}

static void a_refused_change_fails_and_is_tried_each_minute(void **state)
{
    struct autoscaler *a = world.control->autoscaler;

    put_policy(register_target(1, 4), "p");
    world.control->settings.instances_max = 1;
    pass(10, 8);
    pass(30, 32);
    assert_int_equal(a->n_activities, 1);
    assert_int_equal(newest()->status, ACTIVITY_FAILED);
    assert_non_null(
        strstr(newest()->message, "Failed to set desired instance count to 4. Reason: "));
    assert_non_null(strstr(newest()->message, "ResourceLimitExceeded"));
    pass(60, 32);
    assert_int_equal(a->n_activities, 2);
}

static void a_deleted_endpoint_takes_its_targets_along(void **state)
{
    put_policy(register_target(1, 4), "p");
    assert_int_equal(endpoint_delete(world.control, "e"), 0);
    world_run(&world, 30000);
    assert_int_equal(world.control->autoscaler->n_targets, 0);
    restart();
    assert_int_equal(world.control->autoscaler->n_targets, 0);
}

static void refuses_what_cannot_be_registered(void **state)
{
    struct autoscaler *a = world.control->autoscaler;
    struct scaling_target_change change = change_to(1, -1);
    struct scaling_target *t = NULL;

    assert_int_equal(scaling_target_register(a, &change, &t, not_scalable), SCALING_E_INCOMPLETE);
    change = change_to(3, 2);
    assert_int_equal(scaling_target_register(a, &change, &t, not_scalable), SCALING_E_BOUNDS);
    change.resource_id = "endpoint/e/variant/w";
    assert_int_equal(scaling_target_register(a, &change, &t, not_scalable), SCALING_E_NO_RESOURCE);
    change.resource_id = "service/e";
    assert_int_equal(scaling_target_register(a, &change, &t, not_scalable), SCALING_E_NO_RESOURCE);
    t = register_target(1, 4);
    change = change_to(5, -1);
    assert_int_equal(scaling_target_register(a, &change, &t, not_scalable), SCALING_E_BOUNDS);
    assert_int_equal(t->min, 1);
    change = change_to(-1, 6); /* what is left out stays */
    assert_int_equal(scaling_target_register(a, &change, &t, not_scalable), 0);
    assert_int_equal(t->min, 1);
    assert_int_equal(t->max, 6);
    change.tags = json_pack("[{s:s, s:s}]", "Key", "k", "Value", "v");
    assert_int_equal(scaling_target_register(a, &change, &t, not_scalable), SCALING_E_TAGGED);
    json_decref(change.tags);
}

static int put(struct scaling_target *t, const char *name, const char *configuration)
{
    char why[SCALING_WHY_BYTES] = "";
    struct scaling_policy *p;
    json_t *parsed = json_loads(configuration, 0, NULL);
    int r;

    assert_non_null(parsed);
    r = scaling_policy_put(t, name, POLICY_TRACKING, parsed, &p, why);
    json_decref(parsed);
    assert_true(r != SCALING_E_CONFIGURATION || why[0] != '\0');
    return r;
}

static void refuses_policies_that_make_no_sense(void **state)
{
    struct scaling_target *t = register_target(1, 4);
    static const char *const wrong[] = {
        "{\"TargetValue\":0,\"PredefinedMetricSpecification\":"
        "{\"PredefinedMetricType\":\"SageMakerVariantInvocationsPerInstance\"}}",
        "{\"TargetValue\":5}",
        "{\"TargetValue\":5,\"PredefinedMetricSpecification\":"
        "{\"PredefinedMetricType\":\"RDSReaderAverageCPUUtilization\"}}",
        "{\"TargetValue\":5,\"ScaleInCooldown\":-1,\"PredefinedMetricSpecification\":"
        "{\"PredefinedMetricType\":\"SageMakerVariantInvocationsPerInstance\"}}",
        "{\"TargetValue\":5,\"CustomizedMetricSpecification\":{\"MetricName\":\"m\"}}",
        "{\"TargetValue\":5,\"CustomizedMetricSpecification\":{\"Metrics\":[{\"Id\":\"a\"}]}}",
        "{\"TargetValue\":5,\"CustomizedMetricSpecification\":{\"MetricName\":\"m\","
        "\"Namespace\":\"n\",\"Statistic\":\"Average\",\"Unit\":\"Miles\"}}",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(put(t, "p", wrong[i]), SCALING_E_CONFIGURATION);
    assert_int_equal(t->n_policies, 0);
    put_policy(t, "p");
    assert_int_equal(put(t, "q",
                         "{\"TargetValue\":5,\"PredefinedMetricSpecification\":"
                         "{\"PredefinedMetricType\":\"SageMakerVariantInvocationsPerInstance\"}}"),
                     SCALING_E_DUPLICATE);
    assert_int_equal(put(t, "q",
                         "{\"TargetValue\":70,\"CustomizedMetricSpecification\":"
                         "{\"MetricName\":\"CPUUtilization\",\"Namespace\":"
                         "\"/aws/sagemaker/Endpoints\",\"Statistic\":\"Average\","
                         "\"Unit\":\"Percent\",\"Dimensions\":[{\"Name\":\"EndpointName\","
                         "\"Value\":\"e\"},{\"Name\":\"VariantName\",\"Value\":\"v\"}]}}"),
                     0);
    assert_int_equal(t->n_policies, 2);
}

static void replacing_a_policy_makes_new_alarms(void **state)
{
    struct scaling_target *t = register_target(1, 4);
    struct scaling_policy *p = put_policy(t, "p");
    char alarm[SCALING_ALARM_NAME_BYTES], action[SCALING_ARN_BYTES], again[SCALING_ARN_BYTES];

    scaling_policy_alarm_name(p, &p->high, alarm);
    scaling_policy_action_arn(p, action);
    p = put_policy(t, "p");
    scaling_policy_alarm_name(p, &p->high, again);
    assert_string_not_equal(alarm, again);
    scaling_policy_action_arn(p, again);
    assert_string_equal(action, again);
    assert_int_equal(t->n_policies, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(follows_the_load_out_and_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_alarm_makes_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_without_fresh_data_is_not_heard, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(suspended_steps_are_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_decision_can_be_made_again_from_its_record, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(registering_enforces_the_bounds_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_once_why_it_does_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_count_overrides_an_activity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restart_keeps_everything_that_was_said, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_activity_goes_on_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_change_fails_and_is_tried_each_minute, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_deleted_endpoint_takes_its_targets_along, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_cannot_be_registered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_policies_that_make_no_sense, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replacing_a_policy_makes_new_alarms, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
