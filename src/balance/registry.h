/* balance/registry.h: the targets and gauges that are known now, so that routes share them.
 *
 * Belongs to the main thread. Each new route takes its targets from here; those that no route names
 * any more are forgotten with registry_sweep(), and freed when the last request lets go of them.
 */
#pragma once
#include "balance/target.h"
#include "base/map.h"

struct registry {
    struct map targets; /* key -> struct target, one reference each */
    struct map gauges;  /* group id -> struct gauge, one reference each */
};

void registry_init(struct registry *r, uint64_t seed);
void registry_deinit(struct registry *r);

/** registry_target() - find, or make at @now; *@ret_target gets a reference. Return: 0, -EINVAL,
 * -ENOMEM. */
int registry_target(struct registry *r, const char *group, const struct link_target *config,
                    ms_t now, struct target **ret_target);
int registry_gauge(struct registry *r, const char *group, struct gauge **ret_gauge);

/** registry_sweep() - forget what nobody else refers to */
void registry_sweep(struct registry *r);
