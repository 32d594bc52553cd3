/* What a proxy does while the world around it changes: targets come, go, fall ill and drain,
 * control disappears, the proxy itself is told to end. */
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
#include "proxy/stats.h"

static int set_up(void **state)
{
    struct fixture *f = fixture_new(2);

    f->rig.settings.worker.api_connect_ms = 15000;
    f->rig.settings.worker.first_route_ms = 15000;
    fixture_start(f, 0);
    *state = f;
    return 0;
}

static int set_up_impatient(void **state)
{
    struct fixture *f = fixture_new(2);

    f->rig.group.queue_timeout_ms = 100;
    f->rig.group.deregistration_delay_ms = 100;
    f->rig.settings.worker.api_connect_ms = 200;
    f->rig.settings.worker.first_route_ms = 200;
    f->rig.drain_timeout_ms = 200;
    fixture_start(f, 0);
    *state = f;
    return 0;
}

/* --- balancing and health --------------------------------------------------------------------- */

static void requests_go_where_fewest_are_outstanding(void **state)
{
    struct fixture *f = *state;
    int fds[6];

    rig_serve(&f->rig, f->list, 2);
    for (unsigned i = 0; i < 6; i++) {
        fds[i] = begin(f, "hold");
        rig_until(holding(f) == i + 1);
    }
    /* whichever threads they came in by */
    assert_int_equal(target_server_holding(f->targets[0]), 3);
    assert_int_equal(target_server_holding(f->targets[1]), 3);
    for (size_t i = 0; i < 2; i++)
        target_server_release(f->targets[i]);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(finish(fds[i]), 200);
}

static void a_unix_socket_is_preferred_as_long_as_it_is_there(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *path = text_format("unix:%s/target", f->rig.dir);
    struct target_server *local = target_server_listen(path, false);
    struct rig_target target = f->list[0];

    target.local_address = path;
    rig_serve(&f->rig, &target, 1);
    assert_int_equal(invoke(f, "echo"), 200);
    assert_int_equal(target_server_served(local), 1);
    target_server_free(local);
    assert_int_equal(unlink(path + strlen("unix:")), 0);
    assert_int_equal(invoke(f, "echo"), 200);
    assert_int_equal(target_server_served(f->targets[0]), 1);
}

static void a_target_that_refuses_is_left_alone(void **state)
{
    struct fixture *f = *state;

    rig_serve(&f->rig, f->list, 2);
    target_server_stop_listening(f->targets[0]);
    target_server_hang_up(f->targets[0]);
    for (int i = 0; i < 20; i++)
        assert_int_equal(invoke(f, "echo"), 200);
    assert_int_equal(target_server_served(f->targets[1]), 20);
    rig_hear_event(&f->rig, LINK_TARGET_HEALTH, "i-1", "unhealthy");

    target_server_listen_again(f->targets[0]);
    rig_hear_event(&f->rig, LINK_TARGET_HEALTH, "i-1", "healthy");
    for (int i = 0; i < 50 && target_server_served(f->targets[0]) == 0; i++)
        assert_int_equal(invoke(f, "echo"), 200);
    assert_true(target_server_served(f->targets[0]) > 0);
}

static void a_target_that_fails_its_checks_is_used_only_if_all_do(void **state)
{
    struct fixture *f = *state;

    rig_serve(&f->rig, f->list, 2);
    target_server_ping(f->targets[0], 500);
    rig_hear_event(&f->rig, LINK_TARGET_HEALTH, "i-1", "unhealthy");
    for (int i = 0; i < 10; i++)
        assert_int_equal(invoke(f, "echo"), 200);
    assert_int_equal(target_server_served(f->targets[1]), 10);

    target_server_ping(f->targets[1], 500);
    rig_hear_event(&f->rig, LINK_TARGET_HEALTH, "i-2", "unhealthy");
    for (int i = 0; i < 10; i++)
        assert_int_equal(invoke(f, "echo"), 200);

    target_server_ping(f->targets[0], 200);
    rig_hear_event(&f->rig, LINK_TARGET_HEALTH, "i-1", "healthy");
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void requests_wait_for_the_first_target(void **state)
{
    struct fixture *f = *state;
    int fds[10];

    rig_serve(&f->rig, f->list, 0);
    for (int i = 0; i < 10; i++)
        fds[i] = begin(f, "echo");
    rig_hear_event(&f->rig, LINK_QUEUE_WAITING, "", "");
    rig_serve(&f->rig, f->list, 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(finish(fds[i]), 200);
    assert_int_equal(target_server_served(f->targets[0]), 10);
}

static void requests_wait_while_the_only_target_is_down(void **state)
{
    struct fixture *f = *state;
    int fd;

    rig_serve(&f->rig, f->list, 1);
    target_server_stop_listening(f->targets[0]);
    target_server_hang_up(f->targets[0]);
    fd = begin(f, "echo");
    rig_hear_event(&f->rig, LINK_QUEUE_WAITING, "", "");
    target_server_listen_again(f->targets[0]);
    assert_int_equal(finish(fd), 200);
}

static void no_more_wait_than_may(void **state)
{
    struct fixture *f = *state;
    struct link_report_group seen;
    int fds[2];

    f->rig.group.queue_length_max = 2;
    rig_serve(&f->rig, f->list, 0);
    for (int i = 0; i < 2; i++)
        fds[i] = begin(f, "echo");
    do {
        rig_hear_report(&f->rig, 0, &seen);
    } while (seen.queued < 2 || seen.concurrency_max < 2);
    assert_int_equal(invoke(f, "echo"), 503);
    rig_serve(&f->rig, f->list, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(finish(fds[i]), 200);
    rig_hear_report(&f->rig, 2, &seen);
    assert_int_equal(seen.queue_overflows, 1);
}

static void nobody_waits_for_ever(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;
    autofree(mem_free) char *request = rig_invocation("echo", "", "");

    rig_serve(&f->rig, f->list, 0);
    client_ask(&f->rig, request, &a);
    assert_int_equal(a.status, 503);
    assert_true(http_header_find(&a.head, "Retry-After"));
}

static void assert_told(int fd, const char *text)
{
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;

    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 503);
    assert_true(http_header_find(&a.head, "Retry-After"));
    assert_true(answer_has(&a, text));
    close(fd);
}

static void who_waits_hears_when_there_is_nothing_to_hope_for(void **state)
{
    struct fixture *f = *state;
    int fd;

    rig_serve(&f->rig, f->list, 0);
    fd = begin(f, "echo");
    rig_hear_event(&f->rig, LINK_QUEUE_WAITING, "", "");
    f->rig.group.outlook = LINK_FAILING;
    f->rig.group.queue_timeout_ms = 1;
    rig_serve(&f->rig, f->list, 0);
    assert_told(fd, "could be started");
    f->rig.group.outlook = LINK_NONE;
    f->rig.group.queue_timeout_ms = 0;
    rig_serve(&f->rig, f->list, 0);
    assert_told(begin(f, "echo"), "none is wanted");
}

static void who_waits_keeps_the_time_that_was_promised(void **state)
{
    struct fixture *f = *state;
    struct link_report_group seen;
    int fds[3];

    rig_serve(&f->rig, f->list, 0);
    for (int i = 0; i < 3; i++)
        fds[i] = begin(f, "echo");
    do {
        rig_hear_report(&f->rig, 0, &seen);
    } while (seen.queued < 3);
    f->rig.group.queue_timeout_ms = 1; /* with an instance there, nobody waits for long */
    f->rig.group.concurrency_max = 1;
    rig_serve(&f->rig, f->list, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(finish(fds[i]), 200);
}

static void requests_count_when_they_come(void **state)
{
    struct fixture *f = *state;
    struct link_report_group seen, all = { .id = "" };
    int fds[2];

    rig_serve(&f->rig, f->list, 0);
    for (int i = 0; i < 2; i++)
        fds[i] = begin(f, "echo");
    while (all.arrivals < 2) {
        rig_hear_report(&f->rig, 0, &seen);
        report_group_add(&all, &seen);
    }
    assert_int_equal(all.requests, 0);
    assert_int_equal(all.no_capacity, 2);
    assert_true(all.arrivals_per_target == 2);
    rig_serve(&f->rig, f->list, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(finish(fds[i]), 200);
    assert_int_equal(invoke(f, "echo"), 200);
    while (all.requests < 3) {
        rig_hear_report(&f->rig, 1, &seen);
        report_group_add(&all, &seen);
    }
    assert_int_equal(all.arrivals, 3); /* each once */
    assert_int_equal(all.no_capacity, 2);
    assert_true(all.arrivals_per_target == 2.5);
}

static void who_waits_for_a_deleted_endpoint_is_told(void **state)
{
    struct fixture *f = *state;
    const struct link_message gone = {
        .type = LINK_UPDATE,
        .update = { .revision = 2, .kind = LINK_ENDPOINT, .id = "e", .removed = true }
    };
    int fd;

    rig_serve(&f->rig, f->list, 0);
    fd = begin(f, "echo");
    rig_hear_event(&f->rig, LINK_QUEUE_WAITING, "", "");
    rig_send(&f->rig, &gone);
    assert_int_equal(finish(fd), 400);
}

/* --- draining --------------------------------------------------------------------------------- */

static void a_draining_target_ends_its_requests_and_gets_no_new_ones(void **state)
{
    struct fixture *f = *state;
    int fds[4];

    rig_serve(&f->rig, f->list, 2);
    for (unsigned i = 0; i < 4; i++) {
        fds[i] = begin(f, "hold");
        rig_until(holding(f) == i + 1);
    }
    f->list[0].draining = true;
    rig_serve(&f->rig, f->list, 2);
    for (int i = 0; i < 10; i++)
        assert_int_equal(invoke(f, "echo"), 200);
    assert_int_equal(target_server_served(f->targets[0]), 2);
    target_server_release(f->targets[0]);
    rig_hear_event(&f->rig, LINK_DRAINED, "i-1", "");
    target_server_release(f->targets[1]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(finish(fds[i]), 200);
}

static void what_drains_too_long_is_cut(void **state)
{
    struct fixture *f = *state;
    int fd;

    rig_serve(&f->rig, f->list, 1);
    fd = begin(f, "hold");
    rig_until(holding(f) == 1);
    f->list[0].draining = true;
    rig_serve(&f->rig, f->list, 1);
    assert_int_equal(finish(fd), 503);
    rig_hear_event(&f->rig, LINK_DRAINED, "i-1", "");
}

static void a_client_that_leaves_takes_its_request_along(void **state)
{
    struct fixture *f = *state;
    int fd;

    rig_serve(&f->rig, f->list, 1);
    fd = begin(f, "hold");
    rig_until(holding(f) == 1);
    f->list[0].draining = true;
    rig_serve(&f->rig, f->list, 1);
    close(fd);
    rig_hear_event(&f->rig, LINK_DRAINED, "i-1", ""); /* though the target has not answered */
}

struct hammer {
    struct fixture *fixture;
    atomic_bool stop;
    atomic_uint done, failed;
    pthread_t thread;
};

/* Return: whether the whole answer came, and a good one. No assertions: those belong to the test's
 * own thread. */
static bool ask_once(int fd)
{
    static const char request[] = "POST /endpoints/e/invocations HTTP/1.1\r\nHost: w\r\n"
                                  "Content-Length: 4\r\n\r\nbody";
    char answer[4096] = "";
    size_t size = 0;

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
        return false;
    while (!strstr(answer, "\r\n\r\nbody")) {
        ssize_t n = recv(fd, answer + size, sizeof(answer) - 1 - size, 0);

        if (n <= 0)
            return false;
        size += (size_t)n;
        answer[size] = '\0';
    }
    return strncmp(answer, "HTTP/1.1 200", 12) == 0;
}

static void *hammer(void *context)
{
    struct hammer *h = context;

    while (!atomic_load(&h->stop)) {
        int fd = client_dial(&h->fixture->rig); /* a new one now and then, to meet both workers */

        for (int i = 0; i < 16 && !atomic_load(&h->stop); i++) {
            if (!ask_once(fd)) {
                atomic_fetch_add(&h->failed, 1);
                break;
            }
            atomic_fetch_add(&h->done, 1);
        }
        close(fd);
    }
    return NULL;
}

static void no_request_is_lost_while_targets_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct hammer hammers[3] = { 0 };

    rig_serve(&f->rig, f->list, 2);
    for (size_t i = 0; i < 3; i++) {
        hammers[i].fixture = f;
        assert_int_equal(pthread_create(&hammers[i].thread, NULL, hammer, &hammers[i]), 0);
    }
    for (int round = 0; round < 10; round++) {
        size_t leaver = (size_t)round % 2;
        struct rig_target staying[1] = { f->list[1 - leaver] };
        unsigned done = atomic_load(&hammers[0].done);

        f->list[leaver].draining = true;
        rig_serve(&f->rig, f->list, 2);
        rig_hear_event(&f->rig, LINK_DRAINED, f->list[leaver].id, "");
        rig_serve(&f->rig, staying, 1);
        target_server_hang_up(f->targets[leaver]); /* its process ends here */
        f->list[leaver].draining = false;
        rig_serve(&f->rig, f->list, 2);
        rig_until(atomic_load(&hammers[0].done) > done + 5);
    }
    for (size_t i = 0; i < 3; i++) {
        atomic_store(&hammers[i].stop, true);
        pthread_join(hammers[i].thread, NULL);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(atomic_load(&hammers[i].done) > 0);
        assert_int_equal(atomic_load(&hammers[i].failed), 0);
    }
}

/* --- control ---------------------------------------------------------------------------------- */

static void without_control_all_goes_on(void **state)
{
    struct fixture *f = *state;

    rig_serve(&f->rig, f->list, 1);
    rig_unlink(&f->rig);
    for (int i = 0; i < 10; i++)
        assert_int_equal(invoke(f, "echo"), 200);
    f->rig.revision = 0; /* another control, which counts from the beginning */
    rig_link(&f->rig);
    rig_serve(&f->rig, &f->list[1], 1);
    assert_int_equal(invoke(f, "echo"), 200);
    assert_int_equal(target_server_served(f->targets[1]), 1);
}

static void a_control_that_comes_back_hears_what_it_missed(void **state)
{
    struct fixture *f = *state;

    f->list[0].draining = true;
    rig_serve(&f->rig, f->list, 2);
    rig_hear_event(&f->rig, LINK_DRAINED, "i-1", "");
    target_server_ping(f->targets[1], 500);
    rig_hear_event(&f->rig, LINK_TARGET_HEALTH, "i-2", "unhealthy");
    rig_unlink(&f->rig);
    rig_link(&f->rig);
    rig_hear_event(&f->rig, LINK_TARGET_HEALTH, "i-2", "unhealthy");
    rig_hear_event(&f->rig, LINK_DRAINED, "i-1", "");
}

static void a_control_that_talks_nonsense_is_dialled_again(void **state)
{
    struct fixture *f = *state;

    rig_serve(&f->rig, f->list, 1);
    client_send_n(f->rig.link, "\0\0\0\2[]", 6);
    assert_int_equal(invoke(f, "echo"), 200);
    close(f->rig.link);
    buffer_clear(&f->rig.link_in);
    rig_link(&f->rig);
}

static void calls_wait_for_control_to_come_back(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd;

    rig_serve(&f->rig, f->list, 1);
    target_server_stop_listening(f->rig.api);
    fd = client_dial(&f->rig);
    client_send(fd, "GET /healthz HTTP/1.1\r\nHost: w\r\n\r\n");
    assert_int_equal(invoke(f, "echo"), 200);
    target_server_listen_again(f->rig.api);
    client_read(fd, &pending, &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "GET /healthz"));
    close(fd);
}

static void calls_do_not_wait_for_ever(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    rig_serve(&f->rig, f->list, 1);
    target_server_stop_listening(f->rig.api);
    client_ask(&f->rig, "GET / HTTP/1.1\r\nHost: w\r\n\r\n", &a);
    assert_int_equal(a.status, 503);
    assert_true(http_header_find(&a.head, "Retry-After"));
    assert_true(answer_has(&a, "\"__type\":\"ServiceUnavailable\""));
}

static void before_the_first_route_everybody_waits(void **state)
{
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int invocation = begin(f, "echo"), call = client_dial(&f->rig);

    client_send(call, "POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\ncall");
    rig_serve(&f->rig, f->list, 1);
    assert_int_equal(finish(invocation), 200);
    client_read(call, &pending, &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "X-Weir-Principal: no-auth"));
    close(call);
}

static void a_route_that_never_comes_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    autoanswer struct answer a;

    client_ask(&f->rig, "GET / HTTP/1.1\r\nHost: w\r\n\r\n", &a);
    assert_int_equal(a.status, 503);
    assert_int_equal(invoke(f, "echo"), 503);
}

/* --- reports ---------------------------------------------------------------------------------- */

static void reports_tell_what_happened(void **state)
{
    static const char *const attributes[] = { "echo",       "echo",  "status=400", "status=404",
                                              "status=500", "break", "hold",       "echo" };
    struct fixture *f = *state;
    struct link_report_group seen, more;

    f->rig.group.request_timeout_ms = 3000; /* enough for an echo on a busy machine */
    rig_serve(&f->rig, f->list, 2);
    for (size_t i = 0; i < 8; i++)
        invoke(f, attributes[i]);
    rig_hear_report(&f->rig, 8, &seen);
    for (int i = 0; i < 5 && seen.answers_2xx < 3;
         i++) { /* the last answer may be in the next one */
        rig_hear_report(&f->rig, 0, &more);
        report_group_add(&seen, &more);
    }
    assert_int_equal(seen.requests, 8);
    assert_true(seen.requests_per_target == 4);
    assert_int_equal(seen.errors_4xx, 2);
    assert_int_equal(seen.errors_5xx, 3);
    assert_int_equal(seen.model_errors, 5);
    assert_int_equal(seen.answers_2xx, 3);
    assert_int_equal(seen.answers_4xx, 2);
    assert_int_equal(seen.answers_5xx, 1);
    assert_int_equal(seen.targets_in_service, 2);
    assert_int_equal(seen.targets_unhealthy, 0);
    assert_int_equal(seen.model_latency_us.count, 6); /* answers; the others have no latency */
    assert_int_equal(seen.overhead_us.count, 6);
    assert_true(seen.concurrency_samples >= 4);
    assert_true(seen.concurrency_max >= 1); /* the one that was held */
}

/* --- the end ---------------------------------------------------------------------------------- */

/* A connection that has had an answer and may have more. */
static int begin_idle(struct fixture *f)
{
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int fd = begin(f, "echo");

    client_read(fd, &pending, &a);
    assert_true(a.head.keep_alive);
    return fd;
}

static void told_to_end_it_finishes_what_runs(void **state)
{
    enum { IDLE = 32 }; /* so many that each worker has some */
    struct fixture *f = *state;
    autobuffer struct buffer pending = BUFFER_INIT(1 << 20);
    autoanswer struct answer a;
    int idle[IDLE], busy;

    rig_serve(&f->rig, f->list, 1);
    for (int i = 0; i < IDLE; i++)
        idle[i] = begin_idle(f);
    busy = begin(f, "hold");
    rig_until(holding(f) == 1);
    rig_drain(&f->rig);
    for (int i = 0; i < IDLE; i++) {
        assert_true(client_closed(idle[i]));
        close(idle[i]);
    }
    /* every worker has heard of it now */
    assert_false(atomic_load(&f->rig.drained));
    target_server_release(f->targets[0]);
    client_read(busy, &pending, &a);
    assert_int_equal(a.status, 200);
    assert_false(a.head.keep_alive);
    assert_true(client_closed(busy));
    close(busy);
    rig_until(atomic_load(&f->rig.drained));
}

static void told_to_end_it_does_not_wait_for_ever(void **state)
{
    struct fixture *f = *state;
    int fd;

    rig_serve(&f->rig, f->list, 1);
    fd = begin(f, "hold");
    rig_until(holding(f) == 1);
    rig_drain(&f->rig);
    rig_until(atomic_load(&f->rig.drained));
    close(fd);
}

#define TEST(t)      cmocka_unit_test_setup_teardown(t, set_up, tear_down)
#define IMPATIENT(t) cmocka_unit_test_setup_teardown(t, set_up_impatient, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_go_where_fewest_are_outstanding),
        TEST(a_unix_socket_is_preferred_as_long_as_it_is_there),
        TEST(a_target_that_refuses_is_left_alone),
        TEST(a_target_that_fails_its_checks_is_used_only_if_all_do),
        TEST(requests_wait_for_the_first_target),
        TEST(requests_wait_while_the_only_target_is_down),
        TEST(no_more_wait_than_may),
        IMPATIENT(nobody_waits_for_ever),
        TEST(who_waits_hears_when_there_is_nothing_to_hope_for),
        TEST(who_waits_keeps_the_time_that_was_promised),
        TEST(requests_count_when_they_come),
        TEST(who_waits_for_a_deleted_endpoint_is_told),
        TEST(a_draining_target_ends_its_requests_and_gets_no_new_ones),
        IMPATIENT(what_drains_too_long_is_cut),
        TEST(a_client_that_leaves_takes_its_request_along),
        TEST(no_request_is_lost_while_targets_come_and_go),
        TEST(without_control_all_goes_on),
        TEST(a_control_that_comes_back_hears_what_it_missed),
        TEST(a_control_that_talks_nonsense_is_dialled_again),
        TEST(calls_wait_for_control_to_come_back),
        IMPATIENT(calls_do_not_wait_for_ever),
        TEST(before_the_first_route_everybody_waits),
        IMPATIENT(a_route_that_never_comes_is_not_waited_for),
        TEST(reports_tell_what_happened),
        TEST(told_to_end_it_finishes_what_runs),
        IMPATIENT(told_to_end_it_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
