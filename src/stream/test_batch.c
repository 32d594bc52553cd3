/* Many streams that have something to say in the same turn. All this holds for both ways of input
 * and output. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/random.h"
#include "net/address.h"
#include "stream/stream.h"
#include "stream/test_io.h"

enum { ENDS = 100, TURNS_MAX = 10000, TURN_MS = 1000 };

struct fixture;

struct end {
    struct stream stream;
    struct fixture *fixture;
    struct buffer got;
    unsigned sent;
    bool ended, failed, hung_up;
    int error;
    int peer;                    /* the test's side */
    int way;                     /* what stream_splice() said */
    void (*then)(struct end *e); /* once, when something was received */
};

struct fixture {
    struct loop *loop;
    struct stream_engine engine;
    struct end ends[ENDS];
};

static struct end *end_of(struct stream *s)
{
    return container_of(s, struct end, stream);
}

static size_t received(struct stream *s, const char *data, size_t size)
{
    struct end *e = end_of(s);
    void (*then)(struct end * e) = steal(e->then);

    assert_false(e->ended);
    assert_int_equal(buffer_append(&e->got, data, size), 0);
    if (then)
        then(e);
    return size;
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

static void spliced(struct stream *s, size_t n)
{
    (void)s;
    (void)n;
}

static const struct stream_owner owner = { .received = received,
                                           .sent = sent,
                                           .failed = failed,
                                           .ended = ended,
                                           .hung_up = hung_up,
                                           .spliced = spliced };

/* Over TCP, whose connections can be reset. */
static void connect_two(int listener, const struct address *to, int fds[2])
{
    assert_int_equal(address_connect(to, &fds[0]), 0);
    do
        fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while (fds[1] < 0 && errno == EAGAIN);
    assert_true(fds[1] >= 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct address any;
    int listener;

    assert_non_null(f);
    assert_int_equal(address_parse("127.0.0.1:0", &any), 0);
    assert_int_equal(address_listen(&any, false, &listener), 0);
    assert_int_equal(address_of(listener, &any), 0);
    assert_int_equal(loop_new(clock_real(), &f->loop), 0);
    assert_int_equal(stream_engine_init(&f->engine, f->loop), 0);
    if (test_io_is_uring())
        assert_int_equal(stream_engine_use_batches(&f->engine), 0);
    for (unsigned i = 0; i < ENDS; i++) {
        struct end *e = &f->ends[i];
        int fds[2];

        connect_two(listener, &any, fds);
        *e = (struct end){ .fixture = f, .got = BUFFER_INIT(64 << 20), .peer = fds[1] };
        assert_int_equal(
            stream_open(&e->stream, &f->engine, fds[0], false, &stream_plain, NULL, &owner), 0);
        e->stream.connected = true;
    }
    fd_close(listener);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < ENDS; i++) {
        stream_close(&f->ends[i].stream);
        buffer_deinit(&f->ends[i].got);
        fd_close(f->ends[i].peer);
    }
    stream_engine_deinit(&f->engine);
    loop_free(f->loop);
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

/* Turns until nothing is left to do. */
static void settle(struct fixture *f)
{
    for (int i = 0; i < 8; i++)
        assert_int_equal(loop_turn(f->loop, 0), 0);
}

static void say(struct end *e, const char *text)
{
    assert_int_equal(send(e->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static bool got(const struct end *e, const char *text)
{
    return buffer_size(&e->got) == strlen(text) &&
           memcmp(buffer_data(&e->got), text, strlen(text)) == 0;
}

static bool hears(struct end *e, const char *text)
{
    char data[64];
    ssize_t n = recv(e->peer, data, sizeof(data), MSG_DONTWAIT);

    return n == (ssize_t)strlen(text) && memcmp(data, text, (size_t)n) == 0;
}

/* --- the plain path --------------------------------------------------------------------------- */

static void echo(struct end *e)
{
    assert_int_equal(stream_send(&e->stream, buffer_data(&e->got), buffer_size(&e->got)), 0);
}

static void each_gets_its_own(void **state)
{
    struct fixture *f = *state;
    char text[16];

    for (unsigned i = 0; i < ENDS; i++) {
        snprintf(text, sizeof(text), "%u.", i);
        f->ends[i].then = echo;
        say(&f->ends[i], text);
    }
    until(f, f->ends[ENDS - 1].sent > 0 && f->ends[0].sent > 0);
    settle(f);
    for (unsigned i = 0; i < ENDS; i++) {
        snprintf(text, sizeof(text), "%u.", i);
        assert_true(got(&f->ends[i], text));
        assert_true(hears(&f->ends[i], text));
        assert_int_equal(f->ends[i].sent, 1);
    }
}

/* More than a slice of the lent buffer for each, and in pieces of any size. */
static void long_input_comes_whole_and_in_order(void **state)
{
    struct fixture *f = *state;
    enum { TALKERS = 20, BYTES = 300000 };
    static char text[BYTES];
    size_t said[TALKERS] = { 0 };
    struct random random;
    unsigned done = 0;

    random_init(&random, 1);
    for (size_t i = 0; i < BYTES; i++)
        text[i] = (char)random_u64(&random);
    while (done < TALKERS) {
        for (unsigned i = 0; i < TALKERS; i++) {
            size_t size = 1 + random_u64(&random) % 70000;
            ssize_t n = send(f->ends[i].peer, text + said[i],
                             size < BYTES - said[i] ? size : BYTES - said[i], MSG_DONTWAIT);

            if (n > 0)
                said[i] += (size_t)n;
        }
        assert_int_equal(loop_turn(f->loop, TURN_MS), 0);
        done = 0;
        for (unsigned i = 0; i < TALKERS; i++)
            done += buffer_size(&f->ends[i].got) == BYTES;
    }
    for (unsigned i = 0; i < TALKERS; i++)
        assert_memory_equal(buffer_data(&f->ends[i].got), text, BYTES);
}

static void ends_and_resets_are_told_apart(void **state)
{
    struct fixture *f = *state;
    const struct linger now = { .l_onoff = 1 };

    for (unsigned i = 0; i < 10; i++) {
        say(&f->ends[i], "bye");
        if (i % 2) /* a reset takes along what was not read yet, so that is read before */
            until(f, got(&f->ends[i], "bye"));
        if (i % 2)
            setsockopt(f->ends[i].peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        f->ends[i].peer = fd_close(f->ends[i].peer);
    }
    until(f, f->ends[9].ended && f->ends[8].ended);
    settle(f);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(got(&f->ends[i], "bye"));
        assert_true(f->ends[i].ended);
        assert_int_equal(f->ends[i].error, i % 2 ? -ECONNRESET : 0);
    }
}

static void who_cannot_send_fails_and_the_others_send(void **state)
{
    struct fixture *f = *state;
    const struct linger now = { .l_onoff = 1 };

    setsockopt(f->ends[1].peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    f->ends[1].peer = fd_close(f->ends[1].peer);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(stream_send(&f->ends[i].stream, "hello", 5), 0);
    until(f, f->ends[3].sent > 0);
    settle(f);
    assert_true(f->ends[1].failed || f->ends[1].ended);
    for (unsigned i = 0; i < 4; i++)
        assert_true(i == 1 || hears(&f->ends[i], "hello"));
}

/* --- what one does to the others -------------------------------------------------------------- */

static void for_the_others(struct end *e, void (*act)(struct end *other))
{
    for (unsigned i = 0; i < 10; i++)
        if (&e->fixture->ends[i] != e)
            act(&e->fixture->ends[i]);
}

static void all_say(struct fixture *f, const char *text)
{
    for (unsigned i = 0; i < 10; i++)
        say(&f->ends[i], text);
}

static unsigned count_got(struct fixture *f, const char *text)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 10; i++)
        n += got(&f->ends[i], text);
    return n;
}

static void close_it(struct end *e)
{
    stream_close(&e->stream);
}

static void close_the_others(struct end *e)
{
    for_the_others(e, close_it);
}

static void who_was_closed_by_another_is_not_called(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 10; i++)
        f->ends[i].then = close_the_others;
    all_say(f, "x");
    until(f, count_got(f, "x") > 0);
    settle(f);
    assert_int_equal(count_got(f, "x"), 1);
}

static void hold_it(struct end *e)
{
    stream_want(&e->stream, false);
}

static void hold_the_others(struct end *e)
{
    for_the_others(e, hold_it);
    for (unsigned i = 0; i < 10; i++)
        e->fixture->ends[i].then = NULL;
}

static void who_was_held_by_another_is_shown_everything_later(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 10; i++)
        f->ends[i].then = hold_the_others;
    all_say(f, "x");
    until(f, count_got(f, "x") > 0);
    settle(f);
    assert_int_equal(count_got(f, "x"), 1);
    all_say(f, "y");
    settle(f);
    for (unsigned i = 0; i < 10; i++)
        stream_want(&f->ends[i].stream, true);
    until(f, count_got(f, "xy") == 10);
}

static void who_was_held_hears_later_how_it_ended(void **state)
{
    struct fixture *f = *state;
    const struct linger now = { .l_onoff = 1 };

    for (unsigned i = 0; i < 10; i++) {
        f->ends[i].then = hold_the_others;
        if (i % 2)
            setsockopt(f->ends[i].peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    say(&f->ends[0], "x");
    for (unsigned i = 1; i < 10; i++)
        f->ends[i].peer = fd_close(f->ends[i].peer);
    until(f, got(&f->ends[0], "x"));
    settle(f);
    for (unsigned i = 1; i < 10; i++)
        assert_true(f->ends[i].hung_up || f->ends[i].ended);
    for (unsigned i = 1; i < 10; i++)
        stream_want(&f->ends[i].stream, true);
    settle(f);
    for (unsigned i = 1; i < 10; i++) {
        assert_true(f->ends[i].ended);
        assert_int_equal(f->ends[i].error, i % 2 ? -ECONNRESET : 0);
    }
}

/* Another's callback makes a way for bytes, some of which may have been received already: those go
 * to the owner, in front of what takes the way. */
static void make_ways(struct end *e)
{
    struct end *ends = e->fixture->ends;

    for (unsigned i = 1; i < 10; i++)
        ends[i].way = buffer_size(&ends[i].got) > 0
                          ? -EALREADY
                          : stream_splice(&ends[i].stream, &ends[10 + i].stream, 3);
}

static void no_byte_takes_a_way_before_one_that_was_received(void **state)
{
    struct fixture *f = *state;

    f->ends[0].then = make_ways;
    all_say(f, "abc");
    until(f, got(&f->ends[0], "abc"));
    settle(f);
    for (unsigned i = 1; i < 10; i++) {
        struct end *e = &f->ends[i];

        assert_true(e->way == 0 || e->way == -EBUSY || e->way == -EALREADY);
        assert_true(e->way == 0 ? hears(&f->ends[10 + i], "abc") : got(e, "abc"));
    }
    assert_true(got(&f->ends[0], "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(each_gets_its_own),
        TEST(long_input_comes_whole_and_in_order),
        TEST(ends_and_resets_are_told_apart),
        TEST(who_cannot_send_fails_and_the_others_send),
        TEST(who_was_closed_by_another_is_not_called),
        TEST(who_was_held_by_another_is_shown_everything_later),
        TEST(who_was_held_hears_later_how_it_ended),
        TEST(no_byte_takes_a_way_before_one_that_was_received),
    };

    test_io_check();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
