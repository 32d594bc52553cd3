/* The second sentence of a cause must let its reader redo the sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scaling/cause.h"

static const struct tracking invocations = {
    .metric = { .namespace = "AWS/SageMaker", .name = "InvocationsPerInstance" },
    .statistic = { .kind = STATISTIC_SUM },
    .period_s = 60,
    .target = 600,
};

static void tells_what_was_measured_and_computed(void **state)
{
    struct wish w = { .direction = DIRECTION_OUT,
                      .capacity = 5,
                      .metric = 2469,
                      .target = 600,
                      .threshold = 600,
                      .demand = 2469,
                      .window_s = 3 };
    struct decision d = { .verdict = VERDICT_SCALE, .from = 1, .to = 4 };
    char text[CAUSE_BYTES];

    cause_text(
        &(struct cause){ "a-AlarmHigh-1", "p", &invocations, &w, &d, 1, 1, 4, .unit = "instance" },
        text);
    assert_string_equal(
        text,
        "monitor alarm a-AlarmHigh-1 in state ALARM triggered policy p. "
        "InvocationsPerInstance was 2469 over the last 3 s (Sum per minute, target 600) with 1 "
        "instance in service: 1 x 2469 / 600 rounded up is 5; within 1 to 4, the desired count "
        "goes from 1 to 4.");
}

static void tells_what_a_window_held_back(void **state)
{
    struct wish w = { .direction = DIRECTION_IN,
                      .capacity = 3,
                      .metric = 100,
                      .target = 600,
                      .threshold = 540,
                      .demand = 400,
                      .window_s = 900 };
    struct decision d = { .verdict = VERDICT_SCALE, .from = 4, .to = 3 };
    char text[CAUSE_BYTES];

    cause_text(
        &(struct cause){ "a-AlarmLow-1", "p", &invocations, &w, &d, 4, 1, 8, .unit = "instance" },
        text);
    assert_string_equal(
        text,
        "monitor alarm a-AlarmLow-1 in state ALARM triggered policy p. "
        "InvocationsPerInstance stayed below 540 for 900 s (Sum per minute, target 600) and is "
        "now 100 with 4 instances in service: the most needed at any time in these 900 s was "
        "3; within 1 to 8, the desired count goes from 4 to 3.");
}

static void tells_what_is_forecast_and_what_that_needs(void **state)
{
    struct wish w = { .kind = WISH_FORECAST,
                      .direction = DIRECTION_OUT,
                      .capacity = 7,
                      .metric = 200000,
                      .target = 500,
                      .demand = 200000 / 60.0,
                      .window_s = 300,
                      .hour = 1767348000000 };
    struct decision d = { .verdict = VERDICT_SCALE, .from = 2, .to = 6 };
    char text[CAUSE_BYTES];

    cause_text(&(struct cause){ "", "p", NULL, &w, &d, 2, 1, 6, 2, 6 }, text);
    assert_string_equal(
        text, "predictive scaling policy p was triggered. A load of 200000 is forecast for the "
              "hour from 2026-01-02T10:00Z, of which an instance takes 30000 (target 500): "
              "3333.33 / 500 rounded up is 7, wanted 300 s before; within 1 to 6, the desired "
              "count goes from 2 to 6.");
}

static void tells_when_a_forecast_held_more(void **state)
{
    struct wish w = { .direction = DIRECTION_IN,
                      .capacity = 2,
                      .metric = 100,
                      .target = 600,
                      .threshold = 540,
                      .demand = 1000,
                      .window_s = 900 };
    struct decision d = { .verdict = VERDICT_SCALE, .from = 10, .to = 7 };
    char text[CAUSE_BYTES];

    cause_text(&(struct cause){ "a", "p", &invocations, &w, &d, 10, 1, 20, 10, 7 }, text);
    assert_non_null(strstr(text, "rounded up is 2; a forecast needs 7; within 1 to 20, the "
                                 "desired count goes from 10 to 7."));
}

static void names_the_five_statistics(void **state)
{
    static const char *const names[] = { "SampleCount", "Sum", "Average", "Minimum", "Maximum" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct metric_statistic s;
        assert_int_equal(metric_statistic_parse(names[i], &s), 0);
        assert_string_equal(cause_statistic(&s), names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_was_measured_and_computed),
        cmocka_unit_test(tells_what_a_window_held_back),
        cmocka_unit_test(tells_what_is_forecast_and_what_that_needs),
        cmocka_unit_test(tells_when_a_forecast_held_more),
        cmocka_unit_test(names_the_five_statistics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
