#include "control/changes.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void clear(struct changes *changes)
{
    for (size_t i = 0; i < changes->n; i++) {
        free((char *)changes->operations[i].path);
        json_decref(changes->operations[i].document);
    }
    changes->n = 0;
}

void changes_deinit(struct changes *changes)
{
    clear(changes);
    free(changes->operations);
    *changes = (struct changes){ 0 };
}

static int add(struct changes *changes, const char *path, json_t *document)
{
    if (changes->n == changes->capacity) {
        size_t capacity = changes->capacity > 0 ? 2 * changes->capacity : 16;
        struct store_operation *more =
            reallocarray(changes->operations, capacity, sizeof(*changes->operations));

        if (!more)
            return -ENOMEM;
        changes->operations = more;
        changes->capacity = capacity;
    }
    path = strdup(path);
    if (!path)
        return -ENOMEM;
    changes->operations[changes->n++] = (struct store_operation){
        .path = path,
        .document = document,
        .expected = STORE_ANY_REVISION,
    };
    return 0;
}

int changes_put(struct changes *changes, const char *path, json_t *document)
{
    int r = document ? add(changes, path, document) : -ENOMEM;

    if (r)
        json_decref(document);
    return fault(r);
}

int changes_delete(struct changes *changes, const char *path)
{
    return fault(add(changes, path, NULL));
}

int changes_write(struct changes *changes, struct control *c)
{
    int r = changes->n > 0 ? store_transact(c->store, changes->operations, changes->n, NULL) : 0;

    clear(changes);
    if (r)
        control_fail(c, r);
    return fault(r);
}
