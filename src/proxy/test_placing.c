/* Caps, the queue, ejection and stickiness in a whole proxy with two workers. */
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

static int set_up(void **state)
{
    struct fixture *f = fixture_new(2);

    f->rig.path_prefix = "/";
    fixture_start(f, 0);
    *state = f;
    return 0;
}

/* As the reports say. */
static void wait_for_queued(struct fixture *f, unsigned n)
{
    struct link_report_group seen;

    do {
        rig_hear_report(&f->rig, 0, &seen);
    } while (seen.queued != n);
}

/* --- caps and the queue ----------------------------------------------------------------------- */

static void a_cap_holds_over_all_threads(void **state)
{
    enum { CLIENTS = 12, CAP = 2 };
    struct fixture *f = *state;
    int fds[CLIENTS];

    f->rig.group.concurrency_max = CAP;
    rig_serve(&f->rig, f->list, RIG_TARGETS);
    for (size_t i = 0; i < CLIENTS; i++)
        fds[i] = begin(f, "hold");
    for (unsigned left = CLIENTS; left > 0; left -= RIG_TARGETS * CAP) {
        wait_for_queued(f, left - RIG_TARGETS * CAP); /* those before have gone */
        rig_until(holding(f) == RIG_TARGETS * CAP);
        for (size_t i = 0; i < RIG_TARGETS; i++) {
            assert_int_equal(target_server_holding(f->targets[i]), CAP);
            target_server_release(f->targets[i]);
        }
    }
    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(finish(fds[i]), 200);
}

static void control_hears_at_once_that_a_queue_grows(void **state)
{
    struct fixture *f = *state;
    struct link_message m;
    int held, waiting;

    f->rig.group.concurrency_max = 1;
    rig_serve(&f->rig, f->list, 1);
    held = begin(f, "hold");
    rig_until(holding(f) == 1);
    waiting = begin(f, "echo");
    do {
        rig_hear(&f->rig, LINK_EVENT, &m);
    } while (m.event.event != LINK_QUEUE_WAITING);
    assert_string_equal(m.event.group, "e/v");
    assert_int_equal(m.event.queued, 1);
    target_server_release(f->targets[0]);
    assert_int_equal(finish(held), 200);
    assert_int_equal(finish(waiting), 200);
}

static void the_oldest_goes_first(void **state)
{
    struct fixture *f = *state;
    int fds[3];

    f->rig.group.concurrency_max = 1;
    rig_serve(&f->rig, f->list, 1);
    fds[0] = begin(f, "hold");
    rig_until(holding(f) == 1);
    fds[1] = begin(f, "hold");
    wait_for_queued(f, 1);
    fds[2] = begin(f, "echo");
    wait_for_queued(f, 2);
    target_server_release(f->targets[0]);
    assert_int_equal(finish(fds[0]), 200);
    rig_until(holding(f) == 1); /* the second; the third would have been answered */
    wait_for_queued(f, 1);
    target_server_release(f->targets[0]);
    assert_int_equal(finish(fds[1]), 200);
    assert_int_equal(finish(fds[2]), 200);
}

static void a_new_target_takes_who_waits(void **state)
{
    struct fixture *f = *state;
    int held, waiting;

    f->rig.group.concurrency_max = 1;
    rig_serve(&f->rig, f->list, 1);
    held = begin(f, "hold");
    rig_until(holding(f) == 1);
    waiting = begin(f, "echo");
    wait_for_queued(f, 1);
    rig_serve(&f->rig, f->list, 2);
    assert_int_equal(finish(waiting), 200);
    assert_int_equal(target_server_served(f->targets[1]), 1);
    target_server_release(f->targets[0]);
    assert_int_equal(finish(held), 200);
}

static void who_leaves_is_out_of_the_queue(void **state)
{
    struct fixture *f = *state;
    int held, waiting;

    f->rig.group.concurrency_max = 1;
    rig_serve(&f->rig, f->list, 1);
    held = begin(f, "hold");
    rig_until(holding(f) == 1);
    waiting = begin(f, "echo");
    wait_for_queued(f, 1);
    close(waiting);
    wait_for_queued(f, 0);
    target_server_release(f->targets[0]);
    assert_int_equal(finish(held), 200);
    assert_int_equal(target_server_served(f->targets[0]), 1);
}

static void a_held_slot_comes_free_when_its_client_leaves(void **state)
{
    struct fixture *f = *state;
    int held, waiting;

    f->rig.group.concurrency_max = 1;
    rig_serve(&f->rig, f->list, 1);
    held = begin(f, "hold");
    rig_until(holding(f) == 1);
    waiting = begin(f, "echo");
    wait_for_queued(f, 1);
    close(held);
    assert_int_equal(finish(waiting), 200);
}

static void a_queue_has_its_bounds(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *large = NULL;
    autoanswer struct answer a, b;
    char body[2001];
    int held, waiting;

    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    large = rig_invocation("echo", "", body);
    f->rig.group.concurrency_max = 1;
    f->rig.group.queue_length_max = 1;
    f->rig.group.queue_bytes_max = 2000;
    rig_serve(&f->rig, f->list, 1);
    held = begin(f, "hold");
    rig_until(holding(f) == 1);
    client_ask(&f->rig, large, &a);
    assert_int_equal(a.status, 503);
    waiting = begin(f, "echo");
    wait_for_queued(f, 1);
    client_ask(&f->rig, "GET / HTTP/1.1\r\nHost: w\r\n\r\n", &b);
    assert_int_equal(b.status, 503);
    assert_true(http_header_find(&b.head, "Retry-After"));
    target_server_release(f->targets[0]);
    assert_int_equal(finish(held), 200);
    assert_int_equal(finish(waiting), 200);
}

struct crowd {
    struct fixture *f;
    atomic_uint failed;
};

/* No assertions: those belong to the test's own thread. */
static void *ask_often(void *context)
{
    static const char request[] = "GET /x HTTP/1.1\r\nHost: w\r\n\r\n";
    struct crowd *c = context;

    for (int i = 0; i < 50; i++) {
        char answer[4096];
        int fd = client_dial(&c->f->rig);

        if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0 ||
            recv(fd, answer, sizeof(answer), 0) < 12 || strncmp(answer, "HTTP/1.1 200", 12) != 0)
            atomic_fetch_add(&c->failed, 1);
        close(fd);
    }
    return NULL;
}

/* More clients than slots, and targets that come and go: everybody is served. */
static void nobody_is_lost_between_the_threads(void **state)
{
    enum { CLIENTS = 6, ROUNDS = 6 };
    struct fixture *f = *state;
    struct crowd crowd = { .f = f };
    pthread_t threads[CLIENTS];

    f->rig.group.concurrency_max = 1;
    rig_serve(&f->rig, f->list, 2);
    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &crowd), 0);
    for (int i = 0; i < ROUNDS; i++) {
        f->list[0].draining = i % 2 == 0;
        rig_serve(&f->rig, f->list, 2);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.failed), 0);
    wait_for_queued(f, 0);
}

/* --- failures --------------------------------------------------------------------------------- */

static void a_target_that_fails_is_ejected(void **state)
{
    struct fixture *f = *state;
    unsigned served;
    size_t bad;

    f->rig.group.eject_after = 1;
    f->rig.group.eject_ms = 1000000;
    f->rig.group.eject_percent_max = 50;
    rig_serve(&f->rig, f->list, 2);
    assert_int_equal(invoke(f, "status=500"), 424);
    bad = target_server_served(f->targets[0]) ? 0 : 1;
    served = target_server_served(f->targets[bad]);
    for (int i = 0; i < 10; i++)
        assert_int_equal(invoke(f, "echo"), 200);
    assert_int_equal(target_server_served(f->targets[bad]), served);
    invoke(f, "break"); /* the other one, and it must not be spared */
    assert_int_equal(invoke(f, "echo"), 200);
    assert_int_equal(target_server_served(f->targets[bad]), served);
}

/* --- stickiness ------------------------------------------------------------------------------- */

static void ask(struct fixture *f, const char *fields, struct answer *ret)
{
    autofree(mem_free) char *request =
        text_format("GET /page HTTP/1.1\r\nHost: w\r\n%s\r\n", fields);

    assert_non_null(request);
    client_ask(&f->rig, request, ret);
    assert_int_equal(ret->status, 200);
}

static void a_cookie_leads_back_to_its_target(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *fields = NULL;
    autoanswer struct answer first;
    struct slice cookie;
    size_t home;

    f->rig.group.stickiness = LINK_STICKY_COOKIE;
    f->rig.group.sticky_cookie_s = 60;
    strcpy(f->rig.group.sticky_name, "SID");
    rig_serve(&f->rig, f->list, 2);
    ask(f, "", &first);
    cookie = http_header_value(&first.head, "Set-Cookie");
    assert_true(cookie.size > 4 + 16 && strncmp(cookie.data, "SID=", 4) == 0);
    assert_non_null(memmem(cookie.data, cookie.size, "; Path=/; HttpOnly; Max-Age=60", 30));
    home = target_server_served(f->targets[0]) ? 0 : 1;
    fields = text_format("Cookie: a=b; SID=0; %.*s; c=d\r\n", 4 + 16, cookie.data);
    for (int i = 0; i < 10; i++) {
        autoanswer struct answer a;

        ask(f, fields, &a);
        assert_false(http_header_find(&a.head, "Set-Cookie"));
    }
    assert_int_equal(target_server_served(f->targets[home]), 11);

    rig_serve(&f->rig, &f->list[1 - home], 1); /* it goes: the client gets another one */
    {
        autoanswer struct answer a;

        ask(f, fields, &a);
        assert_true(http_header_find(&a.head, "Set-Cookie"));
    }
}

static void a_field_leads_to_its_target(void **state)
{
    struct fixture *f = *state;

    f->rig.group.stickiness = LINK_STICKY_HEADER;
    strcpy(f->rig.group.sticky_name, "X-Session");
    rig_serve(&f->rig, f->list, 2);
    for (int i = 0; i < 10; i++) {
        autoanswer struct answer a;

        ask(f, "X-Session: somebody\r\n", &a);
        assert_false(http_header_find(&a.head, "Set-Cookie"));
    }
    assert_int_equal(target_server_served(f->targets[0]) * target_server_served(f->targets[1]), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_cap_holds_over_all_threads),   TEST(control_hears_at_once_that_a_queue_grows),
        TEST(the_oldest_goes_first),          TEST(a_new_target_takes_who_waits),
        TEST(who_leaves_is_out_of_the_queue), TEST(a_held_slot_comes_free_when_its_client_leaves),
        TEST(a_queue_has_its_bounds),         TEST(nobody_is_lost_between_the_threads),
        TEST(a_target_that_fails_is_ejected), TEST(a_cookie_leads_back_to_its_target),
        TEST(a_field_leads_to_its_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
