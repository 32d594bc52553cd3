/* DescribeScalingActivities: what scaling did, and why. */
#include <errno.h>

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

static int describe_activities(struct api_call *call)
{
    bool not_scaled = input_boolean(call, "IncludeNotScaledActivities", false);
    json_auto_t *items = json_array();
    int r = app_scaling_filter(call, "ResourceId");

    if (r)
        return r;
    list_for_each_backwards (x, &call->control->autoscaler->activities, struct scaling_activity,
                             link) {
        if (!app_scaling_matches(call, x->scalable, x->resource_id) ||
            (x->not_scaled && !not_scaled))
            continue;
        if (json_array_append_new(items, scaling_activity_document(x)) != 0)
            return fault(-ENOMEM);
    }
    return app_scaling_page(call, "ScalingActivities", json_incref(items), "ActivityId", PAGE_MOST);
}

const struct operation app_scaling_activity_operations[] = {
    { "DescribeScalingActivities", &input, &output, describe_activities },
    { NULL },
};
