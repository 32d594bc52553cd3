#include "proxy/grpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_call_is_known_by_its_content_type(void **state)
{
    static const struct {
        const char *type;
        bool is_call;
    } cases[] = {
        { "application/grpc", true },           { "application/grpc+proto", true },
        { "application/grpc;charset=x", true }, { "Application/gRPC+json", true },
        { "application/grpc-web", false },      { "application/grpc-web+proto", false },
        { "application/json", false },          { "", false },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct http_head head = { .n_headers = 1 };

        head.headers[0] = (struct http_header){ SLICE("content-type"), slice_from(cases[i].type) };
        assert_int_equal(grpc_is_call(&head), cases[i].is_call);
    }
    assert_false(grpc_is_call(&(struct http_head){ .n_headers = 0 }));
}

static void statuses_are_those_that_clients_expect(void **state)
{
    static const unsigned cases[][2] = { { 400, 13 }, { 401, 16 }, { 403, 7 },  { 404, 12 },
                                         { 408, 4 },  { 413, 8 },  { 429, 14 }, { 464, 12 },
                                         { 500, 13 }, { 502, 14 }, { 503, 14 }, { 504, 4 },
                                         { 418, 2 } };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(grpc_status_of(cases[i][0]), cases[i][1]);
}

static void an_error_is_a_call_that_ends_at_once(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    const struct aws_error e = { .status = 503, .type = "T", .message = "100 % \xc3\xa4\r\nx: y" };
    (void)state;

    assert_int_equal(grpc_write_error(&out, &e, "id", 0), 0);
    assert_string_equal(buffer_cstr(&out), "HTTP/1.1 200 OK\r\n"
                                           "content-type: application/grpc\r\n"
                                           "x-amzn-RequestId: id\r\n"
                                           "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                                           "grpc-status: 14\r\n"
                                           "grpc-message: 100 %25 %C3%A4%0D%0Ax: y\r\n");
}

static void an_answer_that_breaks_off_ends_with_a_status(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    (void)state;

    assert_int_equal(grpc_write_trailers(&out, 504, "Too late."), 0);
    assert_string_equal(buffer_cstr(&out), "grpc-status: 4\r\ngrpc-message: Too late.\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_known_by_its_content_type),
        cmocka_unit_test(statuses_are_those_that_clients_expect),
        cmocka_unit_test(an_error_is_a_call_that_ends_at_once),
        cmocka_unit_test(an_answer_that_breaks_off_ends_with_a_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
