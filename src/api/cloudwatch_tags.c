/* Tags of alarms: TagResource, UntagResource, ListTagsForResource. */
#include <errno.h>
#include <string.h>

#include "api/cloudwatch_alarms.h"
#include "base/error.h"
#include "control/tags.h"

static const struct shape resource_arn = STRING("AmazonResourceName", BETWEEN(1, 1024));
static const struct shape tag_key = STRING("TagKey", BETWEEN(1, 128));
static const struct shape tag_keys = LIST("TagKeyList", &tag_key);
static const struct shape tag_input = STRUCTURE(
    "TagResourceInput", REQUIRED("ResourceARN", &resource_arn), REQUIRED("Tags", &cloudwatch_tags));
static const struct shape untag_input = STRUCTURE(
    "UntagResourceInput", REQUIRED("ResourceARN", &resource_arn), REQUIRED("TagKeys", &tag_keys));
static const struct shape list_input =
    STRUCTURE("ListTagsForResourceInput", REQUIRED("ResourceARN", &resource_arn));
static const struct shape list_output =
    STRUCTURE("ListTagsForResourceOutput", OPTIONAL("Tags", &cloudwatch_tags));
static const struct shape empty_output = STRUCTURE("EmptyOutput");

static int check_resource(struct api_call *call)
{
    const char *arn = input_text(call, "ResourceARN");

    if (strncmp(arn, "arn:", 4) == 0 && alarm_book_resolve(call->control->alarms, arn))
        return 0;
    return api_error(call, "ResourceNotFoundException", "Unable to find resource %s", arn);
}

static int tag(struct api_call *call)
{
    json_t *tags = input_get(call, "Tags");
    int r = check_resource(call);

    if (!r)
        r = cloudwatch_check_tags(call, tags);
    if (r)
        return r;
    r = tags_add(call->control, input_text(call, "ResourceARN"), tags);
    if (r == TAGS_E_TOO_MANY)
        return api_error(call, "InvalidParameterValueException",
                         "A resource has at most %d tags, which this request would exceed",
                         TAGS_MAX);
    call->output = json_object();
    return fault(r);
}

static int untag(struct api_call *call)
{
    int r = check_resource(call);

    if (r)
        return r;
    call->output = json_object();
    return fault(
        tags_remove(call->control, input_text(call, "ResourceARN"), input_get(call, "TagKeys")));
}

static int list_tags(struct api_call *call)
{
    json_t *tags;
    int r = check_resource(call);

    if (r)
        return r;
    r = tags_get(call->control, input_text(call, "ResourceARN"), &tags);
    if (r)
        return fault(r);
    call->output = json_pack("{s:o}", "Tags", tags);
    return 0;
}

const struct operation cloudwatch_tag_operations[] = {
    { "TagResource", &tag_input, &empty_output, tag },
    { "UntagResource", &untag_input, &empty_output, untag },
    { "ListTagsForResource", &list_input, &list_output, list_tags },
    { NULL },
};
