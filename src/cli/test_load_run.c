#include "cli/load_run.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "net/server.h"

/* A run against a server in the same loop, on the real clock: what is checked holds for machines of
 * any speed. The server holds requests back until `release_at` of them, or all, are due. */

enum { HELD_MAX = 1000 };

struct fixture {
    struct loop *loop;
    struct server *server;
    struct load_run *run;
    struct load_plan plan;
    struct load_target target;
    struct load_run_settings settings;
    int listen_fd;
    struct server_request *held[HELD_MAX];
    unsigned n_handled, n_held, n_bodies[2];
    uint64_t release_at;
    bool refuse_odd, done;
};

static void on_done(void *context)
{
    ((struct fixture *)context)->done = true;
}

static void handle(struct server_request *r, void *context)
{
    struct fixture *f = context;
    struct slice body = server_request_body(r);

    f->n_handled++;
    if (slice_is(body, "one") || slice_is(body, "two"))
        f->n_bodies[slice_is(body, "two")]++;
    if (f->release_at > 0) {
        assert_true(f->n_held < HELD_MAX);
        f->held[f->n_held++] = r;
        return;
    }
    server_reply(r, f->refuse_odd && f->n_handled % 2 ? 503 : 200, NULL, 0, SLICE("answer"));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct server_settings settings = SERVER_SETTINGS_DEFAULT;
    char url[ADDRESS_TEXT_BYTES + 16] = "http://", why[LOAD_TARGET_WHY_BYTES];
    struct address a;

    assert_non_null(f);
    *state = f;
    assert_int_equal(loop_new(clock_real(), &f->loop), 0);
    assert_int_equal(address_parse("127.0.0.1:0", &a), 0);
    assert_int_equal(address_listen(&a, false, &f->listen_fd), 0);
    assert_int_equal(address_of(f->listen_fd, &a), 0);
    assert_int_equal(server_new(f->loop, NULL, f->listen_fd, &settings, handle, f, &f->server), 0);
    address_text(&a, url + strlen(url));
    assert_int_equal(load_target_locate(&f->target, url, why), 0);
    assert_int_equal(load_target_set_bodies(&f->target, strdup("one\ntwo\n"), 8, true), 0);
    f->target.method = "POST";
    f->settings = (struct load_run_settings){ .plan = &f->plan,
                                              .seed = 1,
                                              .target = &f->target,
                                              .connections_max = 64,
                                              .backlog_max = 1000,
                                              .timeout_ms = 30000 };
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    load_run_free(f->run);
    load_plan_deinit(&f->plan);
    load_target_deinit(&f->target);
    server_free(f->server);
    loop_free(f->loop);
    fd_close(f->listen_fd);
    for (unsigned i = 0; i < f->n_held; i++)
        server_reply(f->held[i], 200, NULL, 0, SLICE(""));
    free(f);
    return 0;
}

static void start(struct fixture *f, double rate, double length_s)
{
    assert_int_equal(load_plan_add(&f->plan, (struct load_piece){ length_s, rate, rate }), 0);
    assert_int_equal(load_run_new(f->loop, &f->settings, on_done, f, &f->run), 0);
}

static void release(struct fixture *f)
{
    for (unsigned i = 0; i < f->n_held; i++)
        server_reply(f->held[i], 200, NULL, 0, SLICE("late"));
    f->n_held = 0;
    f->release_at = 0;
}

static const struct load_result *run_to_end(struct fixture *f)
{
    while (!f->done) {
        assert_int_equal(loop_turn(f->loop, 10000), 0);
        if (f->release_at > 0 && load_run_now(f->run).n_due >= f->release_at && f->n_held > 0)
            release(f);
    }
    return load_run_result(f->run);
}

static void every_request_is_sent_and_counted_once(void **state)
{
    struct fixture *f = *state;
    const struct load_result *r;

    start(f, 500, 0.2);
    r = run_to_end(f);
    assert_int_equal(r->requests, 100);
    assert_int_equal(r->completed, 100);
    assert_int_equal(r->failed, 0);
    assert_int_equal(r->latency.count, 100);
    assert_int_equal(f->n_handled, 100);
    assert_int_equal(f->n_bodies[0], 50);
    assert_int_equal(f->n_bodies[1], 50);
    assert_true(r->seconds >= 0.19);
    assert_true(r->wanted_rate == 500);
}

/* The server answers nothing until the 100th request is due. With one connection the first waits
 * for that answer, the others to be sent: each is charged from its own instant, about 200 ms for
 * the first, 100 ms for the one in the middle. */
static void a_stall_is_charged_to_all_who_were_due(void **state)
{
    struct fixture *f = *state;
    const struct load_result *r;

    f->settings.connections_max = 1;
    f->release_at = 100;
    start(f, 500, 0.2);
    r = run_to_end(f);
    assert_int_equal(r->completed, 100);
    assert_true(r->latency.max >= 190000);
    assert_true(histogram_percentile(&r->latency, 50) >= 90000);
}

static void a_full_backlog_is_counted(void **state)
{
    struct fixture *f = *state;
    const struct load_result *r;

    f->settings.connections_max = 1;
    f->settings.backlog_max = 2;
    f->release_at = 50;
    start(f, 500, 0.1);
    r = run_to_end(f);
    assert_int_equal(r->completed, 3);
    assert_int_equal(r->by_error[LOAD_NOT_SENT], 47);
    assert_int_equal(r->failed, 47);
}

/* Those in the backlog run out of time too. */
static void silence_times_out(void **state)
{
    struct fixture *f = *state;
    const struct load_result *r;

    f->settings.connections_max = 2;
    f->settings.timeout_ms = 30;
    f->release_at = 1000;
    start(f, 200, 0.1);
    r = run_to_end(f);
    assert_int_equal(r->requests, 20);
    assert_int_equal(r->by_error[LOAD_TIMED_OUT], 20);
}

static void refused_connections_are_counted(void **state)
{
    struct fixture *f = *state;
    const struct load_result *r;

    f->server = server_free(f->server);
    f->listen_fd = fd_close(f->listen_fd);
    start(f, 200, 0.1);
    r = run_to_end(f);
    assert_int_equal(r->by_error[LOAD_REFUSED], 20);
    assert_int_equal(r->failed, 20);
}

static void statuses_are_counted(void **state)
{
    struct fixture *f = *state;
    const struct load_result *r;

    f->refuse_odd = true;
    start(f, 200, 0.1);
    r = run_to_end(f);
    assert_int_equal(r->completed, 10);
    assert_int_equal(r->by_status[503], 10);
}

static void stopping_waits_for_answers(void **state)
{
    struct fixture *f = *state;
    const struct load_result *r;

    f->release_at = UINT64_MAX;
    start(f, 1000, 3600);
    while (f->n_held < 10)
        assert_int_equal(loop_turn(f->loop, 10000), 0);
    load_run_stop(f->run);
    assert_false(f->done);
    while (f->n_handled + load_run_now(f->run).n_waiting < load_run_now(f->run).n_due)
        assert_int_equal(loop_turn(f->loop, 10000), 0);
    release(f);
    r = run_to_end(f);
    assert_int_equal(r->completed, f->n_handled);
    assert_int_equal(r->failed, 0);
}

static void cancelling_does_not_wait(void **state)
{
    struct fixture *f = *state;
    const struct load_result *r;

    f->settings.connections_max = 2;
    f->release_at = UINT64_MAX;
    start(f, 1000, 3600);
    while (load_run_now(f->run).n_waiting < 5)
        assert_int_equal(loop_turn(f->loop, 10000), 0);
    load_run_cancel(f->run);
    assert_int_equal(loop_turn(f->loop, 10000), 0);
    assert_true(f->done);
    r = load_run_result(f->run);
    assert_int_equal(r->by_error[LOAD_CANCELLED], r->requests);
    assert_int_equal(r->requests, load_run_now(f->run).n_due);
}

static void the_timeline_adds_up(void **state)
{
    struct fixture *f = *state;
    struct load_timeline timeline;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    load_timeline_init(&timeline, file);
    f->settings.timeline = &timeline;
    start(f, 200, 0.1);
    run_to_end(f);
    assert_int_equal(load_timeline_finish(&timeline), 0);
    fclose(file);
    assert_ptr_equal(
        strstr(text, "t_s,scheduled,completed,failed,p50_ms,p99_ms,not_sent\n0,20,20,0,"), text);
    free(text);
}

int main(void)
{
#define with_server(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_server(every_request_is_sent_and_counted_once),
        with_server(a_stall_is_charged_to_all_who_were_due),
        with_server(a_full_backlog_is_counted),
        with_server(silence_times_out),
        with_server(refused_connections_are_counted),
        with_server(statuses_are_counted),
        with_server(stopping_waits_for_answers),
        with_server(cancelling_does_not_wait),
        with_server(the_timeline_adds_up),
    };

    return cmocka_run_group_tests_name("cli/load_run", tests, NULL, NULL);
}
