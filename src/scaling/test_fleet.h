/* scaling/test_fleet.h: a fleet in virtual time, for tests and for tests/bench/reaction.
 *
 * Requests come at random, a Poisson number in each second; instances take a while to start and leave
 * at once; one policy keeps requests per instance. A second is: requests, then a look at what they
 * were. Everything is decided by the seed.
 */
#pragma once
#include "base/random.h"
#include "scaling/target_tracking.h"

enum { TEST_FLEET_START_S_MAX = 600 };

struct test_fleet {
    struct random random;
    enum pace pace;
    wall_ms_t now;
    int min, max, in_service, desired, start_s;
    int starting[TEST_FLEET_START_S_MAX + 1]; /* become ready after so many seconds */
    struct metrics *metrics;
    struct capacity_history history;
    struct tracking policy;
    struct tracking_state state;
    struct decision decision; /* the last second's */
    int n_out, n_in;
};

/** test_fleet_init() - of one instance at most 100, at a whole minute; @target: requests per second
 * and instance; @start_s: 0..TEST_FLEET_START_S_MAX */
void test_fleet_init(struct test_fleet *f, enum pace pace, double target, int start_s,
                     uint64_t seed);
void test_fleet_deinit(struct test_fleet *f);

/** test_fleet_arrivals() - how many requests a second brings that has @rate on average */
unsigned test_fleet_arrivals(struct test_fleet *f, double rate);
/** test_fleet_converge() - instances become ready and leave, as a second passes */
void test_fleet_converge(struct test_fleet *f);
/** test_fleet_second() - live through one second with @requests, and decide. Return: f->decision. */
const struct decision *test_fleet_second(struct test_fleet *f, unsigned requests);
