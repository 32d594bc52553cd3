#include "supervisor/restart.h"

#include <assert.h>

void restart_started(struct restart *r, ms_t now)
{
    r->started = now;
}

ms_t restart_ended(struct restart *r, ms_t now)
{
    ms_t wait = 0;

    assert(now >= r->started);
    if (now - r->started >= RESTART_HEALTHY_MS)
        r->ends = 0;
    if (r->ends > 0) {
        wait = RESTART_FIRST_MS;
        for (unsigned i = 1; i < r->ends && wait < RESTART_MAX_MS; i++)
            wait *= 2;
    }
    r->ends++;
    return wait < RESTART_MAX_MS ? wait : RESTART_MAX_MS;
}
