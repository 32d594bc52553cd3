#include "store/store.h"

#include <assert.h>

#include "base/error.h"

int store_get(struct store *s, const char *path, json_t **ret_document, int64_t *ret_revision)
{
    int64_t revision;
    int r;

    assert(path[0] == '/');
    r = s->ops->get(s, path, ret_document, &revision);
    if (r == 0 && ret_revision)
        *ret_revision = revision;
    return r;
}

int store_list(struct store *s, const char *prefix,
               int (*each)(const char *path, json_t *document, int64_t revision, void *context),
               void *context)
{
    assert(prefix[0] == '/');
    return s->ops->list(s, prefix, each, context);
}

int store_transact(struct store *s, const struct store_operation *operations, size_t n,
                   int64_t *ret_revision)
{
    int64_t revision;
    int r;

    assert(n > 0);
    for (size_t i = 0; i < n; i++) {
        assert(operations[i].path[0] == '/');
        assert(operations[i].expected >= STORE_ANY_REVISION);
    }
    r = s->ops->transact(s, operations, n, &revision);
    if (r == 0 && ret_revision)
        *ret_revision = revision;
    return r;
}

static int write_one(struct store *s, const char *path, json_t *document)
{
    const struct store_operation operation = {
        .path = path,
        .document = document,
        .expected = STORE_ANY_REVISION,
    };

    return fault(store_transact(s, &operation, 1, NULL));
}

int store_put(struct store *s, const char *path, json_t *document)
{
    assert(document);
    return write_one(s, path, document);
}

int store_delete(struct store *s, const char *path)
{
    return write_one(s, path, NULL);
}

struct store *store_free(struct store *s)
{
    if (s)
        s->ops->free(s);
    return NULL;
}
