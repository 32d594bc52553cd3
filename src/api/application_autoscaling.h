/* api/application_autoscaling.h: what the files of Application Auto Scaling's API share.
 *
 * application_autoscaling.c has the service and what its handlers share, _shapes.c the shapes that
 * several operations use; _target.c, _policy.c, _predictive.c, _scheduled.c, _activity.c
 * and _tags.c each have a list of
 * operations. Source: the service model application-autoscaling (2016-02-06), Application Auto
 * Scaling API Reference.
 */
#pragma once
#include "api/services.h"
#include "control/scaling_target.h"

/* --- shapes (application_autoscaling_shapes.c) ------------------------------------------------ */

extern const struct shape app_scaling_namespace, app_scaling_dimension, app_scaling_resource_id,
    app_scaling_resource_ids;
extern const struct shape app_scaling_text; /* AWS's XmlString */
extern const struct shape app_scaling_policy_name;
extern const struct shape app_scaling_suspended_state;
extern const struct shape app_scaling_tracking; /* TargetTrackingScalingPolicyConfiguration */
extern const struct shape app_scaling_steps;    /* StepScalingPolicyConfiguration */
extern const struct shape app_scaling_queries;  /* metric math: a list of MetricDataQuery */
extern const struct shape app_scaling_resource_label;
extern const struct shape app_scaling_predictive; /* ..._predictive.c has this one */
extern const struct shape app_scaling_arn, app_scaling_tag_map, app_scaling_tag_keys;
extern const struct shape app_scaling_empty_output;

/* --- operations ------------------------------------------------------------------------------- */

extern const struct operation app_scaling_target_operations[];
extern const struct operation app_scaling_policy_operations[];
extern const struct operation app_scaling_predictive_operations[];
extern const struct operation app_scaling_scheduled_operations[];
extern const struct operation app_scaling_activity_operations[];
extern const struct operation app_scaling_tag_operations[];

/* --- help for handlers (application_autoscaling.c); each returns as a handler does ------------ */

/** app_scaling_supported() - that the call is about a capacity that is scaled here */
int app_scaling_supported(struct api_call *call);

/** app_scaling_find() - the scalable target that the call names
 * @missing: "found" or "registered", as AWS says it of a target that is not there */
int app_scaling_find(struct api_call *call, const char *missing, struct scaling_target **ret);

/** app_scaling_registered() - both: the target that something of its is to be put for */
int app_scaling_registered(struct api_call *call, struct scaling_target **ret);

/** app_scaling_no_such() - the error that there is no @what ("scaling policy") called @name
 * @label: "policy name" */
int app_scaling_no_such(struct api_call *call, const char *what, const char *label,
                        const char *name);

/** app_scaling_named() - whether @name is in the list @names; all are, where there is none */
bool app_scaling_named(json_t *names, const char *name);

/** app_scaling_each() - add @add's items of each target that passes the call's filter. Return: as a
 * handler does. */
int app_scaling_each(struct api_call *call, json_t *items,
                     int (*add)(const struct api_call *call, const struct scaling_target *t,
                                json_t *items));

/** app_scaling_capacity() - MinCapacity or MaxCapacity, if @holder has it; refuses less than 0
 * @ret: -1 if it is not there */
int app_scaling_capacity(struct api_call *call, json_t *holder, const char *member, int *ret);

/** app_scaling_filter() - check ScalableDimension as a filter
 * @companion: the member without which it must not be given */
int app_scaling_filter(struct api_call *call, const char *companion);

/** app_scaling_matches() - whether @resource_id of @scalable passes the call's ServiceNamespace,
 * ResourceId and ScalableDimension */
bool app_scaling_matches(const struct api_call *call, const struct scalable *scalable,
                         const char *resource_id);

/** app_scaling_page() - as api_page(), with MaxResults of the call, at most @most
 * @items: taken over */
int app_scaling_page(struct api_call *call, const char *list, json_t *items, const char *key,
                     size_t most);

/** app_scaling_tags() - from a map to what tags.h keeps; refuses a pace that is none
 * @ret_tags: a new reference */
int app_scaling_tags(struct api_call *call, json_t *map, json_t **ret_tags);
