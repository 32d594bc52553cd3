#include "proxy/nonsense.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct sim_clock sim;
    struct log log;
    int fd;
    struct nonsense worker, all;
};

static int set_up(void **state)
{
    static struct fixture f;

    f = (struct fixture){ .fd = memfd_create("log", 0) };
    sim_clock_init(&f.sim, 0);
    f.log = (struct log){ .fd = f.fd, .program = "proxy", .clock = &f.sim.base };
    assert_true(f.fd >= 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    close(((struct fixture *)*state)->fd);
    return 0;
}

static void answer(struct fixture *f, const char *id, const char *why)
{
    struct link_target config = { .address = "127.0.0.1:9001" };
    struct target *t;

    snprintf(config.id, sizeof(config.id), "%s", id);
    assert_int_equal(target_new("g", &config, 0, &t), 0);
    nonsense_add(&f->worker, t, why);
    target_unref(t);
}

/* What is logged now. */
static const char *say(struct fixture *f, ms_t now)
{
    static char text[8192];
    ssize_t n;

    assert_int_equal(ftruncate(f->fd, 0), 0);
    assert_int_equal(lseek(f->fd, 0, SEEK_SET), 0);
    nonsense_move(&f->all, &f->worker);
    nonsense_say(&f->all, &f->log, now);
    n = pread(f->fd, text, sizeof(text) - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

static unsigned lines(const char *text)
{
    unsigned n = 0;

    while ((text = strchr(text, '\n'))) {
        text++;
        n++;
    }
    return n;
}

static void each_target_is_told_with_its_first_reason(void **state)
{
    struct fixture *f = *state;
    const char *text;

    assert_string_equal(say(f, 1), "");
    answer(f, "a", "the status line is malformed");
    answer(f, "b", "two lengths");
    answer(f, "a", "another one");
    nonsense_add(&f->worker, NULL, "odd");
    text = say(f, 2);
    assert_int_equal(lines(text), 3);
    assert_non_null(strstr(text, "warn proxy: answers are not valid HTTP group=g target=a "
                                 "address=127.0.0.1:9001 why=\"the status line is malformed\" "
                                 "answers=2\n"));
    assert_non_null(
        strstr(text, "target=b address=127.0.0.1:9001 why=\"two lengths\" answers=1\n"));
    assert_non_null(strstr(text, "target=control"));
}

static void a_line_comes_every_ten_seconds_at_most(void **state)
{
    struct fixture *f = *state;

    answer(f, "a", "x");
    assert_int_equal(lines(say(f, 1000)), 1);
    for (ms_t now = 2000; now < 11000; now += 1000) {
        answer(f, "a", "y");
        assert_string_equal(say(f, now), "");
    }
    assert_non_null(strstr(say(f, 11000), "why=\"y\" answers=9\n"));
    assert_string_equal(say(f, 30000), "");
    answer(f, "a", "z");
    assert_int_equal(lines(say(f, 30001)), 1);
}

static void many_targets_are_counted_together(void **state)
{
    struct fixture *f = *state;
    char id[16];

    for (int i = 0; i < 3 * NONSENSE_TARGETS_MAX; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        answer(f, id, "x");
    }
    assert_non_null(strstr(say(f, 1), "answers of more targets are not valid HTTP answers=16\n"));
    assert_string_equal(say(f, 20000), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_target_is_told_with_its_first_reason, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_line_comes_every_ten_seconds_at_most, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_targets_are_counted_together, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
