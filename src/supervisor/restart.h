/* supervisor/restart.h: how long to wait before a program that ended is started again.
 *
 * The first time not at all, because most ends are single accidents and every moment without the
 * program costs; then 100 ms, doubled each time up to 5 s, because a program that keeps ending
 * would else eat the machine. Half a minute of running starts from the beginning. Pure: callers
 * pass now.
 */
#pragma once
#include "base/clock.h"

enum { RESTART_FIRST_MS = 100, RESTART_MAX_MS = 5000, RESTART_HEALTHY_MS = 30000 };

struct restart {
    ms_t started;  /* when it was started last */
    unsigned ends; /* since it was last healthy */
};

/** restart_started() - the program was started at @now */
void restart_started(struct restart *r, ms_t now);
/** restart_ended() - the program ended at @now. Return: the wait before the next start, ms. */
ms_t restart_ended(struct restart *r, ms_t now);
