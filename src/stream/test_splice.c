/* Bytes that go from stream to stream unseen, over real sockets of both families. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
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

enum { TURNS_MAX = 100000, BODY_BYTES = 3 << 20, PART_BYTES = 100 << 10 };

struct end {
    struct stream stream;
    struct buffer got;
    uint64_t passed;
    unsigned sent;
    bool ended, failed;
};

struct fixture {
    struct loop *loop;
    struct stream_engine engine;
    struct end from, to;
    int writer, reader; /* the peers of `from` and `to` */
    size_t written, n_read;
    char *body, *copy;
};

static struct end *end_of(struct stream *s)
{
    return container_of(s, struct end, stream);
}

static size_t received(struct stream *s, const char *data, size_t size)
{
    assert_int_equal(buffer_append(&end_of(s)->got, data, size), 0);
    return size;
}

static void sent(struct stream *s)
{
    end_of(s)->sent++;
}

static void failed(struct stream *s, int error)
{
    (void)error;
    end_of(s)->failed = true;
}

static void ended(struct stream *s, int error)
{
    (void)error;
    end_of(s)->ended = true;
}

static void spliced(struct stream *s, size_t n)
{
    assert_true(n > 0);
    end_of(s)->passed += n;
}

static const struct stream_owner owner = {
    .received = received, .sent = sent, .failed = failed, .ended = ended, .spliced = spliced
};

/* @fds: two connected sockets that do not block, over TCP or not */
static void connect_pair(bool local, int fds[2])
{
    struct address address;
    int listener;

    if (local) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
        return;
    }
    assert_int_equal(address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(address_listen(&address, false, &listener), 0);
    assert_int_equal(address_of(listener, &address), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fds[0], &address.any, address.size), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    do
        fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (fds[1] < 0 && errno == EAGAIN);
    assert_true(fds[1] >= 0);
    close(listener);
}

static void open_end(struct fixture *f, struct end *e, bool local, int *ret_peer)
{
    int fds[2];

    connect_pair(local, fds);
    *e = (struct end){ .got = BUFFER_INIT(BODY_BYTES) };
    assert_int_equal(
        stream_open(&e->stream, &f->engine, fds[0], local, &stream_plain, NULL, &owner), 0);
    *ret_peer = fds[1];
}

static struct fixture *open_fixture(bool from_local, bool to_local)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(loop_new(clock_real(), &f->loop), 0);
    assert_int_equal(stream_engine_init(&f->engine, f->loop), 0);
    if (test_io_is_uring())
        assert_int_equal(stream_engine_use_batches(&f->engine), 0);
    open_end(f, &f->from, from_local, &f->writer);
    open_end(f, &f->to, to_local, &f->reader);
    f->body = malloc(BODY_BYTES);
    f->copy = malloc(BODY_BYTES);
    assert_true(f->body && f->copy);
    for (size_t i = 0; i < BODY_BYTES; i++)
        f->body[i] = (char)(i * 2654435761U >> 13);
    return f;
}

static int set_up(void **state)
{
    *state = open_fixture(false, false);
    return 0;
}

static void close_fixture(struct fixture *f)
{
    stream_close(&f->from.stream);
    stream_close(&f->to.stream);
    buffer_deinit(&f->from.got);
    buffer_deinit(&f->to.got);
    stream_engine_deinit(&f->engine);
    loop_free(f->loop);
    fd_close(f->writer);
    fd_close(f->reader);
    free(f->body);
    free(f->copy);
    free(f);
}

static int tear_down(void **state)
{
    close_fixture(*state);
    return 0;
}

static void write_some(struct fixture *f, size_t part)
{
    size_t left = BODY_BYTES - f->written;
    ssize_t n = send(f->writer, f->body + f->written, left < part ? left : part, MSG_NOSIGNAL);

    assert_true(n >= 0 || errno == EAGAIN);
    f->written += n > 0 ? (size_t)n : 0;
}

static void read_some(struct fixture *f, size_t part)
{
    size_t left = BODY_BYTES - f->n_read;
    ssize_t n = recv(f->reader, f->copy + f->n_read, left < part ? left : part, 0);

    assert_true(n > 0 || (n < 0 && errno == EAGAIN) || left == 0);
    f->n_read += n > 0 ? (size_t)n : 0;
}

#define until(f, condition)                                                                        \
    do {                                                                                           \
        for (int i_ = 0; !(condition); i_++) {                                                     \
            assert_true(i_ < TURNS_MAX);                                                           \
            assert_int_equal(loop_turn((f)->loop, 1), 0);                                          \
        }                                                                                          \
    } while (0)

#define until_all_came(f, written, read)                                                           \
    until(f, (write_some(f, written), read_some(f, read), (f)->n_read == BODY_BYTES))

/* --- what passes ------------------------------------------------------------------------------ */

static void all_of_it_comes_whole(struct fixture *f)
{
    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    until_all_came(f, PART_BYTES, PART_BYTES);
    assert_memory_equal(f->body, f->copy, BODY_BYTES);
    until(f, !stream_unsent(&f->to.stream));
    assert_int_equal(f->from.passed, BODY_BYTES);
    assert_int_equal(buffer_size(&f->from.got), 0);
}

static void bodies_come_whole_over_sockets_of_any_family(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fixture *f = open_fixture(i & 1, i & 2);

        all_of_it_comes_whole(f);
        close_fixture(f);
    }
}

static void a_reader_that_stops_stops_the_writer(void **state)
{
    struct fixture *f = *state;
    size_t before;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    do {
        before = f->written;
        write_some(f, BODY_BYTES);
        for (int i = 0; i < 20; i++)
            assert_int_equal(loop_turn(f->loop, 1), 0);
    } while (f->written > before);
    if (f->written < BODY_BYTES) /* else the sockets have taken it all */
        assert_true(stream_congested(&f->to.stream) && stream_unsent(&f->to.stream));
    until_all_came(f, PART_BYTES, PART_BYTES);
    assert_memory_equal(f->body, f->copy, BODY_BYTES);
    until(f, !stream_unsent(&f->to.stream));
}

/* As owners do that look whether there is room. */
static void who_does_not_want_for_a_while_goes_on_later(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    until(f, (write_some(f, PART_BYTES), read_some(f, PART_BYTES),
              stream_want(&f->from.stream, f->from.passed % 7 < 3 || f->written % 5 < 3),
              stream_want(&f->from.stream, !stream_congested(&f->to.stream)),
              f->n_read == BODY_BYTES));
    assert_memory_equal(f->body, f->copy, BODY_BYTES);
}

static void what_follows_is_received_and_sent_after_it(void **state)
{
    struct fixture *f = *state;
    const size_t length = BODY_BYTES - 5;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, length), 0);
    until(f, (write_some(f, BODY_BYTES), buffer_size(&f->from.got) == 5));
    assert_memory_equal(buffer_data(&f->from.got), f->body + length, 5);
    assert_int_equal(f->from.passed, length);
    assert_int_equal(stream_send(&f->to.stream, f->body + length, 5), 0);
    until(f, (read_some(f, PART_BYTES), f->n_read == BODY_BYTES));
    assert_memory_equal(f->body, f->copy, BODY_BYTES);
}

static void the_same_streams_do_it_again(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++) {
        f->from.passed = f->written = f->n_read = 0;
        all_of_it_comes_whole(f);
    }
}

static void other_bytes_come_first(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_send(&f->to.stream, "head", 4), 0);
    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), -EBUSY);
    until(f, !stream_unsent(&f->to.stream));
    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), -EBUSY);
}

static void a_writer_that_leaves_is_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    write_some(f, 1000);
    f->writer = fd_close(f->writer);
    until(f, f->from.ended);
    assert_int_equal(f->from.passed, 1000);
    stream_close(&f->from.stream);
    assert_false(stream_congested(&f->to.stream));
}

static void a_reader_that_leaves_is_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    f->reader = fd_close(f->reader);
    until(f, (write_some(f, PART_BYTES), f->to.failed || f->to.ended));
    stream_close(&f->to.stream);
    until(f, (write_some(f, PART_BYTES), buffer_size(&f->from.got) > 0)); /* seen again */
}

static void nothing_is_left_of_one_that_is_dropped(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    until(f, (write_some(f, PART_BYTES), f->from.passed > 0));
    stream_drop_output(&f->to.stream);
    until(f, (write_some(f, PART_BYTES), buffer_size(&f->from.got) > 0));
}

/* Both local, and `to` takes nothing: what has come is stuck in the pipe. */
static struct fixture *open_full_fixture(void)
{
    struct fixture *f = open_fixture(true, true);

    while (send(f->to.stream.io.fd, f->body, 1000, MSG_NOSIGNAL) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
    return f;
}

static void write_and_hear(struct fixture *f, size_t size)
{
    assert_int_equal(send(f->writer, f->body + f->written, size, 0), size);
    f->written += size;
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_turn(f->loop, 1), 0);
}

/* No event will tell of it once more. */
static void what_follows_is_received_though_the_reader_is_slow(void **state)
{
    struct fixture *f = open_full_fixture();
    (void)state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, 60000), 0);
    write_and_hear(f, 60005);
    assert_int_equal(f->from.passed, 60000);
    assert_true(stream_congested(&f->to.stream));
    assert_int_equal(buffer_size(&f->from.got), 5);
    assert_memory_equal(buffer_data(&f->from.got), f->body + 60000, 5);
    close_fixture(f);
}

static void what_was_not_passed_on_is_received_when_output_is_dropped(void **state)
{
    struct fixture *f = open_full_fixture();
    (void)state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    write_and_hear(f, 60000);
    write_and_hear(f, 1000);
    assert_int_equal(f->from.passed, 60000);
    stream_drop_output(&f->to.stream);
    write_and_hear(f, 0);
    assert_int_equal(buffer_size(&f->from.got), 1000);
    close_fixture(f);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_come_whole_over_sockets_of_any_family),
        T(a_reader_that_stops_stops_the_writer),
        T(who_does_not_want_for_a_while_goes_on_later),
        T(what_follows_is_received_and_sent_after_it),
        T(the_same_streams_do_it_again),
        T(other_bytes_come_first),
        T(a_writer_that_leaves_is_told),
        T(a_reader_that_leaves_is_told),
        T(nothing_is_left_of_one_that_is_dropped),
        cmocka_unit_test(what_follows_is_received_though_the_reader_is_slow),
        cmocka_unit_test(what_was_not_passed_on_is_received_when_output_is_dropped),
    };

    signal(SIGPIPE, SIG_IGN); /* splice() cannot be told not to */
    test_io_check();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
