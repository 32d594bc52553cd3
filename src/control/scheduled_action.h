/* control/scheduled_action.h: scheduled actions: new bounds for a scalable target at set times.
 *
 * When one is due, the target's bounds become those of the action for good, and its count is brought
 * within them; cooldowns are not asked. Two activities say so. What the autoscaler could not do in
 * time it does up to two minutes late, once, however many times were due; what is older than that,
 * say because weir was down, is not made up for. While ScheduledScalingSuspended, times pass by for good.
 * A clock that is set back shows times again, and then they are due again.
 *
 * Changes are in the store when a function returns 0.
 */
#pragma once
#include "control/scaling_target.h"
#include "scaling/schedule.h"

enum { SCHEDULED_ACTIONS_MAX = 200 };

enum {
    SCHEDULED_E_INCOMPLETE = 1, /* a new action needs a schedule */
    SCHEDULED_E_NO_BOUNDS,      /* neither a minimum nor a maximum */
    SCHEDULED_E_BOUNDS,         /* the maximum would be below the minimum */
    SCHEDULED_E_SCHEDULE,       /* *ret_why says what is wrong with it */
    SCHEDULED_E_ZONE,           /* there is no such time zone */
    SCHEDULED_E_SKIPPED,        /* clocks there are put forward over the time of an at() */
    SCHEDULED_E_TIMES,          /* the end is not after the start */
    SCHEDULED_E_LIMIT,          /* SCHEDULED_ACTIONS_MAX */
};

struct scheduled_action {
    struct scaling_target *target;
    struct list_link link; /* target->actions */
    char *name, *text;     /* the schedule as given */
    char *zone_name;       /* NULL: UTC */
    struct schedule schedule;
    struct schedule_plan plan;
    int min, max; /* -1: leaves the target's */
    wall_ms_t created;
    wall_ms_t handled; /* times up to this one are over and done with */
    /* not stored */
    wall_ms_t next;    /* INT64_MAX: never again */
    wall_ms_t planned; /* when that was found out */
};

/* What to put; -1 and NULL: as it is. Start and end are none if they are not given. */
struct scheduled_action_change {
    const char *name, *schedule, *zone_name;
    wall_ms_t start, end; /* INT64_MIN, INT64_MAX: none */
    bool has_bounds;      /* min and max replace both of those before */
    int min, max;         /* -1: none */
};

/** scheduled_action_put() - make or change
 * @ret_why: with SCHEDULED_E_SCHEDULE, a constant
 * Return: 0, an outcome above, or -errno. */
int scheduled_action_put(struct scaling_target *t, const struct scheduled_action_change *change,
                         const char **ret_why);
struct scheduled_action *scheduled_action_find(const struct scaling_target *t, const char *name);
/** scheduled_action_delete() - @action is gone afterwards. Return: 0 or -errno. */
int scheduled_action_delete(struct scheduled_action *action);
/** scheduled_actions_tick() - run those of @t that are due, in their order. Return: 0 or -errno. */
int scheduled_actions_tick(struct scaling_target *t, wall_ms_t now);

void scheduled_action_arn(const struct scheduled_action *action, char ret_arn[SCALING_ARN_BYTES]);
/** scheduled_action_document() - as stored, which has all that DescribeScheduledActions shows; a new
 * reference, NULL if no memory */
json_t *scheduled_action_document(const struct scheduled_action *action);

/** scheduled_action_load() - a stored document of @t's */
int scheduled_action_load(struct scaling_target *t, json_t *document);
struct scheduled_action *scheduled_action_free(struct scheduled_action *action);
DEFINE_AUTOFREE(struct scheduled_action *, scheduled_action_free)
