/* base/clock.h: time is an argument.
 *
 * Whoever depends on time is handed `now`; whoever must ask holds a struct clock. The real one here
 * is the only place that calls clock_gettime(); tests and the simulator use struct sim_clock.
 */
#pragma once
#include <stdint.h>

typedef int64_t ms_t;      /* a monotonic instant or a duration, milliseconds */
typedef int64_t us_t;      /* a monotonic instant or a duration, microseconds */
typedef int64_t wall_ms_t; /* calendar time: milliseconds since 1970-01-01 UTC */

#define MS_PER_S   ((ms_t)1000)
#define US_PER_MS  ((us_t)1000)
#define US_PER_S   ((us_t)1000000)
#define MS_FOREVER INT64_MAX

struct clock {
    us_t (*mono_us)(struct clock *c);   /* never goes back; its origin means nothing */
    wall_ms_t (*wall)(struct clock *c); /* may jump */
};

/** clock_real() - the machine's clock (CLOCK_MONOTONIC and CLOCK_REALTIME); shared, stateless */
struct clock *clock_real(void);

struct sim_clock {
    struct clock base;
    us_t now_us;
    wall_ms_t epoch; /* wall time at now_us == 0 */
};

/** sim_clock_init() - a clock that stands still until sim_clock_advance() */
void sim_clock_init(struct sim_clock *c, wall_ms_t epoch);
void sim_clock_advance(struct sim_clock *c, ms_t by);
