/* Bytes that go from stream to stream unseen, over sockets of both families. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stream/rig.h"

enum { BODY_BYTES = 3 << 20, PART_BYTES = 100 << 10 };

struct fixture {
    struct rig rig;
    struct end from, to;
    size_t written, n_read;
    char *body, *copy;
};

static struct fixture *open_fixture(bool from_local, bool to_local)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    rig_init(&f->rig);
    rig_open(&f->rig, &f->from, from_local);
    rig_open(&f->rig, &f->to, to_local);
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
    end_close(&f->from);
    end_close(&f->to);
    rig_deinit(&f->rig);
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
    ssize_t n = send(f->from.peer, f->body + f->written, left < part ? left : part, MSG_NOSIGNAL);

    assert_true(n >= 0 || errno == EAGAIN);
    f->written += n > 0 ? (size_t)n : 0;
}

static void read_some(struct fixture *f, size_t part)
{
    size_t left = BODY_BYTES - f->n_read;
    ssize_t n = recv(f->to.peer, f->copy + f->n_read, left < part ? left : part, 0);

    assert_true(n > 0 || (n < 0 && errno == EAGAIN) || left == 0);
    f->n_read += n > 0 ? (size_t)n : 0;
}

#define until_all_came(f, written, read)                                                           \
    until(&(f)->rig, (write_some(f, written), read_some(f, read), (f)->n_read == BODY_BYTES))

/* --- what passes ------------------------------------------------------------------------------ */

static void all_of_it_comes_whole(struct fixture *f)
{
    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    until_all_came(f, PART_BYTES, PART_BYTES);
    assert_memory_equal(f->body, f->copy, BODY_BYTES);
    until(&f->rig, !stream_unsent(&f->to.stream));
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
            assert_int_equal(loop_turn(f->rig.loop, 1), 0);
    } while (f->written > before);
    if (f->written < BODY_BYTES) /* else the sockets have taken it all */
        assert_true(stream_congested(&f->to.stream) && stream_unsent(&f->to.stream));
    until_all_came(f, PART_BYTES, PART_BYTES);
    assert_memory_equal(f->body, f->copy, BODY_BYTES);
    until(&f->rig, !stream_unsent(&f->to.stream));
}

/* As owners do that look whether there is room. */
static void who_does_not_want_for_a_while_goes_on_later(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    until(&f->rig, (write_some(f, PART_BYTES), read_some(f, PART_BYTES),
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
    until(&f->rig, (write_some(f, BODY_BYTES), buffer_size(&f->from.got) == 5));
    assert_memory_equal(buffer_data(&f->from.got), f->body + length, 5);
    assert_int_equal(f->from.passed, length);
    assert_int_equal(stream_send(&f->to.stream, f->body + length, 5), 0);
    until(&f->rig, (read_some(f, PART_BYTES), f->n_read == BODY_BYTES));
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
    until(&f->rig, !stream_unsent(&f->to.stream));
    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), -EBUSY);
}

static void a_writer_that_leaves_is_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    write_some(f, 1000);
    end_hang_up(&f->from, false);
    until(&f->rig, f->from.ended);
    assert_int_equal(f->from.passed, 1000);
    stream_close(&f->from.stream);
    assert_false(stream_congested(&f->to.stream));
}

static void a_reader_that_leaves_is_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    end_hang_up(&f->to, false);
    until(&f->rig, (write_some(f, PART_BYTES), f->to.failed || f->to.ended));
    stream_close(&f->to.stream);
    until(&f->rig, (write_some(f, PART_BYTES), buffer_size(&f->from.got) > 0)); /* seen again */
}

static void nothing_is_left_of_one_that_is_dropped(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stream_splice(&f->from.stream, &f->to.stream, BODY_BYTES), 0);
    until(&f->rig, (write_some(f, PART_BYTES), f->from.passed > 0));
    stream_drop_output(&f->to.stream);
    until(&f->rig, (write_some(f, PART_BYTES), buffer_size(&f->from.got) > 0));
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
    assert_int_equal(send(f->from.peer, f->body + f->written, size, 0), size);
    f->written += size;
    for (int i = 0; i < 20; i++)
        assert_int_equal(loop_turn(f->rig.loop, 1), 0);
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
