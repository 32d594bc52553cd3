/* Clients that take their time: none of them holds anything for long, or anybody else up. */
#include <errno.h>
#include <poll.h>
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

enum { LINGER_MS = 1000 };

static int set_up_with(void **state, ms_t patience_ms, int send_bytes)
{
    struct fixture *f = fixture_new(1);

    f->rig.path_prefix = "/app";
    f->rig.group.idle_timeout_ms = (uint32_t)patience_ms;
    f->rig.settings.worker.head_timeout_ms = patience_ms;
    f->rig.settings.worker.body_timeout_ms = patience_ms;
    f->rig.settings.worker.idle_timeout_ms = patience_ms;
    f->rig.settings.worker.linger_ms = LINGER_MS;
    f->rig.settings.worker.linger_max_ms = 4 * LINGER_MS;
    if (send_bytes) /* connections inherit it */
        assert_int_equal(setsockopt(f->rig.listen_fds[0], SOL_SOCKET, SO_SNDBUF, &send_bytes,
                                    sizeof(send_bytes)),
                         0);
    fixture_start(f, 1);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 300, 0);
}

/* Enough for who does not dawdle, on a busy machine too. */
static int set_up_patient(void **state)
{
    return set_up_with(state, 3000, 0);
}

/* Send @text, then "x" after "x", as slowly as it takes for the proxy to lose its patience: each piece
 * well before the time for it is over. Return: the status of the answer. */
static unsigned drip(struct fixture *f, const char *text)
{
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);
    struct pollfd answered = { .fd = fd, .events = POLLIN };

    client_send(fd, text);
    for (int i = 0; poll(&answered, 1, 10) == 0; i++) {
        assert_true(i < 2000);
        send(fd, "x", 1, MSG_NOSIGNAL);
    }
    client_read(fd, &pending, &a);
    close(fd);
    return a.status;
}

static void a_head_that_drips_in_is_refused(void **state)
{
    assert_int_equal(drip(*state, "GET /app HTTP/1.1\r\nHost: w\r\nA: "), 408);
}

static void a_body_that_must_be_whole_and_drips_in_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(drip(f, "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 100000\r\n\r\n"), 408);
    assert_int_equal(target_server_served(f->target), 0);
}

/* The target decides how long it listens. */
static void a_body_that_streams_may_drip(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);

    client_send(fd, "POST /app HTTP/1.1\r\nHost: w\r\nContent-Length: 60\r\n\r\n");
    for (int i = 0; i < 60; i++) {
        client_send(fd, "x");
        usleep(10000);
    }
    client_read(fd, &pending, &a);
    assert_true(a.status == 200 || a.status == 408); /* 408 if this machine slept on the way */
    close(fd);
}

static void a_body_that_stops_is_cut_off(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);

    client_send(fd, "POST /app HTTP/1.1\r\nHost: w\r\nContent-Length: 60\r\n\r\npart");
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 408);
    assert_true(client_closed(fd));
    close(fd);
}

static ms_t now(void)
{
    return clock_real()->mono_us(clock_real()) / US_PER_MS;
}

/* Whoever still sends what nobody wants is not cut off before it looks for its answer; but not for ever. */
static void who_still_sends_after_its_answer_is_read_on(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);
    ms_t begun = now();

    client_send(fd, "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 100000000\r\n\r\n");
    while (now() - begun < 2 * LINGER_MS) {
        client_send(fd, "x");
        usleep(20000);
    }
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 413);
    rig_until(send(fd, "x", 1, MSG_NOSIGNAL) < 0);
    assert_true(now() - begun >= 4 * LINGER_MS);
    close(fd);
}

static void a_client_that_does_not_read_is_let_go(void **state)
{
    struct fixture *f = *state;
    struct link_report_group seen;
    autoanswer struct answer a;
    int fd = client_dial(&f->rig);
    char part[4096];
    size_t size = 0;
    ssize_t n;

    client_send(fd, "GET /app HTTP/1.1\r\nHost: w\r\n"
                    "X-Amzn-SageMaker-Custom-Attributes: big=67108864\r\n\r\n");
    rig_until(target_server_served(f->target) == 1);
    target_server_wait_idle(f->target); /* its connection was closed amid the answer */
    while ((n = recv(fd, part, sizeof(part), 0)) > 0)
        size += (size_t)n;
    assert_true(size < 67108864);
    close(fd);

    /* and its target is not to blame */
    client_ask(&f->rig, "GET /app HTTP/1.1\r\nHost: w\r\n\r\n", &a);
    rig_hear_report(&f->rig, 2, &seen);
    assert_int_equal(seen.errors_5xx, 0);
}

/* Read four answers at once, a piece of each in every @pause_ms: while they come, and when all of them
 * is here, whatever is to become of the connection. Return: whether all came whole. */
static bool read_slowly(struct fixture *f, ms_t pause_ms)
{
    static const char *const requests[] = {
        "GET /app HTTP/1.1\r\nHost: w\r\n",
        "GET /app HTTP/1.1\r\nHost: w\r\nConnection: close\r\n",
        "POST /endpoints/e/invocations HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n",
        "POST /endpoints/e/invocations HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n"
        "Connection: close\r\n",
    };
    enum { N = sizeof(requests) / sizeof(*requests), LENGTH = 600000 };
    const int few = 32 << 10;
    size_t sizes[N] = { 0 }, done = 0;
    bool well = true;
    int fds[N];

    for (size_t i = 0; i < N; i++) {
        fds[i] = client_dial(&f->rig);
        assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &few, sizeof(few)), 0);
        client_send(fds[i], requests[i]);
        client_send(fds[i], "X-Amzn-SageMaker-Custom-Attributes: big=600000\r\n\r\n");
    }
    while (well && done < N) {
        done = 0;
        for (size_t i = 0; i < N; i++) {
            char part[4096];
            ssize_t n = sizes[i] < LENGTH ? recv(fds[i], part, sizeof(part), 0) : 0;

            well = well && (n > 0 || sizes[i] >= LENGTH);
            sizes[i] += n > 0 ? (size_t)n : 0;
            done += sizes[i] >= LENGTH;
        }
        usleep((useconds_t)pause_ms * 1000);
    }
    for (size_t i = 0; i < N; i++)
        close(fds[i]);
    return well;
}

/* Each piece well before the time for it is over, all of it much later. A machine that sleeps on the way
 * is given more time, for everything. */
static void who_reads_slowly_gets_all_of_it(void **state)
{
    bool well = false;

    for (ms_t scale = 1; scale <= 4 && !well; scale *= 2) {
        set_up_with(state, 1000 * scale, 16 << 10);
        well = read_slowly(*state, 40 * scale);
        tear_down(state);
    }
    assert_true(well);
}

static void connections_that_say_nothing_hold_nobody_up(void **state)
{
    enum { MANY = 300 };
    struct fixture *f = *state;
    int fds[MANY];

    for (int i = 0; i < MANY; i++) {
        fds[i] = client_dial(&f->rig);
        client_send(fds[i], i % 3 == 0   ? ""
                            : i % 3 == 1 ? "POST /app HT"
                                         : "POST /app HTTP/1.1\r\nHost: ");
    }
    for (int i = 0; i < 10; i++) {
        autoanswer struct answer a;

        client_ask(&f->rig, "POST /app HTTP/1.1\r\nHost: w\r\nContent-Length: 2\r\n\r\nok", &a);
        assert_int_equal(a.status, 200);
    }
    for (int i = 0; i < MANY; i++) {
        char answer[1024];
        ssize_t n = recv(fds[i], answer, sizeof(answer), MSG_WAITALL);

        if (n != 0) /* what it said may have come too late to be heard */
            assert_memory_equal(answer, "HTTP/1.1 408 ", 13);
        assert_true(n == 0 || i % 3 != 0);
        close(fds[i]);
    }
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_head_that_drips_in_is_refused),
        TEST(a_body_that_must_be_whole_and_drips_in_is_refused),
        TEST(a_body_that_streams_may_drip),
        TEST(a_body_that_stops_is_cut_off),
        TEST(who_still_sends_after_its_answer_is_read_on),
        TEST(a_client_that_does_not_read_is_let_go),
        cmocka_unit_test_setup_teardown(connections_that_say_nothing_hold_nobody_up, set_up_patient,
                                        tear_down),
        cmocka_unit_test(who_reads_slowly_gets_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
