/* Why nothing was done: every reason that DescribeScalingActivities knows, with its number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rig.h"
#include "fleet/fake.h"

#define NAMESPACE "'ServiceNamespace':'sagemaker'"

static void run_seconds(struct fixture *f, int n)
{
    for (; n > 0; n--)
        run_second(f);
}

/* The newest record says @code, and nothing beside it but @member, which is @value. NULL: nothing */
static void newest_reason(struct fixture *f, const char *code, const char *member, int value)
{
    json_t *answer =
        ask(f, "DescribeScalingActivities", NAMESPACE ",'IncludeNotScaledActivities':true");
    json_t *newest = json_array_get(json_object_get(answer, "ScalingActivities"), 0), *reason;

    assert_string_equal(text(newest, "Description"), "Attempting to scale due to alarm triggered");
    assert_int_equal(json_array_size(json_object_get(newest, "NotScaledReasons")), 1);
    reason = json_array_get(json_object_get(newest, "NotScaledReasons"), 0);
    assert_string_equal(text(reason, "Code"), code);
    assert_int_equal(json_object_size(reason), member ? 2 : 1);
    if (member)
        assert_int_equal(integer(reason, member), value);
    json_decref(answer);
}

static size_t count_records(struct fixture *f)
{
    return count_of(f, "DescribeScalingActivities", NAMESPACE ",'IncludeNotScaledActivities':true",
                    "ScalingActivities");
}

static void at_the_maximum(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    put_policy(f, "p", "'TargetValue':600," INVOCATIONS);
    f->load = 290;
    await_count(f, 4);
    run_seconds(f, 20);
    newest_reason(f, "AlreadyAtMaxCapacity", "MaxCapacity", 4);
    assert_int_equal(count_records(f), 2); /* said once */
}

static void at_the_minimum(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    put_policy(f, "p", "'TargetValue':600,'ScaleInCooldown':15," INVOCATIONS);
    f->load = 1;
    run_seconds(f, 60);
    newest_reason(f, "AlreadyAtMinCapacity", "MinCapacity", 1);
    assert_int_equal(count_records(f), 1);
}

static void what_is_wanted_is_starting_already(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    put_policy(f, "p", "'TargetValue':600," INVOCATIONS);
    fake_driver_set_ready_at_launch(f->driver, false);
    f->load = 29; /* 1740 a minute: three */
    run_seconds(f, 20);
    assert_int_equal(counts(f).desired, 3);
    newest_reason(f, "AlreadyAtDesiredCapacity", "CurrentCapacity", 3);
}

static void one_less_would_be_too_few(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    done(f, "RegisterScalableTarget", TARGET ",'MinCapacity':2");
    await_count(f, 2);
    done(f, "RegisterScalableTarget", TARGET ",'MinCapacity':1");
    put_policy(f, "p", "'TargetValue':600,'ScaleInCooldown':15," INVOCATIONS);
    f->load = 12; /* 360 a minute each, and 720 for one alone */
    run_seconds(f, 60);
    assert_int_equal(counts(f).desired, 2);
    newest_reason(f, "AutoScalingAnticipatedFlapping", "CurrentCapacity", 2);
}

static void reasons_are_kept_across_a_restart_and_left_out_unless_asked_for(void **state)
{
    struct fixture *f = *state;

    make_target(f);
    put_policy(f, "p", "'TargetValue':600,'ScaleInCooldown':15," INVOCATIONS);
    f->load = 1;
    run_seconds(f, 60);
    restart(f);
    newest_reason(f, "AlreadyAtMinCapacity", "MinCapacity", 1);
    assert_int_equal(count_of(f, "DescribeScalingActivities", NAMESPACE, "ScalingActivities"), 0);
    assert_int_equal(count_of(f, "DescribeScalingActivities",
                              NAMESPACE ",'IncludeNotScaledActivities':false", "ScalingActivities"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(at_the_maximum),
        TEST(at_the_minimum),
        TEST(what_is_wanted_is_starting_already),
        TEST(one_less_would_be_too_few),
        TEST(reasons_are_kept_across_a_restart_and_left_out_unless_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
