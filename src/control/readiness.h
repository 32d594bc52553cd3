/* control/readiness.h: pings a new instance until it answers 200.
 *
 * GET /ping every 200 ms, each given 2 s; one good answer ends it. Afterwards the proxy's own
 * health checks watch the instance.
 */
#pragma once
#include "base/loop.h"
#include "net/client.h"

enum { READINESS_INTERVAL_MS = 200, READINESS_TIMEOUT_MS = 2000 };

struct readiness {
    struct client *client; /* NULL: not pinging */
    struct loop_timer timer;
    void (*ready)(struct readiness *r);
};

/** readiness_start() - @ready is called once, from the loop, and must not call
 * readiness_stop() itself.
 * Return: 0 or -errno. */
int readiness_start(struct readiness *r, struct loop *loop, const char *address,
                    void (*ready)(struct readiness *r));
/** readiness_stop() - twice is harmless; fine on a zeroed struct */
void readiness_stop(struct readiness *r);
