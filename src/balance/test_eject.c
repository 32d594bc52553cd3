#include "balance/eject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "balance/retry.h"

enum { TARGETS = 4, NOW = 1000000 };

struct fixture {
    struct route_group group;
    struct route_target targets[TARGETS];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->group.config = (struct link_target_group)LINK_TARGET_GROUP_DEFAULT;
    f->group.config.eject_after = 3;
    f->group.config.eject_ms = 1000;
    f->group.targets = f->targets;
    f->group.n_targets = TARGETS;
    for (unsigned i = 0; i < TARGETS; i++) {
        struct link_target config = { .address = "127.0.0.1:1" };

        snprintf(config.id, sizeof(config.id), "i-%u", i);
        assert_int_equal(target_new("g", &config, 0, &f->targets[i].target), 0);
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < TARGETS; i++)
        target_unref(f->targets[i].target);
    free(f);
    return 0;
}

static bool note(struct fixture *f, size_t i, bool failed, ms_t now)
{
    return eject_note(&f->group, f->targets[i].target, failed, now);
}

/* Return: whether the last of @n failures ejects it. */
static bool fail_times(struct fixture *f, size_t i, unsigned n, ms_t now)
{
    bool ejected = false;

    while (n-- > 0)
        ejected = note(f, i, true, now);
    return ejected;
}

static bool is_out(const struct fixture *f, size_t i, ms_t now)
{
    return target_is_ejected(f->targets[i].target, now);
}

static void failures_in_a_row_eject(void **state)
{
    struct fixture *f = *state;

    assert_false(fail_times(f, 0, 2, NOW));
    note(f, 0, false, NOW);
    assert_false(fail_times(f, 0, 2, NOW));
    assert_true(note(f, 0, true, NOW));
    assert_true(is_out(f, 0, NOW + 999));
    assert_false(is_out(f, 0, NOW + 1000));
    assert_int_equal(atomic_load(&f->targets[0].target->since_ms), NOW + 1000); /* slow start */
    assert_false(note(f, 0, true, NOW + 5)); /* what was under way then does not count again */
}

static void who_goes_on_failing_is_out_for_longer(void **state)
{
    struct fixture *f = *state;
    ms_t now = NOW;

    assert_true(fail_times(f, 0, 3, now));
    for (unsigned i = 1; i <= 7; i++) {
        ms_t lasts = 1000 << (i - 1 < EJECT_DOUBLINGS_MAX ? i - 1 : EJECT_DOUBLINGS_MAX);

        assert_true(is_out(f, 0, now + lasts - 1));
        assert_false(is_out(f, 0, now + lasts));
        now += lasts;
        assert_true(note(f, 0, true, now)); /* one is enough now */
    }
}

static void who_does_well_is_forgiven(void **state)
{
    struct fixture *f = *state;

    assert_true(fail_times(f, 0, 3, NOW));
    note(f, 0, false, NOW + 1500);
    assert_true(note(f, 0, true, NOW + 1600)); /* not yet */
    note(f, 0, false, NOW + 1600 + 2000 + 2000);
    assert_false(fail_times(f, 0, 2, NOW + 9000));
    assert_true(note(f, 0, true, NOW + 9000));
    assert_false(is_out(f, 0, NOW + 10000));
}

static void no_more_than_a_part_is_out(void **state)
{
    struct fixture *f = *state;

    assert_true(fail_times(f, 0, 3, NOW));
    assert_true(fail_times(f, 1, 3, NOW));
    assert_false(fail_times(f, 2, 30, NOW));
    assert_true(note(f, 2, true, NOW + 1000)); /* the others are back */
    f->group.config.eject_percent_max = 0;
    assert_false(fail_times(f, 3, 30, NOW + 5000));
}

static void what_fails_everywhere_ejects_nobody(void **state)
{
    struct fixture *f = *state;

    for (int round = 0; round < 10; round++)
        for (size_t i = 0; i < TARGETS; i++)
            note(f, i, true, NOW);
    /* only the first to reach the bound could be told from the others, and was not */
    for (size_t i = 0; i < TARGETS; i++)
        assert_false(is_out(f, i, NOW));
}

static void the_last_one_stays(void **state)
{
    struct fixture *f = *state;

    f->group.n_targets = 1;
    assert_false(fail_times(f, 0, 30, NOW));
    f->group.n_targets = TARGETS;
    f->group.config.eject_after = 0;
    assert_false(fail_times(f, 0, 30, NOW));
}

/* --- retries ---------------------------------------------------------------------------------- */

static unsigned spend_all(struct retry_budget *b, ms_t now)
{
    unsigned n = 0;

    while (retry_spend(b, now))
        n++;
    return n;
}

static void retries_are_earned_by_requests_and_time(void **state)
{
    struct retry_budget b;
    (void)state;

    retry_init(&b, NOW);
    assert_int_equal(spend_all(&b, NOW), RETRY_SAVED_MAX);
    for (int i = 0; i < 50; i++)
        retry_earn(&b, 20);
    assert_in_range(spend_all(&b, NOW), 9, 10); /* a fifth is no binary number */
    assert_in_range(spend_all(&b, NOW + 2000), 2 * RETRY_FLOOR_PER_S, 2 * RETRY_FLOOR_PER_S + 1);
    assert_int_equal(spend_all(&b, NOW + 86400000), RETRY_SAVED_MAX);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failures_in_a_row_eject),
        TEST(who_goes_on_failing_is_out_for_longer),
        TEST(who_does_well_is_forgiven),
        TEST(no_more_than_a_part_is_out),
        TEST(what_fails_everywhere_ejects_nobody),
        TEST(the_last_one_stays),
        cmocka_unit_test(retries_are_earned_by_requests_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
