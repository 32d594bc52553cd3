/* control/record.h: named objects as documents, with their tags.
 *
 * An object and its tags come and go in one transaction. A store that fails ends the program
 * (control_fail()): what is in memory would no longer be what is kept.
 */
#pragma once
#include <math.h>

#include "control/control.h"

/** record_create() - @arn, @tags: tags may be NULL */
int record_create(struct control *c, const char *path, json_t *document, const char *arn,
                  json_t *tags);
int record_put(struct control *c, const char *path, json_t *document);
/** record_delete() - @arn: the tags of which go too; NULL if it has none */
int record_delete(struct control *c, const char *path, const char *arn);
/** record_instant() - what a document tells in seconds, as AWS's calls tell times: the same
 * millisecond that was written */
static inline wall_ms_t record_instant(double seconds)
{
    return llround(seconds * MS_PER_S);
}
/** record_load() - hand each document under @prefix to @load; one that it refuses (-EINVAL) is
 * named in the log and ends the walk. Return: 0 or -errno. */
int record_load(struct control *c, const char *prefix,
                int (*load)(struct control *c, json_t *document));
