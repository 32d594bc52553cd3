/* balance/speed.h: how long a target takes for a request, as all threads have seen it lately.
 *
 * An exponentially weighted mean of service times, from sending a request to the last byte of its
 * answer. A sample's weight grows with the time since the one before, so that a busy target's mean
 * covers about SPEED_WINDOW_MS whatever the rate, and a quiet one's the last few answers. Threads
 * may overwrite each other's samples: each is one of many, and nobody waits for anybody.
 */
#pragma once
#include "balance/target.h"
#include "base/clock.h"

enum {
    SPEED_WINDOW_MS = 1000,
    SPEED_HALF_LIFE_MS = 10000, /* of what is known of a target that nobody asks any more */
};

/** speed_record() - a request took @us; only of one that was answered well */
void speed_record(struct target *t, us_t us, ms_t now);

/** speed_us() - the mean; 0: not known */
double speed_us(const struct target *t);

/**
 * speed_faded_us() - what is left of the mean after the time without a sample; 0: not known
 * A target that was slow once must be tried again some day, or nobody would learn that it is well.
 */
double speed_faded_us(const struct target *t, ms_t now);
