/* control/backoff.h: how long to wait before trying again: 1 s, 2 s, 4 s ... 60 s.
 *
 * Each failure doubles the wait; a minute without one beyond the wait itself starts from 1 s again.
 * Pure: callers pass now.
 */
#pragma once
#include "base/clock.h"

enum { BACKOFF_FIRST_MS = 1000, BACKOFF_MAX_MS = 60000, BACKOFF_QUIET_MS = 60000 };

struct backoff {
    ms_t wait;  /* 0: nothing failed yet */
    ms_t until; /* do not try before */
};

/** backoff_failed() - something failed at @now: sets until */
void backoff_failed(struct backoff *b, ms_t now);
