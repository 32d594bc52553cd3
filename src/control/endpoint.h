/* control/endpoint.h: endpoints and their variants.
 *
 *   Creating --every variant has its count in service--> InService
 *       `-----launches fail before a first good ping--> Failed     (only deletion is allowed)
 *   InService --weights, counts--> Updating --counts and routes are as wanted--> InService
 *   InService, Failed --delete--> Deleting --the last instance is gone--> (no more)
 *
 * A variant is a fleet: a launch specification, a wanted count, and instances. What it runs was
 * copied from model and config when the endpoint was created. c->endpoints iterates (keyed by
 * arn_key()). Changes are in the store when a function returns 0; converging is reconcile.c's,
 * which also is the only writer of states. "Updating" ends when as many instances as wanted are in
 * service and the proxy has the routes; what drains or terminates then no longer counts, as it
 * takes no requests. A rescale whose launches keep failing goes back to InService with a
 * FailureReason, and launching goes on, ever more slowly; the reason disappears with the next
 * success.
 */
#pragma once
#include "base/list.h"
#include "control/backoff.h"
#include "control/control.h"
#include "control/endpoint_config.h"
#include "control/tally.h"
#include "wire/link.h"

enum {
    ENDPOINT_E_EXISTS = 1,
    ENDPOINT_E_NOT_FOUND,
    ENDPOINT_E_IN_PROGRESS, /* Creating, Updating or Deleting */
    ENDPOINT_E_FAILED,      /* only deletion is allowed */
    ENDPOINT_E_NO_CONFIG,
    ENDPOINT_E_NO_MODEL,   /* *ret_subject: the model that the config names */
    ENDPOINT_E_NO_VARIANT, /* *ret_subject: the variant that is not there */
    ENDPOINT_E_ZERO,       /* a count of 0 is asked for, and nothing would bring an instance back */
    ENDPOINT_E_LIMIT,      /* more than settings.instances_max instances, or ENDPOINTS_MAX */
};

enum { ENDPOINTS_MAX = 1000, FAILURE_REASON_BYTES = 1024 };

enum endpoint_status {
    ENDPOINT_CREATING,
    ENDPOINT_IN_SERVICE,
    ENDPOINT_UPDATING,
    ENDPOINT_FAILED,
    ENDPOINT_DELETING,
};

/* VariantStatus as DescribeEndpoint has it; VARIANT_STEADY shows none. */
enum variant_status { VARIANT_STEADY, VARIANT_CREATING, VARIANT_UPDATING, VARIANT_DELETING };

/* Requests that wait for an instance, as the proxies said last. */
struct variant_queue {
    unsigned waiting;
    wall_ms_t heard; /* 0: never */
};

struct variant {
    struct endpoint *endpoint;
    /* what to launch: fixed, and inside the endpoint's document */
    const char *name, *model, *image, *model_data_url; /* model_data_url may be NULL */
    const char *instance_type;
    json_t *environment; /* object of strings */
    json_t *definition;  /* the ProductionVariant as configured, to echo */
    enum routing routing;
    ms_t startup_timeout_ms;
    unsigned generation; /* of the deployment that this fleet belongs to; instances carry it too */
    /* what is wanted */
    unsigned desired_count;
    double desired_weight;
    double current_weight;  /* as the proxy has it */
    wall_ms_t status_since; /* when it last was Creating, Updating or Deleting anew */
    ms_t startup_ms; /* what instances took from launch to first good ping, at most, lately; 0: not
                        known. In the store with the next change. */

    struct list instances; /* struct instance, oldest first */
    /* not stored: a restart begins anew */
    bool ever_in_service;
    struct backoff backoff;
    bool crashed; /* an instance that was in service ended by itself ... */
    ms_t crashed_at;
    unsigned launch_failures; /* in a row, before a first good ping */
    char *launch_failure;     /* why the last one failed; NULL: none did */
    uint64_t link_revision;   /* the proxy has our target group when it acked this */
    struct variant_queue queue;
    struct variant_tally tally;
};

struct endpoint {
    const char *name, *config_name; /* inside the document */
    json_t *config_definition;      /* as of creation, to echo */
    json_t *document;               /* as last stored */
    enum endpoint_status status;
    char failure_reason[FAILURE_REASON_BYTES + 1]; /* "": none */
    wall_ms_t created, modified;
    struct variant *variants; /* never moves */
    size_t n_variants;
    bool announced;         /* the proxy was told what it has to know of it ... */
    uint64_t link_revision; /* ... and has it when it acked this */
};

struct variant_change {
    const char *variant;
    bool has_weight, has_count;
    double weight;
    unsigned count;
};

struct variant_counts {
    unsigned in_service; /* CurrentInstanceCount */
    unsigned pending;    /* launched, not yet ready */
    unsigned desired;    /* DesiredInstanceCount */
    unsigned leaving;    /* draining or terminating */
};

/** endpoint_create() - Return: 0, EXISTS, NO_CONFIG, NO_MODEL, LIMIT or -errno.
 * @ret_subject: with NO_MODEL, borrowed from the config */
int endpoint_create(struct control *c, const char *name, const char *config_name, json_t *tags,
                    const char **ret_subject);
struct endpoint *endpoint_find(const struct control *c, const char *name);
struct variant *endpoint_variant(const struct endpoint *e, const char *variant); /* or NULL */
/** endpoint_delete() - begin to. Return: 0, NOT_FOUND, IN_PROGRESS or -errno. */
int endpoint_delete(struct control *c, const char *name);

/** endpoint_update_weights_and_capacities() - all @changes or none. Needs InService.
 * Return: 0, NOT_FOUND, IN_PROGRESS, FAILED, NO_VARIANT, ZERO, LIMIT or -errno.
 * @ret_subject: with NO_VARIANT and ZERO, borrowed from @changes */
int endpoint_update_weights_and_capacities(struct control *c, const char *name,
                                           const struct variant_change *changes, size_t n,
                                           const char **ret_subject);

/** endpoint_set_desired() - for scaling: the same for one count, and allowed while an earlier
 * rescale is under way: the newest wins. @cause goes to the log. Setting what is set changes
 * nothing; 0 is for the caller to answer for. Return: 0, NOT_FOUND, NO_VARIANT, IN_PROGRESS
 * (Creating, Deleting), FAILED, LIMIT, -errno. */
int endpoint_set_desired(struct control *c, const char *name, const char *variant, unsigned count,
                         const char *cause);

struct variant_counts variant_counts(const struct variant *v);
/** endpoint_variant_counts() - Return: 0, ENDPOINT_E_NOT_FOUND or ENDPOINT_E_NO_VARIANT */
int endpoint_variant_counts(const struct control *c, const char *name, const char *variant,
                            struct variant_counts *ret);

enum variant_status variant_status(const struct variant *v);
/** variant_hear_queue() - @waiting requests wait for an instance of @v */
void variant_hear_queue(struct variant *v, unsigned waiting, wall_ms_t now);
/** variant_waiting() - how many do, if that was heard of lately; 0 otherwise */
unsigned variant_waiting(const struct variant *v, wall_ms_t now);
/** variant_failing() - no instance is in service, and launches keep failing */
bool variant_failing(const struct variant *v);
/** variant_may_be_empty() - a scalable target says that it may have no instance, and makes one start
 * when a request comes */
bool variant_may_be_empty(const struct control *c, const struct variant *v);
/** variant_outlook() - what requests may hope for that find no instance with room, and how long they
 * are to wait for it */
enum link_outlook variant_outlook(const struct control *c, const struct variant *v,
                                  ms_t *ret_wait_ms);
/** variant_tell_outlook() - whether waiting for an instance is worth it may have changed: the proxy
 * is told anew if there is none */
void variant_tell_outlook(struct control *c, struct variant *v);
const char *endpoint_status_text(enum endpoint_status status); /* "InService" ... */
const char *variant_status_text(enum variant_status status);   /* "Updating" ..., "" when steady */
bool endpoint_takes_requests(const struct endpoint *e);        /* InService or Updating */
/** variant_group() - the id of its target group: "ENDPOINT/VARIANT" */
void variant_group(const struct variant *v, char ret_id[LINK_NAME_BYTES]);

/* --- for the other files of this folder ------------------------------------------------------- */

int endpoints_load(struct control *c);
/** endpoint_wanted() - how many instances the fleet is to have: none when deleting or failed */
unsigned endpoint_wanted(const struct variant *v);
/** endpoint_from_document() - the object that @document (a new reference is taken) describes.
 * Return: 0, -EINVAL or -ENOMEM. */
int endpoint_from_document(json_t *document, struct endpoint **ret);
/** endpoint_document() - the document of a new endpoint, by @config and the models that are there.
 * Return: 0, ENDPOINT_E_NO_MODEL (*ret_subject: which) or -ENOMEM. */
int endpoint_document(struct control *c, const char *name, const struct endpoint_config *config,
                      json_t **ret_document, const char **ret_subject);
/** endpoint_store() - write what may have changed */
int endpoint_store(struct control *c, struct endpoint *e);
/** endpoint_set_status() - in memory; the caller stores */
void endpoint_set_status(struct control *c, struct endpoint *e, enum endpoint_status status);
void endpoint_set_failure(struct endpoint *e, const char *reason); /* cut to what fits */
/** endpoint_progress() - move on to the state that its fleets have reached. Return: 0 or -errno. */
int endpoint_progress(struct control *c, struct endpoint *e);
/** endpoint_fail() - launches of @v keep failing: a new endpoint becomes Failed, one being rescaled
 * goes back to InService; either says why */
int endpoint_fail(struct control *c, struct endpoint *e, const struct variant *v);
/** endpoint_forget() - the last instance is gone: out of the store and the map; frees it */
int endpoint_forget(struct control *c, struct endpoint *e);
struct endpoint *endpoint_free(struct endpoint *e);
DEFINE_AUTOFREE(struct endpoint *, endpoint_free)
