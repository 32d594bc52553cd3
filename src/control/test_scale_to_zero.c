/* A variant without instances: how it gets there, and how a request brings one back. */
#include <string.h>

#include "control/test_scaling.h"
#include "fleet/fake.h"

static const char group[] = "e/v";

/* --- helpers ---------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    return set_up_with(state, 1);
}

static void follow(struct fixture *f)
{
    register_target(f, 0, 4);
    put_policy(f, "p", POLICY_TRACKING, FOLLOW);
}

/* @seconds, in each of which the proxy reports so many that came and that wait */
static void pass(struct fixture *f, int seconds, unsigned arrivals, unsigned waiting)
{
    for (int i = 0; i < seconds; i++) {
        world_say_report(&f->world, group, arrivals, waiting);
        run(f, 1000);
    }
}

static void pass_until_empty(struct fixture *f)
{
    for (int i = 0; counts(f).desired > 0; i++) {
        assert_true(i < 60);
        pass(f, 1, 0, 0);
    }
    world_await(&f->world, world_in_service);
    assert_int_equal(counts(f).in_service, 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void an_idle_variant_loses_its_last_instance_and_a_request_brings_one_back(void **state)
{
    struct fixture *f = *state;

    follow(f);
    pass(f, 5, 1, 0);
    assert_int_equal(counts(f).desired, 1);
    pass_until_empty(f);
    assert_non_null(strstr(newest(f)->cause, "from 1 to 0."));
    assert_replays(newest(f));
    pass(f, 60, 0, 0); /* and stays away */
    assert_int_equal(counts(f).desired, 0);

    world_say_waiting(&f->world, group, 1);
    run(f, 200); /* at once, not with the next second */
    assert_int_equal(counts(f).desired, 1);
    assert_non_null(strstr(newest(f)->cause, "1 request is waiting and no instance is in service: "
                                             "1 needed; within 0 to 4, the desired count goes from "
                                             "0 to 1."));
    assert_replays(newest(f));
    pass(f, 3, 1, 0);
    assert_int_equal(counts(f).in_service, 1);
    assert_int_equal(newest(f)->status, ACTIVITY_SUCCESSFUL);
    pass(f, 8, 1, 0); /* what was idle before does not count against it */
    assert_int_equal(counts(f).desired, 1);
    pass_until_empty(f);
}

static void with_a_target_for_requests_in_flight_as_many_come_as_those_who_wait_need(void **state)
{
    struct fixture *f = *state;

    register_target(f, 0, 9);
    put_policy(
        f, "p", POLICY_TRACKING,
        "'TargetValue':3,'ScaleInCooldown':15,'PredefinedMetricSpecification':"
        "{'PredefinedMetricType':'SageMakerVariantConcurrentRequestsPerModelHighResolution'}");
    pass_until_empty(f);
    fake_driver_set_ready_at_launch(f->world.driver, false);
    world_say_waiting(&f->world, group, 1);
    run(f, 200);
    assert_int_equal(counts(f).desired, 1);
    pass(f, 1, 20, 20); /* more have come, and the first instance still starts */
    assert_int_equal(counts(f).desired, 7);
    assert_non_null(strstr(newest(f)->cause, "20 requests are waiting and no instance is in "
                                             "service: at 3 for each, 7 needed"));
    assert_replays(newest(f));
    pass(f, 5, 0, 20);
    assert_int_equal(counts(f).desired, 7);
}

static void awss_pace_wakes_too_and_does_not_go_back_at_once(void **state)
{
    struct fixture *f = *state;
    int seconds = 0;

    follow(f);
    target(f)->pace = PACE_AWS;
    while (counts(f).desired > 0) {
        assert_true(++seconds < 1200);
        pass(f, 1, 0, 0);
    }
    assert_true(seconds > 800);
    pass(f, 100, 0, 0);
    world_say_waiting(&f->world, group, 1);
    run(f, 200);
    assert_int_equal(counts(f).desired, 1);
    pass(f, 600, 0, 0); /* the low alarm is on all the time */
    assert_int_equal(counts(f).desired, 1);
    seconds = 600;
    while (counts(f).desired > 0) {
        assert_true(++seconds < 1200);
        pass(f, 1, 0, 0);
    }
    assert_true(seconds > 880);
}

static void a_control_that_restarts_hears_of_those_who_wait(void **state)
{
    struct fixture *f = *state;

    follow(f);
    pass_until_empty(f);
    restart(f, 0);
    world_connect_proxy(&f->world);
    run(f, 3000);
    assert_true(world_in_service(&f->world));
    assert_int_equal(counts(f).desired, 0);
    pass(f, 1, 0, 3);
    assert_int_equal(counts(f).desired, 1);
}

static void what_was_heard_long_ago_wakes_nobody(void **state)
{
    struct fixture *f = *state;

    follow(f);
    pass_until_empty(f);
    target(f)->out_suspended = true;
    world_say_waiting(&f->world, group, 1);
    run(f, 2000);
    assert_int_equal(counts(f).desired, 0);
    run(f, 5000); /* the proxy went away with them */
    target(f)->out_suspended = false;
    run(f, 5000);
    assert_int_equal(counts(f).desired, 0);
}

static void none_by_hand_needs_somebody_who_brings_one_back(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(world_set_count(&f->world, 0), ENDPOINT_E_ZERO);
    register_target(f, 1, 4);
    assert_int_equal(world_set_count(&f->world, 0), ENDPOINT_E_ZERO);
    register_target(f, 0, 4);
    assert_int_equal(world_set_count(&f->world, 0), 0);
    run(f, 5000);
    assert_int_equal(counts(f).in_service, 0);
    assert_true(world_in_service(&f->world));
    assert_int_equal(f->world.proxy.outlook, LINK_COMING);

    /* it needs no policy */
    pass(f, 2, 1, 1);
    assert_int_equal(counts(f).in_service, 1);
    pass(f, 1, 0, 0);
    world_await(&f->world, world_in_service);
    assert_int_equal(world_set_count(&f->world, 0), 0);
    run(f, 5000);
    assert_int_equal(scaling_target_deregister(target(f)), 0);
    run(f, 200);
    assert_int_equal(f->world.proxy.outlook, LINK_NONE);
    assert_int_equal(f->world.proxy.queue_timeout_ms, 0);
    register_target(f, 0, 4);
    run(f, 200);
    assert_int_equal(f->world.proxy.outlook, LINK_COMING);
}

static void the_queue_is_told_what_to_hope_for(void **state)
{
    struct fixture *f = *state;
    const ms_t full_house_ms = f->world.proxy.queue_timeout_ms;

    assert_int_equal(f->world.proxy.outlook, LINK_COMING);
    follow(f);
    pass_until_empty(f);
    pass(f, 1, 0, 0);
    assert_int_equal(f->world.proxy.outlook, LINK_COMING);
    assert_true(f->world.proxy.queue_timeout_ms > variant(f)->startup_timeout_ms);

    fake_driver_fail_launch(f->world.driver, 1, DRIVER_E_REFUSED);
    world_say_waiting(&f->world, group, 1);
    run(f, 200);
    assert_int_equal(f->world.proxy.outlook, LINK_FAILING);
    assert_true(f->world.proxy.queue_timeout_ms < full_house_ms);
    assert_true(endpoint_find(f->world.control, "e")->failure_reason[0] != '\0');
    pass(f, 5, 1, 0); /* the next launch succeeds */
    assert_int_equal(counts(f).in_service, 1);
    assert_int_equal(f->world.proxy.outlook, LINK_COMING);
    assert_int_equal(f->world.proxy.queue_timeout_ms, full_house_ms);
}

static void who_has_been_served_does_not_wake_it_again(void **state)
{
    struct fixture *f = *state;

    register_target(f, 0, 4);
    assert_int_equal(world_set_count(&f->world, 0), 0);
    run(f, 5000);
    world_say_waiting(&f->world, group, 1);
    run(f, 500);
    assert_int_equal(counts(f).in_service, 1);
    assert_int_equal(world_set_count(&f->world, 0), 0); /* before the next report */
    run(f, 5000);
    assert_int_equal(counts(f).desired, 0);
}

static void raising_the_minimum_brings_an_instance_back(void **state)
{
    struct fixture *f = *state;

    follow(f);
    pass_until_empty(f);
    register_target(f, 1, 4);
    pass(f, 5, 0, 0);
    assert_int_equal(counts(f).in_service, 1);
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
