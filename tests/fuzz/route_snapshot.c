/* What a route file or control says: into a route, and through every rule of balancing. Whatever the
 * weights, caps and zones are, a target that is taken had room, and turns end. */
#include <string.h>

#include "balance/eject.h"
#include "balance/queue.h"
#include "balance/speed.h"
#include "fuzz.h"

enum { TAKES = 24, NOW = 1000000000 };

static bool has_room(const struct route_target *t, unsigned in_flight_before)
{
    return t->concurrency_max == 0 || in_flight_before < t->concurrency_max;
}

static void take(const struct route_group *g, struct random *random, unsigned turn)
{
    struct balance b = {
        .group = g, .queued = turn % 3 == 2, .random = random, .now = NOW + (ms_t)turn * 700
    };
    const struct route_target *t;
    unsigned in_service = 0;

    if (turn % 4 == 1)
        b.sticky = (struct sticky){ LINK_STICKY_HEADER, random_u64(random) };
    if (turn % 4 == 2 && g->n_targets)
        b.sticky = (struct sticky){ LINK_STICKY_COOKIE, g->targets[0].target->hash };
    if (turn % 5 == 4 && g->n_targets)
        b.avoid = g->targets[turn % g->n_targets].target;
    t = balance_take(&b, &in_service);
    MUST(in_service <= g->n_targets);
    if (!t)
        return;
    MUST(in_service > 0 && !t->draining);
    MUST(has_room(t, target_in_flight(t->target) - 1));
    eject_note(g, t->target, turn % 7 < 4, b.now);
    speed_record(t->target, random_below(random, 1000000), b.now);
    if (turn % 2)
        target_end(t->target);
}

static void check_route(const struct route *route)
{
    struct random random;

    random_init(&random, 1);
    for (size_t i = 0; i < route->n_groups; i++) {
        for (unsigned turn = 0; turn < TAKES; turn++)
            take(&route->groups[i], &random, turn);
        queue_dispatch(&route->groups[i], NULL, &random, NOW);
        MUST(balance_in_service(&route->groups[i], NOW) <= route->groups[i].n_targets);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = json_loadb((const char *)data, size, 0, NULL);
    struct link_snapshot snapshot;
    struct registry registry;
    struct route *route;
    char why[COMPLAINT_BYTES] = "no JSON";
    int r = json ? link_snapshot_from_json(json, &snapshot, why) : LINK_E_MALFORMED;

    MUST(r >= 0);
    MUST((r == 0) == (why[0] == '\0') && memchr(why, '\0', sizeof(why)));
    json_decref(json);
    if (r)
        return 0;
    registry_init(&registry, 1);
    if (route_new(&snapshot, &registry, 1, 0, &route) == 0) {
        check_route(route);
        route_unref(route);
    }
    registry_deinit(&registry);
    link_snapshot_deinit(&snapshot);
    return 0;
}
