#include "model/service.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/parser.h"
#include "model/testing.h"

struct fixture {
    struct service service;
    struct ensemble *ensemble;
    float want; /* what the model says to @row */
    char row[100], libsvm[128], json[128];
};

/* A model of four columns, or of five of which the first is unused. */
static void open_fixture(struct fixture *f, unsigned first_column)
{
    autofree(model_files_free) struct model_files *files = NULL;
    char why[ENSEMBLE_WHY_BYTES];
    struct testing_folder folder;
    struct testing_model m;
    struct slice bytes;
    float x[TESTING_COLUMNS];

    testing_train(&m, "gbtree", "reg:squarederror", 0, first_column);
    bytes = testing_save(&m, "ubj");
    testing_folder_make(&folder);
    testing_folder_put(&folder, "xgboost-model", bytes);
    assert_int_equal(model_files_read(folder.path, true, &files, why), 0);
    assert_int_equal(ensemble_new(files, &f->ensemble, why), 0);
    testing_folder_remove(&folder);
    free((char *)bytes.data);

    service_init(&f->service, ANSWER_CSV, 3, 6291456);
    f->service.ensemble = f->ensemble;
    f->service.ready = true;
    f->want = testing_expect(&m, first_column)[1];
    for (unsigned j = 0; j < TESTING_COLUMNS; j++)
        x[j] = testing_data(1, j);
    snprintf(f->row, sizeof(f->row), "%g,%g,%g,%g", x[0], x[1], x[2], x[3]);
    snprintf(f->libsvm, sizeof(f->libsvm), "9 1:%g 2:%g 3:%g 4:%g", x[0], x[1], x[2], x[3]);
    snprintf(f->json, sizeof(f->json), "[[%s]]", f->row);
    testing_free(&m);
}

static void close_fixture(struct fixture *f)
{
    service_deinit(&f->service);
    ensemble_free(f->ensemble);
}

static struct service_answer ask(struct fixture *f, const char *line, const char *fields,
                                 const char *body)
{
    static struct http_head head;
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct service_answer answer;
    size_t scanned = 0, size;
    const char *why;
    char text[1000];
    int n;

    n = snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: h\r\n%s\r\n", line, fields);
    assert_int_equal(http_parse_request(text, (size_t)n, &limits, &scanned, &head, &size, &why), 0);
    service_answer(&f->service, &head, slice_from(body), &answer);
    return answer;
}

static struct service_answer invoke(struct fixture *f, const char *type, const char *accept,
                                    const char *body)
{
    char fields[300];

    snprintf(fields, sizeof(fields), "%s%s%s%s%s%s", type ? "Content-Type: " : "", type ? type : "",
             type ? "\r\n" : "", accept ? "Accept: " : "", accept ? accept : "",
             accept ? "\r\n" : "");
    return ask(f, "POST /invocations", fields, body);
}

static double score(const struct service_answer *answer)
{
    char text[64];

    assert_int_equal(answer->status, 200);
    snprintf(text, sizeof(text), "%.*s", (int)answer->body.size, answer->body.data);
    return strtod(text, NULL);
}

static void every_content_type_gives_the_same_score(void **state)
{
    struct fixture f;

    open_fixture(&f, 0);
    const char *const cases[][2] = {
        { "text/csv", f.row },         { "csv", f.row },   { "text/libsvm", f.libsvm },
        { "text/x-libsvm", f.libsvm }, { NULL, f.libsvm }, { "application/json", f.json },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct service_answer answer = invoke(&f, cases[i][0], NULL, cases[i][1]);

        assert_float_equal(score(&answer), f.want, 1e-5);
        assert_string_equal(answer.content_type, "text/csv");
    }
    close_fixture(&f);
}

static void answers_follow_accept(void **state)
{
    struct service_answer answer;
    struct fixture f;
    char text[100];
    float got;

    open_fixture(&f, 0);
    answer = invoke(&f, "text/csv", "application/json", f.row);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.content_type, "application/json");
    snprintf(text, sizeof(text), "%.*s", (int)answer.body.size, answer.body.data);
    assert_int_equal(sscanf(text, "{\"predictions\": [{\"score\": %f}]}", &got), 1);
    assert_float_equal(got, f.want, 1e-5);

    f.service.standard_answer = ANSWER_JSON_LINES;
    answer = invoke(&f, "text/csv", NULL, f.row);
    assert_string_equal(answer.content_type, "application/jsonlines");
    close_fixture(&f);
}

static void columns_counted_from_one_are_put_right(void **state)
{
    struct fixture f;

    open_fixture(&f, 1);
    const char *const cases[][2] = { { "text/csv", f.row },
                                     { "text/libsvm", f.libsvm },
                                     { "application/json", f.json } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct service_answer answer = invoke(&f, cases[i][0], NULL, cases[i][1]);

        assert_float_equal(score(&answer), f.want, 1e-5);
    }
    close_fixture(&f);
}

static const struct {
    const char *type, *accept, *body;
    unsigned status;
    const char *want;
} bad_requests[] = {
    { "text/csv", NULL, "1,2,3,4,5", 400,
      "Unable to evaluate payload provided: Feature size of csv inference data 5 is not "
      "consistent with feature size of trained model 4." },
    { "text/csv", NULL, "1,2", 400,
      "Unable to evaluate payload provided: Feature size of csv inference data 2 is not "
      "consistent with feature size of trained model 4." },
    { "application/json", NULL, "[1,2]", 400,
      "Unable to evaluate payload provided: Feature size of json inference data 2 is not "
      "consistent with feature size of trained model 4." },
    { "text/libsvm", NULL, "1 0:1 4:1", 400,
      "Unable to evaluate payload provided: Feature size of libsvm inference data 5 is larger "
      "than feature size of trained model 4." },
    { "text/libsvm", NULL, "1 5:1", 400,
      "Unable to evaluate payload provided: Feature size of libsvm inference data 5 is larger "
      "than feature size of trained model 4." },
    { "text/csv", NULL, "a,b,c,d", 415,
      "Loading csv data failed with Exception, please ensure data is in csv format: row 1, "
      "column 1: 'a' is not a number" },
    { "text/csv", NULL, " ", 415,
      "Loading csv data failed with Exception, please ensure data is in csv format: there is "
      "no row" },
    { "application/json", NULL, "{}", 415,
      "Loading json data failed with Exception, please ensure data is in json format: expected "
      "[[...], ...] or {\"instances\": [...]}" },
    { "image/png", NULL, "1", 415,
      "image/png is not an accepted ContentType: csv, libsvm, text/csv, text/libsvm, "
      "text/x-libsvm, application/json." },
    { "text/csv; label_size=3", NULL, "1", 415,
      "text/csv; label_size=3 is not an accepted ContentType: csv, libsvm, text/csv, "
      "text/libsvm, text/x-libsvm, application/json." },
    { "text/csv", "image/png", "1", 406,
      "Accept type image/png is not supported. Please use supported accept types: ['text/csv', "
      "'application/json', 'application/jsonlines']." },
};

static void bad_requests_are_told_why(void **state)
{
    struct fixture f;

    open_fixture(&f, 0);
    for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
        struct service_answer answer =
            invoke(&f, bad_requests[i].type, bad_requests[i].accept, bad_requests[i].body);

        assert_int_equal(answer.status, bad_requests[i].status);
        assert_true(slice_is(answer.body, bad_requests[i].want));
        assert_string_equal(answer.content_type, "text/plain; charset=utf-8");
    }
    assert_int_equal(invoke(&f, "text/csv", NULL, "").status, 204);
    close_fixture(&f);
}

static void one_column_may_be_missing_at_the_end(void **state)
{
    struct fixture f;

    open_fixture(&f, 0);
    assert_int_equal(invoke(&f, "text/csv", NULL, "1,2,3").status, 200);
    close_fixture(&f);
}

static void the_contract_has_three_paths(void **state)
{
    struct service_answer answer;
    struct fixture f;

    open_fixture(&f, 0);
    answer = ask(&f, "GET /ping", "", "");
    assert_int_equal(answer.status, 200);
    assert_null(answer.content_type);
    assert_int_equal(ask(&f, "GET http://h/ping?x", "", "").status, 200);
    answer = ask(&f, "GET /execution-parameters", "", "");
    assert_int_equal(answer.status, 200);
    assert_true(slice_is(answer.body, "{\"MaxConcurrentTransforms\": 3, \"BatchStrategy\": "
                                      "\"MULTI_RECORD\", \"MaxPayloadInMB\": 6}"));
    answer = ask(&f, "GET /invocations", "", "");
    assert_int_equal(answer.status, 405);
    assert_string_equal(answer.allow, "POST");
    answer = ask(&f, "POST /ping", "", "");
    assert_int_equal(answer.status, 405);
    assert_string_equal(answer.allow, "GET");
    assert_int_equal(ask(&f, "GET /", "", "").status, 404);
    assert_int_equal(ask(&f, "GET /ping/", "", "").status, 404);
    assert_int_equal(ask(&f, "OPTIONS *", "", "").status, 404);
    close_fixture(&f);
}

static void a_loading_service_says_so(void **state)
{
    struct fixture f = { 0 };

    service_init(&f.service, ANSWER_CSV, 1, 100);
    assert_int_equal(ask(&f, "GET /ping", "", "").status, 503);
    assert_int_equal(invoke(&f, "text/csv", NULL, "1").status, 503);
    assert_int_equal(ask(&f, "GET /execution-parameters", "", "").status, 200);
    service_deinit(&f.service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_content_type_gives_the_same_score),
        cmocka_unit_test(answers_follow_accept),
        cmocka_unit_test(columns_counted_from_one_are_put_right),
        cmocka_unit_test(bad_requests_are_told_why),
        cmocka_unit_test(one_column_may_be_missing_at_the_end),
        cmocka_unit_test(the_contract_has_three_paths),
        cmocka_unit_test(a_loading_service_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
