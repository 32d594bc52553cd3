#include "proxy/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct registry registry;
    struct route *route;
    struct report report;
    unsigned waiting;
};

static void serve(struct fixture *f, const char *id, uint64_t serial)
{
    struct link_target target = { .id = "i", .address = "127.0.0.1:1" };
    struct link_target_group group = { .targets = &target, .n_targets = 1 };
    const struct link_snapshot s = { .target_groups = &group, .n_target_groups = 1 };

    snprintf(group.id, sizeof(group.id), "%s", id);
    f->route = route_unref(f->route);
    assert_int_equal(route_new(&s, &f->registry, serial, 0, &f->route), 0);
    assert_int_equal(report_follow(&f->report, f->route), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    registry_init(&f->registry, 1);
    report_init(&f->report, 1, 500);
    serve(f, "g", 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    report_deinit(&f->report);
    route_unref(f->route);
    registry_deinit(&f->registry);
    free(f);
    return 0;
}

static void waiting(const struct link_event *e, void *context)
{
    assert_string_equal(e->group, "g");
    assert_true(e->queued > 0);
    ((struct fixture *)context)->waiting++;
}

static void add(struct fixture *f, const char *id, uint64_t latency)
{
    struct stats *s = stats_new();

    assert_non_null(s);
    stats_reset(s, id);
    s->touched = true;
    s->sum.requests = 1;
    s->sum.requests_per_target = 0.5;
    s->sum.errors_4xx = s->sum.model_errors = 1;
    histogram_record(&s->sum.model_latency_us, latency);
    report_add(&f->report, s);
    stats_reset(s, id);
    assert_int_equal(s->sum.requests, 0);
    assert_int_equal(s->sum.model_latency_us.count, 0);
    free(s);
}

static void workers_counts_add_up(void **state)
{
    struct fixture *f = *state;
    struct link_message m;
    const struct link_report_group *g;

    add(f, "g", 100);
    add(f, "g", 50);
    add(f, "no longer there", 1);
    assert_int_equal(report_write(&f->report, f->route, 1500, 77, &m), 0);
    assert_int_equal(m.report.at_ms, 77);
    assert_int_equal(m.report.interval_ms, 1000);
    assert_int_equal(m.report.n_groups, 1);
    g = &m.report.groups[0];
    assert_string_equal(g->id, "g");
    assert_int_equal(g->requests, 2);
    assert_true(g->requests_per_target == 1.0);
    assert_int_equal(g->errors_4xx, 2);
    assert_int_equal(g->targets_in_service, 1);
    assert_int_equal(g->model_latency_us.count, 2);
    link_message_deinit(&m);
}

static void what_was_sent_is_not_sent_again_but_quiet_groups_are_told(void **state)
{
    struct fixture *f = *state;
    struct link_message m;

    add(f, "g", 100);
    report_restart(&f->report, 1500);
    assert_int_equal(report_write(&f->report, f->route, 2500, 77, &m), 0);
    assert_int_equal(m.report.interval_ms, 1000);
    assert_int_equal(m.report.n_groups, 1);
    assert_int_equal(m.report.groups[0].requests, 0);
    assert_int_equal(m.report.groups[0].model_latency_us.count, 0);
    link_message_deinit(&m);
}

static void look(struct fixture *f)
{
    report_sample(&f->report, f->route);
    report_waiting(&f->report, f->route, 1000, waiting, f);
}

static void samples_count_those_in_flight_and_waiting(void **state)
{
    struct fixture *f = *state;
    struct target *t = f->route->groups[0].targets[0].target;
    struct gauge *gauge = f->route->groups[0].gauge;
    struct link_message m;

    look(f);
    atomic_store(&t->in_flight, 2);
    atomic_store(&gauge->queued, 3);
    look(f);
    look(f);
    assert_int_equal(f->waiting, 1); /* said once, not with every look */
    assert_int_equal(report_write(&f->report, f->route, 1500, 77, &m), 0);
    assert_int_equal(m.report.groups[0].concurrency_samples, 3);
    assert_true(m.report.groups[0].concurrency_min == 0);
    assert_true(m.report.groups[0].concurrency_max == 5);
    assert_true(m.report.groups[0].concurrency_sum == 10);
    assert_int_equal(m.report.groups[0].queued, 3);
    link_message_deinit(&m);

    atomic_store(&gauge->queued, 0);
    look(f);
    atomic_store(&gauge->queued, 1);
    look(f);
    assert_int_equal(f->waiting, 2);
}

static void groups_that_are_gone_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct link_message m;

    add(f, "g", 1);
    serve(f, "h", 2);
    assert_int_equal(report_write(&f->report, f->route, 1500, 77, &m), 0);
    assert_int_equal(m.report.n_groups, 1);
    assert_string_equal(m.report.groups[0].id, "h");
    assert_int_equal(m.report.groups[0].requests, 0);
    link_message_deinit(&m);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(workers_counts_add_up),
        TEST(what_was_sent_is_not_sent_again_but_quiet_groups_are_told),
        TEST(samples_count_those_in_flight_and_waiting),
        TEST(groups_that_are_gone_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
