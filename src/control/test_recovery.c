/* What the autoscaler makes of a restart in the midst of things, of a write that fails between two, and
 * of a clock that is set back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/text.h"
#include "control/endpoint.h"
#include "control/instance.h"
#include "control/scaling_activity.h"
#include "control/scaling_policy.h"
#include "control/scheduled_action.h"
#include "control/test_world.h"
#include "fleet/fake.h"

static const char variant[] = "endpoint/e/variant/v", custom[] = "http://127.0.0.1:9/";

static struct world world;
static struct metrics *metrics;
static const char *resource; /* what is scaled */

/* Nobody ever answers what is asked. */
static int send_into_silence(struct courier *c, const struct courier_request *request,
                             courier_answered_fn *answered, void *context)
{
    return 0;
}

static void cancel_in_silence(struct courier *c, const void *context)
{
}

static const struct courier_ops silence = { send_into_silence, cancel_in_silence, NULL };
static struct courier courier = { .ops = &silence };

static void attach(void)
{
    world.control->metrics = metrics;
    world.control->courier = &courier;
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
    resource = variant;
    world_set_up(&world);
    world_connect_proxy(&world);
    assert_int_equal(metrics_new(1000, &metrics), 0);
    attach();
    fake_driver_set_ready_at_launch(world.driver, true);
    world_make_endpoint(&world, "e", 4);
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

static struct scaling_target *target(void)
{
    return scaling_target_find(world.control->autoscaler, resource);
}

static void register_target(int min, int max)
{
    const struct scaling_target_change change = { .resource_id = resource,
                                                  .min = min,
                                                  .max = max,
                                                  .in_suspended = -1,
                                                  .out_suspended = -1,
                                                  .scheduled_suspended = -1 };
    struct scaling_target *t;
    char why[SCALABLE_WHY_BYTES];

    assert_int_equal(scaling_target_register(world.control->autoscaler, &change, &t, why), 0);
}

static void put_steps(int adjustment)
{
    char why[SCALING_WHY_BYTES];
    struct scaling_policy *p;
    json_t *configuration = json_pack(
        "{s:s, s:i, s:[{s:i, s:i}]}", "AdjustmentType", "ChangeInCapacity", "Cooldown", 60,
        "StepAdjustments", "MetricIntervalLowerBound", 0, "ScalingAdjustment", adjustment);

    assert_int_equal(scaling_policy_put(target(), "steps", POLICY_STEP, configuration, &p, why), 0);
    json_decref(configuration);
}

/* as an alarm above 50 tells it */
static void tell(void)
{
    const double metric = 55;
    wall_ms_t now = loop_wall(world.loop);
    char arn[SCALING_ARN_BYTES];

    scaling_policy_arn(scaling_policy_find(target(), "steps"), arn);
    assert_int_equal(scaling_policy_hear(world.control->autoscaler, arn,
                                         &(struct alarm_signal){ .alarm = "busy",
                                                                 .state = ALARM_ALARM,
                                                                 .now = now,
                                                                 .comparison = ALARM_GREATER,
                                                                 .threshold = 50,
                                                                 .points = &metric,
                                                                 .n_points = 1,
                                                                 .queried = now }),
                     0);
    world_run(&world, 1500);
}

static struct variant_counts counts(void)
{
    struct variant_counts c;

    assert_int_equal(endpoint_variant_counts(world.control, "e", "v", &c), 0);
    return c;
}

/* --- restarts --------------------------------------------------------------------------------- */

static void steps_add_to_what_is_wanted_though_a_restart_finds_it_incomplete(void **state)
{
    register_target(1, 9);
    put_steps(1);
    fake_driver_set_ready_at_launch(world.driver, false);
    list_for_each (i, &endpoint_find(world.control, "e")->variants[0].instances, struct instance,
                   link) {
        fake_driver_die(world.driver, i->id, "it crashed"); /* and its successor does not start */
        break;
    }
    world_run(&world, 3000);
    assert_int_equal(counts().in_service, 3);
    restart();
    assert_int_equal(counts().desired, 4);
    tell();
    assert_int_equal(counts().desired, 5);
}

static void a_restart_within_a_scale_out_does_not_repeat_its_step(void **state)
{
    register_target(1, 9);
    put_steps(2);
    fake_driver_set_ready_at_launch(world.driver, false);
    tell();
    assert_int_equal(counts().desired, 6);
    restart();
    assert_int_equal(counts().in_service, 4);
    tell();
    assert_int_equal(counts().desired, 6);
}

static void an_alarm_is_not_acted_on_later_when_the_capacity_gets_known(void **state)
{
    struct custom_resource *r;

    resource = custom;
    register_target(1, 9);
    put_steps(2);
    tell();
    r = custom_resource_find(&world.control->autoscaler->custom_resources, custom);
    r->answer = (struct custom_resource_answer){ .actual = 4, .desired = 4 };
    r->known = true;
    world_run(&world, 1500);
    assert_int_equal(r->wanted, -1);
    tell();
    assert_int_equal(r->wanted, 6);
}

/* --- writes ----------------------------------------------------------------------------------- */

static void bounds_are_enforced_whichever_write_of_it_fails(void **state)
{
    const unsigned writes = 6;

    for (unsigned nth = 1; nth <= writes; nth++) {
        unsigned min = 4 + nth;

        register_target((int)min, 20);
        world_fail_write(&world, nth);
        world_run(&world, 1500);
        restart();
        world_disconnect_proxy(&world);
        world_connect_proxy(&world);
        world_await(&world, in_service);
        assert_int_equal(counts().in_service, min);
    }
}

/* --- clocks ----------------------------------------------------------------------------------- */

static const ms_t hours = 9 * 3600 * MS_PER_S;

static void a_cooldown_lasts_no_longer_where_the_clock_is_set_back(void **state)
{
    register_target(1, 20);
    put_steps(1);
    world.clock.epoch += hours;
    tell();
    assert_int_equal(counts().desired, 5);
    world_run(&world, 3000);
    tell();
    assert_int_equal(counts().desired, 5); /* it cools down, for a minute */
    world.clock.epoch -= hours;
    world_run(&world, 62000);
    tell();
    assert_int_equal(counts().desired, 6);

    world_run(&world, 3000);
    detach();
    world.clock.epoch -= hours;
    world_run(&world, 1000);
    attach();
    world_run(&world, 62000);
    tell();
    assert_int_equal(counts().desired, 7);
}

static void a_scheduled_action_runs_when_a_clock_that_was_ahead_gets_there(void **state)
{
    char text[TEXT_ISO8601_BYTES], schedule[64];
    struct scheduled_action_change change = { .name = "up",
                                              .schedule = schedule,
                                              .start = INT64_MIN,
                                              .end = INT64_MAX,
                                              .has_bounds = true,
                                              .min = 6,
                                              .max = -1 };
    const char *why;

    register_target(1, 20);
    text_iso8601(loop_wall(world.loop) + 600 * MS_PER_S, text);
    snprintf(schedule, sizeof schedule, "at(%.19s)", text);
    assert_int_equal(scheduled_action_put(target(), &change, &why), 0);
    world.clock.epoch += hours;
    world_run(&world, 3000);
    world.clock.epoch -= hours;
    world_run(&world, 590000);
    assert_int_equal(counts().desired, 4);
    world_run(&world, 20000);
    assert_int_equal(counts().desired, 6);
}

int main(void)
{
#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        test(steps_add_to_what_is_wanted_though_a_restart_finds_it_incomplete),
        test(a_restart_within_a_scale_out_does_not_repeat_its_step),
        test(an_alarm_is_not_acted_on_later_when_the_capacity_gets_known),
        test(bounds_are_enforced_whichever_write_of_it_fails),
        test(a_cooldown_lasts_no_longer_where_the_clock_is_set_back),
        test(a_scheduled_action_runs_when_a_clock_that_was_ahead_gets_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
