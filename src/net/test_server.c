#include "net/server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/address.h"

/* A server and its clients share one thread: clients are plain non-blocking sockets, and the loop
 * is turned until what is waited for is there. Timeouts pass by moving the clock. */

enum { PATIENCE = 500, TURN_MS = 20 };

struct fixture {
    struct sim_clock clock;
    struct loop *loop;
    struct server_settings settings;
    struct server *server;
    struct address address;
    int listen_fd;
    unsigned handled, cancelled, drained;
    struct server_request *later;
};

struct talk {
    struct fixture *f;
    int fd;
    size_t size;
    char text[1 << 18]; /* all that was received */
};

static void on_cancel(void *context)
{
    struct fixture *f = context;

    f->cancelled++;
    f->later = NULL;
}

static void reply_text(struct server_request *r, unsigned status, struct slice body)
{
    static const struct server_header headers[] = { { "Content-Type", "text/x-echo" } };

    server_reply(r, status, headers, 1, body);
}

static void handle(struct server_request *r, void *context)
{
    static const struct server_header evil[] = { { "X-Evil", "a\r\nInjected: b" } };
    const struct http_head *head = server_request_head(r);
    struct fixture *f = context;

    f->handled++;
    assert_ptr_equal(server_request_loop(r), f->loop);
    if (slice_is(head->target, "/later") || slice_is(head->target, "/watched")) {
        f->later = r;
        if (slice_is(head->target, "/watched"))
            server_request_on_cancel(r, on_cancel, f);
    } else if (slice_is(head->target, "/evil")) {
        server_reply(r, 200, evil, 1, SLICE("x"));
    } else if (slice_is(head->target, "/empty")) {
        server_reply(r, 204, NULL, 0, SLICE(""));
    } else {
        reply_text(r, 200, server_request_body(r));
    }
}

static void start(struct fixture *f)
{
    assert_int_equal(server_new(f->loop, NULL, f->listen_fd, &f->settings, handle, f, &f->server),
                     0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    *state = f;
    sim_clock_init(&f->clock, 1767323045678);
    f->settings = SERVER_SETTINGS_DEFAULT;
    assert_int_equal(loop_new(&f->clock.base, &f->loop), 0);
    assert_int_equal(address_parse("127.0.0.1:0", &f->address), 0);
    assert_int_equal(address_listen(&f->address, false, &f->listen_fd), 0);
    assert_int_equal(address_of(f->listen_fd, &f->address), 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    server_free(f->server);
    loop_free(f->loop);
    close(f->listen_fd);
    free(f);
    return 0;
}

/* --- clients ---------------------------------------------------------------------------------- */

static struct talk *talk_new(struct fixture *f)
{
    struct talk *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    t->f = f;
    assert_int_equal(address_connect(&f->address, &t->fd), 0);
    return t;
}

static struct talk *talk_free(struct talk *t)
{
    if (t)
        fd_close(t->fd);
    free(t);
    return NULL;
}
DEFINE_AUTOFREE(struct talk *, talk_free)

static void turn(struct fixture *f)
{
    assert_int_equal(loop_turn(f->loop, TURN_MS), 0);
}

static void say_bytes(struct talk *t, const char *data, size_t size)
{
    for (unsigned i = 0; size > 0 && i < PATIENCE; i++) {
        ssize_t n = send(t->fd, data, size, MSG_NOSIGNAL);

        if (n > 0) {
            data += n;
            size -= (size_t)n;
        } else {
            assert_int_equal(errno, EAGAIN);
        }
        assert_int_equal(loop_turn(t->f->loop, 0), 0);
    }
    assert_int_equal(size, 0);
}

static void say(struct talk *t, const char *text)
{
    say_bytes(t, text, strlen(text));
}

/* Return: whether the connection is still open */
static bool hear(struct talk *t)
{
    ssize_t n = recv(t->fd, t->text + t->size, sizeof(t->text) - 1 - t->size, MSG_DONTWAIT);

    if (n > 0)
        t->size += (size_t)n;
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void expect(struct talk *t, const char *text)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        bool open = hear(t);

        if (strstr(t->text, text))
            return;
        if (!open)
            break;
        turn(t->f);
    }
    fail_msg("expected \"%s\" in \"%.2000s\"", text, t->text);
}

static void expect_end(struct talk *t)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (!hear(t))
            return;
        turn(t->f);
    }
    fail_msg("still open after \"%.2000s\"", t->text);
}

static unsigned count(const struct talk *t, const char *text)
{
    unsigned n = 0;

    for (const char *p = t->text; (p = strstr(p, text)); p += strlen(text))
        n++;
    return n;
}

static void wait_for_request(struct fixture *f)
{
    for (unsigned i = 0; i < PATIENCE && !f->later; i++)
        turn(f);
    assert_non_null(f->later);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void answers_and_keeps_the_connection(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    f->settings.server_name = "weir";
    start(f);
    say(t, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    expect(t, "\r\n\r\nhello");
    assert_string_equal(t->text, "HTTP/1.1 200 OK\r\nContent-Type: text/x-echo\r\n"
                                 "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\nServer: weir\r\n"
                                 "Content-Length: 5\r\n\r\nhello");
    say(t, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nbye");
    expect(t, "\r\n\r\nbye");
    assert_int_equal(f->handled, 2);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    static const char request[] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n";
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        say_bytes(t, request + i, 1);
    expect(t, "\r\n\r\nabcde");
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);
    char request[128];

    start(f);
    for (unsigned i = 0; i < 50; i++) {
        snprintf(request, sizeof(request),
                 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n<%02u>", i);
        assert_int_equal(send(t->fd, request, strlen(request), 0), strlen(request));
    }
    expect(t, "<49>");
    assert_int_equal(count(t, "HTTP/1.1 200 OK"), 50);
    for (unsigned i = 1; i < 50; i++) {
        char a[8], b[8];

        snprintf(a, sizeof(a), "<%02u>", i - 1);
        snprintf(b, sizeof(b), "<%02u>", i);
        assert_true(strstr(t->text, a) < strstr(t->text, b));
    }
}

static void an_answer_may_come_later_while_requests_wait(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    say(t, "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_request(f);
    say(t, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
    turn(f);
    assert_int_equal(f->handled, 1);
    reply_text(f->later, 201, SLICE("late"));
    expect(t, "late");
    while (f->handled < 3)
        turn(f);
    expect(t, "Content-Length: 0");
}

static void refusals(void **state)
{
    static const struct {
        const char *request, *status;
    } cases[] = {
        { "GET / HTTP/1.1\r\n\r\n", "400 Bad Request" },
        { "GET / HTTP/1.1\r\nHost: x\r\nBad : y\r\n\r\n", "400 Bad Request" },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
          "chunked\r\n\r\n",
          "400 Bad Request" },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
          "400 Bad Request" },
        { "GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505 HTTP Version Not Supported" },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented" },
        { "GET /123456789012345678901234567890 HTTP/1.1\r\nHost: x\r\n\r\n", "414 URI Too Long" },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", "413 Content Too Large" },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
          "b\r\nhello world\r\n",
          "413 Content Too Large" },
    };
    struct fixture *f = *state;

    f->settings.limits.target_bytes = 20;
    f->settings.body_bytes_max = 10;
    start(f);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        autofree(talk_free) struct talk *t = talk_new(f);

        say(t, cases[i].request);
        expect_end(t);
        assert_non_null(strstr(t->text, cases[i].status));
        assert_non_null(strstr(t->text, "Content-Type: text/plain\r\n"));
        assert_non_null(strstr(t->text, "Connection: close\r\n"));
    }
    assert_int_equal(f->handled, 0);
}

static void a_head_over_the_limit_is_refused(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);
    char big[2000];

    f->settings.limits.head_bytes = 1024;
    start(f);
    memset(big, 'x', sizeof(big));
    say(t, "GET / HTTP/1.1\r\nHost: x\r\nBig: ");
    say_bytes(t, big, sizeof(big));
    expect_end(t);
    assert_non_null(strstr(t->text, "HTTP/1.1 431 "));
}

/* The answer arrives although megabytes that nobody reads are on the way: no reset takes it away.
 */
static void a_refused_body_does_not_swallow_the_answer(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);
    char block[65536] = { 0 };

    f->settings.body_bytes_max = 10;
    start(f);
    say(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n");
    for (unsigned i = 0; i < 16; i++)
        say_bytes(t, block, sizeof(block));
    expect_end(t);
    assert_non_null(strstr(t->text, "HTTP/1.1 413 "));
}

static void expect_continue_is_answered_once(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    f->settings.body_bytes_max = 10;
    start(f);
    say(t, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    expect(t, "HTTP/1.1 100 Continue\r\n\r\n");
    say(t, "he");
    turn(f);
    say(t, "llo");
    expect(t, "hello");
    assert_int_equal(count(t, "100 Continue"), 1);

    say(t, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
    expect(t, "413");
    assert_int_equal(count(t, "100 Continue"), 1);
}

static void head_and_empty_answers_have_no_body(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    say(t, "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    expect(t, "Content-Length: 5\r\n\r\n");
    say(t, "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(t, "204 No Content");
    assert_null(strstr(t->text, "hello"));
    assert_null(strstr(strstr(t->text, "204"), "Content-Length"));
}

static void connections_close_when_the_client_asks(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *a = talk_new(f), *b = talk_new(f), *c = talk_new(f);

    start(f);
    say(a, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect_end(a);
    assert_non_null(strstr(a->text, "Connection: close\r\n"));
    say(b, "GET / HTTP/1.0\r\n\r\n");
    expect_end(b);
    say(c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect(c, "Connection: keep-alive\r\n");
    say(c, "GET / HTTP/1.0\r\n\r\n");
    expect_end(c);
    assert_int_equal(count(c, "200 OK"), 2);
}

static void header_injection_is_refused(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    say(t, "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_end(t);
    assert_non_null(strstr(t->text, "HTTP/1.1 500 "));
    assert_null(strstr(t->text, "Injected"));
}

static void too_many_connections_are_told_so(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *a = talk_new(f), *b = talk_new(f);

    f->settings.connections_max = 1;
    start(f);
    say(a, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(a, "200 OK");
    say(b, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_end(b);
    assert_non_null(strstr(b->text, "HTTP/1.1 503 "));
    assert_int_equal(f->handled, 1);
}

static void pass(struct fixture *f, ms_t time)
{
    sim_clock_advance(&f->clock, time);
    assert_int_equal(loop_turn(f->loop, 0), 0);
}

static void an_idle_connection_is_closed(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    say(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(t, "200 OK");
    pass(f, f->settings.idle_timeout_ms - 1);
    assert_true(hear(t));
    pass(f, 1);
    expect_end(t);
    assert_int_equal(count(t, "HTTP/1.1 "), 1);
}

/* Sending a little now and then does not prolong a head's time. */
static void a_slow_head_times_out(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    turn(f);
    say(t, "GET /");
    turn(f);
    pass(f, f->settings.head_timeout_ms - 1);
    say(t, "a");
    turn(f);
    assert_int_equal(t->size, 0);
    pass(f, 1);
    expect_end(t);
    assert_non_null(strstr(t->text, "HTTP/1.1 408 "));
}

static void a_stuck_body_times_out(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    say(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nh");
    turn(f);
    pass(f, f->settings.body_timeout_ms - 1);
    say(t, "e");
    turn(f);
    pass(f, f->settings.body_timeout_ms - 1);
    assert_true(hear(t));
    assert_int_equal(t->size, 0);
    pass(f, 1);
    expect_end(t);
    assert_non_null(strstr(t->text, "HTTP/1.1 408 "));
}

static void a_handler_may_take_its_time(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    say(t, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_request(f);
    pass(f, 3600 * MS_PER_S);
    reply_text(f->later, 200, SLICE("at last"));
    expect(t, "at last");
}

static void a_large_answer_waits_for_the_reader(void **state)
{
    static char big[200000];
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    memset(big, 'y', sizeof(big));
    big[sizeof(big) - 1] = 'z';
    say(t, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_request(f);
    reply_text(f->later, 200, (struct slice){ big, sizeof(big) });
    expect(t, "yz");
}

static void a_watched_request_is_cancelled_when_the_client_leaves(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    say(t, "GET /watched HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_request(f);
    t->fd = fd_close(t->fd);
    for (unsigned i = 0; i < PATIENCE && !f->cancelled; i++)
        turn(f);
    assert_int_equal(f->cancelled, 1);
}

static void an_unwatched_request_stays_valid_until_its_answer(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f), *other = talk_new(f);

    start(f);
    say(t, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_request(f);
    t->fd = fd_close(t->fd);
    turn(f);
    say(other, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(other, "200 OK");
    f->server = server_free(f->server);
    assert_true(slice_is(server_request_head(f->later)->target, "/later"));
    reply_text(f->later, 200, SLICE("nobody hears"));
}

static void freeing_the_server_cancels(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    say(t, "GET /watched HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_request(f);
    f->server = server_free(f->server);
    assert_int_equal(f->cancelled, 1);
    expect_end(t);
}

static void on_drained(void *context)
{
    ((struct fixture *)context)->drained++;
}

static void draining_answers_what_is_in_hand(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *idle = talk_new(f), *busy = talk_new(f), *half = talk_new(f);

    start(f);
    say(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(idle, "200 OK");
    say(busy, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_request(f);
    say(half, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na");
    turn(f);

    server_drain(f->server, on_drained, f);
    expect_end(idle);
    say(half, "b");
    expect(half, "ab");
    assert_int_equal(f->drained, 0);
    reply_text(f->later, 200, SLICE("done"));
    expect(busy, "done");
    expect_end(busy);
    expect_end(half);
    assert_non_null(strstr(busy->text, "Connection: close\r\n"));
    assert_non_null(strstr(half->text, "Connection: close\r\n"));
    busy->fd = fd_close(busy->fd);
    half->fd = fd_close(half->fd);
    for (unsigned i = 0; i < PATIENCE && !f->drained; i++)
        turn(f);
    assert_int_equal(f->drained, 1);
}

static void draining_nothing_is_done_at_once(void **state)
{
    struct fixture *f = *state;

    start(f);
    server_drain(f->server, on_drained, f);
    assert_int_equal(f->drained, 0);
    turn(f);
    assert_int_equal(f->drained, 1);
}

static void a_client_that_never_leaves_is_left(void **state)
{
    struct fixture *f = *state;
    autofree(talk_free) struct talk *t = talk_new(f);

    start(f);
    say(t, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect_end(t);
    server_drain(f->server, on_drained, f);
    turn(f);
    assert_int_equal(f->drained, 0);
    pass(f, 2000);
    turn(f);
    assert_int_equal(f->drained, 1);
}

int main(void)
{
#define with_server(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_server(answers_and_keeps_the_connection),
        with_server(a_request_may_come_byte_by_byte),
        with_server(pipelined_requests_are_answered_in_order),
        with_server(an_answer_may_come_later_while_requests_wait),
        with_server(refusals),
        with_server(a_head_over_the_limit_is_refused),
        with_server(a_refused_body_does_not_swallow_the_answer),
        with_server(expect_continue_is_answered_once),
        with_server(head_and_empty_answers_have_no_body),
        with_server(connections_close_when_the_client_asks),
        with_server(header_injection_is_refused),
        with_server(too_many_connections_are_told_so),
        with_server(an_idle_connection_is_closed),
        with_server(a_slow_head_times_out),
        with_server(a_stuck_body_times_out),
        with_server(a_handler_may_take_its_time),
        with_server(a_large_answer_waits_for_the_reader),
        with_server(a_watched_request_is_cancelled_when_the_client_leaves),
        with_server(an_unwatched_request_stays_valid_until_its_answer),
        with_server(freeing_the_server_cancels),
        with_server(draining_answers_what_is_in_hand),
        with_server(draining_nothing_is_done_at_once),
        with_server(a_client_that_never_leaves_is_left),
    };

    return cmocka_run_group_tests_name("net/server", tests, NULL, NULL);
}
