/* The structs of the link to JSON, and what frees them. */
#include "wire/link.h"

#include <stdlib.h>

#include "wire/link_layout.h"

/* --- structs to JSON -------------------------------------------------------------------------- */

/* Buckets travel as [index, count, index, count ...]: few of them are filled. */
static json_t *histogram_to_json(const struct histogram *h)
{
    json_t *buckets = json_array();

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (!h->bucket[i])
            continue;
        if (json_array_append_new(buckets, json_integer((json_int_t)i)) ||
            json_array_append_new(buckets, json_integer(h->bucket[i]))) {
            json_decref(buckets);
            return NULL;
        }
    }
    return json_pack("{s:I,s:I,s:I,s:I,s:o}", "count", (json_int_t)h->count, "sum",
                     (json_int_t)h->sum, "min", (json_int_t)h->min, "max", (json_int_t)h->max,
                     "buckets", buckets);
}

static json_t *to_json(const struct link_layout *layout, const void *object);

static json_t *list_to_json(const struct link_layout *of, const char *elements, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, to_json(of, elements + i * of->size))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *member_to_json(const struct link_member *m, const void *object)
{
    const char *at = (const char *)object + m->offset;

    switch (m->type) {
    case MEMBER_TEXT:
        return json_string(at);
    case MEMBER_CHOICE:
        return json_string(m->choices[*(const int *)at]);
    case MEMBER_FLAG:
        return json_boolean(*(const bool *)at);
    case MEMBER_UNSIGNED:
        return json_integer(*(const unsigned *)at);
    case MEMBER_U64:
    case MEMBER_MS:
        return json_integer(*(const json_int_t *)at);
    case MEMBER_NUMBER:
        return json_real(*(const double *)at);
    case MEMBER_HISTOGRAM:
        return histogram_to_json((const struct histogram *)at);
    case MEMBER_OBJECT:
        return to_json(m->of, at);
    case MEMBER_LIST:
        return list_to_json(m->of, *(char *const *)at,
                            *(const size_t *)((const char *)object + m->count_offset));
    }
    abort(); /* the table holds nothing else */
}

static json_t *to_json(const struct link_layout *layout, const void *object)
{
    json_t *json = json_object();

    for (const struct link_member *m = layout->members; m->name; m++)
        if (json_object_set_new_nocheck(json, m->name, member_to_json(m, object))) {
            json_decref(json);
            return NULL;
        }
    return json;
}

json_t *link_settings_to_json(const struct link_settings *s)
{
    return to_json(&link_layout_settings, s);
}

json_t *link_credential_to_json(const struct link_credential *c)
{
    return to_json(&link_layout_credential, c);
}

json_t *link_endpoint_to_json(const struct link_endpoint *e)
{
    return to_json(&link_layout_endpoint, e);
}

json_t *link_target_group_to_json(const struct link_target_group *g)
{
    return to_json(&link_layout_group, g);
}

json_t *link_message_to_json(const struct link_message *m)
{
    json_t *json = to_json(link_message_layouts[m->type], &m->snapshot);
    json_t *object;

    if (json_object_set_new(json, "type", json_string(link_type_names[m->type])))
        goto failed;
    if (m->type != LINK_UPDATE)
        return json;
    object = m->update.removed ? json_null()
                               : to_json(link_kind_layouts[m->update.kind], &m->update.endpoint);
    if (json_object_set_new(json, "object", object))
        goto failed;
    return json;
failed:
    json_decref(json);
    return NULL;
}

/* --- freeing ---------------------------------------------------------------------------------- */

void link_message_deinit(struct link_message *m)
{
    if (m->type == LINK_UPDATE && !m->update.removed)
        link_layout_deinit(link_kind_layouts[m->update.kind], &m->update.endpoint);
    if (m->type != LINK_UPDATE)
        link_layout_deinit(link_message_layouts[m->type], &m->snapshot);
}

void link_snapshot_deinit(struct link_snapshot *s)
{
    link_layout_deinit(&link_layout_snapshot, s);
}

void link_endpoint_deinit(struct link_endpoint *e)
{
    link_layout_deinit(&link_layout_endpoint, e);
}

void link_target_group_deinit(struct link_target_group *g)
{
    link_layout_deinit(&link_layout_group, g);
}
