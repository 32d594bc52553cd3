/* What the autoscaler makes of a restart in the midst of things, of a write that fails between two, and
 * of a clock that is set back. */
#include <stdio.h>

#include "control/instance.h"
#include "control/scheduled_action.h"
#include "control/test_scaling.h"
#include "fleet/fake.h"

static int set_up(void **state)
{
    return set_up_with(state, 4);
}

static void put_steps(struct fixture *f, int adjustment)
{
    char text[256];

    snprintf(text, sizeof(text),
             "'AdjustmentType':'ChangeInCapacity','Cooldown':60,'StepAdjustments':["
             "{'MetricIntervalLowerBound':0,'ScalingAdjustment':%d}]",
             adjustment);
    put_policy(f, "steps", POLICY_STEP, text);
}

static void step(struct fixture *f)
{
    assert_int_equal(tell(f, scaling_policy_find(target(f), "steps"), 55, 0), 0);
    run(f, 1500);
}

/* --- restarts --------------------------------------------------------------------------------- */

static void steps_add_to_what_is_wanted_though_a_restart_finds_it_incomplete(void **state)
{
    struct fixture *f = *state;

    register_target(f, 1, 9);
    put_steps(f, 1);
    fake_driver_set_ready_at_launch(f->world.driver, false);
    list_for_each (i, &variant(f)->instances, struct instance, link) {
        fake_driver_die(f->world.driver, i->id, "it crashed"); /* and no successor starts */
        break;
    }
    run(f, 3000);
    assert_int_equal(counts(f).in_service, 3);
    restart(f, 0);
    assert_int_equal(counts(f).desired, 4);
    step(f);
    assert_int_equal(counts(f).desired, 5);
}

static void a_restart_within_a_scale_out_does_not_repeat_its_step(void **state)
{
    struct fixture *f = *state;

    register_target(f, 1, 9);
    put_steps(f, 2);
    fake_driver_set_ready_at_launch(f->world.driver, false);
    step(f);
    assert_int_equal(counts(f).desired, 6);
    restart(f, 0);
    assert_int_equal(counts(f).in_service, 4);
    step(f);
    assert_int_equal(counts(f).desired, 6);
}

static const char custom[] = "http://127.0.0.1:9/";

static void an_alarm_is_not_acted_on_later_when_the_capacity_gets_known(void **state)
{
    struct fixture *f = *state;
    struct custom_resource *r;

    f->resource = custom;
    register_target(f, 1, 9);
    put_steps(f, 2);
    step(f);
    r = custom_resource_find(&autoscaler(f)->custom_resources, custom);
    r->answer = (struct custom_resource_answer){ .actual = 4, .desired = 4 };
    r->known = true;
    run(f, 1500);
    assert_int_equal(r->wanted, -1);
    step(f);
    assert_int_equal(r->wanted, 6);
}

static void activities_of_more_than_six_weeks_ago_are_forgotten(void **state)
{
    const ms_t week = 7 * 24 * 3600 * MS_PER_S;
    struct fixture *f = *state;

    for (int min = 5; min < 9; min++) {
        register_target(f, min, 20);
        run(f, 3000);
    }
    assert_int_equal(autoscaler(f)->n_activities, 4);
    restart(f, 5 * week);
    assert_int_equal(autoscaler(f)->n_activities, 4);
    restart(f, 2 * week);
    run(f, 2000);
    assert_int_equal(autoscaler(f)->n_activities, 0);
    restart(f, 0);
    assert_null(newest(f));
}

/* --- writes ----------------------------------------------------------------------------------- */

static void bounds_are_enforced_whichever_write_of_it_fails(void **state)
{
    struct fixture *f = *state;
    const unsigned writes = 6;

    for (unsigned nth = 1; nth <= writes; nth++) {
        unsigned min = 4 + nth;

        register_target(f, (int)min, 20);
        world_fail_write(&f->world, nth);
        run(f, 1500);
        restart(f, 0);
        world_disconnect_proxy(&f->world);
        world_connect_proxy(&f->world);
        world_await(&f->world, world_in_service);
        assert_int_equal(counts(f).in_service, min);
    }
}

/* --- clocks ----------------------------------------------------------------------------------- */

static const ms_t hours = 9 * 3600 * MS_PER_S;

static void a_cooldown_lasts_no_longer_where_the_clock_is_set_back(void **state)
{
    struct fixture *f = *state;

    register_target(f, 1, 20);
    put_steps(f, 1);
    f->world.clock.epoch += hours;
    step(f);
    assert_int_equal(counts(f).desired, 5);
    run(f, 3000);
    step(f);
    assert_int_equal(counts(f).desired, 5); /* it cools down, for a minute */
    f->world.clock.epoch -= hours;
    run(f, 62000);
    step(f);
    assert_int_equal(counts(f).desired, 6);

    run(f, 3000);
    detach(f);
    f->world.clock.epoch -= hours;
    run(f, 1000);
    attach(f);
    run(f, 62000);
    step(f);
    assert_int_equal(counts(f).desired, 7);
}

static void a_scheduled_action_runs_when_a_clock_that_was_ahead_gets_there(void **state)
{
    struct fixture *f = *state;
    char text[TEXT_ISO8601_BYTES], schedule[64];
    struct scheduled_action_change change = { .name = "up",
                                              .schedule = schedule,
                                              .start = INT64_MIN,
                                              .end = INT64_MAX,
                                              .has_bounds = true,
                                              .min = 6,
                                              .max = -1 };
    const char *why;

    register_target(f, 1, 20);
    text_iso8601(wall(f) + 600 * MS_PER_S, text);
    snprintf(schedule, sizeof schedule, "at(%.19s)", text);
    assert_int_equal(scheduled_action_put(target(f), &change, &why), 0);
    f->world.clock.epoch += hours;
    run(f, 3000);
    f->world.clock.epoch -= hours;
    run(f, 590000);
    assert_int_equal(counts(f).desired, 4);
    run(f, 20000);
    assert_int_equal(counts(f).desired, 6);
}

int main(void)
{
#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        test(steps_add_to_what_is_wanted_though_a_restart_finds_it_incomplete),
        test(a_restart_within_a_scale_out_does_not_repeat_its_step),
        test(an_alarm_is_not_acted_on_later_when_the_capacity_gets_known),
        test(activities_of_more_than_six_weeks_ago_are_forgotten),
        test(bounds_are_enforced_whichever_write_of_it_fails),
        test(a_cooldown_lasts_no_longer_where_the_clock_is_set_back),
        test(a_scheduled_action_runs_when_a_clock_that_was_ahead_gets_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
