/* Many streams that have something to say in the same turn. All this holds for both ways of input
 * and output. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/random.h"
#include "stream/rig.h"

enum { ENDS = 100 };

struct fixture {
    struct rig rig;
    struct end ends[ENDS];
    int ways[10]; /* what stream_splice() has said */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    rig_init(&f->rig);
    for (unsigned i = 0; i < ENDS; i++) {
        rig_open(&f->rig, &f->ends[i], false);
        f->ends[i].stream.connected = true;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < ENDS; i++)
        end_close(&f->ends[i]);
    rig_deinit(&f->rig);
    free(f);
    return 0;
}

/* Turns until nothing is left to do. */
static void settle(struct fixture *f)
{
    for (int i = 0; i < 8; i++)
        assert_int_equal(loop_turn(f->rig.loop, 0), 0);
}

/* This comes to the peer, and nothing else. */
static void expect_heard(struct end *e, const char *text)
{
    autobuffer struct buffer heard = BUFFER_INIT(8 << 20);

    until(e->rig, (end_hear(e, &heard), buffer_size(&heard) >= strlen(text)));
    assert_string_equal(buffer_cstr(&heard), text);
}

/* --- the plain path --------------------------------------------------------------------------- */

static void echo(struct end *e, const char *data, size_t size)
{
    assert_int_equal(stream_send(&e->stream, data, size), 0);
}

static void each_gets_its_own(void **state)
{
    struct fixture *f = *state;
    char text[16];

    for (unsigned i = 0; i < ENDS; i++) {
        snprintf(text, sizeof(text), "%u.", i);
        f->ends[i].then = echo;
        end_say(&f->ends[i], text);
    }
    for (unsigned i = 0; i < ENDS; i++) {
        snprintf(text, sizeof(text), "%u.", i);
        expect_heard(&f->ends[i], text);
        assert_true(end_got(&f->ends[i], text));
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
        assert_int_equal(loop_turn(f->rig.loop, RIG_TURN_MS), 0);
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

    for (unsigned i = 0; i < 10; i++) {
        end_say(&f->ends[i], "bye");
        if (i % 2) /* a reset takes along what was not read yet, so that is read before */
            until(&f->rig, end_got(&f->ends[i], "bye"));
        end_hang_up(&f->ends[i], i % 2);
    }
    for (unsigned i = 0; i < 10; i++) {
        until(&f->rig, f->ends[i].ended);
        assert_true(end_got(&f->ends[i], "bye"));
        assert_int_equal(f->ends[i].error, i % 2 ? -ECONNRESET : 0);
    }
}

static void who_cannot_send_fails_and_the_others_send(void **state)
{
    struct fixture *f = *state;

    end_hang_up(&f->ends[1], true);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(stream_send(&f->ends[i].stream, "hello", 5), 0);
    until(&f->rig, f->ends[1].failed || f->ends[1].ended);
    for (unsigned i = 0; i < 4; i++)
        if (i != 1)
            expect_heard(&f->ends[i], "hello");
}

/* --- what one does to the others -------------------------------------------------------------- */

static struct fixture *fixture_of(struct end *e)
{
    return container_of(e->rig, struct fixture, rig);
}

static void for_the_others(struct end *e, void (*act)(struct end *other))
{
    struct end *ends = fixture_of(e)->ends;

    for (unsigned i = 0; i < 10; i++)
        if (&ends[i] != e)
            act(&ends[i]);
}

static void all_say(struct fixture *f, const char *text)
{
    for (unsigned i = 0; i < 10; i++)
        end_say(&f->ends[i], text);
}

static unsigned count_got(struct fixture *f, const char *text)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 10; i++)
        n += end_got(&f->ends[i], text);
    return n;
}

static void close_it(struct end *e)
{
    stream_close(&e->stream);
}

static void close_the_others(struct end *e, const char *data, size_t size)
{
    for_the_others(e, close_it);
}

static void who_was_closed_by_another_is_not_called(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 10; i++)
        f->ends[i].then = close_the_others;
    all_say(f, "x");
    until(&f->rig, count_got(f, "x") > 0);
    settle(f);
    assert_int_equal(count_got(f, "x"), 1);
}

static void hold_it(struct end *e)
{
    stream_want(&e->stream, false);
}

static void hold_the_others(struct end *e, const char *data, size_t size)
{
    for_the_others(e, hold_it);
    for (unsigned i = 0; i < 10; i++)
        fixture_of(e)->ends[i].then = NULL;
}

static void who_was_held_by_another_is_shown_everything_later(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 10; i++)
        f->ends[i].then = hold_the_others;
    all_say(f, "x");
    until(&f->rig, count_got(f, "x") > 0);
    settle(f);
    assert_int_equal(count_got(f, "x"), 1);
    all_say(f, "y");
    settle(f);
    for (unsigned i = 0; i < 10; i++)
        stream_want(&f->ends[i].stream, true);
    until(&f->rig, count_got(f, "xy") == 10);
}

static void who_was_held_hears_later_how_it_ended(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 10; i++)
        f->ends[i].then = hold_the_others;
    end_say(&f->ends[0], "x");
    for (unsigned i = 1; i < 10; i++)
        end_hang_up(&f->ends[i], i % 2);
    until(&f->rig, end_got(&f->ends[0], "x"));
    for (unsigned i = 1; i < 10; i++)
        until(&f->rig, f->ends[i].hung_up || f->ends[i].ended);
    for (unsigned i = 1; i < 10; i++)
        stream_want(&f->ends[i].stream, true);
    for (unsigned i = 1; i < 10; i++) {
        until(&f->rig, f->ends[i].ended);
        assert_int_equal(f->ends[i].error, i % 2 ? -ECONNRESET : 0);
    }
}

/* Another's callback makes a way for bytes, some of which may have been received already: those go
 * to the owner, in front of what takes the way. */
static void make_ways(struct end *e, const char *data, size_t size)
{
    struct fixture *f = fixture_of(e);

    for (unsigned i = 1; i < 10; i++)
        f->ways[i] = buffer_size(&f->ends[i].got) > 0
                         ? -EALREADY
                         : stream_splice(&f->ends[i].stream, &f->ends[10 + i].stream, 3);
}

static void no_byte_takes_a_way_before_one_that_was_received(void **state)
{
    struct fixture *f = *state;

    f->ends[0].then = make_ways;
    all_say(f, "abc");
    until(&f->rig, end_got(&f->ends[0], "abc"));
    for (unsigned i = 1; i < 10; i++) {
        assert_true(f->ways[i] == 0 || f->ways[i] == -EBUSY || f->ways[i] == -EALREADY);
        if (f->ways[i] == 0)
            expect_heard(&f->ends[10 + i], "abc");
        else
            until(&f->rig, end_got(&f->ends[i], "abc"));
    }
    assert_true(end_got(&f->ends[0], "abc"));
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
