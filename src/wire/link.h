/* wire/link.h: what control and proxy say to each other.
 *
 * control -> proxy
 *   {"type":"snapshot","version":1,"revision":N,"settings":{...},"credentials":[...],
 *    "endpoints":[...],"target_groups":[...],
 *    "routes":[...]}                                     everything; replaces all that was known
 *   {"type":"update","revision":N,"kind":"endpoint"|"target_group"|"credential"|"settings",
 *    "id":"...","object":{...}|null}                      one object; null: it is no more
 * proxy -> control
 *   {"type":"hello","version":1,"pid":P}
 *   {"type":"ack","revision":N}                           every worker serves revision N now
 *   {"type":"report","at_ms":T,"interval_ms":1000,"groups":[...]}   once a second, deltas
 *   {"type":"event","event":"target_health"|"drained"|"queue_waiting","group":"...","target":"...",
 *    "state":"...","queued":N,"oldest_queued_ms":T}
 *
 * The structs below are the objects' C form, the functions turn them into JSON and back (all member
 * names are the structs'); a proxy's static route file has the snapshot's shape.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "wire/complaint.h"

enum {
    LINK_VERSION = 1,
    LINK_NAME_BYTES = 128,
    LINK_KEY_BYTES = 129, /* of an access key, which has up to 128 characters */
    LINK_ADDRESS_BYTES = 128,
    LINK_PATTERNS_BYTES = 1024,
    LINK_ZONE_BYTES = 64
};

/* what becomes of a request whose client has left */
enum link_client_gone { LINK_CANCEL, LINK_FINISH };

enum link_algorithm {
    LINK_LEAST_OUTSTANDING,
    LINK_RANDOM, /* without regard to weights */
    LINK_WEIGHTED_RANDOM,
    LINK_ROUND_ROBIN,
    LINK_POWER_OF_TWO,
    LINK_LEAST_EXPECTED_WAIT,
};

/* what targets are asked in: as ELBv2's ProtocolVersion */
enum link_protocol_version {
    LINK_HTTP1,
    LINK_HTTP2, /* without TLS, by prior knowledge */
    LINK_GRPC,  /* the same, and only calls of gRPC are taken */
};

/* what makes a client's requests go to the same target */
enum link_stickiness {
    LINK_STICKY_NONE,
    LINK_STICKY_COOKIE, /* ours, set with the first answer */
    LINK_STICKY_HEADER, /* a request's field, hashed */
};

/* What a group without an instance in service can hope for. */
enum link_outlook {
    LINK_COMING,  /* an instance: it starts, or a request will make one start */
    LINK_FAILING, /* launches keep failing */
    LINK_NONE,    /* none is wanted, and requests do not change that */
};

struct link_target {
    char id[LINK_NAME_BYTES];               /* the instance's id */
    char address[LINK_ADDRESS_BYTES];       /* "127.0.0.1:4711" or "unix:/path" */
    char local_address[LINK_ADDRESS_BYTES]; /* "unix:/path": preferred for requests; empty: none */
    bool draining;              /* no new requests; report "drained" when none is left */
    double weight;              /* relative to the others; 0: only when no other can take it */
    unsigned concurrency_max;   /* requests at a time; 0: as its group says */
    char zone[LINK_ZONE_BYTES]; /* where it is; empty: nowhere in particular */
};

/* Multiplies the weights of a zone's targets; zones that are not named have 1. */
struct link_zone {
    char zone[LINK_ZONE_BYTES];
    double weight;
};

struct link_target_group {
    char id[LINK_NAME_BYTES];
    enum link_algorithm algorithm;
    enum link_protocol_version protocol_version;
    char health_path[LINK_NAME_BYTES];    /* "/ping" */
    char health_matcher[LINK_NAME_BYTES]; /* what a good check answers: "200", "200-299,404"; with
                                             LINK_GRPC a grpc-status. Empty: 200, or 12 */
    ms_t health_interval_ms, health_timeout_ms;
    unsigned healthy_threshold, unhealthy_threshold;
    unsigned concurrency_max;  /* requests at a time at each target; 0: no bound */
    unsigned queue_length_max; /* requests that may wait while no target can take them */
    uint64_t queue_bytes_max;  /* that those may keep in memory; 0: no bound */
    ms_t queue_timeout_ms;
    enum link_outlook outlook;
    ms_t request_timeout_ms; /* for the target's whole answer: 60 s as in SageMaker; of a route
                                     until the answer begins */
    ms_t stream_timeout_ms;  /* for the whole of an answer as events: 8 min as in SageMaker */
    ms_t idle_timeout_ms;    /* of a route's answer or tunnel on which nothing moves */
    enum link_client_gone client_gone;
    bool fin_means_gone;          /* a client that says it sends no more has left, too */
    ms_t deregistration_delay_ms; /* a draining target's requests are cut off after this */
    ms_t slow_start_ms;           /* until a target that is new, or was ejected, gets its share */
    double zone_spill; /* the proxy's own zone first, unless its targets are so many times as loaded
                          as the others; 0: zones are no matter */
    enum link_stickiness stickiness;
    char sticky_name[LINK_NAME_BYTES]; /* of the cookie or the field */
    unsigned sticky_cookie_s;          /* the cookie's life; 0: as long as the browser's session */
    double sticky_load_max; /* a target with more than so many times the mean load passes; 0: none
                                 does */
    unsigned eject_after;   /* failed requests in a row; 0: nobody is ejected */
    ms_t eject_ms;          /* the first time; doubles each time it happens again */
    unsigned eject_percent_max; /* of the group's targets at a time */
    unsigned retry_percent;     /* of requests; with a floor: see balance/retry.h */
    struct link_zone *zones;
    size_t n_zones;
    struct link_target *targets;
    size_t n_targets;
};

/* What a group has unless it says something else. */
#define LINK_TARGET_GROUP_DEFAULT                                                                  \
    {                                                                                              \
        .algorithm = LINK_LEAST_EXPECTED_WAIT, .health_path = "/ping", .health_interval_ms = 5000, \
        .health_timeout_ms = 2000, .healthy_threshold = 1, .unhealthy_threshold = 3,               \
        .queue_length_max = 1024, .queue_bytes_max = 256 << 20, .queue_timeout_ms = 60000,         \
        .request_timeout_ms = 60000, .stream_timeout_ms = 480000, .idle_timeout_ms = 60000,        \
        .deregistration_delay_ms = 60000, .sticky_name = "WEIRALB", .sticky_load_max = 1.25,       \
        .eject_after = 5, .eject_ms = 10000, .eject_percent_max = 50, .retry_percent = 20          \
    }

struct link_variant {
    char name[LINK_NAME_BYTES];
    double weight;
    char target_group[LINK_NAME_BYTES];
};

struct link_endpoint {
    char name[LINK_NAME_BYTES];
    char model_name[LINK_NAME_BYTES]; /* container name in ModelError messages: "primary" */
    struct link_variant *variants;
    size_t n_variants;
};

/* Requests that are no invocations, forwarded as they are. They change with a snapshot only. */
struct link_route {
    char path_prefix[LINK_NAME_BYTES]; /* compared byte by byte; the longest that fits counts */
    char target_group[LINK_NAME_BYTES];
};

/* A key: signatures are made with its secret, or it is shown as a bearer key, of which only the hash
 * is known. Which endpoints it may invoke the proxy decides, what it may do with APIs control. */
struct link_credential {
    char access_key_id[LINK_NAME_BYTES];
    char secret_access_key[LINK_KEY_BYTES]; /* empty for bearer keys */
    char sha256[LINK_NAME_BYTES];           /* of a bearer key, hex; empty for others */
    bool admin;                             /* may invoke everything; true unless said */
    char invoke[LINK_PATTERNS_BYTES];       /* patterns of endpoints, with spaces between them */
};

struct link_settings {
    bool auth; /* verify SigV4 */
    char region[64];
    char account[16];
    size_t body_bytes_max;      /* of an invocation */
    char zone[LINK_ZONE_BYTES]; /* where the proxy is; empty: nowhere in particular */
};

/* One target group's second, as the proxy saw it. */
struct link_report_group {
    char id[LINK_NAME_BYTES];
    uint64_t arrivals; /* requests that came, whether or not one could be sent on at once */
    double arrivals_per_target; /* each adds 1 / targets in service then; 1 if there was none */
    uint64_t no_capacity;       /* of these, found no target in service */
    uint64_t requests;          /* that went to a target */
    double requests_per_target; /* each request adds 1 / targets in service then */
    uint64_t errors_4xx, errors_5xx,
        model_errors; /* answers of the model; connects failed, timeouts */
    uint64_t queue_overflows, queue_timeouts;
    uint64_t answers_2xx, answers_3xx, answers_4xx, answers_5xx; /* the targets' own */
    uint64_t connection_errors;                                  /* connects that failed */
    unsigned targets_in_service, targets_unhealthy;
    /* requests in flight and waiting, sampled about ten times in the second */
    unsigned concurrency_samples;
    double concurrency_sum, concurrency_min, concurrency_max;
    unsigned queued; /* waiting now */
    ms_t oldest_queued_ms;
    struct histogram model_latency_us; /* from sending to the target to its last byte */
    struct histogram overhead_us;      /* total minus the above */
    /* where the time of complete requests went */
    struct histogram queue_us;      /* waiting for a target */
    struct histogram connect_us;    /* to it, where that was needed */
    struct histogram first_byte_us; /* from the attempt to the head of the answer */
    struct histogram total_us;
};

struct link_report {
    wall_ms_t at_ms;
    ms_t interval_ms;
    struct link_report_group *groups;
    size_t n_groups;
};

struct link_snapshot {
    unsigned version;
    uint64_t revision;
    struct link_settings settings;
    struct link_credential *credentials;
    size_t n_credentials;
    struct link_endpoint *endpoints;
    size_t n_endpoints;
    struct link_target_group *target_groups;
    size_t n_target_groups;
    struct link_route *routes;
    size_t n_routes;
};

enum link_kind { LINK_ENDPOINT, LINK_TARGET_GROUP, LINK_CREDENTIAL, LINK_SETTINGS };

struct link_update {
    uint64_t revision;
    enum link_kind kind;
    char id[LINK_NAME_BYTES]; /* name, id or access key id; empty for settings */
    bool removed;             /* the object is no more; nothing below is set */
    union {
        struct link_endpoint endpoint;
        struct link_target_group target_group;
        struct link_credential credential;
        struct link_settings settings;
    };
};

struct link_hello {
    unsigned version;
    int64_t pid;
};

struct link_ack {
    uint64_t revision;
};

enum link_event_kind { LINK_TARGET_HEALTH, LINK_DRAINED, LINK_QUEUE_WAITING };

struct link_event {
    enum link_event_kind event;
    char group[LINK_NAME_BYTES];
    char target[LINK_NAME_BYTES]; /* empty for queue_waiting */
    char state[16];               /* target_health: "healthy" or "unhealthy" */
    unsigned queued;              /* queue_waiting: how many wait */
    ms_t oldest_queued_ms;        /* and how long the first of them has */
};

enum link_type { LINK_SNAPSHOT, LINK_UPDATE, LINK_HELLO, LINK_ACK, LINK_REPORT, LINK_EVENT };

struct link_message {
    enum link_type type;
    union {
        struct link_snapshot snapshot;
        struct link_update update;
        struct link_hello hello;
        struct link_ack ack;
        struct link_report report;
        struct link_event event;
    };
};

/* --- structs to JSON: a new reference, NULL if there is no memory or a text is not UTF-8 ------ */

json_t *link_settings_to_json(const struct link_settings *s);
json_t *link_credential_to_json(const struct link_credential *c);
json_t *link_endpoint_to_json(const struct link_endpoint *e);
json_t *link_target_group_to_json(const struct link_target_group *g);
/** link_message_to_json() - a whole message, ready for frame_write() */
json_t *link_message_to_json(const struct link_message *m);

/* --- JSON to structs -------------------------------------------------------------------------- */

enum {
    LINK_E_MALFORMED = 1, /* a member is missing, of the wrong type, too long or out of range */
    LINK_E_UNKNOWN, /* a message type, object kind or event that this version lacks: skip it */
};

/**
 * link_message_from_json() - read a message
 * @ret_message: to be given to link_message_deinit()
 *
 * Missing members that are no names or revisions have defaults; unknown members are ignored.
 * Return: 0, LINK_E_MALFORMED, LINK_E_UNKNOWN or -ENOMEM.
 */
int link_message_from_json(json_t *json, struct link_message *ret_message);
void link_message_deinit(struct link_message *m);

/**
 * link_snapshot_from_json() - read a snapshot that a person has written, without a message around it
 * @ret_snapshot: to be given to link_snapshot_deinit()
 * @ret_why:      of a malformed one, where it is wrong and what would be right
 *
 * Here members and choices that nobody knows are malformed, too, and so are names without a letter.
 * Return: 0, LINK_E_MALFORMED or -ENOMEM.
 */
int link_snapshot_from_json(json_t *json, struct link_snapshot *ret_snapshot,
                            char ret_why[COMPLAINT_BYTES]);

void link_snapshot_deinit(struct link_snapshot *s);
void link_endpoint_deinit(struct link_endpoint *e);
void link_target_group_deinit(struct link_target_group *g);
