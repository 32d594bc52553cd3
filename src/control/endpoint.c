#include "control/endpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/arn.h"
#include "control/instance.h"
#include "control/proxy_link.h"
#include "control/reconcile.h"
#include "control/record.h"

struct endpoint *endpoint_free(struct endpoint *e)
{
    if (!e)
        return NULL;
    for (size_t i = 0; e->variants && i < e->n_variants; i++)
        free(e->variants[i].launch_failure);
    free(e->variants);
    json_decref(e->document);
    free(e);
    return NULL;
}

/* --- what is there ---------------------------------------------------------------------------- */

struct endpoint *endpoint_find(const struct control *c, const char *name)
{
    char key[ARN_KEY_BYTES];

    arn_key(name, key);
    return map_get(&c->endpoints, key);
}

struct variant *endpoint_variant(const struct endpoint *e, const char *variant)
{
    for (size_t i = 0; i < e->n_variants; i++)
        if (strcmp(e->variants[i].name, variant) == 0)
            return &e->variants[i];
    return NULL;
}

struct variant_counts variant_counts(const struct variant *v)
{
    struct variant_counts counts = { .desired = v->desired_count };

    list_for_each (i, &v->instances, struct instance, link) {
        if (i->state == INSTANCE_PENDING)
            counts.pending++;
        else if (i->state == INSTANCE_IN_SERVICE)
            counts.in_service++;
        else
            counts.leaving++;
    }
    return counts;
}

int endpoint_variant_counts(const struct control *c, const char *name, const char *variant,
                            struct variant_counts *ret)
{
    const struct endpoint *e = endpoint_find(c, name);
    const struct variant *v = e ? endpoint_variant(e, variant) : NULL;

    if (!v)
        return e ? ENDPOINT_E_NO_VARIANT : ENDPOINT_E_NOT_FOUND;
    *ret = variant_counts(v);
    return 0;
}

enum variant_status variant_status(const struct variant *v)
{
    struct variant_counts counts = variant_counts(v);
    bool steady = counts.in_service == v->desired_count && v->current_weight == v->desired_weight;

    if (v->endpoint->status == ENDPOINT_DELETING)
        return VARIANT_DELETING;
    if (v->endpoint->status == ENDPOINT_CREATING)
        return VARIANT_CREATING;
    return steady || v->endpoint->status == ENDPOINT_FAILED ? VARIANT_STEADY : VARIANT_UPDATING;
}

const char *variant_status_text(enum variant_status status)
{
    static const char *const texts[] = {
        [VARIANT_STEADY] = "",
        [VARIANT_CREATING] = "Creating",
        [VARIANT_UPDATING] = "Updating",
        [VARIANT_DELETING] = "Deleting",
    };

    return texts[status];
}

bool endpoint_takes_requests(const struct endpoint *e)
{
    return e->status == ENDPOINT_IN_SERVICE || e->status == ENDPOINT_UPDATING;
}

unsigned endpoint_wanted(const struct variant *v)
{
    enum endpoint_status status = v->endpoint->status;

    return status == ENDPOINT_DELETING || status == ENDPOINT_FAILED ? 0 : v->desired_count;
}

void variant_group(const struct variant *v, char ret_id[LINK_NAME_BYTES])
{
    snprintf(ret_id, LINK_NAME_BYTES, "%s/%s", v->endpoint->name, v->name);
}

/* --- states ----------------------------------------------------------------------------------- */

void endpoint_set_status(struct control *c, struct endpoint *e, enum endpoint_status status)
{
    log_info(c->log, "endpoint status", "endpoint=%s status=%s was=%s", e->name,
             endpoint_status_text(status), endpoint_status_text(e->status));
    e->status = status;
}

void endpoint_set_failure(struct endpoint *e, const char *reason)
{
    size_t n = strlen(reason);

    if (n > FAILURE_REASON_BYTES)
        n = FAILURE_REASON_BYTES;
    while (n > 0 && ((unsigned char)reason[n] & 0xc0) == 0x80) /* not inside a UTF-8 sequence */
        n--;
    memcpy(e->failure_reason, reason, n);
    e->failure_reason[n] = '\0';
    text_repair_utf8(e->failure_reason); /* it may tell of names that are none */
}

/* --- creation and deletion -------------------------------------------------------------------- */

/* Instances that are wanted by all endpoints together. */
static int64_t total_wanted(const struct control *c)
{
    int64_t n = 0;

    map_for_each (slot, &c->endpoints) {
        const struct endpoint *e = slot->value;

        for (size_t i = 0; i < e->n_variants; i++)
            n += endpoint_wanted(&e->variants[i]);
    }
    return n;
}

static int within_limits(const struct control *c, const struct endpoint_config *config)
{
    int64_t n = total_wanted(c);

    for (size_t i = 0; i < config->n_variants; i++)
        n += config->variants[i].initial_count;
    return n > c->settings.instances_max || c->endpoints.size >= ENDPOINTS_MAX ? ENDPOINT_E_LIMIT
                                                                               : 0;
}

static int keep(struct control *c, struct endpoint *e, json_t *tags)
{
    char path[ARN_BYTES], arn[ARN_BYTES], key[ARN_KEY_BYTES];
    int r;

    arn_key(e->name, key);
    arn_path("/endpoints/", e->name, path);
    arn_of(c, "endpoint", e->name, arn);
    r = map_put(&c->endpoints, key, e);
    if (r)
        return fault(r);
    r = record_create(c, path, e->document, arn, tags);
    if (r)
        map_remove(&c->endpoints, key);
    return fault(r);
}

int endpoint_create(struct control *c, const char *name, const char *config_name, json_t *tags,
                    const char **ret_subject)
{
    autofree(endpoint_free) struct endpoint *e = NULL;
    const struct endpoint_config *config = endpoint_config_find(c, config_name);
    json_t *document = NULL, *own;
    int r;

    if (endpoint_find(c, name))
        return ENDPOINT_E_EXISTS;
    if (!config)
        return ENDPOINT_E_NO_CONFIG;
    r = endpoint_document(c, name, config, &document, ret_subject);
    if (r == 0 && within_limits(c, config)) {
        json_decref(document);
        return ENDPOINT_E_LIMIT;
    }
    if (r)
        return r;

    own = json_deep_copy(document); /* shares nothing with config and models: it will change */
    json_decref(document);
    r = own ? endpoint_from_document(own, &e) : -ENOMEM;
    json_decref(own);
    if (!r)
        r = keep(c, e, tags);
    if (r)
        return fault(r);
    for (size_t i = 0; i < e->n_variants; i++)
        e->variants[i].link_revision = proxy_link_target_group(c->link, &e->variants[i]);
    log_info(c->log, "endpoint created", "endpoint=%s config=%s", e->name, e->config_name);
    (void)steal(e); /* the map has it */
    reconcile_wake(c);
    return 0;
}

int endpoint_delete(struct control *c, const char *name)
{
    struct endpoint *e = endpoint_find(c, name);
    int r;

    if (!e)
        return ENDPOINT_E_NOT_FOUND;
    if (e->status != ENDPOINT_IN_SERVICE && e->status != ENDPOINT_FAILED)
        return ENDPOINT_E_IN_PROGRESS;
    endpoint_set_status(c, e, ENDPOINT_DELETING);
    for (size_t i = 0; i < e->n_variants; i++)
        e->variants[i].status_since = loop_wall(c->loop);
    r = endpoint_store(c, e);
    if (r)
        return fault(r);
    proxy_link_no_endpoint(c->link, e->name);
    reconcile_wake(c);
    return 0;
}

int endpoint_forget(struct control *c, struct endpoint *e)
{
    char path[ARN_BYTES], arn[ARN_BYTES], key[ARN_KEY_BYTES], group[LINK_NAME_BYTES];
    int r;

    arn_key(e->name, key);
    arn_path("/endpoints/", e->name, path);
    arn_of(c, "endpoint", e->name, arn);
    r = record_delete(c, path, arn);
    if (r)
        return fault(r);
    for (size_t i = 0; i < e->n_variants; i++) {
        variant_group(&e->variants[i], group);
        proxy_link_no_target_group(c->link, group);
    }
    map_remove(&c->endpoints, key);
    log_info(c->log, "endpoint deleted", "endpoint=%s", e->name);
    endpoint_free(e);
    return 0;
}

/* --- weights and counts ----------------------------------------------------------------------- */

/* Whoever sets a count of 0 by hand must not have cut the variant off for good. */
static bool is_zero(const struct control *c, const struct variant *v,
                    const struct variant_change *change)
{
    return change->has_count && change->count == 0 && !variant_may_be_empty(c, v);
}

static int check_changes(const struct control *c, const struct endpoint *e,
                         const struct variant_change *changes, size_t n, bool by_hand,
                         const char **ret_subject)
{
    int64_t growth = 0;

    for (size_t i = 0; i < n; i++) {
        const struct variant *v = endpoint_variant(e, changes[i].variant);

        *ret_subject = changes[i].variant;
        if (!v)
            return ENDPOINT_E_NO_VARIANT;
        if (by_hand && is_zero(c, v, &changes[i]))
            return ENDPOINT_E_ZERO;
        if (changes[i].has_count)
            growth += (int64_t)changes[i].count - v->desired_count;
    }
    if (growth > 0 && total_wanted(c) + growth > c->settings.instances_max)
        return ENDPOINT_E_LIMIT;
    return 0;
}

static void apply_change(struct control *c, struct endpoint *e, const struct variant_change *change)
{
    struct variant *v = endpoint_variant(e, change->variant);

    if (change->has_count)
        v->desired_count = change->count;
    if (change->has_weight) {
        v->desired_weight = change->weight;
        e->announced = false;
    }
    v->status_since = loop_wall(c->loop);
    v->launch_failures = 0; /* somebody asks anew: try at once */
    v->backoff = (struct backoff){ 0 };
}

/* Make @n checked changes, which are the start of an update, or part of one. */
static int change_variants(struct control *c, struct endpoint *e,
                           const struct variant_change *changes, size_t n)
{
    int r;

    for (size_t i = 0; i < n; i++)
        apply_change(c, e, &changes[i]);
    e->failure_reason[0] = '\0';
    if (e->status != ENDPOINT_UPDATING)
        endpoint_set_status(c, e, ENDPOINT_UPDATING);
    reconcile_wake(c);
    r = endpoint_store(c, e);
    for (size_t i = 0; i < n && !r; i++)
        variant_tell_outlook(c, endpoint_variant(e, changes[i].variant));
    return fault(r);
}

int endpoint_update_weights_and_capacities(struct control *c, const char *name,
                                           const struct variant_change *changes, size_t n,
                                           const char **ret_subject)
{
    struct endpoint *e = endpoint_find(c, name);
    int r;

    if (!e)
        return ENDPOINT_E_NOT_FOUND;
    if (e->status != ENDPOINT_IN_SERVICE)
        return e->status == ENDPOINT_FAILED ? ENDPOINT_E_FAILED : ENDPOINT_E_IN_PROGRESS;
    r = check_changes(c, e, changes, n, true, ret_subject);
    if (r)
        return r;
    return change_variants(c, e, changes, n);
}

int endpoint_set_desired(struct control *c, const char *name, const char *variant, unsigned count,
                         const char *cause)
{
    struct endpoint *e = endpoint_find(c, name);
    struct variant_change change = { .variant = variant, .has_count = true, .count = count };
    struct variant *v;
    const char *subject;
    unsigned before;
    int r;

    if (!e)
        return ENDPOINT_E_NOT_FOUND;
    if (e->status == ENDPOINT_FAILED)
        return ENDPOINT_E_FAILED;
    if (!endpoint_takes_requests(e))
        return ENDPOINT_E_IN_PROGRESS;
    r = check_changes(c, e, &change, 1, false, &subject);
    if (r)
        return r;
    v = endpoint_variant(e, variant);
    if (v->desired_count == count)
        return 0;
    log_info(c->log, "desired count set", "endpoint=%s variant=%s desired=%u was=%u cause=\"%s\"",
             e->name, v->name, count, v->desired_count, cause);
    before = v->desired_count;
    r = change_variants(c, e, &change, 1);
    if (!r)
        tally_scaled(&v->tally, before, count);
    return r;
}
