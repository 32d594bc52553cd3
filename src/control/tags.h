/* control/tags.h: tags of anything that has an ARN.
 *
 * Tags are JSON arrays of {"Key": text, "Value": text}, in the order in which keys were first set,
 * as AWS's calls carry them. An object's tags are written and deleted in the same transaction as
 * the object.
 */
#pragma once
#include "control/control.h"

enum { TAGS_MAX = 50, TAGS_PATH_BYTES = 2048 + 8 };

enum {
    TAGS_E_TOO_MANY = 1, /* the resource would have more than TAGS_MAX */
};

/** tags_get() - a new reference to the array, which may be empty. Return: 0 or -errno. */
int tags_get(const struct control *c, const char *arn, json_t **ret_tags);
/** tags_add() - set each of @tags; equal keys are overwritten. Return: 0, TAGS_E_TOO_MANY, -errno.
 */
int tags_add(struct control *c, const char *arn, json_t *tags);
/** tags_remove() - @keys: array of strings; unknown ones are ignored */
int tags_remove(struct control *c, const char *arn, json_t *keys);
/** tags_path() - where the tags of @arn (at most 2047 bytes) are in the store */
void tags_path(const char *arn, char ret_path[TAGS_PATH_BYTES]);
