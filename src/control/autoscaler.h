/* control/autoscaler.h: sizes fleets by their scaling policies.
 *
 * Holds the scalable targets (scaling_target.h) with their policies (scaling_policy.h) and scheduled
 * actions (scheduled_action.h), and once a second, and whenever a proxy has reported, runs the
 * actions that are due and asks src/scaling what each target's capacity should be; then sets it, and
 * keeps a scaling activity (scaling_activity.h) that says why. The rules are all in src/scaling; here is what
 * surrounds them: objects in the store, metrics read, decisions carried out and followed until
 * the instances are there.
 */
#pragma once
#include "base/list.h"
#include "control/control.h"
#include "control/custom_resource.h"
#include "control/time_zones.h"

#define SCALING_RETRY_MS                                                                           \
    ((ms_t)60 * MS_PER_S) /* after a change was refused, as often as AWS does */

struct autoscaler {
    struct control *control;
    struct list targets; /* struct scaling_target, by resource id */
    size_t n_targets;
    struct list activities; /* struct scaling_activity, oldest first */
    size_t n_activities;
    wall_ms_t ticked; /* when it last was; 0: never */
    struct time_zones time_zones;
    struct loop_task wake;
    struct custom_resources custom_resources;
};

/** autoscaler_new() - with the targets, policies and activities of @c's store; @c is borrowed.
 * Return: 0 or -errno. */
int autoscaler_new(struct control *c, struct autoscaler **ret);
struct autoscaler *autoscaler_free(struct autoscaler *a);
DEFINE_AUTOFREE(struct autoscaler *, autoscaler_free)

/** autoscaler_tick() - evaluate and act; call at least once a second. Return: 0, or -errno if the
 * store failed. */
int autoscaler_tick(struct autoscaler *a, wall_ms_t now);

/** autoscaler_wake() - there is something new to see: tick at the end of this turn */
void autoscaler_wake(struct autoscaler *a);

/** autoscaler_forget_endpoint() - @endpoint was deleted: deregister its variants' scalable targets.
 * Their activities stay. Return: 0, or -errno if the store failed. */
int autoscaler_forget_endpoint(struct autoscaler *a, const char *endpoint);
