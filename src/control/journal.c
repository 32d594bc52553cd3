#include "control/journal.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void clear(struct journal *j)
{
    for (size_t i = 0; i < j->n; i++) {
        free((char *)j->operations[i].path);
        json_decref(j->operations[i].document);
    }
    j->n = 0;
}

void journal_deinit(struct journal *j)
{
    clear(j);
    free(j->operations);
    *j = (struct journal){ 0 };
}

static int add(struct journal *j, const char *path, json_t *document)
{
    if (j->n == j->capacity) {
        size_t capacity = j->capacity > 0 ? 2 * j->capacity : 16;
        struct store_operation *more =
            reallocarray(j->operations, capacity, sizeof(*j->operations));

        if (!more)
            return -ENOMEM;
        j->operations = more;
        j->capacity = capacity;
    }
    path = strdup(path);
    if (!path)
        return -ENOMEM;
    j->operations[j->n++] = (struct store_operation){
        .path = path,
        .document = document,
        .expected = STORE_ANY_REVISION,
    };
    return 0;
}

int journal_put(struct journal *j, const char *path, json_t *document)
{
    int r = document ? add(j, path, document) : -ENOMEM;

    if (r)
        json_decref(document);
    return fault(r);
}

int journal_delete(struct journal *j, const char *path)
{
    return fault(add(j, path, NULL));
}

int journal_write(struct journal *j, struct control *c)
{
    int r = j->n > 0 ? store_transact(c->store, j->operations, j->n, NULL) : 0;

    clear(j);
    if (r)
        control_fail(c, r);
    return fault(r);
}
