/* Streams over real sockets, the test's end of each pair being read and written by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "net/address.h"
#include "stream/stream.h"
#include "stream/test_io.h"

enum { TURNS_MAX = 10000, TURN_MS = 1000 };

struct end {
    struct stream stream;
    struct buffer got;
    size_t use_at_most; /* bytes of each call */
    unsigned calls, sent;
    bool ended, failed, hung_up;
    int error;
    bool echoes;
};

struct fixture {
    struct loop *loop;
    struct stream_engine engine;
    struct end end;
    int peer;
};

static struct end *end_of(struct stream *s)
{
    return container_of(s, struct end, stream);
}

static size_t received(struct stream *s, const char *data, size_t size)
{
    struct end *e = end_of(s);
    size_t used = size < e->use_at_most ? size : e->use_at_most;

    e->calls++;
    assert_int_equal(buffer_append(&e->got, data, used), 0);
    if (e->echoes)
        assert_int_equal(stream_send(s, data, used), 0);
    return used;
}

static void sent(struct stream *s)
{
    end_of(s)->sent++;
}

static void failed(struct stream *s, int error)
{
    end_of(s)->failed = true;
    end_of(s)->error = error;
}

static void ended(struct stream *s, int error)
{
    end_of(s)->ended = true;
    end_of(s)->error = error;
}

static void hung_up(struct stream *s, bool reset)
{
    (void)reset;
    end_of(s)->hung_up = true;
}

static const struct stream_owner owner = {
    .received = received, .sent = sent, .failed = failed, .ended = ended, .hung_up = hung_up
};

static void open_end(struct fixture *f, int fd, bool local)
{
    f->end = (struct end){ .got = BUFFER_INIT(64 << 20), .use_at_most = SIZE_MAX };
    assert_int_equal(
        stream_open(&f->end.stream, &f->engine, fd, local, &stream_plain, NULL, &owner), 0);
}

static void pair(int fds[2])
{
    int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);

    assert_int_equal(r, 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    int fds[2];

    assert_non_null(f);
    assert_int_equal(loop_new(clock_real(), &f->loop), 0);
    assert_int_equal(stream_engine_init(&f->engine, f->loop), 0);
    if (test_io_is_uring())
        assert_int_equal(stream_engine_use_batches(&f->engine), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    open_end(f, fds[0], true);
    f->peer = fds[1];
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    stream_close(&f->end.stream);
    stream_close(&f->end.stream); /* twice is harmless */
    buffer_deinit(&f->end.got);
    stream_engine_deinit(&f->engine);
    loop_free(f->loop);
    fd_close(f->peer);
    free(f);
    return 0;
}

#define until(f, condition)                                                                        \
    do {                                                                                           \
        for (int i_ = 0; !(condition); i_++) {                                                     \
            assert_true(i_ < TURNS_MAX);                                                           \
            assert_int_equal(loop_turn((f)->loop, TURN_MS), 0);                                    \
        }                                                                                          \
    } while (0)

static void say(struct fixture *f, const char *text)
{
    assert_int_equal(send(f->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static bool got(struct fixture *f, const char *text)
{
    struct slice s = { buffer_data(&f->end.got), buffer_size(&f->end.got) };

    return slice_is(s, text);
}

static void what_comes_is_shown(void **state)
{
    struct fixture *f = *state;

    say(f, "one");
    until(f, got(f, "one"));
    say(f, "two");
    until(f, got(f, "onetwo"));
    assert_int_equal(f->end.calls, 2);
}

static void what_was_not_used_is_shown_again_with_more(void **state)
{
    struct fixture *f = *state;

    f->end.use_at_most = 0;
    say(f, "one");
    until(f, f->end.calls == 1);
    f->end.use_at_most = SIZE_MAX;
    say(f, "two");
    until(f, got(f, "onetwo"));
    assert_int_equal(f->end.calls, 2);
}

static void who_wants_nothing_is_shown_it_later(void **state)
{
    struct fixture *f = *state;

    f->end.use_at_most = 1;
    say(f, "one");
    until(f, got(f, "o"));
    stream_want(&f->end.stream, false);
    say(f, "two");
    assert_int_equal(loop_turn(f->loop, TURN_MS), 0);
    assert_true(got(f, "o"));
    f->end.use_at_most = SIZE_MAX;
    stream_want(&f->end.stream, true);
    until(f, got(f, "onetwo"));
    /* what was kept is shown even when nothing has come since */
    f->end.use_at_most = 2;
    say(f, "three");
    until(f, got(f, "onetwoth"));
    stream_want(&f->end.stream, false);
    f->end.use_at_most = SIZE_MAX;
    stream_want(&f->end.stream, true);
    until(f, got(f, "onetwothree"));
}

static void a_peer_that_leaves_is_noticed(void **state)
{
    struct fixture *f = *state;

    say(f, "one");
    f->peer = fd_close(f->peer);
    until(f, f->end.ended);
    assert_true(got(f, "one"));
    assert_int_equal(f->end.error, 0);
}

static void a_peer_that_leaves_is_noticed_by_who_wants_nothing(void **state)
{
    struct fixture *f = *state;

    stream_want(&f->end.stream, false);
    say(f, "one");
    f->peer = fd_close(f->peer);
    until(f, f->end.hung_up);
    assert_false(f->end.ended);
    stream_want(&f->end.stream, true);
    until(f, f->end.ended);
    assert_true(got(f, "one"));
}

/* --- output ----------------------------------------------------------------------------------- */

static size_t hear(struct fixture *f, struct buffer *into)
{
    ssize_t n;

    assert_int_equal(buffer_reserve(into, 1 << 20), 0);
    n = recv(f->peer, buffer_tail(into), 1 << 20, 0);
    if (n < 0)
        assert_int_equal(errno, EAGAIN);
    if (n > 0)
        buffer_commit(into, (size_t)n);
    return n > 0 ? (size_t)n : 0;
}

static void pieces_leave_together_at_the_end_of_the_turn(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer heard = BUFFER_INIT(8 << 20);
    struct stream *s = &f->end.stream;
    char text[] = "copied";

    assert_int_equal(stream_send(s, "copied1 ", 8), 0);
    assert_int_equal(stream_send(s, text, 6), 0);
    memset(text, '!', 6);
    assert_int_equal(stream_send_kept(s, " kept", 5), 0);
    assert_true(stream_unsent(s));
    assert_false(stream_congested(s));
    assert_int_equal(hear(f, &heard), 0);
    until(f, f->end.sent == 1);
    assert_false(stream_unsent(s));
    assert_int_equal(hear(f, &heard), 19);
    assert_memory_equal(buffer_data(&heard), "copied1 copied kept", 19);
}

static void a_full_socket_takes_the_rest_later(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer heard = BUFFER_INIT(64 << 20);
    autofree(mem_free) char *big = malloc(1 << 20);
    struct stream *s = &f->end.stream;

    for (size_t i = 0; i < 1 << 20; i++)
        big[i] = (char)(i * 31 + i / 256);
    assert_int_equal(stream_send(s, big, 1 << 20), 0);
    until(f, f->end.sent > 0);
    assert_true(stream_congested(s));
    for (size_t i = 0; i < 1 << 20; i++)
        big[i] ^= 1;
    assert_int_equal(stream_send(s, "end", 3), 0);
    until(f, (hear(f, &heard), !stream_unsent(s)));
    while (hear(f, &heard))
        ;
    assert_int_equal(buffer_size(&heard), (1 << 20) + 3);
    for (size_t i = 0; i < 1 << 20; i++)
        big[i] ^= 1;
    assert_memory_equal(buffer_data(&heard), big, 1 << 20);
    assert_false(stream_congested(s));
}

static void an_echo_of_many_sizes_is_exact(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer heard = BUFFER_INIT(64 << 20), said = BUFFER_INIT(64 << 20);
    autofree(mem_free) char *big = malloc(100000);

    f->end.echoes = true;
    for (size_t i = 0; i < 100000; i++)
        big[i] = (char)(i * 17 + i / 251);
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        assert_int_equal(buffer_append(&said, big, size), 0);
        for (size_t at = 0; at < size;) {
            ssize_t n = send(f->peer, big + at, size - at, MSG_NOSIGNAL);

            at += n > 0 ? (size_t)n : 0;
            assert_int_equal(loop_turn(f->loop, 0), 0);
            hear(f, &heard);
        }
    }
    until(f, (hear(f, &heard), buffer_size(&heard) == buffer_size(&said)));
    assert_memory_equal(buffer_data(&heard), buffer_data(&said), buffer_size(&said));
}

static void more_pieces_than_one_call_takes_leave_in_order(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer heard = BUFFER_INIT(8 << 20);
    struct stream *s = &f->end.stream;

    for (int i = 0; i < 3000; i++)
        assert_int_equal(i % 3 ? stream_send_kept(s, "ab", 2) : stream_send(s, "cd", 2), 0);
    until(f, !stream_unsent(s));
    while (hear(f, &heard))
        ;
    assert_int_equal(buffer_size(&heard), 6000);
    for (size_t i = 0; i < 3000; i++)
        assert_memory_equal(buffer_data(&heard) + 2 * i, i % 3 ? "ab" : "cd", 2);
}

static void too_much_is_refused(void **state)
{
    struct fixture *f = *state;
    char block[64 << 10] = { 0 };
    int r = 0;

    for (int i = 0; i < 64 && r == 0; i++)
        r = stream_send(&f->end.stream, block, sizeof(block));
    assert_int_equal(r, -ENOBUFS);
    assert_true(stream_congested(&f->end.stream));
}

static void nothing_can_be_sent_to_a_peer_that_left(void **state)
{
    struct fixture *f = *state;

    stream_want(&f->end.stream, false);
    assert_int_equal(stream_send(&f->end.stream, "x", 1), 0);
    until(f, !stream_unsent(&f->end.stream));
    f->peer = fd_close(f->peer);
    assert_int_equal(stream_send(&f->end.stream, "x", 1), 0);
    until(f, f->end.failed);
    assert_int_equal(f->end.error, -EPIPE);
    assert_int_equal(stream_send(&f->end.stream, "x", 1), 0); /* dropped */
    assert_false(stream_unsent(&f->end.stream));
}

static void a_connect_that_fails_is_told(void **state)
{
    struct fixture *f = *state;
    struct address a;
    int listener, fd, r;

    assert_int_equal(address_parse("127.0.0.1:0", &a), 0);
    assert_int_equal(address_listen(&a, false, &listener), 0);
    assert_int_equal(address_of(listener, &a), 0);
    close(listener);
    r = address_connect(&a, &fd);
    if (r == 0) {
        stream_close(&f->end.stream);
        open_end(f, fd, false);
        assert_int_equal(stream_send(&f->end.stream, "x", 1), 0);
        until(f, f->end.failed);
        r = f->end.error;
        assert_false(f->end.stream.connected);
    }
    assert_int_equal(r, -ECONNREFUSED);
}

static void what_is_unsent_can_leave_before_closing(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer heard = BUFFER_INIT(8 << 20);

    assert_int_equal(stream_send(&f->end.stream, "last words", 10), 0);
    stream_flush(&f->end.stream);
    stream_close(&f->end.stream);
    assert_int_equal(hear(f, &heard), 10);
    assert_int_equal(f->end.sent, 0);
}

/* --- several ---------------------------------------------------------------------------------- */

static size_t close_the_other(struct stream *s, const char *data, size_t size)
{
    struct end *a = end_of(s), *ends = a->use_at_most ? a - 1 : a; /* 1: the second of the two */

    (void)data;
    a->calls++;
    stream_close(&ends[a->use_at_most ? 0 : 1].stream);
    return size;
}

static void a_stream_may_close_another_that_has_input(void **state)
{
    static const struct stream_owner closer = {
        .received = close_the_other, .sent = sent, .failed = failed, .ended = ended
    };
    struct fixture *f = *state;
    struct end ends[2] = { { .use_at_most = 0 }, { .use_at_most = 1 } };
    int peers[2];

    for (int i = 0; i < 2; i++) {
        int fds[2];

        pair(fds);
        assert_int_equal(
            stream_open(&ends[i].stream, &f->engine, fds[0], true, &stream_plain, NULL, &closer),
            0);
        peers[i] = fds[1];
        assert_int_equal(send(peers[i], "x", 1, 0), 1);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(ends[0].calls + ends[1].calls, 1);
    for (int i = 0; i < 2; i++) {
        stream_close(&ends[i].stream);
        close(peers[i]);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_comes_is_shown),
        T(what_was_not_used_is_shown_again_with_more),
        T(who_wants_nothing_is_shown_it_later),
        T(a_peer_that_leaves_is_noticed),
        T(a_peer_that_leaves_is_noticed_by_who_wants_nothing),
        T(pieces_leave_together_at_the_end_of_the_turn),
        T(a_full_socket_takes_the_rest_later),
        T(an_echo_of_many_sizes_is_exact),
        T(more_pieces_than_one_call_takes_leave_in_order),
        T(too_much_is_refused),
        T(nothing_can_be_sent_to_a_peer_that_left),
        T(a_connect_that_fails_is_told),
        T(what_is_unsent_can_leave_before_closing),
        T(a_stream_may_close_another_that_has_input),
    };

    test_io_check();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
