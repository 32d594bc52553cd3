/* control/scaling_policy.h: scaling policies and the alarms that come with them.
 *
 * A policy belongs to a target. Its configuration is kept as given, to echo, and in the form that
 * src/scaling reads. Target tracking is the one kind there is.
 */
#pragma once
#include "control/scaling_target.h"
#include "scaling/target_tracking.h"

enum { SCALING_POLICIES_MAX = 50, SCALING_WHY_BYTES = 256, SCALING_ALARM_NAME_BYTES = 256 };

enum {
    SCALING_E_CONFIGURATION = 100, /* *ret_why says what is wrong with it */
    SCALING_E_DUPLICATE,           /* another policy of the target tracks the same metric */
};

/* A managed alarm; its state is in the policy's tracking_state. */
struct scaling_alarm {
    char id[UUID_CHARS + 1];
    wall_ms_t updated, transitioned; /* when its state was last written, and last changed */
    char *reason, *reason_data;      /* NULL: as created */
};

struct scaling_policy {
    struct scaling_target *target;
    struct list_link link; /* target->policies */
    char *name;
    char created_by[UUID_CHARS + 1]; /* of the action that its alarms have */
    wall_ms_t created, configured;
    json_t *configuration;    /* TargetTrackingScalingPolicyConfiguration as given */
    struct tracking tracking; /* the same; its strings are inside @configuration and @target */
    struct tracking_state state;
    struct scaling_alarm high, low;
};

/**
 * scaling_policy_put() - make or replace
 * @configuration: a TargetTrackingScalingPolicyConfiguration of the right shape; a reference is
 * taken
 * @ret_why:       with CONFIGURATION, a sentence
 *
 * A policy that is replaced gets new alarms and keeps its cooldown.
 * Return: 0, SCALING_E_CONFIGURATION, SCALING_E_DUPLICATE, SCALING_E_LIMIT or -errno.
 */
int scaling_policy_put(struct scaling_target *t, const char *name, json_t *configuration,
                       struct scaling_policy **ret, char ret_why[SCALING_WHY_BYTES]);
struct scaling_policy *scaling_policy_find(const struct scaling_target *t, const char *name);
/** scaling_policy_delete() - @p is gone afterwards. Return: 0 or -errno. */
int scaling_policy_delete(struct scaling_policy *p);
/** scaling_policy_save() - write it, cooldown and all. Return: 0 or -errno. */
int scaling_policy_save(struct scaling_policy *p);

bool scaling_policy_has_low(const struct scaling_policy *p); /* without scale-in there is none */
void scaling_policy_arn(const struct scaling_policy *p, char ret_arn[SCALING_ARN_BYTES]);
/** scaling_policy_alarm_name() - @alarm: its high or low one */
void scaling_policy_alarm_name(const struct scaling_policy *p, const struct scaling_alarm *alarm,
                               char ret_name[SCALING_ALARM_NAME_BYTES]);
void scaling_policy_alarm_arn(const struct scaling_policy *p, const struct scaling_alarm *alarm,
                              char ret_arn[SCALING_ARN_BYTES]);
/** scaling_policy_action_arn() - what its alarms name as their action */
void scaling_policy_action_arn(const struct scaling_policy *p, char ret_arn[SCALING_ARN_BYTES]);
/** scaling_policy_document() - as stored, which has all that DescribeScalingPolicies shows; a new
 * reference, NULL if no memory */
json_t *scaling_policy_document(const struct scaling_policy *p);

/** scaling_policy_load() - a stored document of @t's */
int scaling_policy_load(struct scaling_target *t, json_t *document);
struct scaling_policy *scaling_policy_free(struct scaling_policy *p);
DEFINE_AUTOFREE(struct scaling_policy *, scaling_policy_free)
