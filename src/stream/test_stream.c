/* Streams over real sockets, one at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "stream/rig.h"

struct fixture {
    struct rig rig;
    struct end end;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    rig_init(&f->rig);
    rig_open(&f->rig, &f->end, true);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    end_close(&f->end);
    rig_deinit(&f->rig);
    free(f);
    return 0;
}

static void what_comes_is_shown(void **state)
{
    struct fixture *f = *state;

    end_say(&f->end, "one");
    until(&f->rig, end_got(&f->end, "one"));
    end_say(&f->end, "two");
    until(&f->rig, end_got(&f->end, "onetwo"));
    assert_int_equal(f->end.calls, 2);
}

static void what_was_not_used_is_shown_again_with_more(void **state)
{
    struct fixture *f = *state;

    f->end.use_at_most = 0;
    end_say(&f->end, "one");
    until(&f->rig, f->end.calls == 1);
    f->end.use_at_most = SIZE_MAX;
    end_say(&f->end, "two");
    until(&f->rig, end_got(&f->end, "onetwo"));
    assert_int_equal(f->end.calls, 2);
}

static void who_wants_nothing_is_shown_it_later(void **state)
{
    struct fixture *f = *state;

    f->end.use_at_most = 1;
    end_say(&f->end, "one");
    until(&f->rig, end_got(&f->end, "o"));
    stream_want(&f->end.stream, false);
    end_say(&f->end, "two");
    assert_int_equal(loop_turn(f->rig.loop, RIG_TURN_MS), 0);
    assert_true(end_got(&f->end, "o"));
    f->end.use_at_most = SIZE_MAX;
    stream_want(&f->end.stream, true);
    until(&f->rig, end_got(&f->end, "onetwo"));
    /* what was kept is shown even when nothing has come since */
    f->end.use_at_most = 2;
    end_say(&f->end, "three");
    until(&f->rig, end_got(&f->end, "onetwoth"));
    stream_want(&f->end.stream, false);
    f->end.use_at_most = SIZE_MAX;
    stream_want(&f->end.stream, true);
    until(&f->rig, end_got(&f->end, "onetwothree"));
}

static void a_peer_that_leaves_is_noticed(void **state)
{
    struct fixture *f = *state;

    end_say(&f->end, "one");
    end_hang_up(&f->end, false);
    until(&f->rig, f->end.ended);
    assert_true(end_got(&f->end, "one"));
    assert_int_equal(f->end.error, 0);
}

static void a_peer_that_leaves_is_noticed_by_who_wants_nothing(void **state)
{
    struct fixture *f = *state;

    stream_want(&f->end.stream, false);
    end_say(&f->end, "one");
    end_hang_up(&f->end, false);
    until(&f->rig, f->end.hung_up);
    assert_false(f->end.ended);
    stream_want(&f->end.stream, true);
    until(&f->rig, f->end.ended);
    assert_true(end_got(&f->end, "one"));
}

/* --- output ----------------------------------------------------------------------------------- */

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
    assert_int_equal(end_hear(&f->end, &heard), 0);
    until(&f->rig, f->end.sent == 1);
    assert_false(stream_unsent(s));
    assert_int_equal(end_hear(&f->end, &heard), 19);
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
    until(&f->rig, f->end.sent > 0);
    assert_true(stream_congested(s));
    for (size_t i = 0; i < 1 << 20; i++)
        big[i] ^= 1;
    assert_int_equal(stream_send(s, "end", 3), 0);
    until(&f->rig, (end_hear(&f->end, &heard), !stream_unsent(s)));
    while (end_hear(&f->end, &heard))
        ;
    assert_int_equal(buffer_size(&heard), (1 << 20) + 3);
    for (size_t i = 0; i < 1 << 20; i++)
        big[i] ^= 1;
    assert_memory_equal(buffer_data(&heard), big, 1 << 20);
    assert_false(stream_congested(s));
}

static void echo(struct end *e, const char *data, size_t size)
{
    assert_int_equal(stream_send(&e->stream, data, size), 0);
}

static void an_echo_of_many_sizes_is_exact(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer heard = BUFFER_INIT(64 << 20), said = BUFFER_INIT(64 << 20);
    autofree(mem_free) char *big = malloc(100000);

    f->end.then = echo;
    for (size_t i = 0; i < 100000; i++)
        big[i] = (char)(i * 17 + i / 251);
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        assert_int_equal(buffer_append(&said, big, size), 0);
        for (size_t at = 0; at < size;) {
            ssize_t n = send(f->end.peer, big + at, size - at, MSG_NOSIGNAL);

            at += n > 0 ? (size_t)n : 0;
            assert_int_equal(loop_turn(f->rig.loop, 0), 0);
            end_hear(&f->end, &heard);
        }
    }
    until(&f->rig, (end_hear(&f->end, &heard), buffer_size(&heard) == buffer_size(&said)));
    assert_memory_equal(buffer_data(&heard), buffer_data(&said), buffer_size(&said));
}

static void more_pieces_than_one_call_takes_leave_in_order(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer heard = BUFFER_INIT(8 << 20);
    struct stream *s = &f->end.stream;

    for (int i = 0; i < 3000; i++)
        assert_int_equal(i % 3 ? stream_send_kept(s, "ab", 2) : stream_send(s, "cd", 2), 0);
    until(&f->rig, !stream_unsent(s));
    while (end_hear(&f->end, &heard))
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
    until(&f->rig, !stream_unsent(&f->end.stream));
    end_hang_up(&f->end, false);
    assert_int_equal(stream_send(&f->end.stream, "x", 1), 0);
    until(&f->rig, f->end.failed);
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
        end_close(&f->end);
        rig_open_fd(&f->rig, &f->end, fd, -1, false);
        assert_int_equal(stream_send(&f->end.stream, "x", 1), 0);
        until(&f->rig, f->end.failed);
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
    assert_int_equal(end_hear(&f->end, &heard), 10);
    assert_int_equal(f->end.sent, 0);
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
    };

    test_io_check();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
