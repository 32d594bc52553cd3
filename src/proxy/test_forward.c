/* What a plain route does to requests and answers: nothing that a client or a target would miss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "proxy/rig.h"

static int set_up(void **state)
{
    struct fixture *f = fixture_new(1);

    f->rig.path_prefix = "/app";
    fixture_start(f, 1);
    *state = f;
    return 0;
}

static int set_up_log(void **state)
{
    struct fixture *f = fixture_new(1);

    f->rig.path_prefix = "/app";
    rig_log(&f->rig);
    fixture_start(f, 1);
    *state = f;
    return 0;
}

#define DO(what) "X-Amzn-SageMaker-Custom-Attributes: " what "\r\n"

static bool field_is(const struct answer *a, const char *name, const char *value)
{
    return slice_is(http_header_value(&a->head, name), value);
}

/* Everything that comes back on a connection of its own, up to its end. */
static char *talk(struct fixture *f, const char *request)
{
    static char all[1 << 16];
    int fd = client_dial(&f->rig);
    size_t size = 0;
    ssize_t n;

    client_send(fd, request);
    while ((n = recv(fd, all + size, sizeof(all) - 1 - size, 0)) > 0)
        size += (size_t)n;
    assert_int_equal(n, 0);
    all[size] = '\0';
    close(fd);
    return all;
}

/* --- requests --------------------------------------------------------------------------------- */

static void a_request_reaches_the_target_as_it_came(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig,
               "PATCH /app/%20x?y=/z&w HTTP/1.1\r\nHost: example.com\r\n" DO(
                   "head") "cOOkie:a=b;  c\r\nX-Weir-Principal: me\r\nEmpty:\r\nContent-Length: "
                           "4\r\n\r\nbody",
               &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "PATCH /app/%20x?y=/z&w HTTP/1.1\r\nHost: example.com\r\n" DO(
                                   "head") "cOOkie:a=b;  c\r\nX-Weir-Principal: me\r\nEmpty:\r\n"
                                           "X-Forwarded-For: 127.0.0.1\r\n"));
    assert_true(answer_has(&a, "\r\nContent-Length: 4\r\n\r\nbody"));
}

static void the_ways_that_a_request_came_are_told(void **state)
{
    struct fixture *f = *state;
    char own[ADDRESS_TEXT_BYTES], expected[128];
    autoanswer struct answer a;

    client_ask(&f->rig,
               "GET /app HTTP/1.1\r\nHost: w\r\nX-Forwarded-For: 10.0.0.1\r\n"
               "x-forwarded-for: 10.0.0.2, 10.0.0.3\r\nX-Forwarded-Proto: https\r\n"
               "X-Forwarded-Port: 1\r\n" DO("head") "\r\n",
               &a);
    address_text(&f->rig.front, own);
    snprintf(expected, sizeof(expected),
             "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 127.0.0.1\r\n"
             "X-Forwarded-Proto: http\r\nX-Forwarded-Port: %s\r\nX-Amzn-Trace-Id: ",
             strrchr(own, ':') + 1);
    assert_true(answer_has(&a, expected));
    assert_false(answer_has(&a, "https"));
    assert_false(answer_has(&a, "Content-Length"));
}

static void what_is_for_one_connection_ends_there(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig,
               "GET /app HTTP/1.1\r\nConnection: X-One, keep-alive\r\nX-One: 1\r\nKept: 1\r\n"
               "Host: w\r\nConnection: x-two,Host\r\nTE: trailers\r\nX-Two: 2\r\n"
               "Keep-Alive: 3\r\nUpgrade: h2c\r\nProxy-Connection: 4\r\n" DO("head") "\r\n",
               &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "GET /app HTTP/1.1\r\nHost: w\r\nKept: 1\r\n" DO("head") "TE: tra"));
    assert_true(a.head.keep_alive);
}

static void an_absolute_target_becomes_a_path(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig, "GET http://w/app/a?b HTTP/1.1\r\nHost: w\r\n" DO("head") "\r\n", &a);
    assert_true(answer_has(&a, "GET /app/a?b HTTP/1.1\r\nHost: w\r\n"));
}

static void an_absolute_target_overrides_host(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig, "GET http://other:81/app HTTP/1.1\r\nA: b\r\n" DO("head") "Host: w\r\n\r\n",
               &a);
    assert_true(answer_has(&a, "GET /app HTTP/1.1\r\nHost: other:81\r\nA: b\r\n"));
    assert_false(answer_has(&a, "Host: w"));
}

static void a_request_without_trace_gets_one(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig,
               "GET /app HTTP/1.1\r\nHost: w\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-"
               "b7ad6b7169203331-01\r\ntracestate: a=b\r\n" DO("head") "\r\n",
               &a);
    assert_true(answer_has(&a, "X-Amzn-Trace-Id: Root=1-"));
    assert_true(answer_has(&a,
                           "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                           "\r\ntracestate: a=b\r\n"));
}

static void a_request_with_a_trace_keeps_it(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig,
               "GET /app HTTP/1.1\r\nHost: w\r\nX-Amzn-Trace-Id: Self=1-2-3;Root=1-67891233-"
               "abcdef012345678912345678;CalledFrom=app\r\n" DO("head") "\r\n",
               &a);
    assert_true(answer_has(&a, "X-Amzn-Trace-Id: Self=1-"));
    assert_true(answer_has(&a, ";Root=1-67891233-abcdef012345678912345678;CalledFrom=app\r\n"));
    assert_false(answer_has(&a, "Self=1-2-3"));
}

static void names_with_underscores_do_not_pass_for_ours(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig,
               "GET /app HTTP/1.1\r\nHost: w\r\nX_Forwarded_For: 10.0.0.1\r\nx-forwarded_proto: "
               "https\r\n" DO("head") "\r\n",
               &a);
    assert_false(answer_has(&a, "10.0.0.1"));
    assert_false(answer_has(&a, "https"));
}

static void trailers_pass_if_they_may(void **state)
{
    static const char answer[] =
        DO("as=HTTP/1.1 200 OK|Trailer: X-Sum|Transfer-Encoding: chunked||2|ok|0|X-Sum: 1|"
           "Content-Length: 9|set-cookie: a|Y:||");
    char request[512];
    const char *all;

    snprintf(request, sizeof(request),
             "GET /app HTTP/1.1\r\nHost: w\r\nConnection: close, TE\r\nTE: trailers\r\n%s\r\n",
             answer);
    all = talk(*state, request);
    assert_non_null(strstr(all, "Trailer: X-Sum\r\n"));
    assert_string_equal(strstr(all, "\r\n0\r\n"), "\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n");

    snprintf(request, sizeof(request),
             "GET /app HTTP/1.1\r\nHost: w\r\nConnection: close\r\n%s\r\n", answer);
    all = talk(*state, request);
    assert_null(strstr(all, "X-Sum"));
    assert_string_equal(strstr(all, "\r\n0\r\n"), "\r\n0\r\n\r\n");
}

static void trailers_of_requests_pass_too(void **state)
{
    static const char head[] = "POST /app HTTP/1.1\r\nHost: w\r\nConnection: close\r\n"
                               "Trailer: X-Sum\r\n" DO("head") "Transfer-Encoding: chunked\r\n\r\n";
    static const char body[] = "2\r\nok\r\n0\r\nX-Sum: 1\r\nHost: x\r\nTransfer-Encoding: y\r\n"
                               "X-Forwarded-For: z\r\nB:c\r\n\r\n";
    struct fixture *f = *state;
    autofree(mem_free) char *whole = text_format("%s%s", head, body);
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a, b;
    int fd = client_dial(&f->rig);

    client_ask(&f->rig, whole, &a);
    assert_true(answer_has(&a, "Trailer: X-Sum\r\n"));
    assert_true(answer_has(&a, "Transfer-Encoding: chunked\r\n\r\nokX-Sum: 1\r\nB:c\r\n"));

    client_send(fd, head);
    rig_until(target_server_served(f->target) == 2); /* it streams */
    client_send(fd, body);
    client_read(fd, &pending, &b);
    assert_true(answer_has(&b, "Transfer-Encoding: chunked\r\n\r\nokX-Sum: 1\r\nB:c\r\n"));
    close(fd);
}

static void connections_are_kept_on_both_sides(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    int fd = client_dial(&f->rig);
    unsigned before = 0;

    for (int i = 0; i < 5; i++) {
        autoanswer struct answer a;

        client_send(fd, "POST /app HTTP/1.1\r\nHost: w\r\nContent-Length: 2\r\n\r\nxy");
        client_read(fd, &pending, &a);
        assert_int_equal(a.status, 200);
        assert_true(answer_has(&a, "xy"));
        if (i == 0)
            before = target_server_served(f->target);
    }
    assert_int_equal(target_server_served(f->target), before + 4);
    /* one for requests, and one for health checks */
    assert_true(target_server_connections(f->target) <= 2);
    close(fd);
}

static void chunks_pass_both_ways_while_they_come(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);

    client_send(fd, "PUT /app HTTP/1.1\r\nHost: w\r\n" DO(
                        "chunked") "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    rig_until(target_server_served(f->target) == 1); /* the target has begun before the end */
    client_send(fd, "7;x=y\r\n, world\r\n0\r\nTrailer: x\r\n\r\n");
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.head.framing, HTTP_BODY_CHUNKED);
    assert_true(answer_has(&a, "hello, world"));
    close(fd);
}

static void big_bodies_stream(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(64 << 20), body = BUFFER_INIT(64 << 20);
    static const size_t size = 8 << 20; /* more than an invocation may have here */
    int fd = client_dial(&f->rig);
    char head[128];

    assert_int_equal(buffer_reserve(&body, size), 0);
    for (size_t i = 0; i < size; i++)
        buffer_tail(&body)[i] = (char)('a' + i % 23);
    buffer_commit(&body, size);
    snprintf(head, sizeof(head), "POST /app HTTP/1.1\r\nHost: w\r\nContent-Length: %zu\r\n\r\n",
             size);
    for (int i = 0; i < 4; i++) {
        autoanswer struct answer a;

        client_send(fd, head);
        client_send_n(fd, buffer_data(&body), size);
        client_read(fd, &pending, &a);
        assert_int_equal(a.status, 200);
        assert_int_equal(buffer_size(&a.body), size);
        assert_memory_equal(buffer_data(&a.body), buffer_data(&body), size);
    }
    close(fd);
}

static void http_1_0_is_served_and_closed(void **state)
{
    const char *all =
        talk(*state, "POST /app HTTP/1.0\r\nContent-Length: 3\r\n" DO("chunked") "\r\nold");

    assert_non_null(strstr(all, "Connection: close\r\n"));
    assert_null(strstr(all, "Transfer-Encoding"));
    assert_string_equal(strstr(all, "\r\n\r\n"), "\r\n\r\nold");
}

/* --- answers ---------------------------------------------------------------------------------- */

static void an_answer_comes_back_as_it_was(void **state)
{
    const char *all = talk(*state, "GET /app HTTP/1.1\r\nHost: w\r\nConnection: close\r\n" DO(
                                       "as=HTTP/1.1 299 Quite Fine|Set-Cookie: a|X: |set-cookie:"
                                       "b|Content-Length: 2||ok") "\r\n");

    assert_string_equal(all, "HTTP/1.1 299 Quite Fine\r\nSet-Cookie: a\r\nX: \r\nset-cookie:b\r\n"
                             "Content-Length: 2\r\nConnection: close\r\n\r\nok");
}

static void errors_of_the_target_are_its_own_words(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig,
               "POST /app HTTP/1.1\r\nHost: w\r\n" DO("status=503") "Content-Length: 4\r\n\r\nbusy",
               &a);
    assert_int_equal(a.status, 503);
    assert_true(answer_has(&a, "busy"));
    assert_true(field_is(&a, "X-Secret", "not for clients"));
    assert_null(http_header_find(&a.head, "x-amzn-RequestId"));
}

static void fields_of_the_targets_connection_end_there(void **state)
{
    const char *all = talk(*state, "GET /app HTTP/1.1\r\nHost: w\r\nConnection: close\r\n" DO(
                                       "as=HTTP/1.1 200 OK|Connection: X-Hop|X-Hop: 1|A: b|"
                                       "Keep-Alive: 5|Content-Length: 0||") "\r\n");

    assert_string_equal(all, "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n"
                             "Connection: close\r\n\r\n");
}

static void interim_answers_pass_but_100(void **state)
{
    const char *all = talk(*state, "GET /app HTTP/1.1\r\nHost: w\r\nConnection: close\r\n" DO(
                                       "as=HTTP/1.1 100 Continue||HTTP/1.1 103 Early Hints|Link: x|"
                                       "|HTTP/1.1 200 OK|Content-Length: 1||x") "\r\n");

    assert_string_equal(all, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
}

static void answers_to_head_have_a_length_and_no_body(void **state)
{
    const char *all =
        talk(*state,
             "HEAD /app HTTP/1.1\r\nHost: w\r\n" DO(
                 "as=HTTP/1.1 200 OK|Content-Length: 99||") "\r\n"
                                                            "GET /app HTTP/1.1\r\nHost: "
                                                            "w\r\nConnection: close\r\n" DO(
                                                                "as=HTTP/1.1 200 "
                                                                "OK|Content-Length: 1||x") "\r\n");

    assert_string_equal(all, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
                             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
}

static void answers_without_a_body_have_none(void **state)
{
    const char *all = talk(
        *state,
        "GET /app HTTP/1.1\r\nHost: w\r\n" DO(
            "as=HTTP/1.1 304 Not Modified|ETag: e||") "\r\n"
                                                      "GET /app HTTP/1.1\r\nHost: w\r\nConnection: "
                                                      "close\r\n" DO(
                                                          "as=HTTP/1.1 204 No Content||") "\r\n");

    assert_string_equal(all, "HTTP/1.1 304 Not Modified\r\nETag: e\r\n\r\n"
                             "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

/* --- failures --------------------------------------------------------------------------------- */

static unsigned status_of(struct fixture *f, const char *method, const char *what)
{
    autofree(mem_free) char *request =
        text_format("%s /app HTTP/1.1\r\nHost: w\r\nX-Amzn-SageMaker-Custom-Attributes: %s\r\n"
                    "Content-Length: 1\r\n\r\nx",
                    method, what);
    autoanswer struct answer a;

    client_ask(&f->rig, request, &a);
    return a.status;
}

static void a_target_that_fails_gives_a_bad_gateway(void **state)
{
    assert_int_equal(status_of(*state, "POST", "break"), 502);
    assert_int_equal(status_of(*state, "POST", "nonsense"), 502);
}

/* RFC 9110 §9.2.2: what may not be carried out twice is not sent twice, unless nobody can have
 * begun with it. */
static void only_what_may_be_repeated_is_sent_twice(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(status_of(f, "PUT", "echo"), 200);
    assert_int_equal(status_of(f, "PUT", "break-if-reused"), 200);
    assert_int_equal(target_server_served(f->target), 3);
    assert_int_equal(status_of(f, "POST", "break-if-reused"), 502);
    assert_int_equal(target_server_served(f->target), 4);
    assert_int_equal(status_of(f, "POST", "echo"), 200);
    assert_int_equal(status_of(f, "POST", "reset-if-reused"), 200);
    assert_int_equal(target_server_served(f->target), 7);
}

/* Send the head and half of the body, wait until the target was asked @times, then send the rest. */
static unsigned stream_halves(struct fixture *f, const char *what, size_t half, unsigned times)
{
    autofree(mem_free) char *head =
        text_format("POST /app HTTP/1.1\r\nHost: a\r\nX-Amzn-SageMaker-Custom-Attributes: %s\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    what, 2 * half);
    autofree(mem_free) char *body = malloc(half);
    autobuffer struct buffer pending = BUFFER_INIT(4 << 20);
    unsigned served = target_server_served(f->target);
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);

    memset(body, 'b', half);
    client_send(fd, head);
    client_send_n(fd, body, half);
    rig_until(target_server_served(f->target) == served + times);
    client_send_n(fd, body, half);
    client_read(fd, &pending, &a);
    close(fd);
    if (a.status == 200) {
        assert_int_equal(buffer_size(&a.body), 2 * half);
        for (size_t i = 0; i < 2 * half; i++)
            assert_int_equal(buffer_data(&a.body)[i], 'b');
    }
    return a.status;
}

static void streaming_bodies_take_connections_that_were_just_used(void **state)
{
    struct fixture *f = *state;
    unsigned before = target_server_connections(f->target); /* health checks have theirs */

    assert_int_equal(stream_halves(f, "echo", 1000, 1), 200);
    assert_int_equal(stream_halves(f, "echo", 100000, 1), 200);
    assert_in_range(target_server_connections(f->target), before, before + 2);
}

static void what_streamed_into_a_dead_connection_is_sent_again(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_halves(f, "echo", 1000, 1), 200);
    assert_int_equal(stream_halves(f, "reset-early-if-reused", 1000, 2), 200);
    assert_int_equal(target_server_served(f->target), 3);
}

static void a_route_without_targets_is_unavailable(void **state)
{
    struct fixture *f = *state;

    f->rig.group.queue_timeout_ms = 1;
    rig_serve(&f->rig, NULL, 0);
    assert_int_equal(status_of(f, "GET", "echo"), 503);
}

static void requests_of_a_vanished_route_are_told(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd;

    rig_serve(&f->rig, NULL, 0);
    fd = client_dial(&f->rig);
    client_send(fd, "GET /app HTTP/1.1\r\nHost: w\r\n\r\n"); /* waits for a target */
    rig_hear_event(&f->rig, LINK_QUEUE_WAITING, "", "");
    f->rig.path_prefix = NULL;
    rig_serve(&f->rig, NULL, 0);
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 404);
    close(fd);
}

static void other_paths_are_as_before(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *request = rig_invocation("echo", "", "x");
    autoanswer struct answer call, invocation;

    client_ask(&f->rig, "GET /healthz HTTP/1.1\r\nHost: w\r\n\r\n", &call);
    assert_true(answer_has(&call, "X-Weir-Client"));
    client_ask(&f->rig, request, &invocation);
    assert_true(field_is(&invocation, "x-Amzn-Invoked-Production-Variant", "v"));
}

/* Requests are recycled; who asked for one is not known of the next. */
static void the_log_names_nobody_who_was_not_asked_for(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *request = rig_invocation("echo", "", "x");
    autoanswer struct answer invocation, forwarded;
    char line[4096] = "";
    FILE *log = fopen(f->rig.log_path, "r");

    assert_non_null(log);
    client_ask(&f->rig, request, &invocation);
    client_ask(&f->rig, "GET /app HTTP/1.1\r\nHost: w\r\n\r\n", &forwarded);
    rig_until((clearerr(log), fgets(line, sizeof(line), log)));
    assert_non_null(strstr(line, "\"principal\":\"no-auth\""));
    rig_until((clearerr(log), fgets(line, sizeof(line), log)));
    assert_non_null(strstr(line, "\"path\":\"/app\""));
    assert_null(strstr(line, "principal"));
    fclose(log);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_reaches_the_target_as_it_came),
        TEST(the_ways_that_a_request_came_are_told),
        TEST(what_is_for_one_connection_ends_there),
        TEST(an_absolute_target_becomes_a_path),
        TEST(an_absolute_target_overrides_host),
        TEST(a_request_without_trace_gets_one),
        TEST(a_request_with_a_trace_keeps_it),
        TEST(names_with_underscores_do_not_pass_for_ours),
        TEST(trailers_pass_if_they_may),
        TEST(trailers_of_requests_pass_too),
        TEST(connections_are_kept_on_both_sides),
        TEST(chunks_pass_both_ways_while_they_come),
        TEST(big_bodies_stream),
        TEST(http_1_0_is_served_and_closed),
        TEST(an_answer_comes_back_as_it_was),
        TEST(errors_of_the_target_are_its_own_words),
        TEST(fields_of_the_targets_connection_end_there),
        TEST(interim_answers_pass_but_100),
        TEST(answers_to_head_have_a_length_and_no_body),
        TEST(answers_without_a_body_have_none),
        TEST(a_target_that_fails_gives_a_bad_gateway),
        TEST(only_what_may_be_repeated_is_sent_twice),
        TEST(streaming_bodies_take_connections_that_were_just_used),
        TEST(what_streamed_into_a_dead_connection_is_sent_again),
        TEST(a_route_without_targets_is_unavailable),
        TEST(requests_of_a_vanished_route_are_told),
        TEST(other_paths_are_as_before),
        cmocka_unit_test_setup_teardown(the_log_names_nobody_who_was_not_asked_for, set_up_log,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
