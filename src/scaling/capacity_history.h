/* scaling/capacity_history.h: how many instances were in service, second by second.
 *
 * A metric "per instance" of ten seconds ago was divided by the instances of ten seconds ago. To
 * learn the whole demand, each second's value is multiplied by that second's count, not by today's;
 * otherwise every scale-out would look like more demand and call for the next one.
 * Pure: no clock, no I/O, no heap.
 */
#pragma once
#include <stdint.h>

#include "base/clock.h"

enum { CAPACITY_HISTORY_SECONDS = 64 };

struct capacity_history {
    int64_t newest; /* second of the newest entry; meaningless while known == 0 */
    unsigned known; /* seconds that are known, up to all */
    unsigned count[CAPACITY_HISTORY_SECONDS];
};

/** capacity_history_push() - @in_service from now on; seconds that nobody reported keep the count
 * before them. A clock that jumps, back or far ahead, begins a new history. */
void capacity_history_push(struct capacity_history *h, wall_ms_t now, unsigned in_service);

/**
 * capacity_history_least() - the lowest count around a second: before, in and after it
 * @at: start of the second
 *
 * Whoever divided may have heard of a new or leaving instance a moment earlier or later than we
 * did. The lowest count never takes that moment for more demand than there was.
 * Seconds older than what is known have the oldest known count. Return: 0 if nothing is known.
 */
unsigned capacity_history_least(const struct capacity_history *h, wall_ms_t at);
