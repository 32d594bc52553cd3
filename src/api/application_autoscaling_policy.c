/* Scaling policies: PutScalingPolicy, DescribeScalingPolicies, DeleteScalingPolicy. */
#include <errno.h>
#include <string.h>

#include "api/application_autoscaling.h"
#include "base/error.h"
#include "control/scaling_policy.h"

enum { PAGE_MOST = 10 };

static const struct shape policy_type =
    STRING("PolicyType", ENUM("StepScaling", "TargetTrackingScaling", "PredictiveScaling"));
/* Of these two it matters only whether they are there, as they are refused. */
static const struct shape step_configuration = STRUCTURE("StepScalingPolicyConfiguration");
static const struct shape predictive_configuration =
    STRUCTURE("PredictiveScalingPolicyConfiguration");

static const struct shape managed_alarm =
    STRUCTURE("Alarm", REQUIRED("AlarmName", &shape_string), REQUIRED("AlarmARN", &shape_string));
static const struct shape alarms = LIST("Alarms", &managed_alarm);

static const char tracking_member[] = "TargetTrackingScalingPolicyConfiguration";
static const char tracking_type[] = "TargetTrackingScaling";

/* --- PutScalingPolicy ------------------------------------------------------------------------- */

static const struct shape put_input = STRUCTURE(
    "PutScalingPolicyRequest", REQUIRED("PolicyName", &app_scaling_policy_name),
    REQUIRED("ServiceNamespace", &app_scaling_namespace),
    REQUIRED("ResourceId", &app_scaling_resource_id),
    REQUIRED("ScalableDimension", &app_scaling_dimension), OPTIONAL("PolicyType", &policy_type),
    OPTIONAL("StepScalingPolicyConfiguration", &step_configuration),
    OPTIONAL("TargetTrackingScalingPolicyConfiguration", &app_scaling_tracking),
    OPTIONAL("PredictiveScalingPolicyConfiguration", &predictive_configuration));
static const struct shape put_output =
    STRUCTURE("PutScalingPolicyResponse", REQUIRED("PolicyARN", &app_scaling_resource_id),
              OPTIONAL("Alarms", &alarms));

static int check_type(struct api_call *call)
{
    const char *type = input_text(call, "PolicyType");

    if ((type && strcmp(type, tracking_type) != 0) ||
        input_get(call, "StepScalingPolicyConfiguration") ||
        input_get(call, "PredictiveScalingPolicyConfiguration"))
        return api_error(call, "ValidationException",
                         "Policies of type %s are supported, configured by %s; step scaling and "
                         "predictive scaling are not supported by weir",
                         tracking_type, tracking_member);
    return 0;
}

/* Give @configuration the metric of @old if it names none. */
static int keep_metric(json_t *configuration, json_t *old)
{
    static const char *const members[] = { "PredefinedMetricSpecification",
                                           "CustomizedMetricSpecification" };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_object_get(configuration, members[i]))
            return 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *kept = json_object_get(old, members[i]);
        if (kept && json_object_set(configuration, members[i], kept) != 0)
            return fault(-ENOMEM);
    }
    return 0;
}

/* What is to be put: an update that leaves out the metric keeps the one before, and one without a
 * configuration all of it.
 * @ret: a new reference */
static int read_configuration(struct api_call *call, const struct scaling_policy *old, json_t **ret)
{
    json_t *given = input_get(call, tracking_member);

    if (!old && !input_get(call, "PolicyType"))
        return api_error(call, "ValidationException",
                         "PolicyType is required to create a scaling policy");
    if (!old && !given)
        return api_error(call, "ValidationException", "%s is required to create a scaling policy",
                         tracking_member);
    *ret = given ? json_copy(given) : json_incref(old->configuration);
    if (!*ret)
        return fault(-ENOMEM);
    return given && old ? keep_metric(*ret, old->configuration) : 0;
}

static int put(struct api_call *call, struct scaling_target *t, json_t *configuration)
{
    const char *name = input_text(call, "PolicyName");
    char why[SCALING_WHY_BYTES];
    struct scaling_policy *p = NULL;
    int r = scaling_policy_put(t, name, configuration, &p, why);

    switch (r) {
    case 0:
        call->output = scaling_policy_document(p);
        return 0;
    case SCALING_E_CONFIGURATION:
        return api_error(call, "ValidationException", "%s", why);
    case SCALING_E_DUPLICATE:
        return api_error(call, "ValidationException",
                         "Only one TargetTrackingScaling policy for a given metric specification "
                         "is allowed.");
    case SCALING_E_LIMIT:
        return api_error(call, "LimitExceededException",
                         "A scalable target has at most %d scaling policies", SCALING_POLICIES_MAX);
    default:
        return fault(r);
    }
}

static int put_policy(struct api_call *call)
{
    const struct scaling_policy *old;
    struct scaling_target *t = NULL;
    json_auto_t *configuration = NULL;
    int r = check_type(call);

    if (!r)
        r = app_scaling_supported(call);
    if (!r)
        r = app_scaling_find(call, "registered", &t);
    if (r)
        return r;
    old = scaling_policy_find(t, input_text(call, "PolicyName"));
    r = read_configuration(call, old, &configuration);
    return r ? r : put(call, t, configuration);
}

/* --- DescribeScalingPolicies ------------------------------------------------------------------ */

static const struct shape describe_input =
    STRUCTURE("DescribeScalingPoliciesRequest", OPTIONAL("PolicyNames", &app_scaling_resource_ids),
              REQUIRED("ServiceNamespace", &app_scaling_namespace),
              OPTIONAL("ResourceId", &app_scaling_resource_id),
              OPTIONAL("ScalableDimension", &app_scaling_dimension),
              OPTIONAL("MaxResults", &shape_integer), OPTIONAL("NextToken", &app_scaling_text));
static const struct shape policy = STRUCTURE(
    "ScalingPolicy", REQUIRED("PolicyARN", &app_scaling_resource_id),
    REQUIRED("PolicyName", &app_scaling_policy_name),
    REQUIRED("ServiceNamespace", &app_scaling_namespace),
    REQUIRED("ResourceId", &app_scaling_resource_id),
    REQUIRED("ScalableDimension", &app_scaling_dimension), REQUIRED("PolicyType", &policy_type),
    OPTIONAL("TargetTrackingScalingPolicyConfiguration", &app_scaling_tracking),
    OPTIONAL("Alarms", &alarms), REQUIRED("CreationTime", &shape_timestamp));
static const struct shape policies = LIST("ScalingPolicies", &policy);
static const struct shape describe_output =
    STRUCTURE("DescribeScalingPoliciesResponse", OPTIONAL("ScalingPolicies", &policies),
              OPTIONAL("NextToken", &app_scaling_text));

static bool is_named(json_t *names, const char *name)
{
    size_t i;
    json_t *item;

    json_array_foreach (names, i, item)
        if (strcmp(json_string_value(item), name) == 0)
            return true;
    return json_array_size(names) == 0;
}

static int add_policies(const struct api_call *call, const struct scaling_target *t, json_t *items)
{
    json_t *names = input_get(call, "PolicyNames");

    list_for_each (p, &t->policies, struct scaling_policy, link)
        if (is_named(names, p->name) &&
            json_array_append_new(items, scaling_policy_document(p)) != 0)
            return fault(-ENOMEM);
    return 0;
}

static int describe_policies(struct api_call *call)
{
    json_auto_t *items = json_array();
    int r = app_scaling_filter(call, "ResourceId");

    if (r)
        return r;
    list_for_each (t, &call->control->autoscaler->targets, struct scaling_target, link) {
        r = app_scaling_matches(call, t->resource_id) ? add_policies(call, t, items) : 0;
        if (r)
            return fault(r);
    }
    return app_scaling_page(call, "ScalingPolicies", json_incref(items), "PolicyARN", PAGE_MOST);
}

/* --- DeleteScalingPolicy ---------------------------------------------------------------------- */

static const struct shape delete_input =
    STRUCTURE("DeleteScalingPolicyRequest", REQUIRED("PolicyName", &app_scaling_resource_id),
              REQUIRED("ServiceNamespace", &app_scaling_namespace),
              REQUIRED("ResourceId", &app_scaling_resource_id),
              REQUIRED("ScalableDimension", &app_scaling_dimension));

static int delete_policy(struct api_call *call)
{
    const char *name = input_text(call, "PolicyName");
    struct scaling_target *t = NULL;
    struct scaling_policy *p;
    int r = app_scaling_find(call, "found", &t);

    if (r)
        return r;
    p = scaling_policy_find(t, name);
    if (!p)
        return api_error(call, "ObjectNotFoundException",
                         "No scaling policy found for service namespace: %s, resource ID: %s, "
                         "scalable dimension: %s, policy name: %s",
                         SCALING_NAMESPACE, input_text(call, "ResourceId"), SCALING_DIMENSION,
                         name);
    r = scaling_policy_delete(p);
    if (r)
        return fault(r);
    call->output = json_object();
    return 0;
}

const struct operation app_scaling_policy_operations[] = {
    { "PutScalingPolicy", &put_input, &put_output, put_policy },
    { "DescribeScalingPolicies", &describe_input, &describe_output, describe_policies },
    { "DeleteScalingPolicy", &delete_input, &app_scaling_empty_output, delete_policy },
    { NULL },
};
