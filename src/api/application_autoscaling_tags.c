/* Tags of scalable targets: TagResource, UntagResource, ListTagsForResource. */
#include <errno.h>

#include "api/application_autoscaling.h"
#include "base/error.h"
#include "control/tags.h"

static const struct shape tag_input =
    STRUCTURE("TagResourceRequest", REQUIRED("ResourceARN", &app_scaling_arn),
              REQUIRED("Tags", &app_scaling_tag_map));
static const struct shape untag_input =
    STRUCTURE("UntagResourceRequest", REQUIRED("ResourceARN", &app_scaling_arn),
              REQUIRED("TagKeys", &app_scaling_tag_keys));
static const struct shape list_input =
    STRUCTURE("ListTagsForResourceRequest", REQUIRED("ResourceARN", &app_scaling_arn));
static const struct shape list_output =
    STRUCTURE("ListTagsForResourceResponse", OPTIONAL("Tags", &app_scaling_tag_map));

static int find_target(struct api_call *call, struct scaling_target **ret)
{
    const char *arn = input_text(call, "ResourceARN");

    *ret = scaling_target_find_arn(call->control->autoscaler, arn);
    if (*ret)
        return 0;
    call->about = arn;
    return api_error(call, "ResourceNotFoundException", "No scalable target found for ARN: %s",
                     arn);
}

/* The tags were changed: the pace may be another. */
static int changed(struct api_call *call, struct scaling_target *t)
{
    int r = scaling_target_repace(t);

    if (r)
        return fault(r);
    call->output = json_object();
    return 0;
}

static int too_many(struct api_call *call)
{
    call->about = input_text(call, "ResourceARN");
    return api_error(call, "TooManyTagsException",
                     "A scalable target has at most %d tags, which this request would exceed",
                     TAGS_MAX);
}

static int tag(struct api_call *call)
{
    json_auto_t *tags = NULL;
    struct scaling_target *t;
    int r = find_target(call, &t);

    if (r)
        return r;
    /* before each is compared with each */
    if (json_object_size(input_get(call, "Tags")) > TAGS_MAX)
        return too_many(call);
    r = app_scaling_tags(call, input_get(call, "Tags"), &tags);
    if (r)
        return r;
    r = tags_add(call->control, input_text(call, "ResourceARN"), tags);
    if (r == TAGS_E_TOO_MANY)
        return too_many(call);
    return r ? fault(r) : changed(call, t);
}

static int untag(struct api_call *call)
{
    struct scaling_target *t;
    int r = find_target(call, &t);

    if (r)
        return r;
    r = tags_remove(call->control, input_text(call, "ResourceARN"), input_get(call, "TagKeys"));
    return r ? fault(r) : changed(call, t);
}

static int list_tags(struct api_call *call)
{
    json_auto_t *tags = NULL;
    struct scaling_target *t;
    json_t *item, *map;
    size_t i;
    int r = find_target(call, &t);

    if (r)
        return r;
    r = tags_get(call->control, input_text(call, "ResourceARN"), &tags);
    if (r)
        return fault(r);
    call->output = json_pack("{s:{}}", "Tags");
    map = json_object_get(call->output, "Tags");
    json_array_foreach (tags, i, item)
        if (json_object_set(map, json_string_value(json_object_get(item, "Key")),
                            json_object_get(item, "Value")) != 0)
            return fault(-ENOMEM);
    return 0;
}

const struct operation app_scaling_tag_operations[] = {
    { "TagResource", &tag_input, &app_scaling_empty_output, tag },
    { "UntagResource", &untag_input, &app_scaling_empty_output, untag },
    { "ListTagsForResource", &list_input, &list_output, list_tags },
    { NULL },
};
