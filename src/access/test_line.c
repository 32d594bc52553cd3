#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "access/line.h"
#include "base/text.h"

static struct access_record *record(const char *const texts[ACCESS_TEXTS])
{
    struct access_record *r = calloc(1, sizeof(*r) + 4096);
    size_t n = 0;

    assert_non_null(r);
    *r = (struct access_record){ .begun = 1767323045000, /* 2026-01-02T03:04:05Z */
                                 .ended = 1767323045678,
                                 .queue_us = 10,
                                 .connect_us = -1,
                                 .before_us = 1500,
                                 .target_us = 2000000,
                                 .after_us = 7,
                                 .total_us = 2001507,
                                 .received_bytes = 128,
                                 .sent_bytes = 256,
                                 .status = 200,
                                 .target_status = 201,
                                 .grpc_status = -1,
                                 .client = "192.0.2.1:4711",
                                 .target = "127.0.0.1:9001" };
    for (unsigned i = 0; i < ACCESS_TEXTS; i++) {
        size_t size = texts[i] ? strlen(texts[i]) : 0;

        if (size)
            memcpy(r->texts + n, texts[i], size);
        r->text_bytes[i] = (uint16_t)size;
        n += size;
    }
    return r;
}

static const char *const plain[ACCESS_TEXTS] = {
    [ACCESS_METHOD] = "POST",         [ACCESS_TARGET] = "/endpoints/e/invocations",
    [ACCESS_HOST] = "models:8080",    [ACCESS_USER_AGENT] = "curl/8",
    [ACCESS_TRACE_ID] = "Root=1-2-3", [ACCESS_REQUEST_ID] = "id-1",
    [ACCESS_GROUP] = "e/v",           [ACCESS_PRINCIPAL] = "AKIA1",
};

static const char *line(struct buffer *out, enum access_format format, struct access_record *r)
{
    buffer_clear(out);
    assert_int_equal(access_line_write(out, format, r), 0);
    free(r);
    return buffer_cstr(out);
}

static void an_alb_line_has_the_fields_in_their_order(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 20);
    (void)state;

    assert_string_equal(
        line(&out, ACCESS_ALB, record(plain)),
        "http 2026-01-02T03:04:05.678Z app/weir/proxy 192.0.2.1:4711 127.0.0.1:9001 0.001500 "
        "2.000000 0.000007 200 201 128 256 "
        "\"POST http://models:8080/endpoints/e/invocations HTTP/1.1\" \"curl/8\" - - e/v "
        "\"Root=1-2-3\" \"models:8080\" \"-\" 0 2026-01-02T03:04:05.000Z \"forward\" \"-\" \"-\" "
        "\"127.0.0.1:9001\" \"201\" \"-\" \"-\" id-1\n");
}

static void what_is_not_there_is_a_dash_or_left_out(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 20);
    const char *const nothing[ACCESS_TEXTS] = { 0 };
    struct access_record *r = record(nothing);
    json_t *json;
    (void)state;

    r->target[0] = '\0';
    r->before_us = r->target_us = r->after_us = -1;
    r->target_status = 0;
    assert_non_null(strstr(line(&out, ACCESS_ALB, r), " 192.0.2.1:4711 - -1 -1 -1 200 - 128"));
    r = record(nothing);
    r->before_us = r->target_us = r->after_us = r->queue_us = -1;
    json = json_loads(line(&out, ACCESS_JSON, r), 0, NULL);
    assert_non_null(json);
    assert_null(json_object_get(json, "queue_us"));
    assert_null(json_object_get(json, "grpc_status"));
    assert_null(json_object_get(json, "method"));
    json_decref(json);
}

static void json_says_the_same(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 20);
    json_t *json = json_loads(line(&out, ACCESS_JSON, record(plain)), 0, NULL);
    (void)state;

    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "path")),
                        "/endpoints/e/invocations");
    assert_string_equal(json_string_value(json_object_get(json, "principal")), "AKIA1");
    assert_int_equal(json_integer_value(json_object_get(json, "total_us")), 2001507);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 200);
    json_decref(json);
}

static void json_says_how_a_call_of_grpc_ended(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 20);
    (void)state;

    for (int status = 0; status <= 16; status += 4) {
        struct access_record *r = record(plain);
        json_t *json;

        r->grpc_status = status;
        json = json_loads(line(&out, ACCESS_JSON, r), 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(json, "grpc_status")), status);
        assert_true(json_is_integer(json_object_get(json, "grpc_status")));
        json_decref(json);
    }
}

static void nothing_in_a_field_breaks_the_line(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 20);
    const char *const nasty[ACCESS_TEXTS] = { [ACCESS_USER_AGENT] = "a\" \"b\\\t\xff\x01" };
    const char *text;
    json_t *json;
    (void)state;

    text = line(&out, ACCESS_ALB, record(nasty));
    assert_non_null(strstr(text, "\"a\\x22 \\x22b\\x5C\\x09\\xFF\\x01\""));
    json = json_loads(line(&out, ACCESS_JSON, record(nasty)), 0, NULL);
    assert_non_null(json);
    json_decref(json);
}

static void a_line_that_does_not_fit_is_left_out_whole(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(100);
    struct access_record *r = record(plain);
    (void)state;

    assert_int_equal(buffer_append(&out, "before", 6), 0);
    assert_int_equal(access_line_write(&out, ACCESS_ALB, r), -ENOBUFS);
    assert_int_equal(buffer_size(&out), 6);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alb_line_has_the_fields_in_their_order),
        cmocka_unit_test(what_is_not_there_is_a_dash_or_left_out),
        cmocka_unit_test(json_says_the_same),
        cmocka_unit_test(json_says_how_a_call_of_grpc_ended),
        cmocka_unit_test(nothing_in_a_field_breaks_the_line),
        cmocka_unit_test(a_line_that_does_not_fit_is_left_out_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
