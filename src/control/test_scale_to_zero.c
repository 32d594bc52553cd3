/* A variant without instances: how it gets there, and how a request brings one back. */
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
#include "control/telemetry.h"
#include "control/test_world.h"
#include "fleet/fake.h"

static const char resource[] = "endpoint/e/variant/v", group[] = "e/v";

static struct world world;
static struct metrics *metrics;

/* --- helpers ---------------------------------------------------------------------------------- */

static void attach(void)
{
    world.control->metrics = metrics;
    assert_int_equal(telemetry_new(world.control, &world.control->telemetry), 0);
    assert_int_equal(autoscaler_new(world.control, &world.control->autoscaler), 0);
}

static void detach(void)
{
    world.control->autoscaler = autoscaler_free(world.control->autoscaler);
    world.control->telemetry = telemetry_free(world.control->telemetry);
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

static struct variant *variant(void)
{
    return endpoint_variant(endpoint_find(world.control, "e"), "v");
}

static struct variant_counts counts(void)
{
    return variant_counts(variant());
}

static struct scaling_target *register_target(int min, int max)
{
    struct scaling_target_change change = {
        .resource_id = resource,
        .min = min,
        .max = max,
        .in_suspended = -1,
        .out_suspended = -1,
        .scheduled_suspended = -1,
    };
    struct scaling_target *t = NULL;
    char why[SCALABLE_WHY_BYTES];

    assert_int_equal(scaling_target_register(world.control->autoscaler, &change, &t, why), 0);
    return t;
}

static void put_policy(struct scaling_target *t, const char *metric, double target)
{
    char why[SCALING_WHY_BYTES];
    struct scaling_policy *p = NULL;
    json_t *configuration =
        json_pack("{s:f, s:{s:s}, s:i}", "TargetValue", target, "PredefinedMetricSpecification",
                  "PredefinedMetricType", metric, "ScaleInCooldown", 15);

    assert_int_equal(scaling_policy_put(t, "p", POLICY_TRACKING, configuration, &p, why), 0);
    json_decref(configuration);
}

static struct scaling_target *follow(void)
{
    struct scaling_target *t = register_target(0, 4);

    put_policy(t, "SageMakerVariantInvocationsPerInstance", 600);
    return t;
}

/* @seconds, in each of which the proxy reports so many that came and that wait */
static void pass(int seconds, unsigned arrivals, unsigned waiting)
{
    for (int i = 0; i < seconds; i++) {
        world_say_report(&world, group, arrivals, waiting);
        world_run(&world, 1000);
    }
}

static void pass_until_empty(void)
{
    for (int i = 0; counts().desired > 0; i++) {
        assert_true(i < 60);
        pass(1, 0, 0);
    }
    world_await(&world, in_service);
    assert_int_equal(counts().in_service, 0);
}

static struct scaling_activity *newest(void)
{
    struct list *list = &world.control->autoscaler->activities;

    return list_empty(list) ? NULL
                            : container_of(list->head.previous, struct scaling_activity, link);
}

static void assert_replays(const struct scaling_activity *x)
{
    autofree(explanation_free) struct explanation_file *f = NULL;
    struct wish scratch[EXPLANATION_WISHES_MAX];
    struct decision again;
    json_t *details = json_loads(x->details, 0, NULL);

    assert_int_equal(explanation_read(details, &f), 0);
    json_decref(details);
    again = explain_replay(&f->x, scratch);
    assert_true(explain_same(&again, &f->x.decision));
}

/* --- tests ------------------------------------------------------------------------------------ */

static void an_idle_variant_loses_its_last_instance_and_a_request_brings_one_back(void **state)
{
    follow();
    pass(5, 1, 0);
    assert_int_equal(counts().desired, 1);
    pass_until_empty();
    assert_non_null(strstr(newest()->cause, "from 1 to 0."));
    assert_replays(newest());
    pass(60, 0, 0); /* and stays away */
    assert_int_equal(counts().desired, 0);

    world_say_waiting(&world, group, 1);
    world_run(&world, 200); /* at once, not with the next second */
    assert_int_equal(counts().desired, 1);
    assert_non_null(strstr(newest()->cause, "1 request is waiting and no instance is in service: "
                                            "1 needed; within 0 to 4, the desired count goes from "
                                            "0 to 1."));
    assert_replays(newest());
    pass(3, 1, 0);
    assert_int_equal(counts().in_service, 1);
    assert_int_equal(newest()->status, ACTIVITY_SUCCESSFUL);
    pass(8, 1, 0); /* what was idle before does not count against it */
    assert_int_equal(counts().desired, 1);
    pass_until_empty();
}

static void with_a_target_for_requests_in_flight_as_many_come_as_those_who_wait_need(void **state)
{
    put_policy(register_target(0, 9), "SageMakerVariantConcurrentRequestsPerModelHighResolution",
               3);
    pass_until_empty();
    fake_driver_set_ready_at_launch(world.driver, false);
    world_say_waiting(&world, group, 1);
    world_run(&world, 200);
    assert_int_equal(counts().desired, 1);
    pass(1, 20, 20); /* more have come, and the first instance still starts */
    assert_int_equal(counts().desired, 7);
    assert_non_null(strstr(newest()->cause, "20 requests are waiting and no instance is in "
                                            "service: at 3 for each, 7 needed"));
    assert_replays(newest());
    pass(5, 0, 20);
    assert_int_equal(counts().desired, 7);
}

static void awss_pace_wakes_too_and_does_not_go_back_at_once(void **state)
{
    struct scaling_target *t = follow();
    int seconds = 0;

    t->pace = PACE_AWS;
    while (counts().desired > 0) {
        assert_true(++seconds < 1200);
        pass(1, 0, 0);
    }
    assert_true(seconds > 800);
    pass(100, 0, 0);
    world_say_waiting(&world, group, 1);
    world_run(&world, 200);
    assert_int_equal(counts().desired, 1);
    pass(600, 0, 0); /* the low alarm is on all the time */
    assert_int_equal(counts().desired, 1);
    seconds = 600;
    while (counts().desired > 0) {
        assert_true(++seconds < 1200);
        pass(1, 0, 0);
    }
    assert_true(seconds > 880);
}

static void a_control_that_restarts_hears_of_those_who_wait(void **state)
{
    follow();
    pass_until_empty();
    detach();
    world_restart(&world);
    attach();
    world_run(&world, 1000);
    world_connect_proxy(&world);
    world_run(&world, 3000);
    assert_int_equal(endpoint_find(world.control, "e")->status, ENDPOINT_IN_SERVICE);
    assert_int_equal(counts().desired, 0);
    pass(1, 0, 3);
    assert_int_equal(counts().desired, 1);
}

static void what_was_heard_long_ago_wakes_nobody(void **state)
{
    struct scaling_target *t = follow();

    pass_until_empty();
    t->out_suspended = true;
    world_say_waiting(&world, group, 1);
    world_run(&world, 2000);
    assert_int_equal(counts().desired, 0);
    world_run(&world, 5000); /* the proxy went away with them */
    t->out_suspended = false;
    world_run(&world, 5000);
    assert_int_equal(counts().desired, 0);
}

static int set_by_hand(unsigned count)
{
    struct variant_change change = { .variant = "v", .has_count = true, .count = count };
    const char *subject;

    return endpoint_update_weights_and_capacities(world.control, "e", &change, 1, &subject);
}

static void none_by_hand_needs_somebody_who_brings_one_back(void **state)
{
    struct scaling_target *t;

    assert_int_equal(set_by_hand(0), ENDPOINT_E_ZERO);
    t = register_target(1, 4);
    assert_int_equal(set_by_hand(0), ENDPOINT_E_ZERO);
    register_target(0, 4);
    assert_int_equal(set_by_hand(0), 0);
    world_run(&world, 5000);
    assert_int_equal(counts().in_service, 0);
    assert_int_equal(endpoint_find(world.control, "e")->status, ENDPOINT_IN_SERVICE);
    assert_int_equal(world.proxy.outlook, LINK_COMING);

    /* it needs no policy */
    pass(2, 1, 1);
    assert_int_equal(counts().in_service, 1);
    pass(1, 0, 0);
    world_await(&world, in_service);
    assert_int_equal(set_by_hand(0), 0);
    world_run(&world, 5000);
    assert_int_equal(scaling_target_deregister(t), 0);
    world_run(&world, 200);
    assert_int_equal(world.proxy.outlook, LINK_NONE);
    assert_int_equal(world.proxy.queue_timeout_ms, 0);
    register_target(0, 4);
    world_run(&world, 200);
    assert_int_equal(world.proxy.outlook, LINK_COMING);
}

static void the_queue_is_told_what_to_hope_for(void **state)
{
    const ms_t full_house_ms = world.proxy.queue_timeout_ms;

    assert_int_equal(world.proxy.outlook, LINK_COMING);
    follow();
    pass_until_empty();
    pass(1, 0, 0);
    assert_int_equal(world.proxy.outlook, LINK_COMING);
    assert_true(world.proxy.queue_timeout_ms > variant()->startup_timeout_ms);

    fake_driver_fail_launch(world.driver, 1, DRIVER_E_REFUSED);
    world_say_waiting(&world, group, 1);
    world_run(&world, 200);
    assert_int_equal(world.proxy.outlook, LINK_FAILING);
    assert_true(world.proxy.queue_timeout_ms < full_house_ms);
    assert_true(endpoint_find(world.control, "e")->failure_reason[0] != '\0');
    pass(5, 1, 0); /* the next launch succeeds */
    assert_int_equal(counts().in_service, 1);
    assert_int_equal(world.proxy.outlook, LINK_COMING);
    assert_int_equal(world.proxy.queue_timeout_ms, full_house_ms);
}

static void who_has_been_served_does_not_wake_it_again(void **state)
{
    register_target(0, 4);
    assert_int_equal(set_by_hand(0), 0);
    world_run(&world, 5000);
    world_say_waiting(&world, group, 1);
    world_run(&world, 500);
    assert_int_equal(counts().in_service, 1);
    assert_int_equal(set_by_hand(0), 0); /* before the next report */
    world_run(&world, 5000);
    assert_int_equal(counts().desired, 0);
}

static void raising_the_minimum_brings_an_instance_back(void **state)
{
    follow();
    pass_until_empty();
    register_target(1, 4);
    pass(5, 0, 0);
    assert_int_equal(counts().in_service, 1);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_idle_variant_loses_its_last_instance_and_a_request_brings_one_back),
        TEST(with_a_target_for_requests_in_flight_as_many_come_as_those_who_wait_need),
        TEST(awss_pace_wakes_too_and_does_not_go_back_at_once),
        TEST(a_control_that_restarts_hears_of_those_who_wait),
        TEST(what_was_heard_long_ago_wakes_nobody),
        TEST(none_by_hand_needs_somebody_who_brings_one_back),
        TEST(the_queue_is_told_what_to_hope_for),
        TEST(who_has_been_served_does_not_wake_it_again),
        TEST(raising_the_minimum_brings_an_instance_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
