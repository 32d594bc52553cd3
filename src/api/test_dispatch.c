/* Whole requests in each protocol against a service of the test's own. */
#include "api/dispatch.h"
#include "control/key.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/parser.h"

/* --- the services ----------------------------------------------------------------------------- */

static const struct shape thing_name = STRING("ThingName", BETWEEN(1, 8));
static const struct shape input = STRUCTURE("GetThingInput", REQUIRED("ThingName", &thing_name));
static const struct shape output = STRUCTURE("GetThingOutput", REQUIRED("ThingName", &thing_name),
                                             REQUIRED("CreationTime", &shape_timestamp));

static int get_thing(struct api_call *call)
{
    const char *name = input_text(call, "ThingName");

    if (strcmp(name, "none") == 0)
        return api_error(call, "ResourceNotFound", "There is no \"%s\".", name);
    if (strcmp(name, "broken") == 0)
        return -EIO;
    call->output = json_pack("{s:s, s:f}", "ThingName", name, "CreationTime", 1767323045.5);
    return 0;
}

static int put_thing(struct api_call *call)
{
    return 0;
}

static const struct operation operations[] = {
    { "GetThing", &input, &output, get_thing },
    { "PutThing", &input, NULL, put_thing },
    { NULL },
};
static const struct operation *const groups[] = { operations, NULL };
static const struct service_error errors[] = {
    { "ResourceNotFound", "NotFound", 404 },
    { NULL },
};

static const struct service things = {
    .name = "Things",
    .signing_name = "things",
    .protocols = SERVICE_JSON | SERVICE_QUERY | SERVICE_CBOR,
    .target_prefix = "ThingService",
    .json_version = "1.0",
    .query_version = "2020-01-01",
    .xml_namespace = "http://things/",
    .error_namespace = "com.things#",
    .constraint_error = "ValidationError",
    .token_error = "InvalidNextToken",
    .errors = errors,
    .groups = groups,
};
static const struct service others = {
    .name = "Others",
    .signing_name = "others",
    .protocols = SERVICE_QUERY,
    .query_version = "2021-01-01",
    .groups = groups,
};

const struct service *const services[] = { &things, &others, NULL };

/* --- requests --------------------------------------------------------------------------------- */

struct fixture {
    struct dispatcher dispatcher;
    struct control control; /* with its keys only */
    struct random random;
    struct answer answer;
};

static int setup(void **state)
{
    static struct fixture f;

    random_init(&f.random, 1);
    f.control.settings = (struct control_settings){ .account = "000000000000" };
    map_init(&f.control.keys, 1);
    f.dispatcher.control = &f.control;
    assert_int_equal(patterns_new(&f.dispatcher.patterns), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    patterns_free(f->dispatcher.patterns);
    map_deinit(&f->control.keys);
    return 0;
}

#define GOOD "X-Weir-Principal: no-auth\r\n"

/* @head: request line and fields, without Host and the empty line; the answer is in f->answer */
static void send_bytes(struct fixture *f, const char *head, struct slice body)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct http_head parsed;
    const char *why = NULL;
    char text[2048];
    size_t scanned = 0, size;

    snprintf(text, sizeof(text), "%sHost: a\r\nContent-Length: %zu\r\n\r\n", head, body.size);
    assert_int_equal(
        http_parse_request(text, strlen(text), &limits, &scanned, &parsed, &size, &why), 0);
    answer_init(&f->answer, &f->random);
    dispatch(&f->dispatcher, &parsed, body, 0, &f->answer);
}

static void send_text(struct fixture *f, const char *head, const char *body)
{
    send_bytes(f, head, slice_from(body));
}

static const char *header(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->answer.n_headers; i++)
        if (strcasecmp(f->answer.headers[i].name, name) == 0)
            return f->answer.headers[i].value;
    return NULL;
}

/* The answer, which is dropped. */
static void assert_answer(struct fixture *f, unsigned status, const char *type, const char *body)
{
    assert_int_equal(f->answer.status, status);
    assert_string_equal(header(f, "Content-Type"), type);
    assert_int_equal(strlen(header(f, "x-amzn-RequestId")), UUID_CHARS);
    if (body)
        assert_string_equal(buffer_cstr(&f->answer.body), body);
    answer_deinit(&f->answer);
}

static void assert_contains(struct fixture *f, unsigned status, const char *needle)
{
    assert_int_equal(f->answer.status, status);
    if (!strstr(buffer_cstr(&f->answer.body), needle))
        fail_msg("'%s' is not in: %s", needle, buffer_cstr(&f->answer.body));
    answer_deinit(&f->answer);
}

#define JSON_HEAD "POST / HTTP/1.1\r\nX-Amz-Target: ThingService.GetThing\r\n"
#define FORM_HEAD                                                                                  \
    "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
#define CBOR_HEAD                                                                                  \
    "POST /service/ThingService/operation/GetThing HTTP/1.1\r\nsmithy-protocol: rpc-v2-cbor\r\n"

static void health_needs_no_signature(void **state)
{
    send_text(*state, "GET /healthz HTTP/1.1\r\n", "");
    assert_answer(*state, 200, "application/json", "{\"status\":\"ok\"}");
}

static void json_is_answered_in_json(void **state)
{
    struct fixture *f = *state;

    send_text(f, JSON_HEAD GOOD, "{\"ThingName\": \"a\", \"New\": 1}");
    assert_answer(f, 200, "application/x-amz-json-1.0",
                  "{\"ThingName\":\"a\",\"CreationTime\":1767323045.5}");
    send_text(f, "POST / HTTP/1.1\r\nX-Amz-Target: ThingService.PutThing\r\n" GOOD,
              "{\"ThingName\": \"a\"}");
    assert_answer(f, 200, "application/x-amz-json-1.0", "");
}

static void query_is_answered_in_xml(void **state)
{
    struct fixture *f = *state;

    send_text(f, FORM_HEAD GOOD, "Action=GetThing&Version=2020-01-01&ThingName=a");
    assert_contains(f, 200,
                    "<GetThingResponse xmlns=\"http://things/\"><GetThingResult><ThingName>a"
                    "</ThingName><CreationTime>2026-01-02T03:04:05.500Z</CreationTime>");
    send_text(f,
              "GET /?Action=GetThing&Version=2020-01-01&ThingName=b&X-Amz-Date=x HTTP/1.1\r\n" GOOD,
              "");
    assert_contains(f, 200, "<ThingName>b</ThingName>");
}

static void cbor_is_answered_in_cbor(void **state)
{
    struct fixture *f = *state;

    send_bytes(f, CBOR_HEAD GOOD,
               SLICE("\xa1\x69ThingName\x61"
                     "a"));
    assert_string_equal(header(f, "smithy-protocol"), "rpc-v2-cbor");
    assert_int_equal(buffer_size(&f->answer.body), 1 + 10 + 2 + 13 + 1 + 9);
    assert_answer(f, 200, "application/cbor", NULL);
}

static void errors_have_each_protocols_names(void **state)
{
    struct fixture *f = *state;

    send_text(f, JSON_HEAD GOOD "x-amzn-query-mode: true\r\n", "{\"ThingName\": \"none\"}");
    assert_string_equal(header(f, "x-amzn-query-error"), "NotFound;Sender");
    assert_string_equal(header(f, "x-amzn-ErrorType"), "ResourceNotFound");
    assert_answer(f, 404, "application/x-amz-json-1.0",
                  "{\"__type\":\"com.things#ResourceNotFound\",\"message\":\"There is no "
                  "\\\"none\\\".\",\"Message\":\"There is no \\\"none\\\".\"}");
    send_text(f, FORM_HEAD GOOD, "Action=GetThing&Version=2020-01-01&ThingName=none");
    assert_contains(f, 404,
                    "<ErrorResponse xmlns=\"http://things/\"><Error><Type>Sender</Type><Code>"
                    "NotFound</Code><Message>There is no &quot;none&quot;.</Message>");
    send_text(f, JSON_HEAD GOOD, "{\"ThingName\": \"broken\"}");
    assert_contains(f, 500, "InternalFailure");
    send_text(f, JSON_HEAD GOOD, "{}");
    assert_contains(f, 400,
                    "{\"__type\":\"com.things#ValidationError\",\"message\":\"1 validation error "
                    "detected: Value null at 'thingName'");
    send_text(f, JSON_HEAD GOOD, "{");
    assert_contains(f, 400, "SerializationException");
    send_text(f, FORM_HEAD GOOD, "Action=GetThing&Version=2020-01-01&ThingName.x=a");
    assert_contains(f, 400, "<Code>MalformedInput</Code>");
}

static void what_is_unknown_is_answered_with_what_there_is(void **state)
{
    struct fixture *f = *state;

    send_text(f, "POST / HTTP/1.1\r\nX-Amz-Target: ThingService.MakeThing\r\n" GOOD, "{}");
    assert_contains(f, 400,
                    "UnknownOperationException\",\"message\":\"weir does not have the operation "
                    "'MakeThing' of Things. It has: GetThing, PutThing.");
    send_text(f, "POST / HTTP/1.1\r\nX-Amz-Target: Other_2020.Make\r\n" GOOD, "{}");
    assert_contains(f, 400,
                    "weir does not have the service 'Other_2020', which was asked for 'Make'. It "
                    "has operations of: Things, Others.");
    send_text(f, FORM_HEAD GOOD, "Action=MakeThing&Version=2020-01-01");
    assert_contains(f, 400, "<Code>InvalidAction</Code>");
    send_text(f, "GET / HTTP/1.1\r\n" GOOD, "");
    assert_contains(f, 404, "There is nothing at GET /.");
}

static void quotations_do_not_break_an_answer(void **state)
{
    struct fixture *f = *state;

    send_text(f, "POST / HTTP/1.1\r\nX-Amz-Target: ThingService.\xc1\xc3\xa9\r\n" GOOD, "{}");
    assert_contains(f, 400, "weir does not have the operation '?\xc3\xa9' of Things.");
    send_text(f, FORM_HEAD GOOD, "Action=GetThing&Version=2020-01-01&%B4%EF%BF%BE.x=a");
    assert_contains(f, 400, "'????.x'</Message>");
}

static void a_bad_signature_reads_as_in_each_protocol(void **state)
{
    struct fixture *f = *state;

    send_text(f, JSON_HEAD "X-Weir-Auth-Error: missing\r\nX-Weir-Auth-Message: x\r\n", "");
    assert_contains(f, 400,
                    "MissingAuthenticationTokenException\",\"message\":\"Missing Authentication "
                    "Token\"");
    send_text(f, FORM_HEAD "X-Weir-Auth-Error: missing\r\nX-Weir-Auth-Message: x\r\n", "");
    assert_contains(f, 403,
                    "<Code>MissingAuthenticationToken</Code><Message>Request is missing "
                    "Authentication Token</Message>");
    send_text(f, FORM_HEAD "X-Weir-Auth-Error: mismatch\r\nX-Weir-Auth-Message: No match.\r\n", "");
    assert_contains(f, 403, "<Code>SignatureDoesNotMatch</Code><Message>No match.</Message>");
    send_text(f, JSON_HEAD "X-Weir-Auth-Error: unknown-key\r\n", "");
    assert_contains(f, 400, "UnrecognizedClientException");
    send_text(f, "GET /none HTTP/1.1\r\nX-Weir-Auth-Error: expired\r\n", "");
    assert_contains(f, 403, "InvalidSignatureException");
    send_text(f, JSON_HEAD, "{\"ThingName\": \"a\"}");
    assert_contains(f, 400, "MissingAuthenticationTokenException");
    send_text(f, JSON_HEAD GOOD "X-Weir-Auth-Error: mismatch\r\n", "{\"ThingName\": \"a\"}");
    assert_contains(f, 400, "InvalidSignatureException");
}

static void the_scope_must_name_the_service(void **state)
{
#define AUTHORIZATION(service)                                                                     \
    "X-Weir-Principal: AK\r\nX-Amz-Date: 20260102T030405Z\r\nAuthorization: AWS4-HMAC-SHA256 "     \
    "Credential=AK/20260102/us-east-1/" service "/aws4_request, SignedHeaders=host;x-amz-date, "   \
    "Signature=4f61ec002810636bcc814df39642bd2f297f660b9bd30bfb749a4cba3dca055e\r\n"
    struct fixture *f = *state;

    send_text(f, JSON_HEAD AUTHORIZATION("things"), "{\"ThingName\": \"a\"}");
    assert_contains(f, 200, "ThingName");
    send_text(f, JSON_HEAD AUTHORIZATION("others"), "{\"ThingName\": \"a\"}");
    assert_contains(f, 400, "Credential should be scoped to correct service: 'things'. ");
}

static void compressed_bodies_are_understood(void **state)
{
    /* {"ThingName": "a"} */
    static const char packed[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x0a\xc9\xc8\xcc"
                                 "\x4b\xf7\x4b\xcc\x4d\x55\xb2\x52\x50\x4a\x54\xaa\x05\x00\x23\x9f"
                                 "\xa6\xcb\x12\x00\x00\x00";
    struct fixture *f = *state;

    send_bytes(f, JSON_HEAD GOOD "Content-Encoding: gzip\r\n",
               (struct slice){ packed, sizeof(packed) - 1 });
    assert_contains(f, 200, "ThingName");
    send_text(f, JSON_HEAD GOOD "Content-Encoding: gzip\r\n", "{\"ThingName\": \"a\"}");
    assert_contains(f, 400, "SerializationException");
    send_text(f, JSON_HEAD GOOD "Content-Encoding: br\r\n", "{\"ThingName\": \"a\"}");
    assert_contains(f, 400, "gzip is understood");
}

static void a_key_may_call_what_it_was_given(void **state)
{
    struct fixture *f = *state;
    struct key key = { .id = "WEIR1" };

    f->control.settings.auth = true;
    f->control.settings.access_key_id = "OWN";
    assert_int_equal(map_put(&f->control.keys, key.id, &key), 0);

    send_text(f, JSON_HEAD "X-Weir-Principal: OWN\r\n", "{\"ThingName\": \"a\"}");
    assert_contains(f, 200, "ThingName");
    send_text(f, JSON_HEAD "X-Weir-Principal: WEIR1\r\n", "{\"ThingName\": \"a\"}");
    assert_contains(
        f, 400, "User: arn:aws:iam::000000000000:user/WEIR1 is not authorized to perform: things:");
    send_text(f, JSON_HEAD "X-Weir-Principal: NOBODY\r\n", "{\"ThingName\": \"a\"}");
    assert_contains(f, 400, "AccessDeniedException");
    key.may.admin = true;
    send_text(f, JSON_HEAD "X-Weir-Principal: WEIR1\r\n", "{\"ThingName\": \"a\"}");
    assert_contains(f, 200, "ThingName");

    map_remove(&f->control.keys, key.id);
    f->control.settings.auth = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_needs_no_signature),
        cmocka_unit_test(json_is_answered_in_json),
        cmocka_unit_test(query_is_answered_in_xml),
        cmocka_unit_test(cbor_is_answered_in_cbor),
        cmocka_unit_test(errors_have_each_protocols_names),
        cmocka_unit_test(what_is_unknown_is_answered_with_what_there_is),
        cmocka_unit_test(quotations_do_not_break_an_answer),
        cmocka_unit_test(a_bad_signature_reads_as_in_each_protocol),
        cmocka_unit_test(the_scope_must_name_the_service),
        cmocka_unit_test(compressed_bodies_are_understood),
        cmocka_unit_test(a_key_may_call_what_it_was_given),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
