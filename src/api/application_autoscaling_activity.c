/* DescribeScalingActivities: what scaling did, and why. */
#include <errno.h>
#include <string.h>

#include "api/application_autoscaling.h"
#include "base/error.h"
#include "control/scaling_activity.h"

enum { PAGE_MOST = 50 };

static const struct shape input = STRUCTURE(
    "DescribeScalingActivitiesRequest", REQUIRED("ServiceNamespace", &app_scaling_namespace),
    OPTIONAL("ResourceId", &app_scaling_resource_id),
    OPTIONAL("ScalableDimension", &app_scaling_dimension), OPTIONAL("MaxResults", &shape_integer),
    OPTIONAL("NextToken", &app_scaling_text),
    OPTIONAL("IncludeNotScaledActivities", &shape_boolean));

static const struct shape status =
    STRING("ScalingActivityStatusCode",
           ENUM("Pending", "InProgress", "Successful", "Overridden", "Unfulfilled", "Failed"));
static const struct shape reason = STRUCTURE(
    "NotScaledReason", REQUIRED("Code", &app_scaling_text), OPTIONAL("MaxCapacity", &shape_integer),
    OPTIONAL("MinCapacity", &shape_integer), OPTIONAL("CurrentCapacity", &shape_integer));
static const struct shape reasons = LIST("NotScaledReasons", &reason);
static const struct shape activity =
    STRUCTURE("ScalingActivity", REQUIRED("ActivityId", &shape_string),
              REQUIRED("ServiceNamespace", &app_scaling_namespace),
              REQUIRED("ResourceId", &app_scaling_resource_id),
              REQUIRED("ScalableDimension", &app_scaling_dimension),
              REQUIRED("Description", &app_scaling_text), REQUIRED("Cause", &app_scaling_text),
              REQUIRED("StartTime", &shape_timestamp), OPTIONAL("EndTime", &shape_timestamp),
              REQUIRED("StatusCode", &status), OPTIONAL("StatusMessage", &app_scaling_text),
              OPTIONAL("Details", &app_scaling_text), OPTIONAL("NotScaledReasons", &reasons));
static const struct shape activities = LIST("ScalingActivities", &activity);
static const struct shape output =
    STRUCTURE("DescribeScalingActivitiesResponse", OPTIONAL("ScalingActivities", &activities),
              OPTIONAL("NextToken", &app_scaling_text));

/* The ids of the wanted ones, to make pages of; only what is on the page is described. */
static int add_ids(const struct api_call *call, json_t *items)
{
    bool not_scaled = input_boolean(call, "IncludeNotScaledActivities", false);

    list_for_each_backwards (x, &call->control->autoscaler->activities, struct scaling_activity,
                             link) {
        if (!app_scaling_matches(call, x->scalable, x->resource_id) ||
            (x->not_scaled && !not_scaled))
            continue;
        if (json_array_append_new(items, json_pack("{s:s}", "ActivityId", x->id)) != 0)
            return fault(-ENOMEM);
    }
    return 0;
}

/* What is on the page stands there in the order of the list. */
static int describe_page(const struct api_call *call, json_t *page)
{
    size_t i = 0;

    list_for_each_backwards (x, &call->control->autoscaler->activities, struct scaling_activity,
                             link) {
        json_t *id = json_object_get(json_array_get(page, i), "ActivityId");

        if (!id)
            break;
        if (strcmp(json_string_value(id), x->id) != 0)
            continue;
        if (json_array_set_new(page, i++, scaling_activity_document(x)) != 0)
            return fault(-ENOMEM);
    }
    return 0;
}

static int describe_activities(struct api_call *call)
{
    json_auto_t *items = json_array();
    int r = app_scaling_filter(call, "ResourceId");

    if (!r)
        r = add_ids(call, items);
    if (!r)
        r = app_scaling_page(call, "ScalingActivities", json_incref(items), "ActivityId",
                             PAGE_MOST);
    return r ? r : describe_page(call, json_object_get(call->output, "ScalingActivities"));
}

const struct operation app_scaling_activity_operations[] = {
    { "DescribeScalingActivities", &input, &output, describe_activities },
    { NULL },
};
