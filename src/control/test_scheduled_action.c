/* Scheduled actions in a whole control plane on a simulated clock: what they do to bounds and count, what
 * is said of it, and what becomes of times that pass while nobody is there. */
#include <stdio.h>
#include <string.h>

#include "control/scheduled_action.h"
#include "control/test_scaling.h"

static wall_ms_t origin; /* a whole second at the test's beginning */

static int set_up(void **state)
{
    int r = set_up_with(state, 4);

    register_target(*state, 1, 10);
    run(*state, 2000);
    origin = wall(*state) / MS_PER_S * MS_PER_S;
    return r;
}

static void set_suspended(struct fixture *f, bool suspended)
{
    struct scaling_target_change change = change_to(f, 1, 10);

    change.scheduled_suspended = suspended;
    assert_int_equal(register_as(f, &change), 0);
}

/* at() this many seconds after the beginning */
static void put_at(struct fixture *f, const char *name, int after_s, int min, int max)
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
    assert_int_equal(scheduled_action_put(target(f), &change, &why), 0);
}

static void put_rate(struct fixture *f, const char *name, wall_ms_t start, int min)
{
    const struct scheduled_action_change change = { .name = name,
                                                    .schedule = "rate(1 minute)",
                                                    .start = start,
                                                    .end = INT64_MAX,
                                                    .has_bounds = true,
                                                    .min = min,
                                                    .max = -1 };
    const char *why;

    assert_int_equal(scheduled_action_put(target(f), &change, &why), 0);
}

static void a_minimum_raises_the_count_and_two_activities_say_so(void **state)
{
    struct fixture *f = *state;

    put_at(f, "up", 10, 6, -1);
    run(f, 8000);
    assert_int_equal(counts(f).desired, 4);
    run(f, 30000);

    assert_int_equal(target(f)->min, 6);
    assert_int_equal(target(f)->max, 10);
    assert_int_equal(counts(f).desired, 6);
    assert_string_equal(activity(f, 1)->description, "Setting min capacity to 6");
    assert_string_equal(activity(f, 1)->cause, "scheduled action name up was triggered");
    assert_string_equal(activity(f, 1)->message, "Successfully set min capacity to 6");
    assert_int_equal(activity(f, 1)->status, ACTIVITY_SUCCESSFUL);
    assert_string_equal(activity(f, 0)->description, "Setting desired instance count to 6.");
    assert_int_equal(strncmp(activity(f, 0)->cause, "minimum capacity was set to 6", 29), 0);
    assert_int_equal(activity(f, 0)->status, ACTIVITY_SUCCESSFUL);

    /* a maximum below that minimum fails and changes nothing */
    put_at(f, "down", 60, -1, 3);
    run(f, 60000);
    assert_string_equal(activity(f, 0)->description, "Setting max capacity to 3");
    assert_string_equal(activity(f, 0)->message,
                        "Failed to set max capacity to 3. Reason: Maximum capacity cannot be less "
                        "than minimum capacity");
    assert_int_equal(activity(f, 0)->status, ACTIVITY_FAILED);
    assert_int_equal(target(f)->max, 10);
    assert_int_equal(counts(f).desired, 6);
}

static void a_maximum_lowers_the_count(void **state)
{
    struct fixture *f = *state;

    put_at(f, "down", 5, 1, 2);
    run(f, 30000);
    assert_int_equal(counts(f).desired, 2);
    assert_string_equal(activity(f, 1)->description,
                        "Setting min capacity to 1 and max capacity to 2");
    assert_int_equal(strncmp(activity(f, 0)->cause, "maximum capacity was set to 2", 29), 0);
}

static void actions_of_one_target_run_in_their_order(void **state)
{
    struct fixture *f = *state;

    put_at(f, "b", 5, 2, -1);
    put_at(f, "a", 6, 3, -1);
    sim_clock_advance(&f->world.clock, 8000); /* both are due at once */
    run(f, 2000);
    assert_int_equal(target(f)->min, 3);
    assert_string_equal(activity(f, 1)->cause, "scheduled action name b was triggered");
    assert_string_equal(activity(f, 0)->cause, "scheduled action name a was triggered");
}

static void a_long_name_of_characters_beyond_ascii_is_told_whole(void **state)
{
    struct fixture *f = *state;
    char name[2 * 256 + 1] = "";

    for (size_t i = 0; i < 256; i++)
        strcat(name, "\u00e9");
    put_at(f, name, 5, 6, -1);
    run(f, 30000);
    assert_int_equal(counts(f).desired, 6);
    assert_non_null(strstr(activity(f, 1)->cause, name));
}

static void what_is_long_past_is_not_made_up_for(void **state)
{
    struct fixture *f = *state;

    put_at(f, "missed", 60, 6, -1);
    restart(f, 10 * 60 * MS_PER_S);
    run(f, 10000);
    assert_int_equal(target(f)->min, 1);
    assert_int_equal(counts(f).desired, 4);

    put_at(f, "past", 0, 6, -1); /* its time was before it was put */
    run(f, 10000);
    assert_int_equal(target(f)->min, 1);
}

static void what_is_just_past_runs_once(void **state)
{
    struct fixture *f = *state;
    size_t before = autoscaler(f)->n_activities;

    put_rate(f, "often", origin + 10 * MS_PER_S, 2);
    restart(f, 85 * MS_PER_S); /* two times passed */
    assert_int_equal(target(f)->min, 2);
    assert_int_equal(autoscaler(f)->n_activities, before + 1);
    restart(f, 0); /* and it is remembered that they did */
    assert_int_equal(autoscaler(f)->n_activities, before + 1);
    run(f, 60000);
    assert_int_equal(autoscaler(f)->n_activities, before + 2);
}

static void what_passes_during_a_suspension_is_gone(void **state)
{
    struct fixture *f = *state;

    put_at(f, "up", 10, 6, -1);
    set_suspended(f, true);
    run(f, 15000);
    set_suspended(f, false);
    run(f, 15000);
    assert_int_equal(target(f)->min, 1);

    put_at(f, "later", 40, 5, -1);
    run(f, 30000);
    assert_int_equal(target(f)->min, 5);
}

static void a_restart_keeps_actions_and_deregistering_deletes_them(void **state)
{
    struct fixture *f = *state;
    json_t *before, *after;

    put_at(f, "a", 1000, 6, 8);
    put_rate(f, "b", INT64_MIN, 1);
    before = scheduled_action_document(scheduled_action_find(target(f), "a"));
    restart(f, 0);
    after = scheduled_action_document(scheduled_action_find(target(f), "a"));
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    assert_int_equal(target(f)->n_actions, 2);

    assert_int_equal(scheduled_action_delete(scheduled_action_find(target(f), "b")), 0);
    assert_int_equal(target(f)->n_actions, 1);
    assert_int_equal(scaling_target_deregister(target(f)), 0);
    register_target(f, 1, 10);
    assert_int_equal(target(f)->n_actions, 0);
    restart(f, 0);
    assert_int_equal(target(f)->n_actions, 0);
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
