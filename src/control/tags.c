#include "control/tags.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/record.h"

void tags_path(const char *arn, char ret_path[TAGS_PATH_BYTES])
{
    snprintf(ret_path, TAGS_PATH_BYTES, "/tags/%s", arn);
}

int tags_get(const struct control *c, const char *arn, json_t **ret_tags)
{
    char path[TAGS_PATH_BYTES];
    int r;

    tags_path(arn, path);
    r = store_get(c->store, path, ret_tags, NULL);
    if (r == STORE_E_NOT_FOUND) {
        *ret_tags = json_array();
        r = *ret_tags ? 0 : -ENOMEM;
    }
    return fault(r);
}

static size_t find(json_t *tags, const char *key)
{
    size_t i;
    json_t *tag;

    json_array_foreach (tags, i, tag)
        if (strcmp(json_string_value(json_object_get(tag, "Key")), key) == 0)
            return i;
    return json_array_size(tags);
}

static int store_tags(struct control *c, const char *arn, json_t *tags)
{
    char path[TAGS_PATH_BYTES];

    tags_path(arn, path);
    if (json_array_size(tags) == 0)
        return record_delete(c, path, NULL);
    return record_put(c, path, tags);
}

static int add_all(json_t *into, json_t *tags)
{
    size_t i;
    json_t *tag;

    json_array_foreach (tags, i, tag) {
        size_t at = find(into, json_string_value(json_object_get(tag, "Key")));
        int r = at < json_array_size(into) ? json_array_set(into, at, tag)
                                           : json_array_append(into, tag);

        if (r)
            return -ENOMEM;
    }
    return 0;
}

int tags_add(struct control *c, const char *arn, json_t *tags)
{
    json_t *stored = NULL, *changed;
    int r = tags_get(c, arn, &stored);

    if (r)
        return r;
    /* The store may hand out what it keeps, so what is changed is a copy. */
    changed = json_copy(stored);
    json_decref(stored);
    r = changed ? add_all(changed, tags) : -ENOMEM;
    if (r)
        r = fault(r);
    else if (json_array_size(changed) > TAGS_MAX)
        r = TAGS_E_TOO_MANY;
    else
        r = store_tags(c, arn, changed);
    json_decref(changed);
    return r;
}

int tags_remove(struct control *c, const char *arn, json_t *keys)
{
    json_t *stored = NULL, *changed, *key;
    size_t i;
    int r = tags_get(c, arn, &stored);

    if (r)
        return r;
    changed = json_copy(stored);
    json_decref(stored);
    if (!changed)
        return fault(-ENOMEM);
    json_array_foreach (keys, i, key) {
        size_t at = find(changed, json_string_value(key));

        if (at < json_array_size(changed))
            json_array_remove(changed, at);
    }
    r = store_tags(c, arn, changed);
    json_decref(changed);
    return r;
}
