#include "cli/load_result.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/load_timeline.h"

static struct load_result *some_result(void)
{
    struct load_result *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    for (us_t i = 1; i <= 100; i++)
        assert_true(load_result_add(r, 0, 200, i * 1000));
    assert_false(load_result_add(r, 0, 503, 1));
    assert_false(load_result_add(r, 0, 400, 1));
    assert_false(load_result_add(r, -ECONNREFUSED, 0, 1));
    assert_false(load_result_add(r, -EAGAIN, 0, 1));
    assert_false(load_result_add(r, -EIO, 0, 1));
    r->seconds = 10;
    r->wanted_rate = 10.5;
    return r;
}

static void the_table_has_all_that_happened(void **state)
{
    struct load_result *r = some_result();
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    assert_non_null(file);
    load_result_print(r, file);
    fclose(file);
    assert_string_equal(text, "requests     105 in 10.0 s\n"
                              "rate         10.0/s completed, 10.5/s wanted\n"
                              "latency ms   p50 49.92 p90 89.60 p99 98.82 p99.9 100.00 max 100.00\n"
                              "failed       5\n"
                              "  connection refused               1\n"
                              "  not sent, all connections busy   1\n"
                              "  other                            1\n"
                              "  HTTP 400 Bad Request             1\n"
                              "  HTTP 503 Service Unavailable     1\n");
    free(text);
    free(r);
}

static void json_has_the_same(void **state)
{
    struct load_result *r = some_result();
    json_t *json = load_result_json(r);

    (void)state;
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "requests")), 105);
    assert_int_equal(json_integer_value(json_object_get(json, "completed")), 100);
    assert_int_equal(json_integer_value(json_object_get(json, "failed")), 5);
    assert_true(json_real_value(json_object_get(json, "max_ms")) == 100);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "errors"), "HTTP 503")), 1);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "errors"), "connection refused")),
        1);
    json_decref(json);
    free(r);
}

static void nothing_completed_has_no_latency(void **state)
{
    struct load_result *r = calloc(1, sizeof(*r));
    json_t *json;

    (void)state;
    assert_non_null(r);
    load_result_add(r, -ETIMEDOUT, 0, 5);
    json = load_result_json(r);
    assert_true(json_is_null(json_object_get(json, "p50_ms")));
    json_decref(json);
    free(r);
}

/* Rows leave in order, as soon as they are complete; silent seconds have theirs. */
static void rows_are_written_when_nothing_is_open_in_them(void **state)
{
    struct load_second *first, *second, *late;
    struct load_timeline t;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    assert_non_null(file);
    load_timeline_init(&t, file);
    first = load_timeline_scheduled(&t, 100);
    second = load_timeline_scheduled(&t, 999999);
    assert_ptr_equal(first, second);
    late = load_timeline_scheduled(&t, 2000000);
    load_timeline_ended(&t, load_timeline_scheduled(&t, 2000001), LOAD_UNSENT, 0);
    load_timeline_ended(&t, late, LOAD_COMPLETED, 3000);
    load_timeline_ended(&t, first, LOAD_COMPLETED, 1000);
    fflush(file);
    assert_null(strstr(text, "\n0,"));
    load_timeline_ended(&t, second, LOAD_FAILED, 1000);
    fflush(file);
    assert_non_null(strstr(text, "\n0,2,1,1,1.000,1.000,0\n1,0,0,0,,,0\n"));
    assert_null(strstr(text, "\n2,"));
    assert_int_equal(load_timeline_finish(&t), 0);
    assert_non_null(strstr(text, "\n2,2,1,1,3.000,3.000,1\n"));
    fclose(file);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_all_that_happened),
        cmocka_unit_test(json_has_the_same),
        cmocka_unit_test(nothing_completed_has_no_latency),
        cmocka_unit_test(rows_are_written_when_nothing_is_open_in_them),
    };

    return cmocka_run_group_tests_name("cli/load_result", tests, NULL, NULL);
}
