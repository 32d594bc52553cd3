/* Tags: AddTags, ListTags, DeleteTags. */
#include "control/tags.h"

#include <errno.h>

#include "api/sagemaker.h"
#include "base/error.h"

enum { PAGE_DEFAULT = 50 };

static const struct shape resource_arn = STRING(
    "ResourceArn", AT_MOST(256), PATTERN("arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:.+"));
static const struct shape add_input = STRUCTURE(
    "AddTagsInput", REQUIRED("ResourceArn", &resource_arn), REQUIRED("Tags", &sagemaker_tags));
static const struct shape add_output =
    STRUCTURE("AddTagsOutput", OPTIONAL("Tags", &sagemaker_tags));

static const struct shape max_results = INTEGER("ListTagsMaxResults", AT_LEAST(50));
static const struct shape list_input =
    STRUCTURE("ListTagsInput", REQUIRED("ResourceArn", &resource_arn),
              OPTIONAL("NextToken", &sagemaker_token), OPTIONAL("MaxResults", &max_results));
static const struct shape list_output = STRUCTURE(
    "ListTagsOutput", OPTIONAL("Tags", &sagemaker_tags), OPTIONAL("NextToken", &sagemaker_token));

static const struct shape keys = LIST("TagKeyList", &sagemaker_tag_key, BETWEEN(1, 50));
static const struct shape delete_input = STRUCTURE(
    "DeleteTagsInput", REQUIRED("ResourceArn", &resource_arn), REQUIRED("TagKeys", &keys));
static const struct shape delete_output = STRUCTURE("DeleteTagsOutput");

/* Return: 0 if the call's resource is there, else an error of the call. */
static int find_resource(struct api_call *call, const char *arn)
{
    if (arn_exists(call->control, arn))
        return 0;
    return api_error(call, "ResourceNotFound", "Could not find resource \"%s\".", arn);
}

static int answer_tags(struct api_call *call, const char *arn)
{
    json_t *tags = NULL;
    int r = tags_get(call->control, arn, &tags);

    if (r)
        return fault(r);
    call->output = json_pack("{s:o}", "Tags", tags);
    return 0;
}

static int add_tags(struct api_call *call)
{
    const char *arn = input_text(call, "ResourceArn");
    int r = find_resource(call, arn);

    if (r)
        return r;
    r = tags_add(call->control, arn, input_get(call, "Tags"));
    if (r == TAGS_E_TOO_MANY)
        return api_error(call, "ResourceLimitExceeded",
                         "A resource has at most %d tags, which this request would exceed.",
                         TAGS_MAX);
    return r ? fault(r) : answer_tags(call, arn);
}

static int list_tags(struct api_call *call)
{
    const char *arn = input_text(call, "ResourceArn");
    json_t *tags = NULL;
    int r = find_resource(call, arn);

    if (r)
        return r;
    r = tags_get(call->control, arn, &tags);
    if (r)
        return fault(r);
    return api_page(call, "Tags", tags, "Key",
                    (size_t)input_integer(call, "MaxResults", PAGE_DEFAULT));
}

static int delete_tags(struct api_call *call)
{
    const char *arn = input_text(call, "ResourceArn");
    int r = find_resource(call, arn);

    if (r)
        return r;
    r = tags_remove(call->control, arn, input_get(call, "TagKeys"));
    if (r)
        return fault(r);
    call->output = json_object();
    return 0;
}

const struct operation sagemaker_tag_operations[] = {
    { "AddTags", &add_input, &add_output, add_tags },
    { "ListTags", &list_input, &list_output, list_tags },
    { "DeleteTags", &delete_input, &delete_output, delete_tags },
    { NULL },
};
