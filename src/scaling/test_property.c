/* Random fleets under random traffic, in virtual time: what must hold after every decision, and
 * that the ways of living through it are the same life (test_random_fleet.h). A million hours of it:
 * bench-property. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "scaling/test_random_fleet.h"

enum { SEED = 1, FLEETS = 12, HOURS = 60, FAST_FLEETS = 4, FAST_HOURS = 3 };

static struct fleet_life lived(uint64_t seed, enum pace pace, unsigned hours, enum fleet_way way)
{
    struct fleet_life life = { 0 };

    fleet_live(seed, pace, hours, way, &life);
    if (life.violations > 0)
        print_error("%u promises broken, the first: %s\n", life.violations, life.why);
    assert_int_equal(life.violations, 0);
    return life;
}

static void from_instant_to_instant_is_the_same_life_as_second_by_second(void **state)
{
    unsigned n_scaled = 0;

    (void)state;
    for (uint64_t seed = SEED; seed < SEED + 4; seed++) {
        struct fleet_life seconds = lived(seed, PACE_AWS, 12, FLEET_EACH_SECOND);
        struct fleet_life instants = lived(seed, PACE_AWS, 12, FLEET_INSTANTS);

        assert_true(seconds.digest == instants.digest);
        assert_true(seconds.instants > instants.instants);
        n_scaled += instants.n_out + instants.n_in;
    }
    assert_true(n_scaled > 10);
}

static void leaping_over_what_stands_still_is_the_same_life(void **state)
{
    ms_t leapt = 0;

    (void)state;
    for (uint64_t seed = SEED; seed < SEED + FLEETS; seed++) {
        struct fleet_life instants = lived(seed, PACE_AWS, HOURS, FLEET_INSTANTS);
        struct fleet_life leaps = lived(seed, PACE_AWS, HOURS, FLEET_LEAP);

        assert_true(instants.digest == leaps.digest);
        leapt += leaps.leapt;
    }
    assert_true(leapt > 0);
}

static void leaping_is_the_same_life_at_pace_fast(void **state)
{
    ms_t leapt = 0;

    (void)state;
    for (uint64_t seed = SEED; seed < SEED + FAST_FLEETS; seed++) {
        struct fleet_life seconds = lived(seed, PACE_FAST, FAST_HOURS, FLEET_EACH_SECOND);
        struct fleet_life leaps = lived(seed, PACE_FAST, FAST_HOURS, FLEET_LEAP);

        assert_true(seconds.digest == leaps.digest);
        leapt += leaps.leapt;
    }
    assert_true(leapt > 0);
}

static void random_fleets_keep_every_promise(void **state)
{
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20;
    struct fleet_life all = { 0 };

    (void)state;
    print_message("WEIR_TEST_SEED=%" PRIu64 " repeats this\n", seed);
    for (uint64_t i = 0; i < FLEETS; i++) {
        struct fleet_life once = lived(seed + i, PACE_AWS, HOURS, FLEET_LEAP);
        struct fleet_life again = lived(seed + i, PACE_AWS, HOURS, FLEET_LEAP);

        assert_true(once.digest == again.digest); /* equal inputs, equal outputs */
        all.n_out += once.n_out;
        all.n_in += once.n_in;
    }
    print_message("%u scale-outs, %u scale-ins\n", all.n_out, all.n_in);
    assert_true(all.n_out > 0 && all.n_in > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_instant_to_instant_is_the_same_life_as_second_by_second),
        cmocka_unit_test(leaping_over_what_stands_still_is_the_same_life),
        cmocka_unit_test(leaping_is_the_same_life_at_pace_fast),
        cmocka_unit_test(random_fleets_keep_every_promise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
