#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "control/plan.h"

/* Instances are written as letters, oldest first:
 *   p pending   r pending and ready   P pending for longer than the startup timeout
 *   s in service   b in service, unhealthy just now   u unhealthy for long
 *   d draining   D draining and drained   T draining for longer than allowed   t terminating
 * The answer has a letter for each instance, and one + for each launch:
 *   . nothing   R register   D drain   T terminate   F terminate as a failed start
 * or "fail" for PLAN_FAIL. */
enum { NOW = 1000000, STARTUP_MS = 480000, DRAIN_MS = 60000, UNHEALTHY_MS = 30000, INSTANCES = 32 };

static struct plan_fleet fleet_of(unsigned wanted)
{
    return (struct plan_fleet){ .wanted = wanted,
                                .startup_timeout_ms = STARTUP_MS,
                                .drain_timeout_ms = DRAIN_MS,
                                .unhealthy_ms = UNHEALTHY_MS };
}

static struct plan_instance instance_of(char letter)
{
    struct plan_instance i = { .since = NOW - 10 };

    if (strchr("prP", letter))
        i.state = INSTANCE_PENDING;
    else if (strchr("sbu", letter))
        i.state = INSTANCE_IN_SERVICE;
    else
        i.state = letter == 't' ? INSTANCE_TERMINATING : INSTANCE_DRAINING;
    i.ready = letter == 'r';
    i.drained = letter == 'D';
    i.unhealthy = letter == 'b' || letter == 'u';
    i.unhealthy_since = letter == 'u' ? NOW - UNHEALTHY_MS : NOW - UNHEALTHY_MS + 1;
    if (letter == 'P')
        i.since = NOW - STARTUP_MS;
    if (letter == 'T')
        i.since = NOW - DRAIN_MS;
    return i;
}

static char letter_of(const struct plan_action *a)
{
    switch (a->kind) {
    case PLAN_REGISTER:
        return 'R';
    case PLAN_DRAIN:
        return 'D';
    case PLAN_TERMINATE:
        return a->failed_start ? 'F' : 'T';
    case PLAN_LAUNCH:
    case PLAN_FAIL:
        break;
    }
    return '?';
}

static void answer(const struct plan_fleet *fleet, const char *instances, char *ret_text)
{
    struct plan_instance view[INSTANCES];
    struct plan_action actions[2 * INSTANCES + 1];
    size_t n = strlen(instances), end = n, n_actions;

    for (size_t i = 0; i < n; i++)
        view[i] = instance_of(instances[i]);
    memset(ret_text, '.', n);
    n_actions = plan(fleet, view, n, NOW, actions);
    for (size_t i = 0; i < n_actions; i++) {
        assert_non_null(actions[i].cause);
        if (actions[i].kind == PLAN_FAIL) {
            memcpy(ret_text, "fail", sizeof("fail"));
            return;
        }
        if (actions[i].kind == PLAN_LAUNCH)
            ret_text[end++] = '+';
        else
            ret_text[actions[i].instance] = letter_of(&actions[i]);
    }
    ret_text[end] = '\0';
}

struct example {
    unsigned wanted;
    const char *instances, *answer;
};

static void check_examples(const struct plan_fleet *like, const struct example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct plan_fleet fleet = *like;
        char text[3 * INSTANCES];

        fleet.wanted = examples[i].wanted;
        answer(&fleet, examples[i].instances, text);
        if (strcmp(text, examples[i].answer) != 0)
            fail_msg("%u wanted, %s: planned %s instead of %s", examples[i].wanted,
                     examples[i].instances, text, examples[i].answer);
    }
}

#define CHECK(like, ...)                                                                           \
    do {                                                                                           \
        static const struct example examples_[] = { __VA_ARGS__ };                                 \
        struct plan_fleet like_ = (like);                                                          \
        check_examples(&like_, examples_, sizeof(examples_) / sizeof(examples_[0]));               \
    } while (0)

static void launches_what_is_missing(void **state)
{
    (void)state;
    CHECK(fleet_of(0), { 0, "", "" }, { 1, "", "+" }, { 4, "", "++++" }, { 4, "s", ".+++" },
          { 4, "spp", "...+" }, { 2, "sp", ".." }, { 2, "sr", ".R" }, { 1, "t", ".+" });
}

static void never_revives_what_drains(void **state)
{
    (void)state;
    CHECK(fleet_of(0), { 2, "sd", "..+" }, { 2, "sD", ".T+" }, { 1, "d", ".+" });
}

static void takes_pending_before_serving_and_new_before_old(void **state)
{
    (void)state;
    CHECK(fleet_of(0), { 1, "ssss", ".DDD" }, { 3, "ssss", "...D" }, { 1, "sps", ".TD" },
          { 2, "ssp", "..T" }, { 2, "spp", "..T" }, { 1, "pp", ".T" }, { 1, "rp", "RT" },
          { 1, "pr", "TR" }, { 0, "srp", "DTT" });
}

static void terminates_only_what_is_drained_or_overdue(void **state)
{
    (void)state;
    CHECK(fleet_of(0), { 1, "sdDTt", "..TT." }, { 0, "dd", ".." });
}

static void replaces_the_unhealthy_one_at_a_time_launching_first(void **state)
{
    (void)state;
    CHECK(fleet_of(0), { 2, "sb", ".." }, { 2, "su", "..+" }, { 2, "sup", "..." },
          { 2, "sur", "..R" }, { 2, "sus", ".D." }, { 3, "uuu", "...+" }, { 3, "uuup", "...." },
          { 3, "uuus", "..D.+" }, { 2, "ssp", "..T" }, { 3, "us", "..+" }, { 1, "us", "D." },
          { 1, "ssu", ".DD" });
}

static void gives_up_on_starts_that_take_too_long(void **state)
{
    (void)state;
    CHECK(fleet_of(0), { 2, "sP", ".F" }, { 1, "sP", ".T" });
}

static void tries_one_at_a_time_while_launches_fail(void **state)
{
    struct plan_fleet fleet = fleet_of(0);

    (void)state;
    fleet.launch_failures = 2;
    CHECK(fleet, { 4, "", "+" }, { 4, "p", "." }, { 4, "s", ".+" }, { 4, "sp", ".." });
    fleet.launch_after = NOW + 1;
    CHECK(fleet, { 4, "s", "." }, { 4, "sr", ".R" });
    fleet.launch_after = NOW;
    CHECK(fleet, { 4, "s", ".+" });
}

static void fails_an_endpoint_that_never_served(void **state)
{
    struct plan_fleet fleet = fleet_of(0);

    (void)state;
    fleet.creating = true;
    fleet.launch_failures = PLAN_LAUNCH_FAILURES_MAX - 1;
    CHECK(fleet, { 1, "", "+" });
    fleet.launch_failures = PLAN_LAUNCH_FAILURES_MAX;
    CHECK(fleet, { 1, "", "fail" }, { 2, "p", "fail" }, { 0, "p", "T" });
    fleet.ever_in_service = true;
    CHECK(fleet, { 1, "", "+" });
    fleet.ever_in_service = fleet.creating = false;
    CHECK(fleet, { 1, "", "+" });
}

/* What becomes of an instance for which `planned` was planned, when all goes well; 0: it is
 * gone. */
static char later(char was, char planned)
{
    switch (planned) {
    case '+':
        return 'r';
    case 'R':
        return 's';
    case 'D':
        return 'D';
    case '.':
        break;
    default:
        return 0;
    }
    switch (was) {
    case 'p':
        return 'r';
    case 'd':
        return 'D';
    case 't':
        return 0;
    default:
        return was;
    }
}

/* Plan once, and let it come true. Return: whether anything changed. */
static bool advance(const struct plan_fleet *fleet, char *instances)
{
    char text[3 * INSTANCES], next[INSTANCES + 1] = "";
    size_t n = strlen(instances), k = 0;
    bool changed;

    answer(fleet, instances, text);
    for (size_t i = 0; text[i] != '\0'; i++) {
        char c = later(i < n ? instances[i] : '\0', text[i]);

        assert_true(k < INSTANCES);
        if (c)
            next[k++] = c;
    }
    changed = strcmp(next, instances) != 0;
    memcpy(instances, next, sizeof(next));
    return changed;
}

static void converges_from_anywhere(void **state)
{
    struct random random;
    uint64_t seed;

    (void)state;
    random_secret(&seed, sizeof(seed));
    print_message("seed %llu\n", (unsigned long long)seed);
    random_init(&random, seed);

    for (unsigned round = 0; round < 2000; round++) {
        char instances[INSTANCES + 1] = "";
        struct plan_fleet fleet = fleet_of(random_below(&random, 9));
        unsigned n = random_below(&random, 10), turns = 0;

        for (unsigned i = 0; i < n; i++)
            instances[i] = "prsbudDTt"[random_below(&random, 9)];
        while (advance(&fleet, instances))
            assert_true(turns++ < 60);
        assert_int_equal(strlen(instances), fleet.wanted);
        assert_int_equal(strspn(instances, "sb"), fleet.wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(launches_what_is_missing),
        cmocka_unit_test(never_revives_what_drains),
        cmocka_unit_test(takes_pending_before_serving_and_new_before_old),
        cmocka_unit_test(terminates_only_what_is_drained_or_overdue),
        cmocka_unit_test(replaces_the_unhealthy_one_at_a_time_launching_first),
        cmocka_unit_test(gives_up_on_starts_that_take_too_long),
        cmocka_unit_test(tries_one_at_a_time_while_launches_fail),
        cmocka_unit_test(fails_an_endpoint_that_never_served),
        cmocka_unit_test(converges_from_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
