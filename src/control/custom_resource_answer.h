/* control/custom_resource_answer.h: what a custom resource says of its capacity.
 *
 * The body of its answer to GET and PATCH, as AWS's custom resource backend defines it:
 *
 *   {"actualCapacity": 2.0, "desiredCapacity": 3.0, "scalingStatus": "InProgress",
 *    "scalableTargetDimensionId": "1-23456789", "version": "...",
 *    "resourceName"?, "dimensionName"?, "failureReason"?}
 *
 * Foreign bytes: nothing is believed but two numbers that are capacities, and one of four words.
 * Source: aws-auto-scaling-custom-resource, the definition ScalableTargetDimension.
 */
#pragma once
#include "base/text.h"

enum { CUSTOM_RESOURCE_BODY_BYTES_MAX = 64 << 10, CUSTOM_RESOURCE_REASON_BYTES = 256 };

enum { CUSTOM_RESOURCE_E_MALFORMED = 1 }; /* *ret_why, a constant, says what is wrong */

struct custom_resource_answer {
    int actual, desired; /* whole: actual capacity down, desired to the nearest */
    enum custom_resource_status {
        CUSTOM_RESOURCE_PENDING,
        CUSTOM_RESOURCE_IN_PROGRESS,
        CUSTOM_RESOURCE_SUCCESSFUL,
        CUSTOM_RESOURCE_FAILED,
    } status;
    char reason[CUSTOM_RESOURCE_REASON_BYTES]; /* failureReason as printable text; "": none */
};

/** custom_resource_answer_read() - Return: 0 or CUSTOM_RESOURCE_E_MALFORMED */
int custom_resource_answer_read(struct slice body, struct custom_resource_answer *ret,
                                const char **ret_why);

/** custom_resource_error_message() - of the body of an error, {"message": ...}, or ""; as printable
 * text */
void custom_resource_error_message(struct slice body, char ret[CUSTOM_RESOURCE_REASON_BYTES]);
