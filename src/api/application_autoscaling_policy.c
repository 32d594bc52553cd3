/* Scaling policies: PutScalingPolicy, DescribeScalingPolicies, DeleteScalingPolicy. */
#include <errno.h>
#include <string.h>

#include "api/application_autoscaling.h"
#include "base/error.h"
#include "control/scaling_policy.h"

enum { PAGE_MOST = 10, MATH_REQUEST_BYTES = 50 * 1024 };

static const struct shape policy_type =
    STRING("PolicyType", ENUM("StepScaling", "TargetTrackingScaling", "PredictiveScaling"));

static const struct shape managed_alarm =
    STRUCTURE("Alarm", REQUIRED("AlarmName", &shape_string), REQUIRED("AlarmARN", &shape_string));
static const struct shape alarms = LIST("Alarms", &managed_alarm);

/* --- PutScalingPolicy ------------------------------------------------------------------------- */

static const struct shape put_input = STRUCTURE(
    "PutScalingPolicyRequest", REQUIRED("PolicyName", &app_scaling_policy_name),
    REQUIRED("ServiceNamespace", &app_scaling_namespace),
    REQUIRED("ResourceId", &app_scaling_resource_id),
    REQUIRED("ScalableDimension", &app_scaling_dimension), OPTIONAL("PolicyType", &policy_type),
    OPTIONAL("StepScalingPolicyConfiguration", &app_scaling_steps),
    OPTIONAL("TargetTrackingScalingPolicyConfiguration", &app_scaling_tracking),
    OPTIONAL("PredictiveScalingPolicyConfiguration", &app_scaling_predictive));
static const struct shape put_output =
    STRUCTURE("PutScalingPolicyResponse", REQUIRED("PolicyARN", &app_scaling_resource_id),
              OPTIONAL("Alarms", &alarms));

/* What the policy is: what it was, or what the call says. */
static int read_kind(struct api_call *call, const struct scaling_policy *old, enum policy_kind *ret)
{
    const char *type = input_text(call, "PolicyType");

    if (!type && !old)
        return api_error(call, "ValidationException",
                         "PolicyType is required to create a scaling policy");
    if (type && policy_kind_parse(type, ret) != 0)
        return fault(-EINVAL); /* the shape knows these */
    if (type && old && *ret != old->kind)
        return api_error(call, "ValidationException",
                         "The type of a scaling policy cannot be changed; %s is of type %s",
                         old->name, policy_kind_text(old->kind));
    if (!type)
        *ret = old->kind;
    return 0;
}

/* Give @configuration what it leaves out and @old has; of several names of one thing, none is given
 * where there is one. */
static int keep(json_t *configuration, json_t *old, const char *const *members, bool alternatives)
{
    bool given = false;

    for (size_t i = 0; members[i]; i++)
        given |= alternatives && json_object_get(configuration, members[i]) != NULL;
    for (size_t i = 0; members[i] && !given; i++) {
        json_t *kept = json_object_get(old, members[i]);
        if (kept && !json_object_get(configuration, members[i]) &&
            json_object_set(configuration, members[i], kept) != 0)
            return fault(-ENOMEM);
    }
    return 0;
}

static int keep_required(json_t *configuration, const struct scaling_policy *old)
{
    static const char *const metrics[] = { "PredefinedMetricSpecification",
                                           "CustomizedMetricSpecification", NULL };
    static const char *const steps[] = { "AdjustmentType", "StepAdjustments", NULL };

    if (old->kind == POLICY_STEP)
        return keep(configuration, old->configuration, steps, false);
    if (old->kind == POLICY_PREDICTIVE)
        return 0; /* whose shape requires what there has to be */
    return keep(configuration, old->configuration, metrics, true);
}

/* What is to be put: an update that leaves out what is required keeps that, and one without a
 * configuration all of it.
 * @ret: a new reference */
static int read_configuration(struct api_call *call, const struct scaling_policy *old,
                              enum policy_kind kind, json_t **ret)
{
    json_t *given = input_get(call, policy_kind_member(kind));

    for (enum policy_kind other = POLICY_TRACKING; other <= POLICY_PREDICTIVE; other++)
        if (other != kind && input_get(call, policy_kind_member(other)))
            return api_error(call, "ValidationException", "%s is not valid for a policy of type %s",
                             policy_kind_member(other), policy_kind_text(kind));
    if (!old && !given)
        return api_error(call, "ValidationException", "%s is required to create a scaling policy",
                         policy_kind_member(kind));
    *ret = given ? json_copy(given) : json_incref(old->configuration);
    if (!*ret)
        return fault(-ENOMEM);
    return given && old ? keep_required(*ret, old) : 0;
}

/* As AWS limits requests with metric math; the members that are known are counted. */
static int check_size(struct api_call *call, json_t *configuration)
{
    json_t *metric = json_object_get(configuration, "CustomizedMetricSpecification");
    bool math = json_object_get(metric, "Metrics") ||
                json_object_get(configuration, "MetricSpecifications");

    if (math && json_dumpb(call->input, NULL, 0, JSON_COMPACT) > MATH_REQUEST_BYTES)
        return api_error(call, "ValidationException",
                         "A request with metric math must not have more than %d bytes",
                         MATH_REQUEST_BYTES);
    return 0;
}

static int put(struct api_call *call, struct scaling_target *t, enum policy_kind kind,
               json_t *configuration)
{
    const char *name = input_text(call, "PolicyName");
    char why[SCALING_WHY_BYTES];
    struct scaling_policy *p = NULL;
    int r = scaling_policy_put(t, name, kind, configuration, &p, why);

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
    enum policy_kind kind = POLICY_TRACKING;
    int r = app_scaling_registered(call, &t);

    if (r)
        return r;
    old = scaling_policy_find(t, input_text(call, "PolicyName"));
    r = read_kind(call, old, &kind);
    if (!r)
        r = read_configuration(call, old, kind, &configuration);
    if (!r)
        r = check_size(call, configuration);
    return r ? r : put(call, t, kind, configuration);
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
    OPTIONAL("StepScalingPolicyConfiguration", &app_scaling_steps),
    OPTIONAL("TargetTrackingScalingPolicyConfiguration", &app_scaling_tracking),
    OPTIONAL("PredictiveScalingPolicyConfiguration", &app_scaling_predictive),
    OPTIONAL("Alarms", &alarms), REQUIRED("CreationTime", &shape_timestamp));
static const struct shape policies = LIST("ScalingPolicies", &policy);
static const struct shape describe_output =
    STRUCTURE("DescribeScalingPoliciesResponse", OPTIONAL("ScalingPolicies", &policies),
              OPTIONAL("NextToken", &app_scaling_text));

static int add_policies(const struct api_call *call, const struct scaling_target *t, json_t *items)
{
    json_t *names = input_get(call, "PolicyNames");

    list_for_each (p, &t->policies, struct scaling_policy, link)
        if (app_scaling_named(names, p->name) &&
            json_array_append_new(items, scaling_policy_document(p)) != 0)
            return fault(-ENOMEM);
    return 0;
}

static int describe_policies(struct api_call *call)
{
    json_auto_t *items = json_array();
    int r = app_scaling_each(call, items, add_policies);

    if (r)
        return r;
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
        return app_scaling_no_such(call, "scaling policy", "policy name", name);
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
