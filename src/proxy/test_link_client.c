#include "proxy/link_client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "wire/frame.h"

struct fixture {
    char dir[64], path[96];
    struct loop *loop;
    struct link_client *client;
    int listener, peer; /* control's side */
    unsigned connected;
    uint64_t heard; /* revision of the last ack; any message with a number will do */
    unsigned messages;
};

static void message(struct link_message *m, void *context)
{
    struct fixture *f = context;

    f->messages++;
    if (m->type == LINK_ACK)
        f->heard = m->ack.revision;
}

static void connected(void *context)
{
    ((struct fixture *)context)->connected++;
}

static void listen_now(struct fixture *f)
{
    struct address a;

    assert_int_equal(address_parse(f->path, &a), 0);
    assert_int_equal(address_listen(&a, false, &f->listener), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct link_client_events events = { message, connected, f };
    struct address a;

    assert_non_null(f);
    f->peer = f->listener = -1;
    snprintf(f->dir, sizeof(f->dir), "/tmp/weir-link-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "unix:%s/link", f->dir);
    assert_int_equal(address_parse(f->path, &a), 0);
    assert_int_equal(loop_new(clock_real(), &f->loop), 0);
    assert_int_equal(link_client_new(f->loop, NULL, &a, &events, &f->client), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    link_client_free(f->client);
    loop_free(f->loop);
    fd_close(f->peer);
    fd_close(f->listener);
    unlink(f->path + 5);
    rmdir(f->dir);
    free(f);
    return 0;
}

#define turn_until(f, condition)                                                                   \
    do {                                                                                           \
        for (int i_ = 0; !(condition); i_++) {                                                     \
            if (i_ == 2000)                                                                        \
                fail_msg("%s did not come true", #condition);                                      \
            assert_int_equal(loop_turn((f)->loop, 10), 0);                                         \
        }                                                                                          \
    } while (0)

/* The proxy's side has connected; accept it. */
static void meet(struct fixture *f, unsigned times)
{
    turn_until(f, f->connected == times);
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(f->peer >= 0);
}

static void say(struct fixture *f, const char *text)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 20);
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    assert_int_equal(frame_write(&out, json), 0);
    assert_int_equal(send(f->peer, buffer_data(&out), buffer_size(&out), 0),
                     (int)buffer_size(&out));
    json_decref(json);
}

static void it_says_hello_and_hears(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer in = BUFFER_INIT(4096);
    json_t *hello;
    ssize_t n;

    listen_now(f);
    meet(f, 1);
    assert_int_equal(buffer_reserve(&in, 4096), 0);
    n = recv(f->peer, buffer_tail(&in), 4096, 0);
    assert_true(n > 0);
    buffer_commit(&in, (size_t)n);
    assert_int_equal(frame_read(&in, &hello), 0);
    assert_string_equal(json_string_value(json_object_get(hello, "type")), "hello");
    assert_int_equal(json_integer_value(json_object_get(hello, "version")), LINK_VERSION);
    json_decref(hello);

    say(f, "{\"type\":\"ack\",\"revision\":7}");
    turn_until(f, f->heard == 7);
}

static void it_waits_for_a_control_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    const struct link_message m = { .type = LINK_ACK };

    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_turn(f->loop, 10), 0);
    assert_int_equal(f->connected, 0);
    assert_int_equal(link_client_send(f->client, &m), LINK_CLIENT_E_DOWN);
    listen_now(f);
    meet(f, 1);
    assert_int_equal(link_client_send(f->client, &m), 0);
}

static void it_comes_back_whatever_ended_the_connection(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } endings[] = {
        { "", 0 },                              /* control is gone */
        { "\xff\xff\xff\xff", 4 },              /* far too long */
        { "\0\0\0\2[]", 6 },                    /* no message */
        { "\0\0\0\x0e{\"type\":\"ack\"}", 18 }, /* malformed */
    };
    struct fixture *f = *state;

    listen_now(f);
    meet(f, 1);
    for (unsigned i = 0; i < 4; i++) {
        if (endings[i].size)
            assert_int_equal(send(f->peer, endings[i].bytes, endings[i].size, 0),
                             (int)endings[i].size);
        else
            f->peer = fd_close(f->peer);
        turn_until(f, f->connected == i + 2);
        fd_close(f->peer);
        meet(f, i + 2);
        say(f, "{\"type\":\"ack\",\"revision\":1}");
        turn_until(f, f->messages == i + 1);
    }
}

static void what_a_newer_control_says_is_skipped(void **state)
{
    struct fixture *f = *state;

    listen_now(f);
    meet(f, 1);
    say(f, "{\"type\":\"of the future\"}");
    say(f, "{\"type\":\"ack\",\"revision\":9,\"more\":true}");
    turn_until(f, f->heard == 9);
    assert_int_equal(f->messages, 1);
    assert_int_equal(f->connected, 1);
}

static void a_control_that_does_not_read_is_left(void **state)
{
    struct fixture *f = *state;
    const struct link_message m = { .type = LINK_EVENT, .event = { .group = "e/v" } };
    int r = 0;

    listen_now(f);
    meet(f, 1);
    for (int i = 0; i < 1000000 && r == 0; i++)
        r = link_client_send(f->client, &m);
    assert_int_equal(r, LINK_CLIENT_E_DOWN);
    turn_until(f, f->connected == 2);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_says_hello_and_hears),
        TEST(it_waits_for_a_control_that_is_not_there),
        TEST(it_comes_back_whatever_ended_the_connection),
        TEST(what_a_newer_control_says_is_skipped),
        TEST(a_control_that_does_not_read_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
