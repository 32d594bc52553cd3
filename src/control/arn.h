/* control/arn.h: Amazon Resource Names of SageMaker's objects.
 *
 * The part after the kind is the name in lower case, whatever its writing; names that differ only
 * in case therefore are one name here, and every map and path is keyed by arn_key().
 */
#pragma once
#include "control/control.h"

enum { ARN_BYTES = 192, ARN_KEY_BYTES = 128 };

/** arn_of() - "arn:aws:sagemaker:REGION:ACCOUNT:KIND/name"; @kind: "model", "endpoint",
 * "endpoint-config" */
void arn_of(const struct control *c, const char *kind, const char *name, char ret_arn[ARN_BYTES]);
/** arn_exists() - whether @arn names a model, endpoint config or endpoint of ours */
bool arn_exists(const struct control *c, const char *arn);
/** arn_key() - @name in lower case (cut at ARN_KEY_BYTES - 1, longer than any valid name) */
void arn_key(const char *name, char ret_key[ARN_KEY_BYTES]);
/** arn_path() - "PREFIX" and the key of @name: a document's path in the store */
void arn_path(const char *prefix, const char *name, char ret_path[ARN_BYTES]);
