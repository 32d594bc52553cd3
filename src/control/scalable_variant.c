/* The instance count of a variant: "endpoint/NAME/variant/NAME". */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/scaling_target.h"

static const char first[] = "endpoint/", second[] = "/variant/";

/* Both slices are empty if it is nothing of the kind. */
static void parse(const char *id, struct slice *endpoint, struct slice *variant)
{
    const char *name = id + sizeof first - 1, *middle;

    *endpoint = *variant = (struct slice){ NULL, 0 };
    if (strncmp(id, first, sizeof first - 1) != 0)
        return;
    middle = strstr(name, second);
    if (!middle)
        return;
    *endpoint = (struct slice){ name, (size_t)(middle - name) };
    *variant = slice_from(middle + sizeof second - 1);
}

static bool names(const char *resource_id)
{
    return strncmp(resource_id, first, sizeof first - 1) == 0;
}

/* Names of endpoints differ by more than case, so ids of their targets do too. */
static bool same(const char *resource_id, const char *other)
{
    return strcasecmp(resource_id, other) == 0;
}

static struct variant *find(const struct autoscaler *a, const char *resource_id)
{
    struct slice endpoint, variant;
    char name[LINK_NAME_BYTES];
    const struct endpoint *e;

    parse(resource_id, &endpoint, &variant);
    if (endpoint.size == 0 || variant.size == 0 || endpoint.size >= sizeof name)
        return NULL;
    snprintf(name, sizeof name, "%.*s", (int)endpoint.size, endpoint.data);
    e = endpoint_find(a->control, name);
    return e ? endpoint_variant(e, variant.data) : NULL;
}

static int no(char ret_why[SCALABLE_WHY_BYTES], int outcome, const char *why)
{
    snprintf(ret_why, SCALABLE_WHY_BYTES, "%s", why);
    return outcome;
}

static int check(const struct autoscaler *a, const char *resource_id,
                 char ret_why[SCALABLE_WHY_BYTES])
{
    const struct variant *v = find(a, resource_id);

    if (!v || v->endpoint->status == ENDPOINT_DELETING)
        return no(ret_why, SCALABLE_E_NOT, "there is no such endpoint, or it has no such variant");
    if (strncmp(v->instance_type, "ml.t", 4) == 0)
        return no(ret_why, SCALABLE_E_NOT,
                  "burstable instance types cannot be scaled automatically");
    return 0;
}

/* Its metrics have the names as they are written where they were created. */
static int watch(struct scaling_target *t)
{
    const struct variant *v = find(t->autoscaler, t->resource_id);
    struct slice endpoint, variant;

    parse(t->resource_id, &endpoint, &variant);
    t->endpoint = v ? strdup(v->endpoint->name) : slice_dup(endpoint);
    t->variant = v ? strdup(v->name) : slice_dup(variant);
    return t->endpoint && t->variant ? 0 : fault(-ENOMEM);
}

static void forget(struct scaling_target *t)
{
    free(t->endpoint);
    free(t->variant);
    t->endpoint = t->variant = NULL;
}

static void see(const struct autoscaler *a, const char *resource_id, struct scalable_state *ret)
{
    const struct variant *v = find(a, resource_id);
    struct variant_counts counts;

    *ret = (struct scalable_state){ .is = SCALABLE_GONE };
    if (!v)
        return;
    counts = variant_counts(v);
    ret->is = SCALABLE_KNOWN;
    ret->desired = (int)counts.desired;
    ret->in_service = (int)counts.in_service;
    ret->pending = (int)counts.pending;
    ret->limit = (int)a->control->settings.instances_max;
    ret->waiting = variant_waiting(v, loop_wall(a->control->loop));
    ret->startup_ms = v->startup_ms;
    ret->can_change = endpoint_takes_requests(v->endpoint);
}

static const char *refusal(int r)
{
    switch (r) {
    case ENDPOINT_E_LIMIT:
        return "The limit on instances of this server is reached. (Service: AmazonSageMaker; "
               "Status Code: 400; Error Code: ResourceLimitExceeded)";
    case ENDPOINT_E_IN_PROGRESS:
    case ENDPOINT_E_FAILED:
        return "The endpoint is not in a status in which it can be updated. (Service: "
               "AmazonSageMaker; Status Code: 400; Error Code: ValidationException)";
    default:
        return "The variant cannot have this instance count. (Service: AmazonSageMaker; Status "
               "Code: 400; Error Code: ValidationException)";
    }
}

static int set(struct autoscaler *a, const char *resource_id, int to, const char *cause,
               char ret_why[SCALABLE_WHY_BYTES])
{
    const struct variant *v = find(a, resource_id);
    int r = v ? endpoint_set_desired(a->control, v->endpoint->name, v->name, (unsigned)to, cause)
              : ENDPOINT_E_NOT_FOUND;

    return r > 0 ? no(ret_why, SCALABLE_E_REFUSED, refusal(r)) : fault(r);
}

/* Whether a request may bring an instance back depends on the target. */
static void changed(const struct autoscaler *a, const char *resource_id)
{
    struct variant *v = find(a, resource_id);

    if (v && v->endpoint->status != ENDPOINT_DELETING)
        variant_tell_outlook(a->control, v);
}

/* Predefined metrics of a variant that AWS's targets for it may name. */
static const struct {
    const char *type, *metric, *statistic;
    unsigned period_s;
} predefined_metrics[] = {
    { "SageMakerVariantInvocationsPerInstance", "InvocationsPerInstance", "Sum", 60 },
    { "SageMakerVariantConcurrentRequestsPerModelHighResolution", "ConcurrentRequestsPerModel",
      "Maximum", 10 },
};

static bool predefined(const struct scaling_target *t, const char *type, struct tracking *ret)
{
    for (size_t i = 0; i < sizeof predefined_metrics / sizeof predefined_metrics[0]; i++) {
        if (strcmp(predefined_metrics[i].type, type) != 0)
            continue;
        ret->metric = (struct metric_name){
            .namespace = "AWS/SageMaker",
            .name = predefined_metrics[i].metric,
            .dimensions = { { "EndpointName", t->endpoint }, { "VariantName", t->variant } },
            .n_dimensions = 2,
        };
        ret->period_s = predefined_metrics[i].period_s;
        return metric_statistic_parse(predefined_metrics[i].statistic, &ret->statistic) == 0;
    }
    return false;
}

const struct scalable scalable_variant = {
    .namespace = "sagemaker",
    .dimension = "sagemaker:variant:DesiredInstanceCount",
    .thing = "desired instance count",
    .unit = "instance",
    .role = "sagemaker.application-autoscaling.amazonaws.com/"
            "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
    .gone = "The endpoint or its variant was deleted.",
    .names = names,
    .same = same,
    .check = check,
    .watch = watch,
    .forget = forget,
    .see = see,
    .set = set,
    .changed = changed,
    .predefined = predefined,
};
