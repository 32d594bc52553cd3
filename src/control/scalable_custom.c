/* A custom resource: the capacity behind a URL (custom_resource.h). */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/scaling_target.h"

static bool names(const char *resource_id)
{
    return strstr(resource_id, "://") != NULL;
}

static bool same(const char *resource_id, const char *other)
{
    return strcmp(resource_id, other) == 0;
}

/* Whether somebody answers there is found out when it is asked, which nobody waits for here. */
static int check(const struct autoscaler *a, const char *resource_id,
                 char ret_why[SCALABLE_WHY_BYTES])
{
    const char *why;

    if (custom_resource_url_valid(resource_id, &why))
        return 0;
    snprintf(ret_why, SCALABLE_WHY_BYTES, "%s", why);
    return SCALABLE_E_NOT;
}

static int watch(struct scaling_target *t)
{
    return fault(custom_resource_watch(&t->autoscaler->custom_resources, t->resource_id));
}

static void forget(struct scaling_target *t)
{
    custom_resource_forget(&t->autoscaler->custom_resources, t->resource_id);
}

static void see(const struct autoscaler *a, const char *resource_id, struct scalable_state *ret)
{
    const struct custom_resource *r = custom_resource_find(&a->custom_resources, resource_id);
    const struct custom_resource_answer *answer;
    bool failed;

    *ret = (struct scalable_state){ .is = SCALABLE_GONE };
    if (!r)
        return;
    answer = &r->answer;
    failed = answer->status == CUSTOM_RESOURCE_FAILED;
    *ret = (struct scalable_state){
        .is = r->known ? SCALABLE_KNOWN : SCALABLE_UNKNOWN,
        .desired = r->wanted >= 0 ? r->wanted : answer->desired,
        .in_service = answer->actual,
        .limit = INT_MAX,
        .can_change = !*r->trouble,
        .setting = r->wanted >= 0,
        .busy = answer->status == CUSTOM_RESOURCE_PENDING ||
                answer->status == CUSTOM_RESOURCE_IN_PROGRESS,
        .trouble = *r->trouble ? r->trouble : NULL,
        .refusal = *r->refusal ? r->refusal : NULL,
        .refused = r->refused,
        .failure = !failed           ? NULL
                   : *answer->reason ? answer->reason
                                     : "the custom resource gives none",
    };
    if (ret->desired > ret->in_service)
        ret->pending = ret->desired - ret->in_service;
}

static int set(struct autoscaler *a, const char *resource_id, int to, const char *cause,
               char ret_why[SCALABLE_WHY_BYTES])
{
    struct custom_resource *r = custom_resource_find(&a->custom_resources, resource_id);

    if (!r) {
        snprintf(ret_why, SCALABLE_WHY_BYTES, "it is not watched");
        return SCALABLE_E_REFUSED;
    }
    log_info(a->control->log, "custom resource is asked for another capacity",
             "url=%s from=%d to=%d cause=\"%s\"", r->url, r->answer.desired, to, cause);
    custom_resource_set(r, to);
    return SCALABLE_UNDER_WAY;
}

const struct scalable scalable_custom = {
    .namespace = "custom-resource",
    .dimension = "custom-resource:ResourceType:Property",
    .thing = "desired capacity",
    .unit = "unit",
    .role = "custom-resource.application-autoscaling.amazonaws.com/"
            "AWSServiceRoleForApplicationAutoScaling_CustomResource",
    .gone = "The scalable target was deregistered.",
    .names = names,
    .same = same,
    .check = check,
    .watch = watch,
    .forget = forget,
    .see = see,
    .set = set,
};
