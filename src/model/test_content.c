#include "model/content.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void types_of_requests_are_known(void **state)
{
    const struct {
        const char *type;
        int result;
        enum content want;
    } cases[] = {
        { "text/csv", 0, CONTENT_CSV },
        { "TEXT/CSV; charset=utf-8", 0, CONTENT_CSV },
        { "csv", 0, CONTENT_CSV },
        { "text/csv;label_size=1", 0, CONTENT_CSV },
        { "text/csv; label_size=0", -EINVAL, 0 },
        { "text/csv; charset=utf-8; label_size=2", -EINVAL, 0 },
        { "text/libsvm", 0, CONTENT_LIBSVM },
        { "text/x-libsvm", 0, CONTENT_LIBSVM },
        { "libsvm", 0, CONTENT_LIBSVM },
        { "", 0, CONTENT_LIBSVM },
        { "application/json", 0, CONTENT_JSON },
        { "application/x-recordio-protobuf", -EINVAL, 0 },
        { "text", -EINVAL, 0 },
        { "text/csvx", -EINVAL, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum content got = cases[i].want;

        assert_int_equal(content_of(slice_from(cases[i].type), &got), cases[i].result);
        assert_int_equal(got, cases[i].want);
    }
    enum content got;
    assert_int_equal(content_of((struct slice){ 0 }, &got), 0);
    assert_int_equal(got, CONTENT_LIBSVM);
}

static void answers_take_the_form_that_is_accepted(void **state)
{
    const struct {
        const char *accept;
        int result;
        enum answer_form want;
    } cases[] = {
        { NULL, 0, ANSWER_JSON_LINES },
        { " ", 0, ANSWER_JSON_LINES },
        { "*/*", 0, ANSWER_JSON_LINES },
        { "text/csv", 0, ANSWER_CSV },
        { "application/json", 0, ANSWER_JSON },
        { "Application/JSONLines;q=0.5", 0, ANSWER_JSON_LINES },
        { "text/html, application/json;q=0.9, */*", 0, ANSWER_JSON },
        { "text/html, */*;q=0.1", 0, ANSWER_JSON_LINES },
        { "text/html", -EINVAL, 0 },
        { "text/*", -EINVAL, 0 },
        { ",", -EINVAL, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum answer_form got = cases[i].want;

        assert_int_equal(answer_form_of(slice_from(cases[i].accept), ANSWER_JSON_LINES, &got),
                         cases[i].result);
        assert_int_equal(got, cases[i].want);
    }
    assert_string_equal(answer_form_type(ANSWER_CSV), "text/csv");
    assert_string_equal(answer_form_type(ANSWER_JSON), "application/json");
    assert_string_equal(answer_form_type(ANSWER_JSON_LINES), "application/jsonlines");
}

static void predictions_are_written(void **state)
{
    float one[] = { 0.43f, 1e-20f, 3 }, many[] = { 0.1f, 0.9f, 0.25f, NAN };
    const struct {
        struct predictions p;
        enum answer_form form;
        const char *want;
    } cases[] = {
        { { 3, 1, one }, ANSWER_CSV, "0.43\n1e-20\n3" },
        { { 2, 1, one },
          ANSWER_JSON,
          "{\"predictions\": [{\"score\": 0.43}, {\"score\": 1e-20}]}" },
        { { 2, 1, one }, ANSWER_JSON_LINES, "{\"score\": 0.43}\n{\"score\": 1e-20}" },
        { { 2, 2, many }, ANSWER_CSV, "0.1,0.9\n0.25,nan" },
        { { 2, 2, many },
          ANSWER_JSON,
          "{\"predictions\": [{\"score\": [0.1, 0.9]}, {\"score\": [0.25, null]}]}" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        autobuffer struct buffer b = BUFFER_INIT(1000), small = BUFFER_INIT(5);

        assert_int_equal(predictions_write(&cases[i].p, cases[i].form, &b), 0);
        assert_string_equal(buffer_cstr(&b), cases[i].want);
        assert_int_equal(predictions_write(&cases[i].p, cases[i].form, &small), -ENOBUFS);
    }
}

static void numbers_read_back_exactly(void **state)
{
    float values[] = { 1.0f / 3, 16777216, 0.1f + 0.2f, 9.1207342f, 1e-45f, 3.4e38f, -0.0f };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        autobuffer struct buffer b = BUFFER_INIT(100);
        struct predictions p = { 1, 1, &values[i] };

        assert_int_equal(predictions_write(&p, ANSWER_CSV, &b), 0);
        assert_true(strtof(buffer_cstr(&b), NULL) == values[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_of_requests_are_known),
        cmocka_unit_test(answers_take_the_form_that_is_accepted),
        cmocka_unit_test(predictions_are_written),
        cmocka_unit_test(numbers_read_back_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
