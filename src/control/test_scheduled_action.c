/* Scheduled actions in a whole control plane on a simulated clock: what they do to bounds and count, what
 * is said of it, and what becomes of times that pass while nobody is there. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/endpoint.h"
#include "control/scaling_activity.h"
#include "control/scheduled_action.h"
#include "control/test_world.h"
#include "fleet/fake.h"

static struct world world;
static struct metrics *metrics;
static wall_ms_t origin; /* a whole second at the test's beginning */

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

static struct scaling_target *target(void)
{
    return scaling_target_find(world.control->autoscaler, "endpoint/e/variant/v");
}

static void register_target(int scheduled_suspended)
{
    const struct scaling_target_change change = { .resource_id = "endpoint/e/variant/v",
                                                  .min = 1,
                                                  .max = 10,
                                                  .in_suspended = -1,
                                                  .out_suspended = -1,
                                                  .scheduled_suspended = scheduled_suspended };
    struct scaling_target *t;
    char why[SCALABLE_WHY_BYTES];

    assert_int_equal(scaling_target_register(world.control->autoscaler, &change, &t, why), 0);
}

static int set_up(void **state)
{
    world_set_up(&world);
    world_connect_proxy(&world);
    assert_int_equal(metrics_new(100, &metrics), 0);
    attach();
    fake_driver_set_ready_at_launch(world.driver, true);
    world_make_endpoint(&world, "e", 4);
    world_await(&world, in_service);
    register_target(-1);
    world_run(&world, 2000);
    origin = (loop_wall(world.loop) / MS_PER_S) * MS_PER_S;
    return 0;
}

static int tear_down(void **state)
{
    detach();
    world_tear_down(&world);
    metrics = metrics_free(metrics);
    return 0;
}

/* Down for @away_ms, and then there again. */
static void restart(ms_t away_ms)
{
    detach();
    sim_clock_advance(&world.clock, away_ms);
    world_restart(&world);
    attach();
    world_run(&world, 3000);
}

/* at() this many seconds after the beginning */
static void put_at(const char *name, int after_s, int min, int max)
{
    char text[TEXT_ISO8601_BYTES], schedule[64];
    struct scheduled_action_change change = { .name = name,
                                              .schedule = schedule,
                                              .start = INT64_MIN,
                                              .end = INT64_MAX,
                                              .has_bounds = true,
                                              .min = min,
                                              .max = max };
    const char *why;

    text_iso8601(origin + after_s * MS_PER_S, text);
    snprintf(schedule, sizeof schedule, "at(%.19s)", text);
    assert_int_equal(scheduled_action_put(target(), &change, &why), 0);
}

static void put_rate(const char *name, wall_ms_t start, int min)
{
    const struct scheduled_action_change change = { .name = name,
                                                    .schedule = "rate(1 minute)",
                                                    .start = start,
                                                    .end = INT64_MAX,
                                                    .has_bounds = true,
                                                    .min = min,
                                                    .max = -1 };
    const char *why;

    assert_int_equal(scheduled_action_put(target(), &change, &why), 0);
}

static unsigned desired(void)
{
    struct variant_counts c;

    assert_int_equal(endpoint_variant_counts(world.control, "e", "v", &c), 0);
    return c.desired;
}

/* the one @back activities before the newest */
static const struct scaling_activity *activity(int back)
{
    list_for_each_backwards (x, &world.control->autoscaler->activities, struct scaling_activity,
                             link)
        if (back-- == 0)
            return x;
    fail_msg("there are not so many activities");
    return NULL;
}

static void a_minimum_raises_the_count_and_two_activities_say_so(void **state)
{
    put_at("up", 10, 6, -1);
    world_run(&world, 8000);
    assert_int_equal(desired(), 4);
    world_run(&world, 30000);

    assert_int_equal(target()->min, 6);
    assert_int_equal(target()->max, 10);
    assert_int_equal(desired(), 6);
    assert_string_equal(activity(1)->description, "Setting min capacity to 6");
    assert_string_equal(activity(1)->cause, "scheduled action name up was triggered");
    assert_string_equal(activity(1)->message, "Successfully set min capacity to 6");
    assert_int_equal(activity(1)->status, ACTIVITY_SUCCESSFUL);
    assert_string_equal(activity(0)->description, "Setting desired instance count to 6.");
    assert_int_equal(strncmp(activity(0)->cause, "minimum capacity was set to 6", 29), 0);
    assert_int_equal(activity(0)->status, ACTIVITY_SUCCESSFUL);

    /* a maximum below that minimum fails and changes nothing */
    put_at("down", 60, -1, 3);
    world_run(&world, 60000);
    assert_string_equal(activity(0)->description, "Setting max capacity to 3");
    assert_string_equal(activity(0)->message,
                        "Failed to set max capacity to 3. Reason: Maximum capacity cannot be less "
                        "than minimum capacity");
    assert_int_equal(activity(0)->status, ACTIVITY_FAILED);
    assert_int_equal(target()->max, 10);
    assert_int_equal(desired(), 6);
}

static void a_maximum_lowers_the_count(void **state)
{
    put_at("down", 5, 1, 2);
    world_run(&world, 30000);
    assert_int_equal(desired(), 2);
    assert_string_equal(activity(1)->description,
                        "Setting min capacity to 1 and max capacity to 2");
    assert_int_equal(strncmp(activity(0)->cause, "maximum capacity was set to 2", 29), 0);
}

static void actions_of_one_target_run_in_their_order(void **state)
{
    put_at("b", 5, 2, -1);
    put_at("a", 6, 3, -1);
    sim_clock_advance(&world.clock, 8000); /* both are due at once */
    world_run(&world, 2000);
    assert_int_equal(target()->min, 3);
    assert_string_equal(activity(1)->cause, "scheduled action name b was triggered");
    assert_string_equal(activity(0)->cause, "scheduled action name a was triggered");
}

static void a_long_name_of_characters_beyond_ascii_is_told_whole(void **state)
{
    char name[2 * 256 + 1] = "";

    for (size_t i = 0; i < 256; i++)
        strcat(name, "\u00e9");
    put_at(name, 5, 6, -1);
    world_run(&world, 30000);
    assert_int_equal(desired(), 6);
    assert_non_null(strstr(activity(1)->cause, name));
}

static void what_is_long_past_is_not_made_up_for(void **state)
{
    put_at("missed", 60, 6, -1);
    restart(10 * 60 * MS_PER_S);
    world_run(&world, 10000);
    assert_int_equal(target()->min, 1);
    assert_int_equal(desired(), 4);

    put_at("past", 0, 6, -1); /* its time was before it was put */
    world_run(&world, 10000);
    assert_int_equal(target()->min, 1);
}

static void what_is_just_past_runs_once(void **state)
{
    size_t before = world.control->autoscaler->n_activities;

    put_rate("often", origin + 10 * MS_PER_S, 2);
    restart(85 * MS_PER_S); /* two times passed */
    assert_int_equal(target()->min, 2);
    assert_int_equal(world.control->autoscaler->n_activities, before + 1);
    restart(0); /* and it is remembered that they did */
    assert_int_equal(world.control->autoscaler->n_activities, before + 1);
    world_run(&world, 60000);
    assert_int_equal(world.control->autoscaler->n_activities, before + 2);
}

static void what_passes_during_a_suspension_is_gone(void **state)
{
    put_at("up", 10, 6, -1);
    register_target(1);
    world_run(&world, 15000);
    register_target(0);
    world_run(&world, 15000);
    assert_int_equal(target()->min, 1);

    put_at("later", 40, 5, -1);
    world_run(&world, 30000);
    assert_int_equal(target()->min, 5);
}

static void a_restart_keeps_actions_and_deregistering_deletes_them(void **state)
{
    json_t *before, *after;

    put_at("a", 1000, 6, 8);
    put_rate("b", INT64_MIN, 1);
    before = scheduled_action_document(scheduled_action_find(target(), "a"));
    restart(0);
    after = scheduled_action_document(scheduled_action_find(target(), "a"));
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    assert_int_equal(target()->n_actions, 2);

    assert_int_equal(scheduled_action_delete(scheduled_action_find(target(), "b")), 0);
    assert_int_equal(target()->n_actions, 1);
    assert_int_equal(scaling_target_deregister(target()), 0);
    register_target(-1);
    assert_int_equal(target()->n_actions, 0);
    restart(0);
    assert_int_equal(target()->n_actions, 0);
}

static void zones_come_from_the_systems_database(void **state)
{
    static const char *const none[] = { "",
                                        "Europe/Nowhere",
                                        "../../etc/passwd",
                                        "Europe",
                                        "posix/UTC",
                                        "tzdata.zi",
                                        "Europe/../UTC",
                                        "/UTC",
                                        "EUROPE/BERLIN" };
    const struct time_zone *z, *again;
    struct time_zones zones;

    time_zones_init(&zones);
    assert_int_equal(time_zones_get(&zones, "Europe/Berlin", &z), 0);
    assert_int_equal(time_zone_offset(z, 1767323045), 3600);
    assert_int_equal(time_zones_get(&zones, "Europe/Berlin", &again), 0);
    assert_ptr_equal(z, again);
    assert_int_equal(time_zones_get(&zones, NULL, &z), 0);
    assert_null(z);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(time_zones_get(&zones, none[i], &z), TIME_ZONES_E_UNKNOWN);
    time_zones_deinit(&zones);
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_minimum_raises_the_count_and_two_activities_say_so),
        test(a_maximum_lowers_the_count),
        test(actions_of_one_target_run_in_their_order),
        test(a_long_name_of_characters_beyond_ascii_is_told_whole),
        test(what_is_long_past_is_not_made_up_for),
        test(what_is_just_past_runs_once),
        test(what_passes_during_a_suspension_is_gone),
        test(a_restart_keeps_actions_and_deregistering_deletes_them),
        cmocka_unit_test(zones_come_from_the_systems_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
