#include "api/application_autoscaling.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static const struct service_error errors[] = {
    { "InternalServiceException", NULL, 500 },
    { NULL },
};

const struct service application_autoscaling_service = {
    .name = "Application Auto Scaling",
    .signing_name = "application-autoscaling",
    .protocols = SERVICE_JSON,
    .target_prefix = "AnyScaleFrontendService",
    .json_version = "1.1",
    .constraint_error = "ValidationException",
    .token_error = "InvalidNextTokenException",
    .errors = errors,
    .groups =
        (const struct operation *const[]){
            app_scaling_target_operations,
            app_scaling_policy_operations,
            app_scaling_predictive_operations,
            app_scaling_scheduled_operations,
            app_scaling_activity_operations,
            app_scaling_tag_operations,
            NULL,
        },
};

static bool is(const struct api_call *call, const char *member, const char *text)
{
    const char *given = input_text(call, member);

    return given && strcmp(given, text) == 0;
}

static int unsupported(struct api_call *call)
{
    return api_error(call, "ValidationException",
                     "Unsupported service namespace, resource type or scalable dimension");
}

int app_scaling_supported(struct api_call *call)
{
    const char *dimension = input_text(call, "ScalableDimension");
    const struct scalable *found = scalable_find(input_text(call, "ServiceNamespace"), dimension);

    if (strcmp(dimension, "sagemaker:inference-component:DesiredCopyCount") == 0 &&
        is(call, "ServiceNamespace", "sagemaker"))
        return api_error(call, "ValidationException",
                         "The scalable dimension %s is not supported: this server has no inference "
                         "components",
                         dimension);
    if (strcmp(dimension, "sagemaker:variant:DesiredProvisionedConcurrency") == 0 &&
        is(call, "ServiceNamespace", "sagemaker"))
        return api_error(call, "ValidationException",
                         "The scalable dimension %s is not supported: this server has no "
                         "serverless variants",
                         dimension);
    if (!found || !found->names(input_text(call, "ResourceId")))
        return unsupported(call);
    return 0;
}

int app_scaling_find(struct api_call *call, const char *missing, struct scaling_target **ret)
{
    const char *resource = input_text(call, "ResourceId");
    struct scaling_target *t = scaling_target_find(call->control->autoscaler, resource);

    if (!t || !app_scaling_matches(call, t->scalable, t->resource_id))
        return api_error(call, "ObjectNotFoundException",
                         "No scalable target %s for service namespace: %s, resource ID: %s, "
                         "scalable dimension: %s",
                         missing, input_text(call, "ServiceNamespace"), resource,
                         input_text(call, "ScalableDimension"));
    *ret = t;
    return 0;
}

int app_scaling_registered(struct api_call *call, struct scaling_target **ret)
{
    int r = app_scaling_supported(call);

    return r ? r : app_scaling_find(call, "registered", ret);
}

int app_scaling_no_such(struct api_call *call, const char *what, const char *label,
                        const char *name)
{
    return api_error(call, "ObjectNotFoundException",
                     "No %s found for service namespace: %s, resource ID: %s, scalable dimension: "
                     "%s, %s: %s",
                     what, input_text(call, "ServiceNamespace"), input_text(call, "ResourceId"),
                     input_text(call, "ScalableDimension"), label, name);
}

bool app_scaling_named(json_t *names, const char *name)
{
    size_t i;
    json_t *item;

    json_array_foreach (names, i, item)
        if (strcmp(json_string_value(item), name) == 0)
            return true;
    return json_array_size(names) == 0;
}

int app_scaling_each(struct api_call *call, json_t *items,
                     int (*add)(const struct api_call *call, const struct scaling_target *t,
                                json_t *items))
{
    int r = app_scaling_filter(call, "ResourceId");

    if (r)
        return r;
    list_for_each (t, &call->control->autoscaler->targets, struct scaling_target, link) {
        r = app_scaling_matches(call, t->scalable, t->resource_id) ? add(call, t, items) : 0;
        if (r)
            return fault(r);
    }
    return 0;
}

int app_scaling_capacity(struct api_call *call, json_t *holder, const char *member, int *ret)
{
    json_t *given = json_object_get(holder, member);

    if (given && json_integer_value(given) < 0)
        return api_error(call, "ValidationException", "%s must be at least 0", member);
    *ret = given ? (int)json_integer_value(given) : -1;
    return 0;
}

int app_scaling_filter(struct api_call *call, const char *companion)
{
    const char *dimension = input_text(call, "ScalableDimension");
    const char *namespace = input_text(call, "ServiceNamespace");
    size_t n = strlen(namespace);

    if (!dimension)
        return 0;
    if (!input_get(call, companion))
        return api_error(call, "ValidationException",
                         "ScalableDimension can only be specified together with %s", companion);
    /* dimensions begin with the namespace they are of */
    if (strncmp(dimension, namespace, n) != 0 || dimension[n] != ':')
        return unsupported(call);
    return 0;
}

bool app_scaling_matches(const struct api_call *call, const struct scalable *scalable,
                         const char *resource_id)
{
    const char *wanted = input_text(call, "ResourceId");

    return is(call, "ServiceNamespace", scalable->namespace) &&
           (!input_get(call, "ScalableDimension") ||
            is(call, "ScalableDimension", scalable->dimension)) &&
           (!wanted || scalable->same(wanted, resource_id));
}

int app_scaling_page(struct api_call *call, const char *list, json_t *items, const char *key,
                     size_t most)
{
    json_int_t given = input_integer(call, "MaxResults", 0);

    if (given < 0) {
        json_decref(items);
        return api_error(call, "ValidationException", "MaxResults must not be negative");
    }
    return api_page(call, list, items, key,
                    given == 0 || (size_t)given > most ? most : (size_t)given);
}

int app_scaling_tags(struct api_call *call, json_t *map, json_t **ret_tags)
{
    json_auto_t *tags = json_array();
    enum pace pace;
    const char *key;
    json_t *value;

    if (!tags)
        return fault(-ENOMEM);
    json_object_foreach (map, key, value) {
        const char *text = json_string_value(value);

        if (strncasecmp(key, "aws:", 4) == 0)
            return api_error(call, "ValidationException",
                             "Tag keys must not begin with aws:, which '%s' does", key);
        if (strcmp(key, SCALING_PACE_TAG) == 0 && scaling_pace_parse(text, &pace) != 0)
            return api_error(call, "ValidationException",
                             "The value of tag " SCALING_PACE_TAG " is fast or aws, not '%s'",
                             text);
        if (json_array_append_new(tags, json_pack("{s:s, s:O}", "Key", key, "Value", value)) != 0)
            return fault(-ENOMEM);
    }
    *ret_tags = json_incref(tags);
    return 0;
}
