/* control/scaling_policy.h: scaling policies and the alarms that come with them.
 *
 * A policy belongs to a target. Its configuration is kept as given, to echo, and in the form that
 * src/scaling reads. Target tracking keeps two alarms of its own; step scaling is told by alarms
 * that people make, which name the policy as an action; predictive scaling goes by forecasts
 * (predictive.h).
 */
#pragma once
#include "control/alarm_action.h"
#include "control/query_series.h"
#include "control/scaling_target.h"
#include "scaling/step.h"
#include "scaling/target_tracking.h"

enum {
    SCALING_POLICIES_MAX = 50,
    SCALING_WHY_BYTES = QUERY_SERIES_WHY_BYTES,
    SCALING_ALARM_NAME_BYTES = 256
};

enum {
    SCALING_E_CONFIGURATION = 100, /* *ret_why says what is wrong with it */
    SCALING_E_DUPLICATE,           /* another policy of the target tracks the same metric */
};

struct predictive;

enum policy_kind { POLICY_TRACKING, POLICY_STEP, POLICY_PREDICTIVE };

/* What an alarm said, until the next tick acts on it. */
struct policy_signal {
    bool due;
    bool below; /* the alarm is on below its threshold */
    double metric, threshold;
    char alarm[SCALING_ALARM_NAME_BYTES]; /* its name */
};

/* A managed alarm (managed_alarm.h), by the end of its name. */
struct scaling_alarm {
    char id[UUID_CHARS + 1];
};

struct scaling_policy {
    struct scaling_target *target;
    struct list_link link; /* target->policies */
    char *name;
    char created_by[UUID_CHARS + 1]; /* of the action that its alarms have */
    wall_ms_t created, configured;
    enum policy_kind kind;
    json_t *configuration;    /* the kind's ...PolicyConfiguration as given */
    struct tracking tracking; /* the same; its strings are inside @configuration and @target */
    struct query_series math; /* its Metrics, if it has some */
    struct step_scaling steps;
    struct predictive *predictive; /* of a predictive policy; else NULL */
    struct tracking_state state;   /* of step scaling there is the cooldown only */
    struct scaling_alarm high, low;
    struct policy_signal signal;
};

/** policy_kind_text() - "TargetTrackingScaling" ... */
const char *policy_kind_text(enum policy_kind kind);
/** policy_kind_member() - "TargetTrackingScalingPolicyConfiguration" ... */
const char *policy_kind_member(enum policy_kind kind);
/** policy_kind_parse() - Return: 0 or -EINVAL */
int policy_kind_parse(const char *text, enum policy_kind *ret);

/**
 * scaling_policy_put() - make or replace
 * @configuration: of the kind's right shape; a reference is taken
 * @ret_why:       with CONFIGURATION, a sentence
 *
 * A policy that is replaced gets new alarms and keeps its cooldown.
 * Return: 0, SCALING_E_CONFIGURATION, SCALING_E_DUPLICATE, SCALING_E_LIMIT or -errno.
 */
int scaling_policy_put(struct scaling_target *t, const char *name, enum policy_kind kind,
                       json_t *configuration, struct scaling_policy **ret,
                       char ret_why[SCALING_WHY_BYTES]);
struct scaling_policy *scaling_policy_find(const struct scaling_target *t, const char *name);
/** scaling_policy_delete() - @p is gone afterwards. Return: 0 or -errno. */
int scaling_policy_delete(struct scaling_policy *p);
/** scaling_policy_save() - write it, cooldown and all. Return: 0 or -errno. */
int scaling_policy_save(struct scaling_policy *p);

/** scaling_policy_cooldown_s() - after a change in @direction */
int scaling_policy_cooldown_s(const struct scaling_policy *p, enum direction direction);
/** scaling_policy_hear() - @signal is for the policy called @arn: act on it with the next tick.
 * An alarm_act_fn; @autoscaler is one. */
int scaling_policy_hear(void *autoscaler, const char *arn, const struct alarm_signal *signal);

bool scaling_policy_has_high(const struct scaling_policy *p); /* managed alarms: not of steps ... */
bool scaling_policy_has_low(const struct scaling_policy *p);  /* ... nor without scale-in */
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
