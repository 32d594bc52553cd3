/* Invocations whose answers come as a stream of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "http/eventstream.h"
#include "proxy/rig.h"

static int set_up(void **state)
{
    *state = fixture_new(1);
    fixture_start(*state, 1);
    return 0;
}

static char *request(const char *version, const char *attributes, const char *body)
{
    char *text = text_format("POST /endpoints/e/invocations-response-stream HTTP/%s\r\nHost: w\r\n"
                             "X-Amzn-SageMaker-Custom-Attributes: %s\r\n"
                             "X-Amzn-SageMaker-Accept: text/event-stream\r\nAccept: */*\r\n"
                             "Content-Length: %zu\r\n\r\n%s",
                             version, attributes, strlen(body), body);

    assert_non_null(text);
    return text;
}

static void ask(struct fixture *f, const char *attributes, const char *body, struct answer *ret)
{
    autofree(mem_free) char *text = request("1.1", attributes, body);

    client_ask(&f->rig, text, ret);
}

/* Take the answer's messages apart. Return: the payloads of its parts, put together; @ret_last is the
 * last message. */
static struct slice read_events(struct answer *a, struct eventstream_message *ret_last)
{
    static char payloads[1 << 16];
    size_t at = 0, n, total = 0;
    const char *why = NULL;

    *ret_last = (struct eventstream_message){ 0 };
    while (at < buffer_size(&a->body)) {
        assert_int_equal(eventstream_read(buffer_data(&a->body) + at, buffer_size(&a->body) - at,
                                          ret_last, &n, &why),
                         0);
        at += n;
        if (!slice_is(eventstream_find(ret_last, ":event-type"), "PayloadPart"))
            continue;
        assert_true(slice_is(eventstream_find(ret_last, ":message-type"), "event"));
        assert_true(total + ret_last->payload.size <= sizeof(payloads));
        memcpy(payloads + total, ret_last->payload.data, ret_last->payload.size);
        total += ret_last->payload.size;
    }
    return (struct slice){ payloads, total };
}

static bool field_is(const struct answer *a, const char *name, const char *value)
{
    return slice_is(http_header_value(&a->head, name), value);
}

static void an_answer_comes_as_events(void **state)
{
    struct eventstream_message last;
    autoanswer struct answer a;

    ask(*state, "chunked", "hello", &a);
    assert_int_equal(a.status, 200);
    assert_true(field_is(&a, "Content-Type", "application/vnd.amazon.eventstream"));
    assert_true(field_is(&a, "X-Amzn-SageMaker-Content-Type", "text/x-test"));
    assert_true(field_is(&a, "x-Amzn-Invoked-Production-Variant", "v"));
    assert_int_equal(a.head.framing, HTTP_BODY_CHUNKED);
    assert_true(slice_is(read_events(&a, &last), "hello"));
    /* Accept is what X-Amzn-SageMaker-Accept has said, once */
    assert_true(field_is(&a, "X-Amzn-SageMaker-Custom-Attributes",
                         "Host,X-Amzn-SageMaker-Custom-Attributes,Accept,Content-Length"));
}

static void however_the_container_frames_its_answer(void **state)
{
    static const char *const attributes[] = { "echo", "chunked", "until-close", "close" };
    char body[2500];

    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
        struct eventstream_message last;
        autoanswer struct answer a;

        ask(*state, attributes[i], body, &a);
        assert_int_equal(a.status, 200);
        assert_true(a.head.keep_alive && !a.broken);
        if (strcmp(attributes[i], "close") != 0)
            assert_true(slice_is(read_events(&a, &last), body));
        else
            assert_int_equal(buffer_size(&a.body), 0);
    }
}

static void errors_before_the_first_byte_are_plain_ones(void **state)
{
    autoanswer struct answer a;

    ask(*state, "status=400", "no", &a);
    assert_int_equal(a.status, 424);
    assert_true(field_is(&a, "x-amzn-ErrorType", "ModelError"));
    assert_true(answer_has(&a, "\"OriginalMessage\":\"no\""));
}

static void a_container_that_breaks_off_is_told_in_the_stream(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autofree(mem_free) char *text = request("1.1", "break-after=4", "part of it");
    struct link_report_group counts;
    int fd = client_dial(&f->rig);

    for (int i = 0; i < 2; i++) { /* the client's connection is as good as before */
        struct eventstream_message last;
        autoanswer struct answer a;

        client_send(fd, text);
        client_read(fd, &pending, &a);
        assert_int_equal(a.status, 200);
        assert_false(a.broken);
        assert_true(slice_is(read_events(&a, &last), "part"));
        assert_true(slice_is(eventstream_find(&last, ":message-type"), "exception"));
        assert_true(slice_is(eventstream_find(&last, ":exception-type"), "ModelStreamError"));
        assert_non_null(memmem(last.payload.data, last.payload.size, "StreamBroken", 12));
    }
    close(fd);
    rig_hear_report(&f->rig, 2, &counts);
    assert_int_equal(counts.model_errors, 2);
}

static void a_container_that_takes_too_long_is_told_in_the_stream(void **state)
{
    struct fixture *f = *state;
    struct eventstream_message last;
    autoanswer struct answer a;

    f->rig.group.stream_timeout_ms = 300;
    rig_serve(&f->rig, f->list, 1);
    ask(f, "as=HTTP/1.1 200 OK|Content-Length: 9||part", "", &a);
    while (a.status == 424) { /* a busy machine: it had not even begun */
        answer_deinit(&a);
        ask(f, "as=HTTP/1.1 200 OK|Content-Length: 9||part", "", &a);
    }
    assert_int_equal(a.status, 200);
    assert_true(slice_is(read_events(&a, &last), "part"));
    assert_true(slice_is(eventstream_find(&last, ":exception-type"), "ModelStreamError"));
    assert_non_null(
        memmem(last.payload.data, last.payload.size, "ModelInvocationTimeExceeded", 27));
}

static void an_instance_taken_out_of_service_is_told_in_the_stream(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autofree(mem_free) char *text =
        request("1.1", "as=HTTP/1.1 200 OK|Content-Length: 9||part", "");
    struct eventstream_message last;
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);

    client_send(fd, text);
    rig_until(target_server_served(f->target) == 1);
    f->rig.group.deregistration_delay_ms = 0;
    f->list[0].draining = true;
    rig_serve(&f->rig, f->list, 1);
    client_read(fd, &pending, &a);
    assert_true(a.status == 200 || a.status == 503); /* or it was cut before it had begun */
    if (a.status == 200) {
        read_events(&a, &last);
        assert_true(slice_is(eventstream_find(&last, ":exception-type"), "InternalStreamFailure"));
    }
    close(fd);
}

static void http_1_0_gets_events_until_the_end(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *text = request("1.0", "chunked", "hello");
    struct eventstream_message last;
    autoanswer struct answer a;

    client_ask(&f->rig, text, &a);
    assert_int_equal(a.head.framing, HTTP_BODY_CLOSE);
    assert_true(slice_is(read_events(&a, &last), "hello"));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_as_events),
        TEST(however_the_container_frames_its_answer),
        TEST(errors_before_the_first_byte_are_plain_ones),
        TEST(a_container_that_breaks_off_is_told_in_the_stream),
        TEST(a_container_that_takes_too_long_is_told_in_the_stream),
        TEST(an_instance_taken_out_of_service_is_told_in_the_stream),
        TEST(http_1_0_gets_events_until_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
