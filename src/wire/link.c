/* Every struct of the link is described by a table of its members; one writer and one reader walk
 * the tables. A member that is added to a struct needs one row here and works both ways. */
#include "wire/link.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { MEMBERS_MAX = 64 /* of one struct */ };

enum member_type { TEXT, CHOICE, FLAG, UNSIGNED, U64, MS, NUMBER, HISTOGRAM, OBJECT, LIST };

struct member {
    const char *name;
    enum member_type type;
    bool required;
    size_t offset;
    size_t size;                /* TEXT: bytes of the array */
    const char *const *choices; /* CHOICE: names by value, NULL-terminated */
    const struct layout *of;    /* OBJECT and LIST: what is inside */
    size_t count_offset;        /* LIST: where the number of elements is */
};

struct layout {
    size_t size;
    const struct member *members; /* up to the one without a name */
    const void *defaults;         /* a struct of that size; NULL: zeros */
};

#define AT(s, m) .name = #m, .offset = offsetof(struct s, m)
#define M_TEXT(s, m)                                                                               \
    {                                                                                              \
        AT(s, m), .type = TEXT, .size = sizeof(((struct s *)0)->m)                                 \
    }
#define M_NAME(s, m)                                                                               \
    {                                                                                              \
        AT(s, m), .type = TEXT, .size = sizeof(((struct s *)0)->m), .required = true               \
    }
#define M_PLAIN(s, m, t)                                                                           \
    {                                                                                              \
        AT(s, m), .type = t                                                                        \
    }
#define M_CHOICE(s, m, c)                                                                          \
    {                                                                                              \
        AT(s, m), .type = CHOICE, .choices = c                                                     \
    }
#define M_OBJECT(s, m, l)                                                                          \
    {                                                                                              \
        AT(s, m), .type = OBJECT, .of = &l, .required = true                                       \
    }
#define M_LIST(s, m, l)                                                                            \
    {                                                                                              \
        AT(s, m), .type = LIST, .of = &l, .count_offset = offsetof(struct s, n_##m)                \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define LAYOUT(s, m)                                                                               \
    {                                                                                              \
        .size = sizeof(struct s), .members = m                                                     \
    }

static_assert(sizeof(size_t) == sizeof(uint64_t), "sizes travel as U64");

/* --- the tables ------------------------------------------------------------------------------- */

static const char *const algorithms[] = {
    "least_outstanding",   "random", "weighted_random", "round_robin", "power_of_two",
    "least_expected_wait", NULL
};
static const char *const protocol_versions[] = { "HTTP1", "HTTP2", "GRPC", NULL };
static const char *const stickinesses[] = { "none", "cookie", "header", NULL };
static const char *const outlooks[] = { "coming", "failing", "none", NULL };
static const char *const clients_gone[] = { "cancel", "finish", NULL };
static const char *const events[] = { "target_health", "drained", "queue_waiting", NULL };
static const char *const kinds[] = { "endpoint", "target_group", "credential", "settings", NULL };
static const char *const types[] = {
    "snapshot", "update", "hello", "ack", "report", "event", NULL
};

static const struct member target_members[] = {
    M_NAME(link_target, id),
    M_NAME(link_target, address),
    M_TEXT(link_target, local_address),
    M_PLAIN(link_target, draining, FLAG),
    M_PLAIN(link_target, weight, NUMBER),
    M_PLAIN(link_target, concurrency_max, UNSIGNED),
    M_TEXT(link_target, zone),
    END,
};
static const struct link_target target_defaults = { .weight = 1 };
static const struct layout target_layout = { .size = sizeof(struct link_target),
                                             .members = target_members,
                                             .defaults = &target_defaults };

static const struct member zone_members[] = {
    M_NAME(link_zone, zone),
    M_PLAIN(link_zone, weight, NUMBER),
    END,
};
static const struct link_zone zone_defaults = { .weight = 1 };
static const struct layout zone_layout = { .size = sizeof(struct link_zone),
                                           .members = zone_members,
                                           .defaults = &zone_defaults };

static const struct member group_members[] = {
    M_NAME(link_target_group, id),
    M_CHOICE(link_target_group, algorithm, algorithms),
    M_CHOICE(link_target_group, protocol_version, protocol_versions),
    M_TEXT(link_target_group, health_path),
    M_TEXT(link_target_group, health_matcher),
    M_PLAIN(link_target_group, health_interval_ms, MS),
    M_PLAIN(link_target_group, health_timeout_ms, MS),
    M_PLAIN(link_target_group, healthy_threshold, UNSIGNED),
    M_PLAIN(link_target_group, unhealthy_threshold, UNSIGNED),
    M_PLAIN(link_target_group, concurrency_max, UNSIGNED),
    M_PLAIN(link_target_group, queue_length_max, UNSIGNED),
    M_PLAIN(link_target_group, queue_bytes_max, U64),
    M_PLAIN(link_target_group, queue_timeout_ms, MS),
    M_CHOICE(link_target_group, outlook, outlooks),
    M_PLAIN(link_target_group, request_timeout_ms, MS),
    M_PLAIN(link_target_group, stream_timeout_ms, MS),
    M_PLAIN(link_target_group, idle_timeout_ms, MS),
    M_CHOICE(link_target_group, client_gone, clients_gone),
    M_PLAIN(link_target_group, fin_means_gone, FLAG),
    M_PLAIN(link_target_group, deregistration_delay_ms, MS),
    M_PLAIN(link_target_group, slow_start_ms, MS),
    M_PLAIN(link_target_group, zone_spill, NUMBER),
    M_CHOICE(link_target_group, stickiness, stickinesses),
    M_TEXT(link_target_group, sticky_name),
    M_PLAIN(link_target_group, sticky_cookie_s, UNSIGNED),
    M_PLAIN(link_target_group, sticky_load_max, NUMBER),
    M_PLAIN(link_target_group, eject_after, UNSIGNED),
    M_PLAIN(link_target_group, eject_ms, MS),
    M_PLAIN(link_target_group, eject_percent_max, UNSIGNED),
    M_PLAIN(link_target_group, retry_percent, UNSIGNED),
    M_LIST(link_target_group, zones, zone_layout),
    M_LIST(link_target_group, targets, target_layout),
    END,
};
static const struct link_target_group group_defaults = LINK_TARGET_GROUP_DEFAULT;
static const struct layout group_layout = { .size = sizeof(struct link_target_group),
                                            .members = group_members,
                                            .defaults = &group_defaults };

static const struct member variant_members[] = {
    M_NAME(link_variant, name),
    M_PLAIN(link_variant, weight, NUMBER),
    M_NAME(link_variant, target_group),
    END,
};
static const struct link_variant variant_defaults = { .weight = 1 };
static const struct layout variant_layout = { .size = sizeof(struct link_variant),
                                              .members = variant_members,
                                              .defaults = &variant_defaults };

static const struct member endpoint_members[] = {
    M_NAME(link_endpoint, name),
    M_TEXT(link_endpoint, model_name),
    M_LIST(link_endpoint, variants, variant_layout),
    END,
};
static const struct link_endpoint endpoint_defaults = { .model_name = "primary" };
static const struct layout endpoint_layout = { .size = sizeof(struct link_endpoint),
                                               .members = endpoint_members,
                                               .defaults = &endpoint_defaults };

static const struct member route_members[] = {
    M_NAME(link_route, path_prefix),
    M_NAME(link_route, target_group),
    END,
};
static const struct layout route_layout = LAYOUT(link_route, route_members);

static const struct member credential_members[] = {
    M_NAME(link_credential, access_key_id), M_TEXT(link_credential, secret_access_key),
    M_TEXT(link_credential, sha256),        M_PLAIN(link_credential, admin, FLAG),
    M_TEXT(link_credential, invoke),        END,
};
/* whoever knows of no permissions, as a route file may, means a key that may do everything */
static const struct link_credential credential_defaults = { .admin = true };
static const struct layout credential_layout = { .size = sizeof(struct link_credential),
                                                 .members = credential_members,
                                                 .defaults = &credential_defaults };

static const struct member settings_members[] = {
    M_PLAIN(link_settings, auth, FLAG), M_TEXT(link_settings, region),
    M_TEXT(link_settings, account),     M_PLAIN(link_settings, body_bytes_max, U64),
    M_TEXT(link_settings, zone),        END,
};
/* a message that forgets `auth` must not open the door */
static const struct link_settings settings_defaults = {
    .auth = true,
    .region = "us-east-1",
    .account = "000000000000",
    .body_bytes_max = 25 << 20,
};
static const struct layout settings_layout = { .size = sizeof(struct link_settings),
                                               .members = settings_members,
                                               .defaults = &settings_defaults };

static const struct member report_group_members[] = {
    M_NAME(link_report_group, id),
    M_PLAIN(link_report_group, arrivals, U64),
    M_PLAIN(link_report_group, arrivals_per_target, NUMBER),
    M_PLAIN(link_report_group, no_capacity, U64),
    M_PLAIN(link_report_group, requests, U64),
    M_PLAIN(link_report_group, requests_per_target, NUMBER),
    M_PLAIN(link_report_group, errors_4xx, U64),
    M_PLAIN(link_report_group, errors_5xx, U64),
    M_PLAIN(link_report_group, model_errors, U64),
    M_PLAIN(link_report_group, queue_overflows, U64),
    M_PLAIN(link_report_group, queue_timeouts, U64),
    M_PLAIN(link_report_group, answers_2xx, U64),
    M_PLAIN(link_report_group, answers_3xx, U64),
    M_PLAIN(link_report_group, answers_4xx, U64),
    M_PLAIN(link_report_group, answers_5xx, U64),
    M_PLAIN(link_report_group, connection_errors, U64),
    M_PLAIN(link_report_group, targets_in_service, UNSIGNED),
    M_PLAIN(link_report_group, targets_unhealthy, UNSIGNED),
    M_PLAIN(link_report_group, concurrency_samples, UNSIGNED),
    M_PLAIN(link_report_group, concurrency_sum, NUMBER),
    M_PLAIN(link_report_group, concurrency_min, NUMBER),
    M_PLAIN(link_report_group, concurrency_max, NUMBER),
    M_PLAIN(link_report_group, queued, UNSIGNED),
    M_PLAIN(link_report_group, oldest_queued_ms, MS),
    M_PLAIN(link_report_group, model_latency_us, HISTOGRAM),
    M_PLAIN(link_report_group, overhead_us, HISTOGRAM),
    M_PLAIN(link_report_group, queue_us, HISTOGRAM),
    M_PLAIN(link_report_group, connect_us, HISTOGRAM),
    M_PLAIN(link_report_group, first_byte_us, HISTOGRAM),
    M_PLAIN(link_report_group, total_us, HISTOGRAM),
    END,
};
static const struct layout report_group_layout = LAYOUT(link_report_group, report_group_members);

#define REVISION(s)                                                                                \
    {                                                                                              \
        AT(s, revision), .type = U64, .required = true                                             \
    }

static const struct member snapshot_members[] = {
    M_PLAIN(link_snapshot, version, UNSIGNED),
    REVISION(link_snapshot),
    M_OBJECT(link_snapshot, settings, settings_layout),
    M_LIST(link_snapshot, credentials, credential_layout),
    M_LIST(link_snapshot, endpoints, endpoint_layout),
    M_LIST(link_snapshot, target_groups, group_layout),
    M_LIST(link_snapshot, routes, route_layout),
    END,
};
static const struct layout snapshot_layout = LAYOUT(link_snapshot, snapshot_members);

static const struct member update_members[] = {
    REVISION(link_update),
    { AT(link_update, kind), .type = CHOICE, .choices = kinds, .required = true },
    M_TEXT(link_update, id),
    END,
};
static const struct layout update_layout = LAYOUT(link_update, update_members);

static const struct member hello_members[] = {
    M_PLAIN(link_hello, version, UNSIGNED),
    M_PLAIN(link_hello, pid, MS),
    END,
};
static const struct layout hello_layout = LAYOUT(link_hello, hello_members);

static const struct member ack_members[] = { REVISION(link_ack), END };
static const struct layout ack_layout = LAYOUT(link_ack, ack_members);

static const struct member report_members[] = {
    M_PLAIN(link_report, at_ms, MS),
    M_PLAIN(link_report, interval_ms, MS),
    M_LIST(link_report, groups, report_group_layout),
    END,
};
static const struct layout report_layout = LAYOUT(link_report, report_members);

static const struct member event_members[] = {
    { AT(link_event, event), .type = CHOICE, .choices = events, .required = true },
    M_NAME(link_event, group),
    M_TEXT(link_event, target),
    M_TEXT(link_event, state),
    M_PLAIN(link_event, queued, UNSIGNED),
    M_PLAIN(link_event, oldest_queued_ms, MS),
    END,
};
static const struct layout event_layout = LAYOUT(link_event, event_members);

/* by enum link_type and by enum link_kind */
static const struct layout *const message_layouts[] = { &snapshot_layout, &update_layout,
                                                        &hello_layout,    &ack_layout,
                                                        &report_layout,   &event_layout };
static const struct layout *const kind_layouts[] = { &endpoint_layout, &group_layout,
                                                     &credential_layout, &settings_layout };

/* --- freeing ---------------------------------------------------------------------------------- */

static void deinit(const struct layout *layout, void *object)
{
    for (const struct member *m = layout->members; m->name; m++) {
        char *at = (char *)object + m->offset;
        void **list = (void **)at;
        size_t *n = (size_t *)((char *)object + m->count_offset);

        if (m->type == OBJECT)
            deinit(m->of, at);
        if (m->type != LIST)
            continue;
        for (size_t i = 0; i < *n; i++)
            deinit(m->of, (char *)*list + i * m->of->size);
        *list = mem_free(*list);
        *n = 0;
    }
}

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

static json_t *to_json(const struct layout *layout, const void *object);

static json_t *list_to_json(const struct layout *of, const char *elements, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, to_json(of, elements + i * of->size))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *member_to_json(const struct member *m, const void *object)
{
    const char *at = (const char *)object + m->offset;

    switch (m->type) {
    case TEXT:
        return json_string(at);
    case CHOICE:
        return json_string(m->choices[*(const int *)at]);
    case FLAG:
        return json_boolean(*(const bool *)at);
    case UNSIGNED:
        return json_integer(*(const unsigned *)at);
    case U64:
    case MS:
        return json_integer(*(const json_int_t *)at);
    case NUMBER:
        return json_real(*(const double *)at);
    case HISTOGRAM:
        return histogram_to_json((const struct histogram *)at);
    case OBJECT:
        return to_json(m->of, at);
    case LIST:
        return list_to_json(m->of, *(char *const *)at,
                            *(const size_t *)((const char *)object + m->count_offset));
    }
    abort(); /* the table holds nothing else */
}

static json_t *to_json(const struct layout *layout, const void *object)
{
    json_t *json = json_object();

    for (const struct member *m = layout->members; m->name; m++)
        if (json_object_set_new_nocheck(json, m->name, member_to_json(m, object))) {
            json_decref(json);
            return NULL;
        }
    return json;
}

json_t *link_settings_to_json(const struct link_settings *s)
{
    return to_json(&settings_layout, s);
}

json_t *link_credential_to_json(const struct link_credential *c)
{
    return to_json(&credential_layout, c);
}

json_t *link_endpoint_to_json(const struct link_endpoint *e)
{
    return to_json(&endpoint_layout, e);
}

json_t *link_target_group_to_json(const struct link_target_group *g)
{
    return to_json(&group_layout, g);
}

json_t *link_message_to_json(const struct link_message *m)
{
    json_t *json = to_json(message_layouts[m->type], &m->snapshot);
    json_t *object;

    if (json_object_set_new(json, "type", json_string(types[m->type])))
        goto failed;
    if (m->type != LINK_UPDATE)
        return json;
    object = m->update.removed ? json_null()
                               : to_json(kind_layouts[m->update.kind], &m->update.endpoint);
    if (json_object_set_new(json, "object", object))
        goto failed;
    return json;
failed:
    json_decref(json);
    return NULL;
}

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

static const char *describe(const struct member *m, char *ret_text, size_t size)
{
    switch (m->type) {
    case TEXT:
        snprintf(ret_text, size, "a text of %sup to %zu bytes", m->required ? "1 " : "",
                 m->size - 1);
        return ret_text;
    case CHOICE:
        return describe_choices(m->choices, ret_text, size);
    case FLAG:
        return "true or false";
    case UNSIGNED:
        return "a whole number from 0 to 4294967295";
    case U64:
    case MS:
        return "a whole number, 0 or more";
    case NUMBER:
        return "a number, 0 or more";
    case HISTOGRAM:
        return "a histogram";
    case OBJECT:
        return "an object";
    case LIST:
        return "a list";
    }
    abort(); /* the table holds nothing else */
}

/* Only the first complaint counts: what is in something comes before that. */
static void complain_of_member(const struct reading *how, const struct json_place *at,
                               const struct member *m, const json_t *said)
{
    char expected[256];

    if (how->why && !how->why[0])
        complaint_of_value(how->why, at, said, describe(m, expected, sizeof(expected)));
}

static int check_names(const struct layout *layout, json_t *json, const struct reading *how,
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

static int from_json(const struct layout *layout, json_t *json, void *ret_object,
                     const struct reading *how, const struct json_place *at);

/* The list hangs in its owner from the start, so the owner's deinit() frees a half-read one. */
static int list_from_json(const struct layout *of, json_t *json, void **ret_list, size_t *ret_n,
                          const struct reading *how, const struct json_place *at)
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

static int member_from_json(const struct member *m, json_t *json, void *object,
                            const struct reading *how, const struct json_place *at)
{
    char *place = (char *)object + m->offset;
    json_int_t value;
    int r;

    switch (m->type) {
    case TEXT:
        r = text_from_json(json, m->size, place);
        return !r && how->why && m->required && !place[0] ? LINK_E_MALFORMED : r;
    case CHOICE:
        r = choice_from_json(m->choices, json, (int *)place);
        return r == LINK_E_UNKNOWN && !m->required ? unknown_choice(how) : r;
    case FLAG:
        *(bool *)place = json_is_true(json);
        return json_is_boolean(json) ? 0 : LINK_E_MALFORMED;
    case UNSIGNED:
        r = integer_from_json(json, UINT32_MAX, &value);
        if (!r)
            *(unsigned *)place = (unsigned)value;
        return r;
    case U64:
    case MS:
        return integer_from_json(json, INT64_MAX, (json_int_t *)place);
    case NUMBER:
        return number_from_json(json, (double *)place);
    case HISTOGRAM:
        return histogram_from_json(json, (struct histogram *)place);
    case OBJECT:
        return from_json(m->of, json, place, how, at);
    case LIST:
        return list_from_json(m->of, json, (void **)place,
                              (size_t *)((char *)object + m->count_offset), how, at);
    }
    abort(); /* the table holds nothing else */
}

static int members_from_json(const struct layout *layout, json_t *json, void *object,
                             const struct reading *how, const struct json_place *at)
{
    int r = 0;

    for (const struct member *m = layout->members; m->name && !r; m++) {
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
static int from_json(const struct layout *layout, json_t *json, void *ret_object,
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
        deinit(layout, ret_object);
    return r;
}

static int update_from_json(json_t *json, struct link_update *u)
{
    json_t *object = json_object_get(json, "object");

    u->removed = json_is_null(object);
    if (u->removed)
        return u->kind != LINK_SETTINGS && u->id[0] ? 0 : LINK_E_MALFORMED;
    return from_json(kind_layouts[u->kind], object, &u->endpoint, &from_link, NULL);
}

int link_message_from_json(json_t *json, struct link_message *ret_message)
{
    int type, r;

    r = choice_from_json(types, json_object_get(json, "type"), &type);
    if (r)
        return r;
    r = from_json(message_layouts[type], json, &ret_message->snapshot, &from_link, NULL);
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
    return from_json(&snapshot_layout, json, ret_snapshot, &from_person, NULL);
}

void link_message_deinit(struct link_message *m)
{
    if (m->type == LINK_UPDATE && !m->update.removed)
        deinit(kind_layouts[m->update.kind], &m->update.endpoint);
    if (m->type != LINK_UPDATE)
        deinit(message_layouts[m->type], &m->snapshot);
}

void link_snapshot_deinit(struct link_snapshot *s)
{
    deinit(&snapshot_layout, s);
}

void link_endpoint_deinit(struct link_endpoint *e)
{
    deinit(&endpoint_layout, e);
}

void link_target_group_deinit(struct link_target_group *g)
{
    deinit(&group_layout, g);
}
