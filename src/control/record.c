#include "control/record.h"

#include <errno.h>

#include "base/error.h"
#include "control/tags.h"

static int transact(struct control *c, const struct store_operation *operations, size_t n)
{
    int r = store_transact(c->store, operations, n, NULL);

    if (r)
        control_fail(c, r);
    return fault(r);
}

int record_create(struct control *c, const char *path, json_t *document, const char *arn,
                  json_t *tags)
{
    char at[TAGS_PATH_BYTES];
    struct store_operation operations[] = {
        { .path = path, .document = document, .expected = STORE_ANY_REVISION },
        { .path = at, .document = tags, .expected = STORE_ANY_REVISION },
    };

    tags_path(arn, at);
    return transact(c, operations, json_array_size(tags) > 0 ? 2 : 1);
}

int record_put(struct control *c, const char *path, json_t *document)
{
    struct store_operation operation = { path, document, STORE_ANY_REVISION };

    return transact(c, &operation, 1);
}

int record_delete(struct control *c, const char *path, const char *arn)
{
    char at[TAGS_PATH_BYTES];
    struct store_operation operations[] = {
        { .path = path, .expected = STORE_ANY_REVISION },
        { .path = at, .expected = STORE_ANY_REVISION },
    };

    if (arn)
        tags_path(arn, at);
    return transact(c, operations, arn ? 2 : 1);
}

struct loading {
    struct control *control;
    int (*load)(struct control *c, json_t *document);
};

static int load_one(const char *path, json_t *document, int64_t revision, void *context)
{
    struct loading *loading = context;
    int r = loading->load(loading->control, document);

    (void)revision;
    if (r)
        log_error(loading->control->log, "stored document cannot be read", "path=%s", path);
    return r;
}

int record_load(struct control *c, const char *prefix,
                int (*load)(struct control *c, json_t *document))
{
    struct loading loading = { c, load };

    return fault(store_list(c->store, prefix, load_one, &loading));
}
