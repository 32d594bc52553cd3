/* control/scaling_target.h: scalable targets: what may be scaled, and between which bounds.
 *
 * What it scales, such as a variant's instance count ("endpoint/NAME/variant/NAME"), is behind
 * scalable.h. Its policies, scheduled actions and tags go with it when it is
 * deregistered; what is running stays as it is. Changes are in the store when a function returns 0.
 */
#pragma once
#include "base/list.h"
#include "control/autoscaler.h"
#include "control/endpoint.h"
#include "control/scalable.h"
#include "scaling/capacity_history.h"

#define SCALING_PACE_TAG "weir:pace" /* "fast" or "aws": overrides the server's pace */

enum {
    SCALING_TARGETS_MAX = 500, /* of one dimension */
    SCALING_ID_CHARS = 36,
    SCALING_ARN_BYTES = 4096,
};

enum {
    SCALING_E_NOT_FOUND = 1,
    SCALING_E_NO_RESOURCE, /* there is nothing that could be scaled; *ret_why: the reason */
    SCALING_E_INCOMPLETE,  /* a new target needs both bounds */
    SCALING_E_BOUNDS,      /* the maximum would be below the minimum */
    SCALING_E_TAGGED,      /* tags are set when a target is made, not with an update */
    SCALING_E_LIMIT,       /* SCALING_TARGETS_MAX, or SCALING_POLICIES_MAX */
};

struct scaling_target {
    struct autoscaler *autoscaler;
    struct list_link link; /* autoscaler->targets */
    const struct scalable *scalable;
    char *resource_id;
    char *endpoint, *variant; /* scalable_variant's: as they are written where they were created */
    char *role_arn;           /* NULL: the service-linked role */
    char id[SCALING_ID_CHARS + 1];          /* of the target's ARN */
    char policies_id[SCALING_ID_CHARS + 1]; /* in the ARNs of its policies and scheduled actions */
    int min, max;
    bool in_suspended, out_suspended, scheduled_suspended;
    wall_ms_t created;
    bool enforce;         /* its bounds were set: bring the count within them, once */
    struct list policies; /* struct scaling_policy, by name */
    size_t n_policies;
    struct list actions; /* struct scheduled_action, by name */
    size_t n_actions;

    /* not stored: a restart begins anew */
    enum pace pace;
    int settled; /* the count when as many as desired were last in service; -1: not known yet */
    struct capacity_history history;
    const char *not_scaled; /* code of the last record; NULL after a change */
    wall_ms_t retry_at;     /* after a refused change */
    bool troubled;          /* it is recorded that it cannot be read */
};

/* What to register; -1: as it is, or the default. */
struct scaling_target_change {
    const char *resource_id;
    int min, max;
    int in_suspended, out_suspended, scheduled_suspended; /* 0, 1 or -1 */
    const char *role_arn;                                 /* NULL: as it is */
    json_t *tags;                                         /* as in tags.h; NULL: none */
};

/** scaling_target_register() - make or change. Return: 0, NO_RESOURCE, INCOMPLETE, BOUNDS, TAGGED,
 * LIMIT or -errno. */
int scaling_target_register(struct autoscaler *a, const struct scaling_target_change *change,
                            struct scaling_target **ret, char ret_why[SCALABLE_WHY_BYTES]);
struct scaling_target *scaling_target_find(const struct autoscaler *a, const char *resource_id);
/** scaling_target_of() - the one of that variant; NULL if there is none */
struct scaling_target *scaling_target_of(const struct autoscaler *a, const char *endpoint,
                                         const char *variant);
struct scaling_target *scaling_target_find_arn(const struct autoscaler *a, const char *arn);
/** scaling_target_deregister() - @t is gone afterwards. Return: 0 or -errno. */
int scaling_target_deregister(struct scaling_target *t);
/** scaling_target_set_bounds() - for good, and the count is brought within them
 * @max: @min or more. Return: 0 or -errno. */
int scaling_target_set_bounds(struct scaling_target *t, int min, int max);
/** scaling_target_enforced() - its count is within the bounds, or on the way. Return: 0 or -errno. */
int scaling_target_enforced(struct scaling_target *t);
/** scaling_target_repace() - its tags changed. Return: 0 or -errno. */
int scaling_target_repace(struct scaling_target *t);
/** scaling_pace_parse() - "fast" or "aws". Return: 0 or -EINVAL. */
int scaling_pace_parse(const char *text, enum pace *ret_pace);

/** scaling_target_key() - what stands for it in paths of the store: its resource id where that has
 * no form of its own */
const char *scaling_target_key(const struct scaling_target *t);
void scaling_target_arn(const struct scaling_target *t, char ret_arn[SCALING_ARN_BYTES]);
/** scaling_target_document() - as stored, which has all that DescribeScalableTargets shows; a new
 * reference, NULL if no memory */
json_t *scaling_target_document(const struct scaling_target *t);

/** scaling_targets_load() - targets with their policies and scheduled actions */
int scaling_targets_load(struct autoscaler *a);
struct scaling_target *scaling_target_free(struct scaling_target *t);
DEFINE_AUTOFREE(struct scaling_target *, scaling_target_free)
