/* wire/link.h: what control and proxy say to each other.
 *
 * control -> proxy
 *   {"type":"snapshot","version":1,"revision":N,"settings":{...},"credentials":[...],
 *    "endpoints":[...],"target_groups":[...]}           everything; replaces all that was known
 *   {"type":"update","revision":N,"kind":"endpoint"|"target_group"|"credential"|"settings",
 *    "id":"...","object":{...}|null}                      one object; null: it is no more
 * proxy -> control
 *   {"type":"hello","version":1,"pid":P}
 *   {"type":"ack","revision":N}                           every worker serves revision N now
 *   {"type":"report","at_ms":T,"interval_ms":1000,"groups":[...]}   once a second, deltas
 *   {"type":"event","event":"target_health"|"drained"|"queue_waiting","group":"...","target":"...",
 *    "state":"..."}
 *
 * The structs below are the objects' C form, the functions turn them into JSON and back; a proxy's
 * static route file has the snapshot's shape.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/histogram.h"

enum { LINK_VERSION = 1, LINK_NAME_BYTES = 128, LINK_ADDRESS_BYTES = 128 };

enum link_algorithm { LINK_LEAST_OUTSTANDING, LINK_RANDOM };

struct link_target {
    char id[LINK_NAME_BYTES];           /* the instance's id */
    char address[LINK_ADDRESS_BYTES];   /* "127.0.0.1:4711" or "unix:/path" */
    bool draining;                      /* no new requests; report "drained" when none is left */
};

struct link_target_group {
    char id[LINK_NAME_BYTES];
    enum link_algorithm algorithm;
    char health_path[LINK_NAME_BYTES];  /* "/ping" */
    ms_t health_interval_ms, health_timeout_ms;
    unsigned healthy_threshold, unhealthy_threshold;
    unsigned queue_length_max;          /* requests that may wait while no target can take them */
    ms_t queue_timeout_ms;
    ms_t request_timeout_ms;            /* for the target's whole answer: 60 s as in SageMaker */
    ms_t deregistration_delay_ms;       /* a draining target's requests are cut off after this */
    struct link_target *targets;
    size_t n_targets;
};

struct link_variant {
    char name[LINK_NAME_BYTES];
    double weight;
    char target_group[LINK_NAME_BYTES];
};

struct link_endpoint {
    char name[LINK_NAME_BYTES];
    char model_name[LINK_NAME_BYTES];   /* container name in ModelError messages: "primary" */
    struct link_variant *variants;
    size_t n_variants;
};

struct link_credential {
    char access_key_id[LINK_NAME_BYTES];
    char secret_access_key[LINK_NAME_BYTES];
};

struct link_settings {
    bool auth;                          /* verify SigV4 */
    char region[64];
    char account[16];
    size_t body_bytes_max;              /* of an invocation */
};

/* One target group's second, as the proxy saw it. */
struct link_report_group {
    char id[LINK_NAME_BYTES];
    uint64_t requests;                  /* that went to a target */
    double requests_per_target;         /* each request adds 1 / targets in service then */
    uint64_t errors_4xx, errors_5xx, model_errors; /* answers of the model; connects failed, timeouts */
    uint64_t queue_overflows, queue_timeouts;
    unsigned targets_in_service;
    /* requests in flight and waiting, sampled about ten times in the second */
    unsigned concurrency_samples;
    double concurrency_sum, concurrency_min, concurrency_max;
    unsigned queued;                    /* waiting now */
    ms_t oldest_queued_ms;
    struct histogram model_latency_us;  /* from sending to the target to its last byte */
    struct histogram overhead_us;       /* total minus the above */
};
