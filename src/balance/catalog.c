#include "balance/catalog.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The three lists differ in their elements only; each element's name is its first member. */
struct rows {
    void **elements;
    size_t *n;
    size_t size;
    void (*deinit)(void *element);
};

static_assert(offsetof(struct link_endpoint, name) == 0, "rows are found by their first member");
static_assert(offsetof(struct link_target_group, id) == 0, "rows are found by their first member");
static_assert(offsetof(struct link_credential, access_key_id) == 0,
              "rows are found by their first member");

static void deinit_endpoint(void *element)
{
    link_endpoint_deinit(element);
}

static void deinit_group(void *element)
{
    link_target_group_deinit(element);
}

static void deinit_credential(void *element)
{
    explicit_bzero(element, sizeof(struct link_credential));
}

static struct rows rows_of(struct link_snapshot *s, enum link_kind kind)
{
    switch (kind) {
    case LINK_ENDPOINT:
        return (struct rows){ (void **)&s->endpoints, &s->n_endpoints, sizeof(*s->endpoints),
                              deinit_endpoint };
    case LINK_TARGET_GROUP:
        return (struct rows){ (void **)&s->target_groups, &s->n_target_groups,
                              sizeof(*s->target_groups), deinit_group };
    case LINK_CREDENTIAL:
        return (struct rows){ (void **)&s->credentials, &s->n_credentials, sizeof(*s->credentials),
                              deinit_credential };
    case LINK_SETTINGS:
        break;
    }
    abort(); /* settings are no list */
}

static char *row(const struct rows *rows, size_t i)
{
    return (char *)*rows->elements + i * rows->size;
}

static size_t find(const struct rows *rows, const char *id)
{
    size_t i = 0;

    while (i < *rows->n && strcmp(row(rows, i), id) != 0)
        i++;
    return i;
}

static void remove_row(const struct rows *rows, size_t i)
{
    if (i == *rows->n)
        return;
    rows->deinit(row(rows, i));
    memmove(row(rows, i), row(rows, i + 1), (*rows->n - i - 1) * rows->size);
    --*rows->n;
}

static int put_row(const struct rows *rows, const void *element)
{
    size_t i = find(rows, element);
    void *grown;

    if (i < *rows->n) {
        rows->deinit(row(rows, i));
    } else {
        grown = reallocarray(*rows->elements, *rows->n + 1, rows->size);
        if (!grown)
            return -ENOMEM;
        *rows->elements = grown;
        ++*rows->n;
    }
    memcpy(row(rows, i), element, rows->size);
    return 0;
}

void catalog_deinit(struct catalog *t)
{
    link_snapshot_deinit(&t->state);
    *t = (struct catalog){ 0 };
}

void catalog_replace(struct catalog *t, struct link_snapshot *snapshot)
{
    link_snapshot_deinit(&t->state);
    t->state = *snapshot;
    t->known = true;
    *snapshot = (struct link_snapshot){ 0 };
}

int catalog_update(struct catalog *t, struct link_update *update)
{
    struct rows rows;
    int r;

    if (!t->known || update->revision < t->state.revision)
        return 0;
    if (update->kind == LINK_SETTINGS) {
        t->state.settings = update->settings;
        t->state.revision = update->revision;
        return 0;
    }
    rows = rows_of(&t->state, update->kind);
    if (update->removed) {
        remove_row(&rows, find(&rows, update->id));
    } else {
        r = put_row(&rows, &update->endpoint);
        if (r)
            return r;
        update->removed = true; /* its lists are ours now */
    }
    t->state.revision = update->revision;
    return 0;
}
