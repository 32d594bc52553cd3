#include "control/custom_resource_answer.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <string.h>

static const char *const statuses[] = {
    [CUSTOM_RESOURCE_PENDING] = "Pending",
    [CUSTOM_RESOURCE_IN_PROGRESS] = "InProgress",
    [CUSTOM_RESOURCE_SUCCESSFUL] = "Successful",
    [CUSTOM_RESOURCE_FAILED] = "Failed",
};

static json_t *parse(struct slice body)
{
    json_error_t error;

    if (body.size == 0 || body.size > CUSTOM_RESOURCE_BODY_BYTES_MAX)
        return NULL;
    return json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES, &error);
}

/* Texts from outside get into activities, pages and logs. */
static void copy_printable(const char *text, char ret[CUSTOM_RESOURCE_REASON_BYTES])
{
    size_t n = 0;

    for (; text && *text && n + 1 < CUSTOM_RESOURCE_REASON_BYTES; text++)
        ret[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
    ret[n] = '\0';
}

static bool read_capacity(json_t *document, const char *member, double (*whole)(double),
                          int *ret_capacity)
{
    json_t *value = json_object_get(document, member);
    double capacity = whole(json_number_value(value));

    if (!json_is_number(value) || !(capacity >= 0) || !(capacity <= INT_MAX))
        return false;
    *ret_capacity = (int)capacity;
    return true;
}

static bool read_status(json_t *document, enum custom_resource_status *ret)
{
    const char *text = json_string_value(json_object_get(document, "scalingStatus"));

    for (int i = CUSTOM_RESOURCE_PENDING; text && i <= CUSTOM_RESOURCE_FAILED; i++)
        if (strcmp(statuses[i], text) == 0) {
            *ret = (enum custom_resource_status)i;
            return true;
        }
    return false;
}

static const char *read_document(json_t *document, struct custom_resource_answer *ret)
{
    if (!json_is_object(document))
        return "the answer is no JSON object";
    if (!read_capacity(document, "actualCapacity", floor, &ret->actual))
        return "the answer has no actualCapacity that is a number of 0 or more";
    if (!read_capacity(document, "desiredCapacity", round, &ret->desired))
        return "the answer has no desiredCapacity that is a number of 0 or more";
    if (!read_status(document, &ret->status))
        return "the answer has no scalingStatus that is Pending, InProgress, Successful or Failed";
    copy_printable(json_string_value(json_object_get(document, "failureReason")), ret->reason);
    return NULL;
}

int custom_resource_answer_read(struct slice body, struct custom_resource_answer *ret,
                                const char **ret_why)
{
    json_t *document = parse(body);
    struct custom_resource_answer answer;
    const char *why = read_document(document, &answer);

    json_decref(document);
    if (why) {
        *ret_why = why;
        return CUSTOM_RESOURCE_E_MALFORMED;
    }
    *ret = answer;
    return 0;
}

void custom_resource_error_message(struct slice body, char ret[CUSTOM_RESOURCE_REASON_BYTES])
{
    json_t *document = parse(body);

    copy_printable(json_string_value(json_object_get(document, "message")), ret);
    json_decref(document);
}
