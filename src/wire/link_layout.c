#include "wire/link_layout.h"

#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define AT(s, m) .name = #m, .offset = offsetof(struct s, m)
#define M_TEXT(s, m)                                                                               \
    {                                                                                              \
        AT(s, m), .type = MEMBER_TEXT, .size = sizeof(((struct s *)0)->m)                          \
    }
#define M_NAME(s, m)                                                                               \
    {                                                                                              \
        AT(s, m), .type = MEMBER_TEXT, .size = sizeof(((struct s *)0)->m), .required = true        \
    }
#define M_PLAIN(s, m, t)                                                                           \
    {                                                                                              \
        AT(s, m), .type = t                                                                        \
    }
#define M_CHOICE(s, m, c)                                                                          \
    {                                                                                              \
        AT(s, m), .type = MEMBER_CHOICE, .choices = c                                              \
    }
#define M_OBJECT(s, m, l)                                                                          \
    {                                                                                              \
        AT(s, m), .type = MEMBER_OBJECT, .of = &l, .required = true                                \
    }
#define M_LIST(s, m, l)                                                                            \
    {                                                                                              \
        AT(s, m), .type = MEMBER_LIST, .of = &l, .count_offset = offsetof(struct s, n_##m)         \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define LAYOUT(s, m)                                                                               \
    {                                                                                              \
        .size = sizeof(struct s), .members = m                                                     \
    }

static_assert(sizeof(size_t) == sizeof(uint64_t), "sizes travel as MEMBER_U64");

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
const char *const link_type_names[] = { "snapshot", "update", "hello", "ack",
                                        "report",   "event",  NULL };

static const struct link_member target_members[] = {
    M_NAME(link_target, id),
    M_NAME(link_target, address),
    M_TEXT(link_target, local_address),
    M_PLAIN(link_target, draining, MEMBER_FLAG),
    M_PLAIN(link_target, weight, MEMBER_NUMBER),
    M_PLAIN(link_target, concurrency_max, MEMBER_UNSIGNED),
    M_TEXT(link_target, zone),
    END,
};
static const struct link_target target_defaults = { .weight = 1 };
static const struct link_layout target_layout = { .size = sizeof(struct link_target),
                                                  .members = target_members,
                                                  .defaults = &target_defaults };

static const struct link_member zone_members[] = {
    M_NAME(link_zone, zone),
    M_PLAIN(link_zone, weight, MEMBER_NUMBER),
    END,
};
static const struct link_zone zone_defaults = { .weight = 1 };
static const struct link_layout zone_layout = { .size = sizeof(struct link_zone),
                                                .members = zone_members,
                                                .defaults = &zone_defaults };

static const struct link_member group_members[] = {
    M_NAME(link_target_group, id),
    M_CHOICE(link_target_group, algorithm, algorithms),
    M_CHOICE(link_target_group, protocol_version, protocol_versions),
    M_TEXT(link_target_group, health_path),
    M_TEXT(link_target_group, health_matcher),
    M_PLAIN(link_target_group, health_interval_ms, MEMBER_MS),
    M_PLAIN(link_target_group, health_timeout_ms, MEMBER_MS),
    M_PLAIN(link_target_group, healthy_threshold, MEMBER_UNSIGNED),
    M_PLAIN(link_target_group, unhealthy_threshold, MEMBER_UNSIGNED),
    M_PLAIN(link_target_group, concurrency_max, MEMBER_UNSIGNED),
    M_PLAIN(link_target_group, queue_length_max, MEMBER_UNSIGNED),
    M_PLAIN(link_target_group, queue_bytes_max, MEMBER_U64),
    M_PLAIN(link_target_group, queue_timeout_ms, MEMBER_MS),
    M_CHOICE(link_target_group, outlook, outlooks),
    M_PLAIN(link_target_group, request_timeout_ms, MEMBER_MS),
    M_PLAIN(link_target_group, stream_timeout_ms, MEMBER_MS),
    M_PLAIN(link_target_group, idle_timeout_ms, MEMBER_MS),
    M_CHOICE(link_target_group, client_gone, clients_gone),
    M_PLAIN(link_target_group, fin_means_gone, MEMBER_FLAG),
    M_PLAIN(link_target_group, deregistration_delay_ms, MEMBER_MS),
    M_PLAIN(link_target_group, slow_start_ms, MEMBER_MS),
    M_PLAIN(link_target_group, zone_spill, MEMBER_NUMBER),
    M_CHOICE(link_target_group, stickiness, stickinesses),
    M_TEXT(link_target_group, sticky_name),
    M_PLAIN(link_target_group, sticky_cookie_s, MEMBER_UNSIGNED),
    M_PLAIN(link_target_group, sticky_load_max, MEMBER_NUMBER),
    M_PLAIN(link_target_group, eject_after, MEMBER_UNSIGNED),
    M_PLAIN(link_target_group, eject_ms, MEMBER_MS),
    M_PLAIN(link_target_group, eject_percent_max, MEMBER_UNSIGNED),
    M_PLAIN(link_target_group, retry_percent, MEMBER_UNSIGNED),
    M_LIST(link_target_group, zones, zone_layout),
    M_LIST(link_target_group, targets, target_layout),
    END,
};
static const struct link_target_group group_defaults = LINK_TARGET_GROUP_DEFAULT;
const struct link_layout link_layout_group = { .size = sizeof(struct link_target_group),
                                               .members = group_members,
                                               .defaults = &group_defaults };

static const struct link_member variant_members[] = {
    M_NAME(link_variant, name),
    M_PLAIN(link_variant, weight, MEMBER_NUMBER),
    M_NAME(link_variant, target_group),
    END,
};
static const struct link_variant variant_defaults = { .weight = 1 };
static const struct link_layout variant_layout = { .size = sizeof(struct link_variant),
                                                   .members = variant_members,
                                                   .defaults = &variant_defaults };

static const struct link_member endpoint_members[] = {
    M_NAME(link_endpoint, name),
    M_TEXT(link_endpoint, model_name),
    M_LIST(link_endpoint, variants, variant_layout),
    END,
};
static const struct link_endpoint endpoint_defaults = { .model_name = "primary" };
const struct link_layout link_layout_endpoint = { .size = sizeof(struct link_endpoint),
                                                  .members = endpoint_members,
                                                  .defaults = &endpoint_defaults };

static const struct link_member route_members[] = {
    M_NAME(link_route, path_prefix),
    M_NAME(link_route, target_group),
    END,
};
static const struct link_layout route_layout = LAYOUT(link_route, route_members);

static const struct link_member credential_members[] = {
    M_NAME(link_credential, access_key_id), M_TEXT(link_credential, secret_access_key),
    M_TEXT(link_credential, sha256),        M_PLAIN(link_credential, admin, MEMBER_FLAG),
    M_TEXT(link_credential, invoke),        END,
};
/* whoever knows of no permissions, as a route file may, means a key that may do everything */
static const struct link_credential credential_defaults = { .admin = true };
const struct link_layout link_layout_credential = { .size = sizeof(struct link_credential),
                                                    .members = credential_members,
                                                    .defaults = &credential_defaults };

static const struct link_member settings_members[] = {
    M_PLAIN(link_settings, auth, MEMBER_FLAG),
    M_TEXT(link_settings, region),
    M_TEXT(link_settings, account),
    M_PLAIN(link_settings, body_bytes_max, MEMBER_U64),
    M_TEXT(link_settings, zone),
    END,
};
/* a message that forgets `auth` must not open the door */
static const struct link_settings settings_defaults = {
    .auth = true,
    .region = "us-east-1",
    .account = "000000000000",
    .body_bytes_max = 25 << 20,
};
const struct link_layout link_layout_settings = { .size = sizeof(struct link_settings),
                                                  .members = settings_members,
                                                  .defaults = &settings_defaults };

static const struct link_member report_group_members[] = {
    M_NAME(link_report_group, id),
    M_PLAIN(link_report_group, arrivals, MEMBER_U64),
    M_PLAIN(link_report_group, arrivals_per_target, MEMBER_NUMBER),
    M_PLAIN(link_report_group, no_capacity, MEMBER_U64),
    M_PLAIN(link_report_group, requests, MEMBER_U64),
    M_PLAIN(link_report_group, requests_per_target, MEMBER_NUMBER),
    M_PLAIN(link_report_group, errors_4xx, MEMBER_U64),
    M_PLAIN(link_report_group, errors_5xx, MEMBER_U64),
    M_PLAIN(link_report_group, model_errors, MEMBER_U64),
    M_PLAIN(link_report_group, queue_overflows, MEMBER_U64),
    M_PLAIN(link_report_group, queue_timeouts, MEMBER_U64),
    M_PLAIN(link_report_group, answers_2xx, MEMBER_U64),
    M_PLAIN(link_report_group, answers_3xx, MEMBER_U64),
    M_PLAIN(link_report_group, answers_4xx, MEMBER_U64),
    M_PLAIN(link_report_group, answers_5xx, MEMBER_U64),
    M_PLAIN(link_report_group, connection_errors, MEMBER_U64),
    M_PLAIN(link_report_group, targets_in_service, MEMBER_UNSIGNED),
    M_PLAIN(link_report_group, targets_unhealthy, MEMBER_UNSIGNED),
    M_PLAIN(link_report_group, concurrency_samples, MEMBER_UNSIGNED),
    M_PLAIN(link_report_group, concurrency_sum, MEMBER_NUMBER),
    M_PLAIN(link_report_group, concurrency_min, MEMBER_NUMBER),
    M_PLAIN(link_report_group, concurrency_max, MEMBER_NUMBER),
    M_PLAIN(link_report_group, queued, MEMBER_UNSIGNED),
    M_PLAIN(link_report_group, oldest_queued_ms, MEMBER_MS),
    M_PLAIN(link_report_group, model_latency_us, MEMBER_HISTOGRAM),
    M_PLAIN(link_report_group, overhead_us, MEMBER_HISTOGRAM),
    M_PLAIN(link_report_group, queue_us, MEMBER_HISTOGRAM),
    M_PLAIN(link_report_group, connect_us, MEMBER_HISTOGRAM),
    M_PLAIN(link_report_group, first_byte_us, MEMBER_HISTOGRAM),
    M_PLAIN(link_report_group, total_us, MEMBER_HISTOGRAM),
    END,
};
static const struct link_layout report_group_layout =
    LAYOUT(link_report_group, report_group_members);

#define REVISION(s)                                                                                \
    {                                                                                              \
        AT(s, revision), .type = MEMBER_U64, .required = true                                      \
    }

static const struct link_member snapshot_members[] = {
    M_PLAIN(link_snapshot, version, MEMBER_UNSIGNED),
    REVISION(link_snapshot),
    M_OBJECT(link_snapshot, settings, link_layout_settings),
    M_LIST(link_snapshot, credentials, link_layout_credential),
    M_LIST(link_snapshot, endpoints, link_layout_endpoint),
    M_LIST(link_snapshot, target_groups, link_layout_group),
    M_LIST(link_snapshot, routes, route_layout),
    END,
};
const struct link_layout link_layout_snapshot = LAYOUT(link_snapshot, snapshot_members);

static const struct link_member update_members[] = {
    REVISION(link_update),
    { AT(link_update, kind), .type = MEMBER_CHOICE, .choices = kinds, .required = true },
    M_TEXT(link_update, id),
    END,
};
static const struct link_layout update_layout = LAYOUT(link_update, update_members);

static const struct link_member hello_members[] = {
    M_PLAIN(link_hello, version, MEMBER_UNSIGNED),
    M_PLAIN(link_hello, pid, MEMBER_MS),
    END,
};
static const struct link_layout hello_layout = LAYOUT(link_hello, hello_members);

static const struct link_member ack_members[] = { REVISION(link_ack), END };
static const struct link_layout ack_layout = LAYOUT(link_ack, ack_members);

static const struct link_member report_members[] = {
    M_PLAIN(link_report, at_ms, MEMBER_MS),
    M_PLAIN(link_report, interval_ms, MEMBER_MS),
    M_LIST(link_report, groups, report_group_layout),
    END,
};
static const struct link_layout report_layout = LAYOUT(link_report, report_members);

static const struct link_member event_members[] = {
    { AT(link_event, event), .type = MEMBER_CHOICE, .choices = events, .required = true },
    M_NAME(link_event, group),
    M_TEXT(link_event, target),
    M_TEXT(link_event, state),
    M_PLAIN(link_event, queued, MEMBER_UNSIGNED),
    M_PLAIN(link_event, oldest_queued_ms, MEMBER_MS),
    END,
};
static const struct link_layout event_layout = LAYOUT(link_event, event_members);

const struct link_layout *const link_message_layouts[] = { &link_layout_snapshot, &update_layout,
                                                           &hello_layout,         &ack_layout,
                                                           &report_layout,        &event_layout };
const struct link_layout *const link_kind_layouts[] = { &link_layout_endpoint, &link_layout_group,
                                                        &link_layout_credential,
                                                        &link_layout_settings };

void link_layout_deinit(const struct link_layout *layout, void *object)
{
    for (const struct link_member *m = layout->members; m->name; m++) {
        char *at = (char *)object + m->offset;
        void **list = (void **)at;
        size_t *n = (size_t *)((char *)object + m->count_offset);

        if (m->type == MEMBER_OBJECT)
            link_layout_deinit(m->of, at);
        if (m->type != MEMBER_LIST)
            continue;
        for (size_t i = 0; i < *n; i++)
            link_layout_deinit(m->of, (char *)*list + i * m->of->size);
        *list = mem_free(*list);
        *n = 0;
    }
}
