#include "proxy/aws_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_error_is_written_whole(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    const struct aws_error e = { .status = 503,
                                 .type = "ServiceUnavailable",
                                 .message = "Say \"please\".",
                                 .retry_after_s = 7 };
    (void)state;

    assert_int_equal(aws_error_write(&out, &e, 0), 0);
    assert_string_equal(buffer_cstr(&out),
                        "HTTP/1.1 503 Service Unavailable\r\n"
                        "x-amzn-ErrorType: ServiceUnavailable\r\n"
                        "Content-Type: application/json\r\n"
                        "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                        "Retry-After: 7\r\n"
                        "Content-Length: 87\r\n"
                        "Connection: close\r\n\r\n"
                        "{\"__type\":\"ServiceUnavailable\",\"message\":\"Say \\\"please\\\".\","
                        "\"Message\":\"Say \\\"please\\\".\"}");
}

static void a_head_leaves_framing_to_others(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    const struct aws_error e = { .status = 404, .type = "X", .message = "y" };
    (void)state;

    assert_int_equal(aws_error_write_head(&out, &e, "the-id", 0), 0);
    assert_string_equal(buffer_cstr(&out), "HTTP/1.1 404 Not Found\r\n"
                                           "x-amzn-ErrorType: X\r\n"
                                           "x-amzn-RequestId: the-id\r\n"
                                           "Content-Type: application/json\r\n"
                                           "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
}

static json_t *body_of(unsigned status, struct slice words, bool cut)
{
    const struct model_error m = { .endpoint = "e",
                                   .model_name = "primary",
                                   .region = "eu-west-1",
                                   .account = "123456789012",
                                   .status = status,
                                   .body = words,
                                   .cut = cut };
    json_t *body = model_error_body(&m);

    assert_non_null(body);
    return body;
}

static const char *text(json_t *body, const char *name)
{
    return json_string_value(json_object_get(body, name));
}

static void model_errors_read_like_sagemakers(void **state)
{
    json_t *b = body_of(422, SLICE("bad \"row\""), false);
    (void)state;

    assert_string_equal(text(b, "ErrorCode"), "CLIENT_ERROR_FROM_MODEL");
    assert_string_equal(text(b, "LogStreamArn"), "arn:aws:logs:eu-west-1:123456789012:log-group:"
                                                 "/aws/sagemaker/Endpoints/e");
    assert_string_equal(text(b, "OriginalMessage"), "bad \"row\"");
    assert_int_equal(json_integer_value(json_object_get(b, "OriginalStatusCode")), 422);
    assert_string_equal(
        text(b, "Message"),
        "Received client error (422) from primary with message \"bad \"row\"\". See "
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logEventViewer:"
        "group=/aws/sagemaker/Endpoints/e in account 123456789012 for more information.");
    json_decref(b);
}

static void whatever_a_container_says_becomes_json(void **state)
{
    static const char bytes[] = "a\0b\xff\xfe\xc3(";
    char many[10000];
    json_t *b = body_of(500, (struct slice){ bytes, sizeof(bytes) - 1 }, false);
    (void)state;

    assert_memory_equal(text(b, "OriginalMessage"),
                        "a\0b??"
                        "?(",
                        8);
    json_decref(b);

    memset(many, 'm', sizeof(many));
    b = body_of(500, (struct slice){ many, sizeof(many) }, false);
    assert_true(strlen(text(b, "Message")) <= 2048);
    assert_int_equal(json_string_length(json_object_get(b, "OriginalMessage")), sizeof(many));
    json_decref(b);

    b = body_of(500, (struct slice){ many, sizeof(many) }, true);
    assert_non_null(strstr(text(b, "Message"), "could not load the entire response body"));
    json_decref(b);

    b = body_of(500, (struct slice){ 0 }, false);
    assert_string_equal(text(b, "OriginalMessage"), "");
    json_decref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_written_whole),
        cmocka_unit_test(a_head_leaves_framing_to_others),
        cmocka_unit_test(model_errors_read_like_sagemakers),
        cmocka_unit_test(whatever_a_container_says_becomes_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
