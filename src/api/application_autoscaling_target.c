/* Scalable targets: RegisterScalableTarget, DescribeScalableTargets, DeregisterScalableTarget. */
#include <errno.h>
#include <string.h>

#include "api/application_autoscaling.h"
#include "base/error.h"
#include "control/forecaster.h"
#include "control/tags.h"

enum { PAGE_MOST = 50 };

/* --- RegisterScalableTarget ------------------------------------------------------------------- */

static const struct shape register_input = STRUCTURE(
    "RegisterScalableTargetRequest", REQUIRED("ServiceNamespace", &app_scaling_namespace),
    REQUIRED("ResourceId", &app_scaling_resource_id),
    REQUIRED("ScalableDimension", &app_scaling_dimension), OPTIONAL("MinCapacity", &shape_integer),
    OPTIONAL("MaxCapacity", &shape_integer), OPTIONAL("RoleARN", &app_scaling_resource_id),
    OPTIONAL("SuspendedState", &app_scaling_suspended_state),
    OPTIONAL("Tags", &app_scaling_tag_map));
static const struct shape register_output =
    STRUCTURE("RegisterScalableTargetResponse", OPTIONAL("ScalableTargetARN", &app_scaling_text));

/* "arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE" */
static bool is_arn(const char *text)
{
    unsigned colons = 0;

    if (strncmp(text, "arn:", 4) != 0)
        return false;
    for (; *text && colons < 5; text++)
        colons += *text == ':';
    return colons == 5 && *text != '\0';
}

static int read_switch(json_t *suspended, const char *member)
{
    json_t *value = json_object_get(suspended, member);

    return value ? json_is_true(value) : -1;
}

/* @ret->tags is a new reference, or NULL */
static int read_change(struct api_call *call, struct scaling_target_change *ret)
{
    json_t *suspended = input_get(call, "SuspendedState");
    const char *role = input_text(call, "RoleARN");
    int r = app_scaling_supported(call);

    *ret = (struct scaling_target_change){
        .resource_id = input_text(call, "ResourceId"),
        .in_suspended = read_switch(suspended, "DynamicScalingInSuspended"),
        .out_suspended = read_switch(suspended, "DynamicScalingOutSuspended"),
        .scheduled_suspended = read_switch(suspended, "ScheduledScalingSuspended"),
        .role_arn = role,
    };
    if (!r)
        r = app_scaling_capacity(call, call->input, "MinCapacity", &ret->min);
    if (!r)
        r = app_scaling_capacity(call, call->input, "MaxCapacity", &ret->max);
    if (!r && role && !is_arn(role))
        r = api_error(call, "ValidationException", "RoleARN '%s' is not an ARN", role);
    if (!r && json_object_size(input_get(call, "Tags")) > TAGS_MAX)
        r = api_error(call, "LimitExceededException", "A scalable target has at most %d tags",
                      TAGS_MAX);
    if (!r && input_get(call, "Tags"))
        r = app_scaling_tags(call, input_get(call, "Tags"), &ret->tags);
    return r;
}

static int refuse(struct api_call *call, int outcome, const char *why)
{
    const char *resource = input_text(call, "ResourceId");

    switch (outcome) {
    case SCALING_E_NO_RESOURCE:
        return api_error(call, "ValidationException",
                         "Resource Id [%s] is not scalable. Reason: %s", resource, why);
    case SCALING_E_INCOMPLETE:
        return api_error(call, "ValidationException",
                         "MinCapacity and MaxCapacity are required to register a scalable target");
    case SCALING_E_BOUNDS:
        return api_error(call, "ValidationException",
                         "Maximum capacity cannot be less than minimum capacity");
    case SCALING_E_TAGGED:
        return api_error(call, "ValidationException",
                         "The scalable target that you tried to tag already exists. To update tags "
                         "on an existing scalable target, use the TagResource API.");
    case SCALING_E_LIMIT:
        return api_error(call, "LimitExceededException",
                         "There are at most %d scalable targets of the scalable dimension %s",
                         SCALING_TARGETS_MAX, input_text(call, "ScalableDimension"));
    default:
        return fault(outcome);
    }
}

static int register_target(struct api_call *call)
{
    struct scaling_target_change change;
    struct scaling_target *t = NULL;
    char arn[SCALING_ARN_BYTES], why[SCALABLE_WHY_BYTES];
    int r = read_change(call, &change);

    if (r)
        return r;
    r = scaling_target_register(call->control->autoscaler, &change, &t, why);
    json_decref(change.tags);
    if (r)
        return refuse(call, r, why);
    scaling_target_arn(t, arn);
    call->output = json_pack("{s:s}", "ScalableTargetARN", arn);
    return 0;
}

/* --- DescribeScalableTargets ------------------------------------------------------------------ */

static const struct shape describe_input = STRUCTURE(
    "DescribeScalableTargetsRequest", REQUIRED("ServiceNamespace", &app_scaling_namespace),
    OPTIONAL("ResourceIds", &app_scaling_resource_ids),
    OPTIONAL("ScalableDimension", &app_scaling_dimension), OPTIONAL("MaxResults", &shape_integer),
    OPTIONAL("NextToken", &app_scaling_text));
static const struct shape target = STRUCTURE(
    "ScalableTarget", REQUIRED("ServiceNamespace", &app_scaling_namespace),
    REQUIRED("ResourceId", &app_scaling_resource_id),
    REQUIRED("ScalableDimension", &app_scaling_dimension), REQUIRED("MinCapacity", &shape_integer),
    REQUIRED("MaxCapacity", &shape_integer), OPTIONAL("PredictedCapacity", &shape_integer),
    REQUIRED("RoleARN", &app_scaling_resource_id), REQUIRED("CreationTime", &shape_timestamp),
    OPTIONAL("SuspendedState", &app_scaling_suspended_state),
    OPTIONAL("ScalableTargetARN", &app_scaling_text));
static const struct shape targets = LIST("ScalableTargets", &target);
static const struct shape describe_output =
    STRUCTURE("DescribeScalableTargetsResponse", OPTIONAL("ScalableTargets", &targets),
              OPTIONAL("NextToken", &app_scaling_text));

static bool is_listed(json_t *ids, const struct scaling_target *t)
{
    size_t i;
    json_t *item;

    json_array_foreach (ids, i, item)
        if (t->scalable->same(t->resource_id, json_string_value(item)))
            return true;
    return json_array_size(ids) == 0;
}

/* A new reference, NULL if no memory. */
static json_t *target_item(const struct api_call *call, const struct scaling_target *t)
{
    json_t *item = scaling_target_document(t);
    int predicted;

    if (item && forecaster_predicted(t, call->now, &predicted) &&
        json_object_set_new(item, "PredictedCapacity", json_integer(predicted)) != 0) {
        json_decref(item);
        return NULL;
    }
    return item;
}

static int describe_targets(struct api_call *call)
{
    json_t *ids = input_get(call, "ResourceIds");
    json_auto_t *items = json_array();
    int r = app_scaling_filter(call, "ResourceIds");

    if (r)
        return r;
    list_for_each (t, &call->control->autoscaler->targets, struct scaling_target, link) {
        if (!app_scaling_matches(call, t->scalable, t->resource_id) || !is_listed(ids, t))
            continue;
        if (json_array_append_new(items, target_item(call, t)) != 0)
            return fault(-ENOMEM);
    }
    return app_scaling_page(call, "ScalableTargets", json_incref(items), "ResourceId", PAGE_MOST);
}

/* --- DeregisterScalableTarget ----------------------------------------------------------------- */

static const struct shape deregister_input = STRUCTURE(
    "DeregisterScalableTargetRequest", REQUIRED("ServiceNamespace", &app_scaling_namespace),
    REQUIRED("ResourceId", &app_scaling_resource_id),
    REQUIRED("ScalableDimension", &app_scaling_dimension));

static int deregister_target(struct api_call *call)
{
    struct scaling_target *t = NULL;
    int r = app_scaling_find(call, "found", &t);

    if (r)
        return r;
    r = scaling_target_deregister(t);
    if (r)
        return fault(r);
    call->output = json_object();
    return 0;
}

const struct operation app_scaling_target_operations[] = {
    { "RegisterScalableTarget", &register_input, &register_output, register_target },
    { "DescribeScalableTargets", &describe_input, &describe_output, describe_targets },
    { "DeregisterScalableTarget", &deregister_input, &app_scaling_empty_output, deregister_target },
    { NULL },
};
