/* control/test_world.h: a whole control plane for tests: simulated clock, store in memory, fake
 * driver, and a fake proxy at the other end of the link that checks what it is told.
 *
 * The proxy keeps what a real one would: target groups and routed endpoints. It acknowledges what
 * it hears, answers that a draining target is drained (unless told not to), and fails the test when
 *  - a target is registered twice, comes back after it left, or stops draining,
 *  - a target leaves, or its instance is terminated, although it was neither drained nor dead nor
 *    overdue.
 */
#pragma once
#include "base/buffer.h"
#include "control/control.h"
#include "wire/link.h"

enum { WORLD_TARGETS = 4096, WORLD_GROUPS = 8, WORLD_ENDPOINTS = 8 };

struct world_target {
    char id[LINK_NAME_BYTES];
    char group[LINK_NAME_BYTES];
    char local_address[LINK_ADDRESS_BYTES];
    bool present, draining, drained, left;
    ms_t draining_since;
};

struct world_proxy {
    int fd;
    struct loop_io io;
    struct buffer in;
    bool acks, drains; /* true at first */
    uint64_t revision;
    unsigned snapshots, updates;
    char endpoints[WORLD_ENDPOINTS][LINK_NAME_BYTES];
    double weights[WORLD_ENDPOINTS]; /* of the first variant */
    size_t n_endpoints;
    struct world_target targets[WORLD_TARGETS];
    size_t n_targets;
    enum link_outlook outlook; /* of the group that was told of last */
    ms_t queue_timeout_ms;
};

struct world_store {
    struct store base;
    struct store *memory;
    unsigned fail_in; /* 0: no transaction fails */
};

struct world {
    struct sim_clock clock;
    struct loop *loop;
    struct store *store;
    struct world_store faulty; /* what control has: the above, with failures */
    bool may_fail;             /* control->error is expected */
    struct driver *driver;
    struct control *control;
    struct world_proxy proxy;
    char link_path[96], folder[64];
    int link_fd;
    uint64_t seed;
};

void world_set_up(struct world *w); /* no proxy is connected yet */
void world_tear_down(struct world *w);

/** world_fail_write() - the @nth transaction from now fails, and all that follow, until a
 * restart */
void world_fail_write(struct world *w, unsigned nth);
/** world_restart() - end control as kill -9 would, and start it anew on the same store and
 * driver */
void world_restart(struct world *w);
void world_connect_proxy(struct world *w);
void world_disconnect_proxy(struct world *w);

/** world_run() - let @ms pass, in small steps, and everything happen that is due */
void world_run(struct world *w, ms_t ms);
/** world_await() - run until @holds, at most ten simulated minutes; fails the test after that */
void world_await(struct world *w, bool (*holds)(struct world *w));

/** world_make_endpoint() - model "m", config "c-NAME" with variant "v" of @count, endpoint @name */
void world_make_endpoint(struct world *w, const char *name, unsigned count);

/** world_in_service() - endpoint "e" is; for world_await() */
bool world_in_service(struct world *w);
/** world_set_count() - of its variant, by hand. Return: what the endpoint says to that. */
int world_set_count(struct world *w, unsigned count);

/** world_serving() - targets of @group that the proxy may send requests to */
unsigned world_serving(const struct world *w, const char *group);
bool world_routes(const struct world *w, const char *endpoint);
/** world_say_waiting() - the event of @waiting requests that have begun to wait for @group */
void world_say_waiting(struct world *w, const char *group, unsigned waiting);
/** world_say_report() - a second's report: @arrivals came, @waiting wait */
void world_say_report(struct world *w, const char *group, unsigned arrivals, unsigned waiting);
void world_say_health(struct world *w, const char *id, bool healthy);
