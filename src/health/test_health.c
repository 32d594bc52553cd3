/* Checks against a target that answers when the test says so, on the same loop: what workers find
 * out at the same time is put between any two steps. */
#include "health/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/server.h"

enum { PATIENCE = 10000, TURN_MS = 20, INTERVAL_MS = 1000 };

struct fixture {
    struct sim_clock clock;
    struct loop *loop;
    int listen_fd;
    struct server *server;
    struct server_request *asked; /* a check that has no answer yet */
    struct registry registry;
    struct route *route;
    struct health *health;
    struct target *target;
    char heard[16]; /* what was told: 'h' healthy, 'u' unhealthy */
};

static void changed(const struct target *t, bool healthy, void *context)
{
    struct fixture *f = context;
    size_t n = strlen(f->heard);

    assert_ptr_equal(t, f->target);
    assert_true(n + 1 < sizeof(f->heard));
    f->heard[n] = healthy ? 'h' : 'u';
}

static void asked(struct server_request *request, void *context)
{
    struct fixture *f = context;

    assert_null(f->asked);
    f->asked = request;
}

static void serve(struct fixture *f)
{
    const struct server_settings settings = SERVER_SETTINGS_DEFAULT;

    assert_int_equal(server_new(f->loop, NULL, f->listen_fd, &settings, asked, f, &f->server), 0);
}

static void follow(struct fixture *f)
{
    struct address address;
    struct link_target target = { .id = "i", .weight = 1 };
    struct link_target_group group = LINK_TARGET_GROUP_DEFAULT;
    const struct link_snapshot s = { .target_groups = &group, .n_target_groups = 1 };
    char text[ADDRESS_TEXT_BYTES];

    assert_int_equal(address_of(f->listen_fd, &address), 0);
    address_text(&address, text);
    snprintf(target.address, sizeof(target.address), "%s", text);
    strcpy(group.id, "g");
    group.health_interval_ms = INTERVAL_MS;
    group.health_timeout_ms = 1000000000; /* the clock runs faster than the kernel */
    group.unhealthy_threshold = group.healthy_threshold = 2;
    group.targets = &target;
    group.n_targets = 1;
    assert_int_equal(route_new(&s, &f->registry, 1, 0, &f->route), 0);
    f->target = f->route->groups[0].targets[0].target;
    assert_int_equal(health_follow(f->health, f->route), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct address address;

    assert_non_null(f);
    *state = f;
    sim_clock_init(&f->clock, 0);
    assert_int_equal(loop_new(&f->clock.base, &f->loop), 0);
    assert_int_equal(address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(address_listen(&address, false, &f->listen_fd), 0);
    registry_init(&f->registry, 1);
    assert_int_equal(health_new(f->loop, NULL, changed, f, &f->health), 0);
    serve(f);
    follow(f);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    health_free(f->health);
    server_free(f->server);
    route_unref(f->route);
    registry_deinit(&f->registry);
    loop_free(f->loop);
    close(f->listen_fd);
    free(f);
    return 0;
}

#define until(condition)                                                                           \
    do {                                                                                           \
        for (int i_ = 0; !(condition); i_++) {                                                     \
            assert_true(i_ < PATIENCE);                                                            \
            assert_int_equal(loop_turn(f->loop, TURN_MS), 0);                                      \
        }                                                                                          \
    } while (0)

/* The next check has come to the target. It is due some time after the last answer was heard, which
 * takes a turn or two. */
static void wait_for_check(struct fixture *f)
{
    for (int i = 0; !f->asked; i++) {
        assert_true(i < PATIENCE);
        sim_clock_advance(&f->clock, INTERVAL_MS + 1);
        assert_int_equal(loop_turn(f->loop, TURN_MS), 0);
    }
}

static void answer(struct fixture *f, unsigned status)
{
    server_reply(f->asked, status, NULL, 0, SLICE(""));
    f->asked = NULL;
}

/* What a worker does whose connect has failed. */
static void find_down(struct fixture *f)
{
    atomic_store(&f->target->health, TARGET_DOWN);
}

static bool is(const struct fixture *f, enum target_health health)
{
    return target_health(f->target) == health;
}

static void thresholds_change_the_verdict(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        wait_for_check(f);
        answer(f, 500);
    }
    until(is(f, TARGET_UNHEALTHY));
    assert_string_equal(f->heard, "u");
    wait_for_check(f);
    answer(f, 200);
    wait_for_check(f);
    assert_true(is(f, TARGET_UNHEALTHY));
    answer(f, 200);
    until(is(f, TARGET_HEALTHY));
    assert_string_equal(f->heard, "uh");
    assert_int_equal(atomic_load(&f->target->since_ms), loop_now(f->loop)); /* slow start */
}

static void what_workers_find_is_told_and_mended_by_one_good_check(void **state)
{
    struct fixture *f = *state;

    find_down(f);
    health_look(f->health);
    health_look(f->health);
    assert_string_equal(f->heard, "u");
    wait_for_check(f);
    answer(f, 200);
    until(is(f, TARGET_HEALTHY));
    assert_string_equal(f->heard, "uh");
}

/* A worker finds it down while a check is under way that will find it well, and nobody looks in
 * between: requests that began to wait in that moment must be woken all the same. */
static void who_was_down_but_a_moment_is_told_of(void **state)
{
    struct fixture *f = *state;

    wait_for_check(f);
    find_down(f);
    answer(f, 200);
    until(is(f, TARGET_HEALTHY));
    assert_string_equal(f->heard, "uh");
    health_look(f->health);
    assert_string_equal(f->heard, "uh");
}

static void a_bad_check_does_not_lift_who_is_down(void **state)
{
    struct fixture *f = *state;

    find_down(f);
    health_look(f->health);
    for (int i = 0; i < 3; i++) {
        wait_for_check(f);
        assert_true(is(f, TARGET_DOWN));
        answer(f, 500);
    }
    wait_for_check(f);
    assert_true(is(f, TARGET_DOWN));
    answer(f, 200);
    until(is(f, TARGET_HEALTHY));
    assert_string_equal(f->heard, "uh");
}

static void who_refuses_connections_is_down_at_once(void **state)
{
    struct fixture *f = *state;
    struct address address;

    assert_int_equal(address_of(f->listen_fd, &address), 0);
    f->server = server_free(f->server);
    close(f->listen_fd);
    sim_clock_advance(&f->clock, INTERVAL_MS + 1);
    until(is(f, TARGET_DOWN));
    assert_string_equal(f->heard, "u");
    assert_int_equal(address_listen(&address, false, &f->listen_fd), 0);
    serve(f);
    wait_for_check(f);
    answer(f, 200);
    until(is(f, TARGET_HEALTHY));
    assert_string_equal(f->heard, "uh");
}

static void control_is_told_again_when_it_comes_back(void **state)
{
    struct fixture *f = *state;

    health_repeat(f->health);
    assert_string_equal(f->heard, "");
    find_down(f);
    health_look(f->health);
    health_repeat(f->health);
    assert_string_equal(f->heard, "uu");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(thresholds_change_the_verdict),
        TEST(what_workers_find_is_told_and_mended_by_one_good_check),
        TEST(who_was_down_but_a_moment_is_told_of),
        TEST(a_bad_check_does_not_lift_who_is_down),
        TEST(who_refuses_connections_is_down_at_once),
        TEST(control_is_told_again_when_it_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
