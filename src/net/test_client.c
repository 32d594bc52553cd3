#include "net/client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* The other side is a plain socket that says what each test wants, byte for byte. */

enum { PATIENCE = 500, TURN_MS = 20, PEERS = 4 };

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

struct fixture {
    struct sim_clock clock;
    struct loop *loop;
    struct client *client;
    struct client_settings settings;
    struct address address;
    int listen_fd, peer[PEERS], n_peers;
    unsigned answers;
    int error;
    unsigned status;
    char body[64];
    bool again, end; /* what the callback does: another request; client_free() */
};

static void answered(const struct client_answer *answer, void *context)
{
    struct fixture *f = context;

    f->answers++;
    f->error = answer->error;
    f->status = answer->error ? 0 : answer->head->status;
    if (f->again) {
        f->again = false;
        assert_int_equal(client_request(f->client, SLICE(GET), "GET", 1000, answered, f), 0);
    }
    if (f->end)
        f->client = client_free(f->client);
    snprintf(f->body, sizeof(f->body), "%.*s", (int)answer->body.size,
             answer->body.data ? answer->body.data : "");
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    *state = f;
    sim_clock_init(&f->clock, 0);
    f->settings = CLIENT_SETTINGS_DEFAULT;
    assert_int_equal(loop_new(&f->clock.base, &f->loop), 0);
    assert_int_equal(address_parse("127.0.0.1:0", &f->address), 0);
    assert_int_equal(address_listen(&f->address, false, &f->listen_fd), 0);
    assert_int_equal(address_of(f->listen_fd, &f->address), 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    client_free(f->client);
    loop_free(f->loop);
    for (int i = 0; i < f->n_peers; i++)
        fd_close(f->peer[i]);
    fd_close(f->listen_fd);
    free(f);
    return 0;
}

static void start(struct fixture *f)
{
    assert_int_equal(client_new(f->loop, &f->address, &f->settings, &f->client), 0);
}

static void turn(struct fixture *f)
{
    assert_int_equal(loop_turn(f->loop, TURN_MS), 0);
}

static int ask(struct fixture *f)
{
    return client_request(f->client, SLICE(GET), "GET", 1000, answered, f);
}

/* Accepts the next connection if @peer is new, and reads one request from it. */
static void serve(struct fixture *f, int peer)
{
    char request[256];
    size_t size = 0;

    if (peer == f->n_peers) {
        for (unsigned i = 0; i < PATIENCE; i++) {
            f->peer[peer] = accept(f->listen_fd, NULL, NULL);
            if (f->peer[peer] >= 0)
                break;
            turn(f);
        }
        assert_true(f->peer[peer] >= 0);
        f->n_peers++;
    }
    for (unsigned i = 0; i < PATIENCE && size < strlen(GET); i++) {
        ssize_t n = recv(f->peer[peer], request + size, sizeof(request) - size, MSG_DONTWAIT);

        if (n > 0)
            size += (size_t)n;
        else
            turn(f);
    }
    assert_int_equal(size, strlen(GET));
    assert_memory_equal(request, GET, size);
}

static void say(struct fixture *f, int peer, const char *text)
{
    assert_int_equal(send(f->peer[peer], text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect(struct fixture *f, unsigned answers)
{
    for (unsigned i = 0; i < PATIENCE && f->answers < answers; i++)
        turn(f);
    assert_int_equal(f->answers, answers);
}

static void connections_are_used_again(void **state)
{
    struct fixture *f = *state;

    start(f);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(ask(f), 0);
        serve(f, 0);
        say(f, 0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        expect(f, i);
        assert_int_equal(f->error, 0);
        assert_int_equal(f->status, 200);
        assert_string_equal(f->body, "hi");
    }
    assert_int_equal(f->n_peers, 1);
}

static void overlapping_requests_have_connections_of_their_own(void **state)
{
    struct fixture *f = *state;

    f->settings.connections_max = 2;
    start(f);
    assert_int_equal(ask(f), 0);
    assert_int_equal(ask(f), 0);
    assert_int_equal(ask(f), -EAGAIN);
    serve(f, 0);
    serve(f, 1);
    say(f, 1, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
    expect(f, 1);
    assert_string_equal(f->body, "two");
    assert_int_equal(ask(f), 0);
    say(f, 0, "HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\none");
    expect(f, 2);
    assert_int_equal(f->status, 500);
}

static void answers_are_framed_in_every_way(void **state)
{
    static const struct {
        const char *answer, *body;
        bool closes;
    } cases[] = {
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
          "abc", false },
        { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "", false },
        { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", "x", false },
        { "HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end", true },
    };
    struct fixture *f = *state;
    int peer = 0;

    start(f);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ask(f), 0);
        if (i == 3)
            peer = 1; /* the third answer closed */
        serve(f, peer);
        say(f, peer, cases[i].answer);
        if (cases[i].closes)
            f->peer[peer] = fd_close(f->peer[peer]);
        expect(f, i + 1);
        assert_int_equal(f->error, 0);
        assert_string_equal(f->body, cases[i].body);
    }
}

static void failures_have_names(void **state)
{
    static const struct {
        const char *answer;
        int error;
    } cases[] = {
        { "", -ECONNRESET },
        { "HTTP/1.1 200 OK\r\nContent-", -ECONNRESET },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", -ECONNRESET },
        { "SSH-2.0-OpenSSH\r\n\r\n", -EBADMSG },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", -EBADMSG },
        { "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", -EMSGSIZE },
    };
    struct fixture *f = *state;

    f->settings.answer_bytes_max = 100;
    start(f);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f->n_peers = 0;
        assert_int_equal(ask(f), 0);
        serve(f, 0);
        say(f, 0, cases[i].answer);
        f->peer[0] = fd_close(f->peer[0]);
        expect(f, i + 1);
        assert_int_equal(f->error, cases[i].error);
    }
    f->n_peers = 0;
}

static void a_refused_connection_is_told_later(void **state)
{
    struct fixture *f = *state;

    f->listen_fd = fd_close(f->listen_fd);
    start(f);
    assert_int_equal(ask(f), 0);
    assert_int_equal(f->answers, 0);
    expect(f, 1);
    assert_int_equal(f->error, -ECONNREFUSED);
}

static void a_missing_unix_socket_is_told_later(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(address_parse("unix:/nonexistent/socket", &f->address), 0);
    start(f);
    assert_int_equal(ask(f), 0);
    assert_int_equal(f->answers, 0);
    expect(f, 1);
    assert_int_equal(f->error, -ENOENT);
}

static void silence_times_out(void **state)
{
    struct fixture *f = *state;

    start(f);
    assert_int_equal(ask(f), 0);
    serve(f, 0);
    sim_clock_advance(&f->clock, 999);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(f->answers, 0);
    sim_clock_advance(&f->clock, 1);
    expect(f, 1);
    assert_int_equal(f->error, -ETIMEDOUT);
}

static void an_idle_connection_closed_by_the_peer_is_forgotten(void **state)
{
    struct fixture *f = *state;

    start(f);
    assert_int_equal(ask(f), 0);
    serve(f, 0);
    say(f, 0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    expect(f, 1);
    f->peer[0] = fd_close(f->peer[0]);
    turn(f);
    assert_int_equal(ask(f), 0);
    serve(f, 1);
    say(f, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    expect(f, 2);
    assert_int_equal(f->error, 0);
}

static void an_idle_connection_is_closed_after_its_time(void **state)
{
    struct fixture *f = *state;
    char byte;

    start(f);
    assert_int_equal(ask(f), 0);
    serve(f, 0);
    say(f, 0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    expect(f, 1);
    sim_clock_advance(&f->clock, f->settings.idle_timeout_ms);
    turn(f);
    assert_int_equal(recv(f->peer[0], &byte, 1, 0), 0);
}

static void a_callback_may_ask_again_on_the_same_connection(void **state)
{
    struct fixture *f = *state;

    f->settings.connections_max = 1;
    f->again = true;
    start(f);
    assert_int_equal(ask(f), 0);
    serve(f, 0);
    say(f, 0, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    expect(f, 1);
    assert_string_equal(f->body, "one");
    serve(f, 0);
    say(f, 0, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
    expect(f, 2);
    assert_string_equal(f->body, "two");
}

static void a_callback_may_free_the_client(void **state)
{
    struct fixture *f = *state;

    f->end = true;
    start(f);
    assert_int_equal(ask(f), 0);
    serve(f, 0);
    say(f, 0, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend");
    expect(f, 1);
    assert_null(f->client);
    assert_string_equal(f->body, "end");
}

static void freeing_the_client_cancels(void **state)
{
    struct fixture *f = *state;

    start(f);
    assert_int_equal(ask(f), 0);
    assert_int_equal(ask(f), 0);
    f->client = client_free(f->client);
    assert_int_equal(f->answers, 2);
    assert_int_equal(f->error, -ECANCELED);
}

int main(void)
{
#define with_client(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_client(connections_are_used_again),
        with_client(overlapping_requests_have_connections_of_their_own),
        with_client(answers_are_framed_in_every_way),
        with_client(failures_have_names),
        with_client(a_refused_connection_is_told_later),
        with_client(a_missing_unix_socket_is_told_later),
        with_client(silence_times_out),
        with_client(an_idle_connection_closed_by_the_peer_is_forgotten),
        with_client(an_idle_connection_is_closed_after_its_time),
        with_client(a_callback_may_ask_again_on_the_same_connection),
        with_client(a_callback_may_free_the_client),
        with_client(freeing_the_client_cancels),
    };

    return cmocka_run_group_tests_name("net/client", tests, NULL, NULL);
}
