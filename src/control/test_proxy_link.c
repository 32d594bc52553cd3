/* What the link does with proxies that misbehave, and with more than one. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "control/endpoint.h"
#include "control/instance.h"
#include "control/link_report.h"
#include "control/proxy_link.h"
#include "control/telemetry.h"
#include "control/test_world.h"
#include "fleet/fake.h"
#include "net/address.h"
#include "wire/frame.h"

static struct world world;

static int set_up(void **state)
{
    world_set_up(&world);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    world_tear_down(*state);
    return 0;
}

static int connect_raw(struct world *w)
{
    struct address address;
    char text[128];
    int fd;

    snprintf(text, sizeof(text), "unix:%s", w->link_path);
    assert_int_equal(address_parse(text, &address), 0);
    assert_int_equal(address_connect(&address, &fd), 0);
    return fd;
}

static void send_text(int fd, const char *json)
{
    size_t n = strlen(json);
    const unsigned char head[4] = { 0, 0, (unsigned char)(n >> 8), (unsigned char)n };

    assert_int_equal(send(fd, head, 4, MSG_NOSIGNAL), 4);
    assert_int_equal(send(fd, json, n, MSG_NOSIGNAL), n);
}

static bool is_closed(int fd)
{
    char bytes[65536];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        continue;
    return n == 0;
}

static void what_is_not_the_protocol_is_cut_off(void **state)
{
    static const char *const wrong[] = {
        "{\"type\":\"ack\",\"revision\":1}", /* before hello */
        "{\"type\":\"hello\",\"version\":99,\"pid\":1}",
        "{\"type\":\"hello\",\"version\":\"one\",\"pid\":1}",
        "{\"type\":\"snapshot\"}",
        "[]",
        "nonsense",
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int fd = connect_raw(w);

        send_text(fd, wrong[i]);
        world_run(w, 200);
        assert_true(is_closed(fd));
        assert_false(proxy_link_connected(w->control->link));
        fd_close(fd);
    }
    world_connect_proxy(w);
    world_run(w, 200);
    assert_int_equal(w->proxy.snapshots, 1);
}

static void a_frame_that_is_too_long_is_cut_off(void **state)
{
    struct world *w = *state;
    int fd = connect_raw(w);

    assert_int_equal(send(fd, "\xff\xff\xff\xff", 4, MSG_NOSIGNAL), 4);
    world_run(w, 200);
    assert_true(is_closed(fd));
    fd_close(fd);
}

static void what_is_newer_than_we_are_is_skipped(void **state)
{
    struct world *w = *state;
    int fd = connect_raw(w);

    send_text(fd, "{\"type\":\"hello\",\"version\":1,\"pid\":1,\"more\":true}");
    send_text(fd, "{\"type\":\"greeting\"}");
    send_text(fd,
              "{\"type\":\"event\",\"event\":\"drained\",\"group\":\"x/y\",\"target\":\"i-1\"}");
    world_run(w, 200);
    assert_false(is_closed(fd));
    assert_true(proxy_link_connected(w->control->link));
    fd_close(fd);
    world_run(w, 200);
    assert_false(proxy_link_connected(w->control->link));
}

static void several_proxies_are_served_and_all_must_have_drained(void **state)
{
    struct world *w = *state;
    int fd = connect_raw(w);
    char json[256], id[64];
    struct instance *i;

    send_text(fd, "{\"type\":\"hello\",\"version\":1,\"pid\":1}");
    world_connect_proxy(w);
    world_run(w, 200);
    assert_false(is_closed(fd));
    assert_int_equal(w->proxy.snapshots, 1);

    fake_driver_set_ready_at_launch(w->driver, true);
    world_make_endpoint(w, "e", 1);
    send_text(fd, "{\"type\":\"ack\",\"revision\":9000000000000}");
    world_run(w, 2000);
    assert_int_equal(world_serving(w, "e/v"), 1);
    i = list_first_entry(&endpoint_find(w->control, "e")->variants[0].instances, struct instance,
                         link);
    assert(i);
    snprintf(id, sizeof(id), "%s", i->id);
    i->state = INSTANCE_DRAINING;
    i->since = loop_now(w->control->loop);
    proxy_link_target_group(w->control->link, i->variant);
    world_run(w, 200);
    assert_int_not_equal(i->drained_by, 0);
    assert_false(i->drained); /* the other one has not said so */

    snprintf(json, sizeof(json),
             "{\"type\":\"event\",\"event\":\"drained\",\"group\":\"e/v\",\"target\":\"%s\"}", id);
    send_text(fd, json);
    world_run(w, 2000);
    assert_null(instance_find(w->control, id));
    fd_close(fd);
}

static void a_proxy_that_leaves_is_not_waited_for(void **state)
{
    struct world *w = *state;
    int fd = connect_raw(w);
    struct instance *i;
    char id[64];

    send_text(fd, "{\"type\":\"hello\",\"version\":1,\"pid\":1}");
    world_connect_proxy(w);
    fake_driver_set_ready_at_launch(w->driver, true);
    world_make_endpoint(w, "e", 1);
    send_text(fd, "{\"type\":\"ack\",\"revision\":9000000000000}");
    world_run(w, 2000);
    i = list_first_entry(&endpoint_find(w->control, "e")->variants[0].instances, struct instance,
                         link);
    assert(i);
    snprintf(id, sizeof(id), "%s", i->id);
    i->state = INSTANCE_DRAINING;
    i->since = loop_now(w->control->loop);
    proxy_link_target_group(w->control->link, i->variant);
    world_run(w, 200);
    assert_false(i->drained);
    fd_close(fd);
    world_run(w, 2000);
    assert_null(instance_find(w->control, id));
}

static void beyond_the_limit_the_oldest_is_dropped(void **state)
{
    struct world *w = *state;
    int fds[11];

    for (size_t i = 0; i < 11; i++) {
        fds[i] = connect_raw(w);
        send_text(fds[i], "{\"type\":\"hello\",\"version\":1,\"pid\":1}");
        world_run(w, 100);
    }
    assert_true(is_closed(fds[0]));
    for (size_t i = 1; i < 11; i++)
        assert_false(is_closed(fds[i]));
    for (size_t i = 0; i < 11; i++)
        fd_close(fds[i]);
}

static void a_proxy_that_does_not_read_is_given_up(void **state)
{
    struct world *w = *state;
    int fd = connect_raw(w);

    send_text(fd, "{\"type\":\"hello\",\"version\":1,\"pid\":1}");
    fake_driver_set_ready_at_launch(w->driver, true);
    world_make_endpoint(w, "e", 20);
    world_run(w, 2000);
    for (unsigned i = 0; i < 100000 && proxy_link_connected(w->control->link); i++)
        proxy_link_target_group(w->control->link, &endpoint_find(w->control, "e")->variants[0]);
    assert_false(proxy_link_connected(w->control->link));
    world_connect_proxy(w);
    world_run(w, 1000);
    assert_int_equal(world_serving(w, "e/v"), 20);
    fd_close(fd);
}

static double invocations(const struct control *c, wall_ms_t second)
{
    struct metric_name name = {
        "AWS/SageMaker", "Invocations", { { "EndpointName", "e" }, { "VariantName", "v" } }, 2
    };
    const struct metric_statistic sum = { .kind = STATISTIC_SUM };
    double value;

    metrics_read(c->metrics, &name, METRIC_UNIT_ANY, second, 1, 1, &sum, &value, NULL);
    return value;
}

static void each_report_is_a_second_of_its_own(void **state)
{
    static const ms_t gaps[] = {
        1003, 950, 1049, 1001, 900, 1100, 1010, 990, 1000, 1200, 800, 1000
    };
    enum { N = sizeof(gaps) / sizeof(gaps[0]) };
    struct world *w = *state;
    struct control *c = w->control;
    wall_ms_t first;

    assert_int_equal(metrics_new(100, &c->metrics), 0);
    assert_int_equal(telemetry_new(c, &c->telemetry), 0);
    world_connect_proxy(w);
    fake_driver_set_ready_at_launch(w->driver, true);
    world_make_endpoint(w, "e", 1);
    world_await(w, world_in_service);
    first = loop_wall(w->loop) / MS_PER_S * MS_PER_S - MS_PER_S;
    for (unsigned i = 0; i < N; i++) {
        world_say_report(w, "e/v", i + 1, 0);
        world_run(w, gaps[i]);
    }
    for (unsigned i = 0; i < N; i++) /* to be seen before the next one comes */
        assert_true(invocations(c, first + i * MS_PER_S) == i + 1);
    c->telemetry = telemetry_free(c->telemetry);
    c->metrics = metrics_free(c->metrics);
}

static void a_proxy_that_does_not_say_hello_is_not_waited_for(void **state)
{
    struct world *w = *state;
    int fd = connect_raw(w);

    world_connect_proxy(w);
    fake_driver_set_ready_at_launch(w->driver, true);
    world_make_endpoint(w, "e", 1);
    world_await(w, world_in_service);
    fd_close(fd);
}

static void a_proxy_on_its_way_out_counts_and_says_nothing_of_the_queue(void **state)
{
    struct world *w = *state;
    struct control *c = w->control;
    struct link_report_group group = { .id = "e/v", .requests = 2, .queued = 5 };
    struct link_report report = { .groups = &group, .n_groups = 1 };
    const struct variant_tally *tally;

    assert_int_equal(metrics_new(100, &c->metrics), 0);
    assert_int_equal(telemetry_new(c, &c->telemetry), 0);
    world_make_endpoint(w, "e", 1);
    tally = &endpoint_find(c, "e")->variants[0].tally;
    link_report_hear(c, &report, loop_wall(w->loop), true);
    group.queued = 0;
    link_report_hear(c, &report, loop_wall(w->loop), false);
    assert_int_equal(tally->requests, 4);
    assert_int_equal(tally->queued, 5);
    c->telemetry = telemetry_free(c->telemetry);
    c->metrics = metrics_free(c->metrics);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_the_protocol_is_cut_off),
        TEST(a_frame_that_is_too_long_is_cut_off),
        TEST(what_is_newer_than_we_are_is_skipped),
        TEST(several_proxies_are_served_and_all_must_have_drained),
        TEST(a_proxy_that_leaves_is_not_waited_for),
        TEST(beyond_the_limit_the_oldest_is_dropped),
        TEST(a_proxy_that_does_not_read_is_given_up),
        TEST(each_report_is_a_second_of_its_own),
        TEST(a_proxy_that_does_not_say_hello_is_not_waited_for),
        TEST(a_proxy_on_its_way_out_counts_and_says_nothing_of_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
