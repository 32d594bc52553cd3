/* What a client sees of a proxy whose routes do not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/sigv4.h"
#include "base/text.h"
#include "proxy/rig.h"

static int set_up(void **state)
{
    *state = fixture_new(1);
    fixture_start(*state, 1);
    return 0;
}

static int set_up_with_auth(void **state)
{
    struct fixture *f = fixture_new(1);

    f->rig.auth = true;
    fixture_start(f, 1);
    *state = f;
    return 0;
}

static void ask(struct fixture *f, const char *attributes, const char *fields, const char *body,
                struct answer *ret)
{
    autofree(mem_free) char *request = rig_invocation(attributes, fields, body);

    client_ask(&f->rig, request, ret);
}

static bool field_is(const struct answer *a, const char *name, const char *value)
{
    return slice_is(http_header_value(&a->head, name), value);
}

/* --- the plain path --------------------------------------------------------------------------- */

static void an_invocation_reaches_the_container_and_comes_back(void **state)
{
    autoanswer struct answer a;

    ask(*state, "echo",
        "Content-Type: text/csv\r\nAccept: x/y\r\nCookie: a\r\nX-Weir-Principal: me\r\n", "1,2,3",
        &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "1,2,3"));
    assert_true(field_is(&a, "Content-Type", "text/x-test"));
    assert_true(field_is(&a, "x-Amzn-Invoked-Production-Variant", "v"));
    assert_int_equal(http_header_value(&a.head, "x-amzn-RequestId").size, UUID_CHARS);
    assert_true(http_header_value(&a.head, "Date").size > 0);
    assert_null(http_header_find(&a.head, "X-Secret"));
    /* only what the container may see has reached it */
    assert_true(field_is(&a, "X-Amzn-SageMaker-Custom-Attributes",
                         "Host,X-Amzn-SageMaker-Custom-Attributes,Content-Type,Accept,"
                         "Content-Length"));
}

static void connections_are_kept_on_both_sides(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autofree(mem_free) char *request = rig_invocation("echo", "", "x");
    int fd = client_dial(&f->rig);

    for (int i = 0; i < 5; i++) {
        autoanswer struct answer a;

        client_send(fd, request);
        client_read(fd, &pending, &a);
        assert_int_equal(a.status, 200);
    }
    close(fd);
    assert_int_equal(target_server_served(f->target), 5);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20), all = BUFFER_INIT(1 << 20);
    int fd = client_dial(&f->rig);

    for (int i = 0; i < 20; i++)
        buffer_printf(
            &all,
            "POST /endpoints/%s/invocations HTTP/1.1\r\nHost: w\r\nContent-Length: 2\r\n\r\n%02d",
            i % 3 ? "e" : "unknown", i);
    client_send_n(fd, buffer_data(&all), buffer_size(&all));
    for (int i = 0; i < 20; i++) {
        autoanswer struct answer a;
        char expected[8];

        snprintf(expected, sizeof(expected), "%02d", i);
        client_read(fd, &pending, &a);
        assert_int_equal(a.status, i % 3 ? 200 : 400);
        if (i % 3)
            assert_true(answer_has(&a, expected));
    }
    close(fd);
}

static void a_request_may_come_in_any_pieces(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autofree(mem_free) char *request = rig_invocation("echo", "", "in pieces");
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);

    for (const char *p = request; *p; p++)
        client_send_n(fd, p, 1);
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "in pieces"));
    close(fd);
}

static void chunks_pass_both_ways(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);

    client_send(fd, "POST /endpoints/e/invocations HTTP/1.1\r\nHost: w\r\n"
                    "X-Amzn-SageMaker-Custom-Attributes: chunked\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    rig_until(target_server_served(f->target) == 1); /* it streams: the target has begun */
    client_send(fd, "7;x=y\r\n, world\r\n0\r\n\r\n");
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.head.framing, HTTP_BODY_CHUNKED);
    assert_true(answer_has(&a, "hello, world"));
    assert_true(field_is(&a, "X-Amzn-SageMaker-Custom-Attributes",
                         "Host,X-Amzn-SageMaker-Custom-Attributes,Transfer-Encoding"));
    close(fd);
}

static void trailers_do_not_reach_containers(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);

    client_send(fd, "POST /endpoints/e/invocations HTTP/1.1\r\nHost: w\r\n"
                    "X-Amzn-SageMaker-Custom-Attributes: head\r\nTrailer: X-Sum\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    rig_until(target_server_served(f->target) == 1);
    client_send(fd, "0\r\nX-Sum: 1\r\n\r\n");
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "chunked\r\n\r\nhello"));
    assert_false(answer_has(&a, "X-Sum"));
    close(fd);
}

static void an_answer_that_ends_with_its_connection_gets_chunks(void **state)
{
    autoanswer struct answer a;

    ask(*state, "until-close", "", "body", &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.head.framing, HTTP_BODY_CHUNKED);
    assert_true(a.head.keep_alive);
    assert_true(answer_has(&a, "body"));
    assert_false(a.broken);
}

static void http_1_0_is_served_and_closed(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);

    client_send(fd, "POST /endpoints/e/invocations HTTP/1.0\r\nContent-Length: 3\r\n"
                    "X-Amzn-SageMaker-Custom-Attributes: chunked\r\n\r\nold");
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.head.framing, HTTP_BODY_CLOSE);
    assert_true(answer_has(&a, "old"));
    assert_true(a.closed);
    close(fd);
}

static void a_client_that_asks_first_is_told_to_go_on(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer go_on, a;
    int fd = client_dial(&f->rig);

    client_send(fd, "POST /endpoints/e/invocations HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n"
                    "Expect: 100-continue\r\n\r\n");
    client_read(fd, &pending, &go_on);
    assert_int_equal(go_on.status, 100);
    client_send(fd, "body");
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "body"));
    close(fd);
}

static char *big_request(size_t n, const char *framing)
{
    char *text = malloc(n + 512);
    int head;

    assert_non_null(text);
    head =
        snprintf(text, 512, "POST /endpoints/e/invocations HTTP/1.1\r\nHost: w\r\n%s\r\n", framing);
    for (size_t i = 0; i < n; i++)
        text[(size_t)head + i] = (char)('A' + i % 23);
    text[(size_t)head + n] = '\0';
    return text;
}

static void big_bodies_pass_whole(void **state)
{
    enum { SIZE = 3 << 20 };
    autofree(mem_free) char *request = big_request(SIZE, "Content-Length: 3145728\r\n");
    struct fixture *f = *state;
    autoanswer struct answer a, b;

    client_ask(&f->rig, request, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(buffer_size(&a.body), SIZE);
    assert_memory_equal(buffer_data(&a.body), strstr(request, "\r\n\r\n") + 4, SIZE);

    ask(f, "big=20000000", "", "", &b);
    assert_int_equal(b.status, 200);
    assert_int_equal(buffer_size(&b.body), 20000000);
    for (size_t i = 0; i < 20000000; i++)
        if (buffer_data(&b.body)[i] != (char)('a' + i % 26))
            fail_msg("byte %zu differs", i);
}

static void a_client_that_does_not_read_holds_up_only_itself(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(64 << 20);
    autofree(mem_free) char *request = rig_invocation("big=30000000", "", "");
    autoanswer struct answer slow;
    int fd = client_dial(&f->rig);

    client_send(fd, request);
    rig_until(target_server_served(f->target) == 1);
    for (int i = 0; i < 20; i++) {
        autoanswer struct answer a;

        ask(f, "echo", "", "quick", &a);
        assert_int_equal(a.status, 200);
    }
    client_read(fd, &pending, &slow);
    assert_int_equal(slow.status, 200);
    assert_int_equal(buffer_size(&slow.body), 30000000);
    close(fd);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void bodies_over_the_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *announced = big_request(10, "Content-Length: 4194305\r\n");
    autofree(mem_free) char *found_out =
        big_request(5 << 20, "Transfer-Encoding: chunked\r\n\r\n500000\r\n");
    const char *requests[] = { announced, found_out };

    for (size_t i = 0; i < 2; i++) {
        autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
        autoanswer struct answer a;
        int fd = client_dial(&f->rig);

        send(fd, requests[i], strlen(requests[i]), MSG_NOSIGNAL);
        client_read(fd, &pending, &a);
        assert_int_equal(a.status, 400);
        assert_true(field_is(&a, "x-amzn-ErrorType", "ValidationError"));
        assert_true(answer_has(&a, "Member must have length less than or equal to 4194304"));
        close(fd);
    }
}

static void what_is_not_there_is_said_so(void **state)
{
    static const struct {
        const char *path, *field;
        unsigned status;
        const char *type, *text;
    } cases[] = {
        { "/endpoints/nobody/invocations", "", 400, "ValidationError",
          "Endpoint nobody of account 123456789012 not found." },
        { "/endpoints/no%20body/invocations", "", 400, "ValidationError",
          "Endpoint no body of account 123456789012 not found." },
        { "/endpoints/e/invocations", "X-Amzn-SageMaker-Target-Variant: w\r\n", 400,
          "ValidationError", "Variant w not found for Request" },
        { "/endpoints/nobody/invocations-response-stream", "", 400, "ValidationError",
          "Endpoint nobody of account 123456789012 not found." },
        { "/endpoints/e/metrics", "", 404, "UnknownOperationException", "InvokeEndpoint" },
        { "/endpoints/%/invocations", "", 400, "ValidationError", "endpointName" },
        { "/endpoints//invocations", "", 400, "ValidationError", "endpointName" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autofree(mem_free) char *request =
            text_format("POST %s HTTP/1.1\r\nHost: w\r\n%sContent-Length: 1\r\n\r\nx",
                        cases[i].path, cases[i].field);
        autoanswer struct answer a;

        client_ask(&f->rig, request, &a);
        assert_int_equal(a.status, cases[i].status);
        assert_true(field_is(&a, "x-amzn-ErrorType", cases[i].type));
        if (!answer_has(&a, cases[i].text))
            fail_msg("%s gave %s", cases[i].path, buffer_cstr(&a.body));
    }
}

static void fields_over_their_length_are_refused(void **state)
{
    char fields[1200] = "Accept: ";
    autoanswer struct answer a;

    memset(fields + 8, 'a', 1025);
    memcpy(fields + 8 + 1025, "\r\n", 3);
    ask(*state, "echo", fields, "", &a);
    assert_int_equal(a.status, 400);
    assert_true(answer_has(&a, "'accept'"));
}

static void malformed_requests_are_refused_and_closed(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
    } cases[] = {
        { "GARBAGE\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n\r\n", 400 },
        { "GET / HTTP/3.0\r\nHost: w\r\n\r\n", 505 },
        { "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          400 },
        { "POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: gzip\r\n\r\n", 501 },
        { "POST /endpoints/e/invocations HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: "
          "chunked\r\n\r\nzz\r\n",
          400 },
        { "POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400 },
        { "GET * HTTP/1.1\r\nHost: w\r\n\r\n", 400 },
        { "TRACE / HTTP/1.1\r\nHost: w\r\n\r\n", 501 },
        { "GET / HTTP/1.1\r\nHost: w\r\nExpect: more\r\n\r\n", 417 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
        autoanswer struct answer a;
        int fd = client_dial(&f->rig);

        client_send(fd, cases[i].text);
        client_read(fd, &pending, &a);
        if (a.status != cases[i].status)
            fail_msg("%s gave %u", cases[i].text, a.status);
        if (a.status != 400 || i != 7) /* a good request for nothing we have stays open */
            assert_true(client_closed(fd));
        close(fd);
    }
}

/* --- what containers do wrong ----------------------------------------------------------------- */

static void a_container_that_fails_gives_a_model_error(void **state)
{
    static const struct {
        const char *attributes, *code, *text;
    } cases[] = {
        { "status=400", "CLIENT_ERROR_FROM_MODEL",
          "Received client error (400) from primary with message \\\"why\\\". See "
          "https://us-east-1.console.aws.amazon.com/cloudwatch/"
          "home?region=us-east-1#logEventViewer:"
          "group=/aws/sagemaker/Endpoints/e in account 123456789012 for more information." },
        { "status=400", "", "\"OriginalMessage\":\"why\",\"OriginalStatusCode\":400" },
        { "status=400", "",
          "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e" },
        { "status=500", "SERVER_ERROR_FROM_MODEL", "Received server error (500) from primary" },
        { "status=302", "SERVER_ERROR_FROM_MODEL", "\"OriginalStatusCode\":302" },
        { "break", "SERVER_ERROR_FROM_MODEL", "\"OriginalStatusCode\":0" },
        { "nonsense", "SERVER_ERROR_FROM_MODEL", "not valid HTTP" },
        { "early", "CLIENT_ERROR_FROM_MODEL", "\"OriginalMessage\":\"much\"" },
        { "hold", "SERVER_ERROR_FROM_MODEL",
          "Your invocation timed out while waiting for a response from container primary." },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autoanswer struct answer a;

        ask(f, cases[i].attributes, "", "why", &a);
        assert_int_equal(a.status, 424);
        assert_true(field_is(&a, "x-amzn-ErrorType", "ModelError"));
        if (!answer_has(&a, cases[i].text) || !answer_has(&a, cases[i].code))
            fail_msg("%s gave %s", cases[i].attributes, buffer_cstr(&a.body));
    }
}

static int set_up_impatient(void **state)
{
    struct fixture *f = fixture_new(1);

    f->rig.group.request_timeout_ms = 3000;
    f->rig.settings.worker.head_timeout_ms = 100;
    f->rig.settings.worker.body_timeout_ms = 100;
    /* a client that was dialled has so long to begin, on a busy machine too */
    f->rig.settings.worker.idle_timeout_ms = 3000;
    fixture_start(f, 1);
    *state = f;
    return 0;
}

static void a_long_error_of_a_container_is_cut(void **state)
{
    autofree(mem_free) char *body = malloc(100001);
    autoanswer struct answer a;

    assert_non_null(body);
    memset(body, 0xc3, 100000); /* no UTF-8 either */
    body[100000] = '\0';
    ask(*state, "status=500", "", body, &a);
    assert_int_equal(a.status, 424);
    assert_true(answer_has(&a, "could not load the entire response body"));
    assert_true(buffer_size(&a.body) < 40000);
}

static void an_answer_that_breaks_off_is_not_passed_on_as_whole(void **state)
{
    autoanswer struct answer a;

    ask(*state, "break-after=4", "", "some", &a);
    assert_int_equal(a.status, 200);
    assert_true(a.broken);
}

static void a_stale_connection_is_tried_again_once(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a, b, c;

    ask(f, "echo", "", "first", &a);
    assert_int_equal(a.status, 200);
    ask(f, "break-if-reused", "", "second", &b);
    assert_int_equal(b.status, 200);
    assert_true(answer_has(&b, "second"));
    assert_int_equal(target_server_served(f->target), 3);
    /* a new connection that breaks is no excuse */
    ask(f, "break", "", "third", &c);
    assert_int_equal(c.status, 424);
}

static void connections_closed_by_the_target_are_not_used(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 20; i++) {
        autoanswer struct answer a;

        ask(f, i % 2 ? "close" : "echo", "", "", &a);
        assert_int_equal(a.status, 200);
        target_server_hang_up(f->target);
    }
}

/* --- limits ----------------------------------------------------------------------------------- */

static void slow_clients_are_told_and_closed(void **state)
{
    static const struct {
        const char *text;
        unsigned status; /* 0: closed without a word */
    } cases[] = {
        { "", 0 },
        { "POST / HT", 408 },
        { "POST /endpoints/e/invocations HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nab", 408 },
        { "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nab", 408 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
        autoanswer struct answer a = { 0 };
        int fd = client_dial(&f->rig);

        client_send(fd, cases[i].text);
        client_read(fd, &pending, &a);
        assert_int_equal(a.status, cases[i].status);
        close(fd);
    }
}

static int set_up_small(void **state)
{
    struct fixture *f = fixture_new(1);

    f->rig.settings.worker.connections_max = 3;
    fixture_start(f, 1);
    *state = f;
    return 0;
}

static void connections_beyond_the_limit_are_shed(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *request = rig_invocation("hold", "", "");
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fds[3], fd;

    for (int i = 0; i < 3; i++) {
        fds[i] = client_dial(&f->rig);
        client_send(fds[i], request);
        rig_until(target_server_holding(f->target) == (unsigned)i + 1);
    }
    fd = client_dial(&f->rig);
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 503);
    assert_true(http_header_find(&a.head, "Retry-After"));
    assert_true(client_closed(fd));
    close(fd);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

/* --- calls to control ------------------------------------------------------------------------- */

static void other_requests_go_to_control_with_our_word(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig,
               "PUT /some/path?a=b HTTP/1.1\r\nHost: w:1\r\nX-Weir-Principal: root\r\n"
               "x-weir-anything: 1\r\nConnection: x-gone\r\nX-Gone: 1\r\nX-Amz-Target: A.B\r\n"
               "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
               &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "PUT /some/path?a=b HTTP/1.1\r\nHost: w:1\r\nX-Amz-Target: A.B\r\n"
                               "X-Weir-Principal: no-auth\r\nX-Weir-Client: 127.0.0.1:"));
    assert_true(answer_has(&a, "Content-Length: 2\r\nConnection: close\r\n\r\n{}"));
    assert_false(answer_has(&a, "root") || answer_has(&a, "anything") || answer_has(&a, "Gone"));
    assert_true(field_is(&a, "X-Secret", "not for clients")); /* control's fields pass */
    assert_true(a.head.keep_alive);
}

static void calls_may_be_large_but_not_too_large(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *body = malloc((5 << 20) + 256);
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a, b;
    int fd, head;

    assert_non_null(body);
    head = snprintf(body, 256, "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n", 5 << 20);
    memset(body + head, 'x', 5 << 20);
    body[head + (5 << 20)] = '\0';
    client_ask(&f->rig, body, &a);
    assert_int_equal(a.status, 200);
    assert_true(buffer_size(&a.body) > 5 << 20);

    fd = client_dial(&f->rig);
    client_send(fd, "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 8388609\r\n\r\n");
    client_read(fd, &pending, &b);
    assert_int_equal(b.status, 413);
    close(fd);
}

/* --- signatures ------------------------------------------------------------------------------- */

/* A signed request as text. @secret: NULL for the right one. */
static char *signed_request(const char *path, const char *service, const char *secret,
                            const char *body, const char *sent_body)
{
    const struct sigv4_key key = { "AKIDEXAMPLE",
                                   secret ? secret : "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                   NULL };
    const struct http_header host = { SLICE("Host"), SLICE("weir") };
    autofree(mem_free) char *authorization = NULL;
    char date[17], *text;

    assert_int_equal(sigv4_sign(&key, "us-east-1", service, "POST", slice_from(path), SLICE(""),
                                &host, 1, slice_from(body), clock_real()->wall(clock_real()), date,
                                &authorization),
                     0);
    text = text_format("POST %s HTTP/1.1\r\nHost: weir\r\nX-Amz-Date: %s\r\nAuthorization: %s\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       path, date, authorization, strlen(sent_body), sent_body);
    assert_non_null(text);
    return text;
}

static void signed_invocations_are_served_and_others_are_not(void **state)
{
    static const char path[] = "/endpoints/e/invocations";
    static const struct {
        const char *service, *secret, *sent;
        unsigned status;
        const char *type;
    } cases[] = {
        { "sagemaker", NULL, "1,2", 200, "" },
        { "sagemaker", "wrong", "1,2", 403, "InvalidSignatureException" },
        { "sagemaker", NULL, "1,3", 403, "InvalidSignatureException" },
        { "monitoring", NULL, "1,2", 403, "InvalidSignatureException" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autofree(mem_free) char *request =
            signed_request(path, cases[i].service, cases[i].secret, "1,2", cases[i].sent);
        autoanswer struct answer a;

        client_ask(&f->rig, request, &a);
        if (a.status != cases[i].status)
            fail_msg("case %zu gave %s", i, buffer_cstr(&a.body));
        if (a.status != 200)
            assert_true(field_is(&a, "x-amzn-ErrorType", cases[i].type));
    }
    assert_int_equal(target_server_served(f->target), 1);
}

static void unsigned_invocations_do_not_learn_what_exists(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = { "e", "nobody" };

    for (size_t i = 0; i < 2; i++) {
        autofree(mem_free) char *request = text_format(
            "POST /endpoints/%s/invocations HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\n\r\nx",
            names[i]);
        autoanswer struct answer a;

        client_ask(&f->rig, request, &a);
        assert_int_equal(a.status, 403);
        assert_true(field_is(&a, "x-amzn-ErrorType", "MissingAuthenticationTokenException"));
    }
}

static void control_hears_who_signed_or_why_not(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *good = signed_request("/", "sts", NULL, "{}", "{}");
    autofree(mem_free) char *bad = signed_request("/", "sts", "wrong", "{}", "{}");
    autoanswer struct answer a, b, c;

    client_ask(&f->rig, good, &a);
    assert_true(answer_has(&a, "X-Weir-Principal: AKIDEXAMPLE\r\n"));
    assert_true(answer_has(&a, "{}"));
    client_ask(&f->rig, bad, &b);
    assert_true(answer_has(&b, "X-Weir-Auth-Error: mismatch\r\n"));
    assert_true(answer_has(&b, "X-Weir-Auth-Message: The request signature we calculated"));
    assert_true(answer_has(&b, "Content-Length: 0\r\n"));
    assert_false(answer_has(&b, "{}"));
    client_ask(&f->rig, "GET /healthz HTTP/1.1\r\nHost: w\r\n\r\n", &c);
    assert_true(answer_has(&c, "X-Weir-Auth-Error: missing\r\n"));
}

#define SERVING(t)   cmocka_unit_test_setup_teardown(t, set_up, tear_down)
#define SMALL(t)     cmocka_unit_test_setup_teardown(t, set_up_small, tear_down)
#define IMPATIENT(t) cmocka_unit_test_setup_teardown(t, set_up_impatient, tear_down)
#define SIGNED(t)    cmocka_unit_test_setup_teardown(t, set_up_with_auth, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVING(an_invocation_reaches_the_container_and_comes_back),
        SERVING(connections_are_kept_on_both_sides),
        SERVING(pipelined_requests_are_answered_in_order),
        SERVING(a_request_may_come_in_any_pieces),
        SERVING(chunks_pass_both_ways),
        SERVING(trailers_do_not_reach_containers),
        SERVING(an_answer_that_ends_with_its_connection_gets_chunks),
        SERVING(http_1_0_is_served_and_closed),
        SERVING(a_client_that_asks_first_is_told_to_go_on),
        SERVING(big_bodies_pass_whole),
        SERVING(a_client_that_does_not_read_holds_up_only_itself),
        SERVING(bodies_over_the_limit_are_refused),
        SERVING(what_is_not_there_is_said_so),
        SERVING(fields_over_their_length_are_refused),
        SERVING(malformed_requests_are_refused_and_closed),
        IMPATIENT(a_container_that_fails_gives_a_model_error),
        SERVING(a_long_error_of_a_container_is_cut),
        SERVING(an_answer_that_breaks_off_is_not_passed_on_as_whole),
        SERVING(a_stale_connection_is_tried_again_once),
        SERVING(connections_closed_by_the_target_are_not_used),
        IMPATIENT(slow_clients_are_told_and_closed),
        SMALL(connections_beyond_the_limit_are_shed),
        SERVING(other_requests_go_to_control_with_our_word),
        SERVING(calls_may_be_large_but_not_too_large),
        SIGNED(signed_invocations_are_served_and_others_are_not),
        SIGNED(unsigned_invocations_do_not_learn_what_exists),
        SIGNED(control_hears_who_signed_or_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
