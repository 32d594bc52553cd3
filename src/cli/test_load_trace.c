#include "cli/load_trace.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define AS_RECORDED ((struct load_trace_options){ .speedup = 1, .scale = 1 })

static const char counts[] = "timestamp,value\r\n"
                             "2014-04-10 00:00:00,300\r\n"
                             "2014-04-10 00:05:00,600.0\r\n"
                             "\r\n"
                             "2014-04-10 00:15:00,60\r\n";

static wall_ms_t at(const char *text)
{
    wall_ms_t t;

    assert_int_equal(load_timestamp_parse(slice_from(text), &t), 0);
    return t;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

static void counts_become_rates(void **state)
{
    struct load_plan plan;
    char why[LOAD_WHY_BYTES];

    (void)state;
    assert_int_equal(load_trace_parse(slice_from(counts), &AS_RECORDED, &plan, why), 0);
    assert_int_equal(plan.n_pieces, 3);
    assert_true(is_near(plan.pieces[0].length_s, 300) && is_near(plan.pieces[0].rate_from, 1));
    assert_true(is_near(plan.pieces[1].length_s, 600) && is_near(plan.pieces[1].rate_to, 1));
    assert_true(is_near(plan.pieces[2].length_s, 600) && is_near(plan.pieces[2].rate_from, 0.1));
    load_plan_deinit(&plan);
}

static void speedup_and_scale_multiply_the_rate(void **state)
{
    struct load_trace_options options = { .speedup = 100, .scale = 3 };
    struct load_plan plan;
    char why[LOAD_WHY_BYTES];

    (void)state;
    assert_int_equal(load_trace_parse(slice_from(counts), &options, &plan, why), 0);
    assert_true(is_near(plan.pieces[0].length_s, 3) && is_near(plan.pieces[0].rate_from, 300));
    assert_true(is_near(load_plan_requests(&plan), 3 * 960));
    load_plan_deinit(&plan);
}

static void a_part_can_be_chosen(void **state)
{
    struct load_trace_options options = AS_RECORDED;
    struct load_plan plan;
    char why[LOAD_WHY_BYTES];

    (void)state;
    options.has_from = options.has_to = true;
    options.from = at("2014-04-10T00:04:00Z");
    options.to = at("2014-04-10 00:10:00");
    assert_int_equal(load_trace_parse(slice_from(counts), &options, &plan, why), 0);
    assert_int_equal(plan.n_pieces, 2);
    assert_true(is_near(plan.pieces[0].length_s, 60) && is_near(plan.pieces[0].rate_from, 0));
    assert_true(is_near(plan.pieces[1].length_s, 300) && is_near(plan.pieces[1].rate_from, 1));
    load_plan_deinit(&plan);

    options.from = at("2015-01-01 00:00:00");
    options.has_to = false;
    assert_int_equal(load_trace_parse(slice_from(counts), &options, &plan, why), -EINVAL);
}

static void rows_may_be_requests(void **state)
{
    static const char *const texts[] = {
        "TIMESTAMP,ContextTokens\n2023-11-16 18:15:46.6805900,374\n2023-11-16 "
        "18:15:50.9951690,396\n",
        "1700158546.680\n1700158550.995\n",
        "when\n\"2023-11-16T18:15:46.680Z\"\n2023-11-16T19:15:50.995+01:00",
    };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct load_trace_options options = AS_RECORDED;
        struct load_plan plan;
        char why[LOAD_WHY_BYTES];

        options.speedup = 2;
        assert_int_equal(load_trace_parse(slice_from(texts[i]), &options, &plan, why), 0);
        assert_int_equal(plan.n_instants, 2);
        assert_int_equal(plan.instants[0], 0);
        assert_int_equal(plan.instants[1], 4315000 / 2);
        load_plan_deinit(&plan);
    }
}

static void mistakes_are_named_with_their_line(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "no row" },
        { "timestamp,value\n", "no row" },
        { "timestamp,value\n2014-04-10 00:00:00,1\n", "one row alone" },
        { "timestamp,value\n2014-04-10 00:00:00,1\nsoon,2\n", "line 3: no timestamp" },
        { "timestamp,value\n2014-04-10 00:00:00,many\n", "line 2: the value" },
        { "timestamp,value\n2014-04-10 00:00:00,-1\n", "line 2: the value" },
        { "timestamp,value\n2014-04-10 00:00:00,1e300\n", "line 2: the value" },
        { "timestamp,value\n2014-04-10 00:00:00\n", "line 2: the value" },
        { "timestamp,value\n0,1\n1e12,1\n", "more than 30 years" },
        { "-1e12\n1e12\n", "more than 30 years" },
        { "timestamp,value\n2014-04-10 00:00:00,1\n2014-04-10 00:00:00,1\n", "line 3: the time" },
        { "5\n4\n", "line 2: the timestamp goes back" },
        { "1e300\n", "no row" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char why[LOAD_WHY_BYTES] = "";
        struct load_plan plan;

        assert_int_equal(load_trace_parse(slice_from(cases[i].text), &AS_RECORDED, &plan, why),
                         -EINVAL);
        assert_non_null(strstr(why, cases[i].why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_become_rates),
        cmocka_unit_test(speedup_and_scale_multiply_the_rate),
        cmocka_unit_test(a_part_can_be_chosen),
        cmocka_unit_test(rows_may_be_requests),
        cmocka_unit_test(mistakes_are_named_with_their_line),
    };

    return cmocka_run_group_tests_name("cli/load_trace", tests, NULL, NULL);
}
