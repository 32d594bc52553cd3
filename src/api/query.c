/* In two steps: the parameters become a tree of objects, one level for each dot; then the tree is
 * read by the shape, lists in the order of their indices, however they were sent. */
#include "api/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "http/url.h"

enum { NAME_BYTES_MAX = 1024 };

struct item {
    uint64_t index;
    json_t *value; /* borrowed */
};

static int convert(const struct shape *shape, json_t *tree, json_t **ret_value, char **ret_why);

static int malformed(char **ret_why, const char *why, const char *name)
{
    *ret_why = text_format("%s: '%s'", why, name);
    return *ret_why ? QUERY_E_MALFORMED : fault(-ENOMEM);
}

/* Decodes into @out, NUL-terminated text. Return: 0, -EINVAL (bad coding, NUL inside), ... */
static int decode(struct slice coded, struct buffer *out)
{
    int r;

    buffer_clear(out);
    r = url_decode(coded, true, out);
    if (r)
        return r;
    if (!buffer_cstr(out))
        return -ENOMEM;
    return memchr(buffer_data(out), '\0', buffer_size(out)) ? -EINVAL : 0;
}

char *query_parameter(struct slice form, const char *name)
{
    autobuffer struct buffer text = BUFFER_INIT(64 << 10);
    struct slice n, v;

    while (url_query_next(&form, &n, &v)) {
        if (decode(n, &text) != 0 || strcmp(buffer_cstr(&text), name) != 0)
            continue;
        return decode(v, &text) == 0 ? strdup(buffer_cstr(&text)) : NULL;
    }
    return NULL;
}

/* --- parameters to a tree --------------------------------------------------------------------- */

/* The object under @name in @tree, made if need be; NULL if a plain value stands there. */
static json_t *descend(json_t *tree, const char *name)
{
    json_t *child = json_object_get(tree, name);

    if (child)
        return json_is_object(child) ? child : NULL;
    child = json_object();
    return json_object_set_new(tree, name, child) ? NULL : child;
}

static int insert(json_t *tree, char *name, const char *value, char **ret_why)
{
    autofree(mem_free) char *whole = strdup(name);
    unsigned depth = 0;
    char *dot;

    if (!whole)
        return fault(-ENOMEM);
    for (; (dot = strchr(name, '.')) != NULL; name = dot + 1) {
        *dot = '\0';
        tree = ++depth < 2 * SHAPE_DEPTH_MAX ? descend(tree, name) : NULL;
        if (!tree)
            return malformed(ret_why, "This parameter does not fit with the others", whole);
    }
    if (json_object_get(tree, name))
        return malformed(ret_why, "This parameter is there twice", whole);
    /* fails on invalid UTF-8 */
    if (json_object_set_new(tree, name, json_string(value)))
        return malformed(ret_why, "This parameter is not UTF-8", "?");
    return 0;
}

static int build_tree(struct slice form, json_t *tree, char **ret_why)
{
    autobuffer struct buffer name = BUFFER_INIT(NAME_BYTES_MAX);
    autobuffer struct buffer value = BUFFER_INIT(form.size + 1);
    struct slice n, v;
    unsigned count = 0;
    int r;

    while (url_query_next(&form, &n, &v)) {
        if (++count > QUERY_PARAMETERS_MAX)
            return malformed(ret_why, "Too many parameters", "");
        r = decode(n, &name);
        if (!r)
            r = decode(v, &value);
        if (r == -EINVAL || r == -ENOBUFS)
            return malformed(ret_why, "A parameter is not properly encoded", "");
        if (r)
            return fault(r);
        r = insert(tree, buffer_data(&name), buffer_cstr(&value), ret_why);
        if (r)
            return r;
    }
    return 0;
}

/* --- the tree by its shape -------------------------------------------------------------------- */

static json_t *convert_scalar(const struct shape *shape, const char *text)
{
    struct slice s = slice_from(text);
    wall_ms_t time;
    int64_t n;
    double d;

    switch (shape->type) {
    case SHAPE_INTEGER:
    case SHAPE_LONG:
        if (text_to_i64(s, INT64_MIN, INT64_MAX, &n) == 0)
            return json_integer(n);
        break;
    case SHAPE_DOUBLE:
        if (text_to_double(s, &d) == 0)
            return json_real(d);
        break;
    case SHAPE_BOOLEAN:
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
            return json_boolean(text[0] == 't');
        break;
    case SHAPE_TIMESTAMP:
        if (text_from_iso8601(s, &time) == 0)
            return json_real((double)time / 1000);
        if (text_to_double(s, &d) == 0)
            return json_real(d);
        break;
    default:
        break;
    }
    return json_string(text);
}

static int by_index(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

/* @tree: {"1": ..., "2": ...} in any order, with gaps allowed */
static int convert_items(const struct shape *shape, json_t *tree, json_t *list, char **ret_why)
{
    size_t n = json_object_size(tree), i = 0;
    autofree(mem_free) struct item *items = calloc(n ? n : 1, sizeof(*items));
    const char *key;
    json_t *value;

    if (!items)
        return fault(-ENOMEM);
    if (n > QUERY_LIST_MAX)
        return malformed(ret_why, "A list is too long", shape->name);
    json_object_foreach (tree, key, value) {
        if (text_to_u64(slice_from(key), INT32_MAX, &items[i].index) != 0)
            return malformed(ret_why, "A list's items need numbers", key);
        items[i++].value = value;
    }
    qsort(items, n, sizeof(*items), by_index);
    for (i = 0; i < n; i++) {
        json_t *item = NULL;
        int r = convert(shape->element, items[i].value, &item, ret_why);

        if (r)
            return r;
        if (json_array_append_new(list, item))
            return fault(-ENOMEM);
    }
    return 0;
}

static int convert_list(const struct shape *shape, json_t *tree, json_t *list, char **ret_why)
{
    json_t *items = json_object_get(tree, "member");

    /* an empty list is sent as "Name=" */
    if (json_is_string(tree))
        return *json_string_value(tree) ? malformed(ret_why, "A list is needed", shape->name) : 0;
    if (!json_is_object(items) || json_object_size(tree) != 1)
        return malformed(ret_why, "A list's items are called .member.N", shape->name);
    return convert_items(shape, items, list, ret_why);
}

static int convert_entry(const struct shape *shape, json_t *entry, json_t *map, char **ret_why)
{
    const char *key = json_string_value(json_object_get(entry, "key"));
    json_t *given = json_object_get(entry, "value"), *value = NULL;
    int r;

    if (!key || !given || json_object_get(map, key))
        return malformed(ret_why, "A map's entries need a key of their own and a value",
                         shape->name);
    r = convert(shape->element, given, &value, ret_why);
    if (r)
        return r;
    return json_object_set_new(map, key, value) ? fault(-ENOMEM) : 0;
}

/* @tree: {"entry": {"1": {"key": ..., "value": ...}, ...}} */
static int convert_map(const struct shape *shape, json_t *tree, json_t *map, char **ret_why)
{
    json_t *entries = json_object_get(tree, "entry"), *entry;
    const char *index;

    if (!json_is_object(entries) || json_object_size(tree) != 1)
        return malformed(ret_why, "A map's entries are called .entry.N", shape->name);
    json_object_foreach (entries, index, entry) {
        int r = convert_entry(shape, entry, map, ret_why);

        if (r)
            return r;
    }
    return 0;
}

static int convert_structure(const struct shape *shape, json_t *tree, json_t *structure,
                             char **ret_why)
{
    if (!json_is_object(tree))
        return malformed(ret_why, "A structure is needed", shape->name);
    for (const struct member *m = shape->members; m->name; m++) {
        json_t *given = json_object_get(tree, m->name);
        json_t *value = NULL;
        int r;

        if (!given)
            continue;
        r = convert(m->shape, given, &value, ret_why);
        if (r)
            return r;
        if (json_object_set_new(structure, m->name, value))
            return fault(-ENOMEM);
    }
    return 0;
}

static int convert(const struct shape *shape, json_t *tree, json_t **ret_value, char **ret_why)
{
    json_t *value;
    int r = 0;

    if (shape->type == SHAPE_LIST) {
        value = json_array();
        r = value ? convert_list(shape, tree, value, ret_why) : 0;
    } else if (shape->type == SHAPE_MAP) {
        value = json_object();
        r = value ? convert_map(shape, tree, value, ret_why) : 0;
    } else if (shape->type == SHAPE_STRUCTURE) {
        value = json_object();
        r = value ? convert_structure(shape, tree, value, ret_why) : 0;
    } else if (!json_is_string(tree)) {
        return malformed(ret_why, "A plain value is needed", shape->name);
    } else {
        value = convert_scalar(shape, json_string_value(tree));
    }
    if (r) {
        json_decref(value);
        return r;
    }
    *ret_value = value;
    return value ? 0 : fault(-ENOMEM);
}

int query_decode(struct slice form, const struct shape *shape, json_t **ret_value, char **ret_why)
{
    json_t *tree = json_object();
    int r = tree ? build_tree(form, tree, ret_why) : fault(-ENOMEM);

    if (!r)
        r = convert(shape, tree, ret_value, ret_why);
    json_decref(tree);
    return r;
}
