/* store/store.h: JSON documents under paths.
 *
 * The state of weir: "/endpoints/NAME", "/scalable-targets/..." . What a call acknowledged survives
 * kill -9 and power loss. Every document carries the revision of its last write, from one counter
 * that only grows. Writers that must not overwrite each other say which revision they saw. A
 * backend is a table of functions; sqlite.c is the embedded default.
 */
#pragma once
#include <jansson.h>
#include <stdint.h>

#include "base/cleanup.h"

enum {
    STORE_E_NOT_FOUND = 1,
    STORE_E_CONFLICT, /* the document is not at the revision the writer expected */
};

enum { STORE_ANY_REVISION = -1, STORE_ABSENT = 0 }; /* for `expected`: any; there must be none */

struct store_operation {
    const char *path;
    json_t *document; /* borrowed; NULL deletes (deleting what is not there succeeds) */
    int64_t expected; /* revision, or one of the above */
};

struct store;

struct store_ops {
    int (*get)(struct store *s, const char *path, json_t **ret_document, int64_t *ret_revision);
    int (*list)(struct store *s, const char *prefix,
                int (*each)(const char *path, json_t *document, int64_t revision, void *context),
                void *context);
    int (*transact)(struct store *s, const struct store_operation *operations, size_t n,
                    int64_t *ret_revision);
    void (*free)(struct store *s);
};

struct store {
    const struct store_ops *ops;
};

/** store_get() - Return: 0 and a new reference, STORE_E_NOT_FOUND, or a negative errno.
 * @ret_revision may be NULL. */
int store_get(struct store *s, const char *path, json_t **ret_document, int64_t *ret_revision);
/** store_list() - each document whose path starts with @prefix, in byte order of paths. @each
 * borrows its document and may stop the walk with a non-zero result, which is returned. */
int store_list(struct store *s, const char *prefix,
               int (*each)(const char *path, json_t *document, int64_t revision, void *context),
               void *context);
/** store_transact() - all operations or none, durable on return. Return: 0, STORE_E_CONFLICT,
 * -errno.
 * @ret_revision: of this write; may be NULL. */
int store_transact(struct store *s, const struct store_operation *operations, size_t n,
                   int64_t *ret_revision);
int store_put(struct store *s, const char *path, json_t *document); /* whatever was there */
int store_delete(struct store *s, const char *path);
struct store *store_free(struct store *s);
DEFINE_AUTOFREE(struct store *, store_free)

/**
 * store_open_sqlite() - the embedded store: one file, WAL, synchronous=FULL
 * @path:    created with mode 0600 if missing
 * @ret_why: on failure, a sentence for the operator, to free() (NULL if memory ran out). A file
 * that is not a healthy database of ours is refused and left as it is.
 */
int store_open_sqlite(const char *path, struct store **ret_store, char **ret_why);
/** store_open_memory() - the same, forgotten at the end; for tests */
int store_open_memory(struct store **ret_store);
