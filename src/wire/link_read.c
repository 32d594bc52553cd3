/* JSON to the structs of the link, and for a person what is wrong with it. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/link_layout.h"

enum { MEMBERS_MAX = 64 /* of one struct */ };

/* --- what a person is told -------------------------------------------------------------------- */

/* Control and its proxies may be of different versions, so that each passes over what it does not
 * know. A person who writes what nobody knows has made a slip of the pen, and hears of it. */
struct reading {
    char *why; /* COMPLAINT_BYTES for what is malformed; NULL: a message of the link, nobody asks */
};

static const struct reading from_link = { .why = NULL };

static int unknown_choice(const struct reading *how)
{
    return how->why ? LINK_E_MALFORMED : 0;
}

static const char *describe_choices(const char *const *choices, char *ret_text, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; choices[i] && used < size; i++)
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s", i ? ", " : "one of ",
                                 choices[i]);
    return ret_text;
}

static const char *describe(const struct link_member *m, char *ret_text, size_t size)
{
    switch (m->type) {
    case MEMBER_TEXT:
        snprintf(ret_text, size, "a text of %sup to %zu bytes", m->required ? "1 " : "",
                 m->size - 1);
        return ret_text;
    case MEMBER_CHOICE:
        return describe_choices(m->choices, ret_text, size);
    case MEMBER_FLAG:
        return "true or false";
    case MEMBER_UNSIGNED:
        return "a whole number from 0 to 4294967295";
    case MEMBER_U64:
    case MEMBER_MS:
        return "a whole number, 0 or more";
    case MEMBER_NUMBER:
        return "a number, 0 or more";
    case MEMBER_HISTOGRAM:
        return "a histogram";
    case MEMBER_OBJECT:
        return "an object";
    case MEMBER_LIST:
        return "a list";
    }
    abort(); /* the table holds nothing else */
}

/* Only the first complaint counts: what is in something comes before that. */
static void complain_of_member(const struct reading *how, const struct json_place *at,
                               const struct link_member *m, const json_t *said)
{
    char expected[256];

    if (how->why && !how->why[0])
        complaint_of_value(how->why, at, said, describe(m, expected, sizeof(expected)));
}

static int check_names(const struct link_layout *layout, json_t *json, const struct reading *how,
                       const struct json_place *at)
{
    const char *known[MEMBERS_MAX], *name;
    size_t n = 0, i;
    json_t *value;

    for (; layout->members[n].name; n++) {
        assert(n < MEMBERS_MAX);
        known[n] = layout->members[n].name;
    }
    json_object_foreach (json, name, value) {
        for (i = 0; i < n && strcmp(known[i], name) != 0; i++)
            ;
        if (i == n) {
            complaint_of_name(how->why, at, name, known, n);
            return LINK_E_MALFORMED;
        }
    }
    return 0;
}

/* --- JSON to structs -------------------------------------------------------------------------- */

static int choice_from_json(const char *const *choices, json_t *json, int *ret_choice)
{
    const char *text = json_string_value(json);

    if (!text)
        return LINK_E_MALFORMED;
    for (int i = 0; choices[i]; i++)
        if (strcmp(choices[i], text) == 0) {
            *ret_choice = i;
            return 0;
        }
    return LINK_E_UNKNOWN;
}

static int text_from_json(json_t *json, size_t size, char *ret_text)
{
    size_t length = json_string_length(json);

    if (!json_is_string(json) || length >= size || strlen(json_string_value(json)) != length)
        return LINK_E_MALFORMED;
    memcpy(ret_text, json_string_value(json), length + 1);
    return 0;
}

static int integer_from_json(json_t *json, json_int_t max, json_int_t *ret_value)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0 || json_integer_value(json) > max)
        return LINK_E_MALFORMED;
    *ret_value = json_integer_value(json);
    return 0;
}

static int u64_from_json(json_t *json, uint64_t *ret_value)
{
    json_int_t v;
    int r = integer_from_json(json, INT64_MAX, &v);

    if (!r)
        *ret_value = (uint64_t)v;
    return r;
}

static int histogram_from_json(json_t *json, struct histogram *h)
{
    json_t *buckets = json_object_get(json, "buckets");
    json_int_t index, count;

    if (u64_from_json(json_object_get(json, "count"), &h->count) ||
        u64_from_json(json_object_get(json, "sum"), &h->sum) ||
        u64_from_json(json_object_get(json, "min"), &h->min) ||
        u64_from_json(json_object_get(json, "max"), &h->max) || !json_is_array(buckets) ||
        json_array_size(buckets) % 2)
        return LINK_E_MALFORMED;
    for (size_t i = 0; i < json_array_size(buckets); i += 2) {
        if (integer_from_json(json_array_get(buckets, i), HISTOGRAM_BUCKETS - 1, &index) ||
            integer_from_json(json_array_get(buckets, i + 1), UINT32_MAX, &count))
            return LINK_E_MALFORMED;
        h->bucket[index] = (uint32_t)count;
    }
    return 0;
}

static int number_from_json(json_t *json, double *ret_value)
{
    double v = json_number_value(json);

    if (!json_is_number(json) || !isfinite(v) || v < 0)
        return LINK_E_MALFORMED;
    *ret_value = v;
    return 0;
}

static int from_json(const struct link_layout *layout, json_t *json, void *ret_object,
                     const struct reading *how, const struct json_place *at);

/* The list hangs in its owner from the start, so the owner's link_layout_deinit() frees a half-read one. */
static int list_from_json(const struct link_layout *of, json_t *json, void **ret_list,
                          size_t *ret_n, const struct reading *how, const struct json_place *at)
{
    size_t n = json_array_size(json);
    int r;

    if (!json_is_array(json))
        return LINK_E_MALFORMED;
    if (n == 0)
        return 0;
    *ret_list = calloc(n, of->size);
    if (!*ret_list)
        return -ENOMEM;
    for (; *ret_n < n; ++*ret_n) {
        const struct json_place here = { .up = at, .element = *ret_n };

        r = from_json(of, json_array_get(json, *ret_n), (char *)*ret_list + *ret_n * of->size, how,
                      &here);
        if (r)
            return r;
    }
    return 0;
}

static int member_from_json(const struct link_member *m, json_t *json, void *object,
                            const struct reading *how, const struct json_place *at)
{
    char *place = (char *)object + m->offset;
    json_int_t value;
    int r;

    switch (m->type) {
    case MEMBER_TEXT:
        r = text_from_json(json, m->size, place);
        return !r && how->why && m->required && !place[0] ? LINK_E_MALFORMED : r;
    case MEMBER_CHOICE:
        r = choice_from_json(m->choices, json, (int *)place);
        return r == LINK_E_UNKNOWN && !m->required ? unknown_choice(how) : r;
    case MEMBER_FLAG:
        *(bool *)place = json_is_true(json);
        return json_is_boolean(json) ? 0 : LINK_E_MALFORMED;
    case MEMBER_UNSIGNED:
        r = integer_from_json(json, UINT32_MAX, &value);
        if (!r)
            *(unsigned *)place = (unsigned)value;
        return r;
    case MEMBER_U64:
    case MEMBER_MS:
        return integer_from_json(json, INT64_MAX, (json_int_t *)place);
    case MEMBER_NUMBER:
        return number_from_json(json, (double *)place);
    case MEMBER_HISTOGRAM:
        return histogram_from_json(json, (struct histogram *)place);
    case MEMBER_OBJECT:
        return from_json(m->of, json, place, how, at);
    case MEMBER_LIST:
        return list_from_json(m->of, json, (void **)place,
                              (size_t *)((char *)object + m->count_offset), how, at);
    }
    abort(); /* the table holds nothing else */
}

static int members_from_json(const struct link_layout *layout, json_t *json, void *object,
                             const struct reading *how, const struct json_place *at)
{
    int r = 0;

    for (const struct link_member *m = layout->members; m->name && !r; m++) {
        const struct json_place here = { .up = at, .member = m->name };
        json_t *value = json_object_get(json, m->name);

        if (value)
            r = member_from_json(m, value, object, how, &here);
        else if (m->required)
            r = LINK_E_MALFORMED;
        if (r == LINK_E_MALFORMED)
            complain_of_member(how, &here, m, value);
    }
    return r;
}

/* On failure nothing is left behind to free. */
static int from_json(const struct link_layout *layout, json_t *json, void *ret_object,
                     const struct reading *how, const struct json_place *at)
{
    int r = json_is_object(json) ? 0 : LINK_E_MALFORMED;

    if (layout->defaults)
        memcpy(ret_object, layout->defaults, layout->size);
    else
        memset(ret_object, 0, layout->size);
    if (r && how->why)
        complaint_of_value(how->why, at, json, "an object");
    if (!r && how->why)
        r = check_names(layout, json, how, at);
    if (!r)
        r = members_from_json(layout, json, ret_object, how, at);
    if (r)
        link_layout_deinit(layout, ret_object);
    return r;
}

static int update_from_json(json_t *json, struct link_update *u)
{
    json_t *object = json_object_get(json, "object");

    u->removed = json_is_null(object);
    if (u->removed)
        return u->kind != LINK_SETTINGS && u->id[0] ? 0 : LINK_E_MALFORMED;
    return from_json(link_kind_layouts[u->kind], object, &u->endpoint, &from_link, NULL);
}

int link_message_from_json(json_t *json, struct link_message *ret_message)
{
    int type, r;

    r = choice_from_json(link_type_names, json_object_get(json, "type"), &type);
    if (r)
        return r;
    r = from_json(link_message_layouts[type], json, &ret_message->snapshot, &from_link, NULL);
    if (r)
        return r;
    ret_message->type = type;
    return type == LINK_UPDATE ? update_from_json(json, &ret_message->update) : 0;
}

int link_snapshot_from_json(json_t *json, struct link_snapshot *ret_snapshot,
                            char ret_why[COMPLAINT_BYTES])
{
    const struct reading from_person = { .why = ret_why };

    ret_why[0] = '\0';
    return from_json(&link_layout_snapshot, json, ret_snapshot, &from_person, NULL);
}
