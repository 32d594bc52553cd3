/* The fake keeps the promises of driver.h, so that control can be tested against it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "fleet/fake.h"

struct fixture {
    struct loop *loop;
    struct driver *driver;
    char gone[64], why[128];
    unsigned n_gone;
};

static void note_gone(void *context, const char *id, const char *why)
{
    struct fixture *f = context;

    snprintf(f->gone, sizeof(f->gone), "%s", id);
    snprintf(f->why, sizeof(f->why), "%s", why);
    f->n_gone++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct driver_events events = { .gone = note_gone, .context = f };

    assert_int_equal(loop_new(clock_real(), &f->loop), 0);
    assert_int_equal(fake_driver_new(f->loop, &events, &f->driver), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    driver_free(f->driver);
    loop_free(f->loop);
    free(f);
    return 0;
}

static int launch(struct fixture *f, const char *id, struct driver_handle *ret_handle, char **why)
{
    const struct instance_spec spec = {
        .id = id,
        .image = "weir/xgboost:latest",
        .instance_type = "ml.m5.large",
    };

    return driver_launch(f->driver, &spec, ret_handle, why);
}

/* The status that the instance answers a ping with. */
static int ping(struct fixture *f, const char *address)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char answer[256] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
    ssize_t n;

    a.sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(send(fd, "GET /ping HTTP/1.1\r\n\r\n", 22, 0), 22);
    while ((n = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT)) < 0)
        assert_int_equal(loop_turn(f->loop, 1000), 0);
    close(fd);
    assert_true(n > 0);
    sscanf(answer, "HTTP/1.1 %d", &status);
    return status;
}

static void answers_pings_as_told(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handle;
    char *why;

    assert_int_equal(launch(f, "i-1", &handle, &why), 0);
    assert_true(fake_driver_has(f->driver, "i-1"));
    assert_int_equal(ping(f, handle.address), 503);
    fake_driver_ready(f->driver, "i-1");
    assert_int_equal(ping(f, handle.address), 200);

    fake_driver_set_ready_at_launch(f->driver, true);
    assert_int_equal(launch(f, "i-2", &handle, &why), 0);
    assert_int_equal(ping(f, handle.address), 200);
    assert_int_equal(fake_driver_count(f->driver), 2);
}

static void tells_of_deaths_in_the_next_turn(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handle;
    char *why;

    assert_int_equal(launch(f, "i-1", &handle, &why), 0);
    fake_driver_die(f->driver, "i-1", "a test said so");
    assert_int_equal(f->n_gone, 0);
    assert_false(fake_driver_has(f->driver, "i-1"));
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(f->n_gone, 1);
    assert_string_equal(f->gone, "i-1");
    assert_string_equal(f->why, "a test said so");
}

static void ends_when_asked_to_unless_told_otherwise(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handle;
    char *why;

    assert_int_equal(launch(f, "i-1", &handle, &why), 0);
    assert_int_equal(driver_terminate(f->driver, "i-1"), 0);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(f->n_gone, 1);

    fake_driver_set_obedient(f->driver, false);
    assert_int_equal(launch(f, "i-2", &handle, &why), 0);
    assert_int_equal(driver_terminate(f->driver, "i-2"), 0);
    assert_int_equal(driver_terminate(f->driver, "i-2"), 0);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(f->n_gone, 1);
    assert_true(fake_driver_terminating(f->driver, "i-2"));
    assert_int_equal(driver_terminate(f->driver, "i-3"), DRIVER_E_UNKNOWN);
    assert_int_equal(driver_kill(f->driver, "i-3"), DRIVER_E_UNKNOWN);
    assert_int_equal(driver_kill(f->driver, "i-2"), 0);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(f->n_gone, 2);
}

static void fails_the_launch_that_was_named(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handle;
    char *why;

    fake_driver_fail_launch(f->driver, 2, DRIVER_E_REFUSED);
    assert_int_equal(launch(f, "i-1", &handle, &why), 0);
    assert_int_equal(launch(f, "i-2", &handle, &why), DRIVER_E_REFUSED);
    assert_non_null(why);
    free(why);
    fake_driver_fail_launch(f->driver, 1, -ENOMEM);
    assert_int_equal(launch(f, "i-2", &handle, &why), -ENOMEM);
    assert_int_equal(launch(f, "i-2", &handle, &why), 0);
    assert_int_equal(fake_driver_launches(f->driver), 4);
}

static void is_adopted_while_it_lives(void **state)
{
    struct fixture *f = *state;
    const struct driver_events events = { .gone = note_gone, .context = f };
    struct driver_handle handle, other;
    struct instance_usage usage;
    char *why, *tail;

    assert_int_equal(launch(f, "i-1", &handle, &why), 0);
    fake_driver_set_events(f->driver, &events);
    assert_int_equal(driver_adopt(f->driver, "i-1", &handle), 0);
    other = handle;
    other.text[0] = 'x';
    assert_int_equal(driver_adopt(f->driver, "i-1", &other), DRIVER_E_GONE);
    assert_int_equal(driver_adopt(f->driver, "i-2", &handle), DRIVER_E_GONE);

    fake_driver_set_usage(f->driver, "i-1", (struct instance_usage){ 150, 7 });
    assert_int_equal(driver_usage(f->driver, "i-1", &usage), 0);
    assert_true(usage.cpu_percent == 150 && usage.memory_bytes == 7);
    assert_int_equal(driver_usage(f->driver, "i-2", &usage), DRIVER_E_UNKNOWN);
    tail = driver_log_tail(f->driver, "i-1", 3);
    assert_string_equal(tail, "output of i-1");
    free(tail);
    assert_null(driver_log_tail(f->driver, "i-2", 3));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(answers_pings_as_told),
        TEST(tells_of_deaths_in_the_next_turn),
        TEST(ends_when_asked_to_unless_told_otherwise),
        TEST(fails_the_launch_that_was_named),
        TEST(is_adopted_while_it_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
