/* control/scaling_activity.h: what scaling did, or why it did nothing, and how it ended.
 *
 *   Pending --it is set--> InProgress --as much is in service--> Successful
 *      `--refused--> Failed    |--somebody set another capacity--> Overridden
 *                              |--the resource says that it failed--> Failed
 *                              `--an hour passed--> Unfulfilled
 *
 * Activities are kept for six weeks and outlive their target. Not-scaled records are activities
 * that only say why nothing was done; of several in a row with the same reason the first is kept.
 */
#pragma once
#include "control/scaling_policy.h"
#include "scaling/decide.h"

enum { SCALING_ACTIVITIES_MAX = 10000 };

enum activity_status {
    ACTIVITY_PENDING,
    ACTIVITY_IN_PROGRESS,
    ACTIVITY_SUCCESSFUL,
    ACTIVITY_OVERRIDDEN,
    ACTIVITY_UNFULFILLED,
    ACTIVITY_FAILED,
};

struct scaling_activity {
    struct list_link link; /* autoscaler->activities */
    char id[UUID_CHARS + 1];
    const struct scalable *scalable;
    char *resource_id;
    char *policy; /* that began it; NULL: bounds */
    int from, to;
    wall_ms_t start, end; /* end 0: not over */
    enum activity_status status;
    char *description, *cause, *message, *details; /* message and details may be NULL */
    bool not_scaled; /* only says why nothing was done: @reason, at this capacity */
    enum not_scaled reason;
    int capacity;
};

/** scaling_activity_begin() - record that @t's count is about to go from @from to @to.
 * @policy, @details: may be NULL; strings are copied. The activity belongs to the autoscaler. */
int scaling_activity_begin(struct scaling_target *t, wall_ms_t now, int from, int to,
                           const char *policy, const char *cause, const char *details,
                           struct scaling_activity **ret);
/** scaling_activity_started() - the count is set */
int scaling_activity_started(struct autoscaler *a, struct scaling_activity *activity);
/** scaling_activity_refused() - it could not be set, because of @reason */
int scaling_activity_refused(struct autoscaler *a, struct scaling_activity *activity, wall_ms_t now,
                             const char *reason);
/** scaling_activity_said() - @reason is what was recorded last: not to be repeated */
bool scaling_activity_said(const struct scaling_target *t, enum not_scaled reason);
/** scaling_activity_not_scaled() - record why nothing was done
 * @description, @cause, @details: as of an activity */
int scaling_activity_not_scaled(struct scaling_target *t, wall_ms_t now, enum not_scaled reason,
                                int capacity, const char *description, const char *cause,
                                const char *details);
/** scaling_activity_bounds() - record that @t's bounds were set, or why they could not be
 * @min, @max: those that were given; -1: the other one stays. @problem: NULL if it went well */
int scaling_activity_bounds(struct scaling_target *t, wall_ms_t now, int min, int max,
                            const char *cause, const char *problem);
/** scaling_activity_trouble() - record that @t's capacity cannot be read */
int scaling_activity_trouble(struct scaling_target *t, wall_ms_t now, const char *why);
/** scaling_activity_under_way() - the change of @t's capacity that is not over yet; NULL: none is */
const struct scaling_activity *scaling_activity_under_way(const struct scaling_target *t);
/** scaling_activities_follow() - end those that are over; begins cooldowns. Return: 0 or -errno. */
int scaling_activities_follow(struct autoscaler *a, wall_ms_t now);

const char *scaling_activity_status_text(enum activity_status status); /* "InProgress" ... */
/** scaling_activity_document() - as stored, which has all that DescribeScalingActivities shows; a
 * new reference, NULL if no memory */
json_t *scaling_activity_document(const struct scaling_activity *activity);

int scaling_activities_load(struct autoscaler *a);
struct scaling_activity *scaling_activity_free(struct scaling_activity *activity);
DEFINE_AUTOFREE(struct scaling_activity *, scaling_activity_free)

/* --- among the files of activities: scaling_activity_follow.c follows them ---------------------- */

/** scaling_activity_set_status() - and write it
 * @end: 0: it is not over; @message: taken over, NULL: no memory. Return: 0 or -errno. */
int scaling_activity_set_status(struct autoscaler *a, struct scaling_activity *activity,
                                enum activity_status status, wall_ms_t end, char *message);
/** scaling_activities_drop_old() - forget those that are older than six weeks, or too many */
int scaling_activities_drop_old(struct autoscaler *a, wall_ms_t now);
