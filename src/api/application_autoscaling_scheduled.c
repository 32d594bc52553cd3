/* Scheduled actions: PutScheduledAction, DescribeScheduledActions, DeleteScheduledAction. */
#include <errno.h>
#include <string.h>

#include "api/application_autoscaling.h"
#include "base/error.h"
#include "control/scheduled_action.h"

enum { PAGE_MOST = 50 };

static const struct shape action_name =
    STRING("ScheduledActionName", BETWEEN(1, 256),
           PATTERN_AS("(?!((^[ ]+.*)|(.*([\\u0000-\\u001f]|[\\u007f-\\u009f]|[:/|])+.*)|(.*[ "
                      "]+$))).+",
                      "[^[:cntrl:] :/|]([^[:cntrl:]:/|]*[^[:cntrl:] :/|])?"));
static const struct shape bounds =
    STRUCTURE("ScalableTargetAction", OPTIONAL("MinCapacity", &shape_integer),
              OPTIONAL("MaxCapacity", &shape_integer));

/* --- PutScheduledAction ----------------------------------------------------------------------- */

static const struct shape put_input = STRUCTURE(
    "PutScheduledActionRequest", REQUIRED("ServiceNamespace", &app_scaling_namespace),
    OPTIONAL("Schedule", &app_scaling_resource_id), OPTIONAL("Timezone", &app_scaling_resource_id),
    REQUIRED("ScheduledActionName", &action_name), REQUIRED("ResourceId", &app_scaling_resource_id),
    REQUIRED("ScalableDimension", &app_scaling_dimension), OPTIONAL("StartTime", &shape_timestamp),
    OPTIONAL("EndTime", &shape_timestamp), OPTIONAL("ScalableTargetAction", &bounds));

static int read_time(struct api_call *call, const char *member, wall_ms_t absent, wall_ms_t *ret)
{
    double seconds = input_number(call, member, 0);

    if (seconds < 0)
        return api_error(call, "ValidationException", "%s must not be before 1970", member);
    *ret = input_get(call, member) ? (wall_ms_t)(seconds * MS_PER_S) : absent;
    return 0;
}

static int read_change(struct api_call *call, struct scheduled_action_change *ret)
{
    json_t *action = input_get(call, "ScalableTargetAction");
    int r;

    *ret = (struct scheduled_action_change){
        .name = input_text(call, "ScheduledActionName"),
        .schedule = input_text(call, "Schedule"),
        .zone_name = input_text(call, "Timezone"),
        .has_bounds = action != NULL,
    };
    r = app_scaling_capacity(call, action, "MinCapacity", &ret->min);
    if (!r)
        r = app_scaling_capacity(call, action, "MaxCapacity", &ret->max);
    if (!r)
        r = read_time(call, "StartTime", INT64_MIN, &ret->start);
    return r ? r : read_time(call, "EndTime", INT64_MAX, &ret->end);
}

static int refuse(struct api_call *call, const struct scaling_target *t, int outcome,
                  const char *why)
{
    const struct scheduled_action *old =
        scheduled_action_find(t, input_text(call, "ScheduledActionName"));
    const char *schedule = input_text(call, "Schedule"), *zone = input_text(call, "Timezone");

    /* an update is refused for what it keeps, too */
    schedule = schedule || !old ? schedule : old->text;
    zone = zone || !old ? zone : old->zone_name;
    switch (outcome) {
    case SCHEDULED_E_INCOMPLETE:
        return api_error(call, "ValidationException",
                         "Schedule is required to create a scheduled action");
    case SCHEDULED_E_NO_BOUNDS:
        return api_error(call, "ValidationException",
                         "At least one of minimum capacity and maximum capacity should be "
                         "provided");
    case SCHEDULED_E_BOUNDS:
        return api_error(call, "ValidationException",
                         "Maximum capacity cannot be less than minimum capacity");
    case SCHEDULED_E_SCHEDULE:
        return api_error(call, "ValidationException", "Invalid schedule expression %s: %s",
                         schedule, why);
    case SCHEDULED_E_ZONE:
        return api_error(call, "ValidationException", "Invalid time zone: %s", zone);
    case SCHEDULED_E_SKIPPED:
        return api_error(call, "ValidationException",
                         "Invalid schedule expression %s: there is no such time in %s, where "
                         "clocks are put forward over it",
                         schedule, zone);
    case SCHEDULED_E_TIMES:
        return api_error(call, "ValidationException", "StartTime must be before EndTime");
    case SCHEDULED_E_LIMIT:
        return api_error(call, "LimitExceededException",
                         "A scalable target has at most %d scheduled actions",
                         SCHEDULED_ACTIONS_MAX);
    default:
        return fault(outcome);
    }
}

/* U+0080 to U+009F are control characters too, which the pattern's bytes do not tell. */
static int check_name(struct api_call *call)
{
    const char *name = input_text(call, "ScheduledActionName");

    for (const char *c = name; (c = strchr(c, '\xc2')); c++)
        if ((unsigned char)c[1] < 0xa0)
            return api_error(call, "ValidationException",
                             "ScheduledActionName must not have control characters");
    return 0;
}

static int put_action(struct api_call *call)
{
    struct scheduled_action_change change;
    struct scaling_target *t = NULL;
    const char *why = NULL;
    int r = app_scaling_registered(call, &t);

    if (!r)
        r = check_name(call);
    if (!r)
        r = read_change(call, &change);
    if (r)
        return r;
    r = scheduled_action_put(t, &change, &why);
    if (r)
        return refuse(call, t, r, why);
    call->output = json_object();
    return 0;
}

/* --- DescribeScheduledActions ----------------------------------------------------------------- */

static const struct shape describe_input = STRUCTURE(
    "DescribeScheduledActionsRequest", OPTIONAL("ScheduledActionNames", &app_scaling_resource_ids),
    REQUIRED("ServiceNamespace", &app_scaling_namespace),
    OPTIONAL("ResourceId", &app_scaling_resource_id),
    OPTIONAL("ScalableDimension", &app_scaling_dimension), OPTIONAL("MaxResults", &shape_integer),
    OPTIONAL("NextToken", &app_scaling_text));
static const struct shape action = STRUCTURE(
    "ScheduledAction", REQUIRED("ScheduledActionName", &action_name),
    REQUIRED("ScheduledActionARN", &app_scaling_resource_id),
    REQUIRED("ServiceNamespace", &app_scaling_namespace),
    REQUIRED("Schedule", &app_scaling_resource_id), OPTIONAL("Timezone", &app_scaling_resource_id),
    REQUIRED("ResourceId", &app_scaling_resource_id),
    OPTIONAL("ScalableDimension", &app_scaling_dimension), OPTIONAL("StartTime", &shape_timestamp),
    OPTIONAL("EndTime", &shape_timestamp), OPTIONAL("ScalableTargetAction", &bounds),
    REQUIRED("CreationTime", &shape_timestamp));
static const struct shape actions = LIST("ScheduledActions", &action);
static const struct shape describe_output =
    STRUCTURE("DescribeScheduledActionsResponse", OPTIONAL("ScheduledActions", &actions),
              OPTIONAL("NextToken", &app_scaling_text));

static int add_actions(const struct api_call *call, const struct scaling_target *t, json_t *items)
{
    json_t *names = input_get(call, "ScheduledActionNames");

    list_for_each (x, &t->actions, struct scheduled_action, link)
        if (app_scaling_named(names, x->name) &&
            json_array_append_new(items, scheduled_action_document(x)) != 0)
            return fault(-ENOMEM);
    return 0;
}

static int describe_actions(struct api_call *call)
{
    json_auto_t *items = json_array();
    int r = app_scaling_each(call, items, add_actions);

    if (r)
        return r;
    return app_scaling_page(call, "ScheduledActions", json_incref(items), "ScheduledActionARN",
                            PAGE_MOST);
}

/* --- DeleteScheduledAction -------------------------------------------------------------------- */

static const struct shape delete_input =
    STRUCTURE("DeleteScheduledActionRequest", REQUIRED("ServiceNamespace", &app_scaling_namespace),
              REQUIRED("ScheduledActionName", &app_scaling_resource_id),
              REQUIRED("ResourceId", &app_scaling_resource_id),
              REQUIRED("ScalableDimension", &app_scaling_dimension));

static int delete_action(struct api_call *call)
{
    const char *name = input_text(call, "ScheduledActionName");
    struct scaling_target *t = NULL;
    struct scheduled_action *x;
    int r = app_scaling_find(call, "found", &t);

    if (r)
        return r;
    x = scheduled_action_find(t, name);
    if (!x)
        return app_scaling_no_such(call, "scheduled action", "scheduled action name", name);
    r = scheduled_action_delete(x);
    if (r)
        return fault(r);
    call->output = json_object();
    return 0;
}

const struct operation app_scaling_scheduled_operations[] = {
    { "PutScheduledAction", &put_input, &app_scaling_empty_output, put_action },
    { "DescribeScheduledActions", &describe_input, &describe_output, describe_actions },
    { "DeleteScheduledAction", &delete_input, &app_scaling_empty_output, delete_action },
    { NULL },
};
