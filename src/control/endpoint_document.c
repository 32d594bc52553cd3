/* Endpoints as documents. The object borrows its fixed strings from the document it was made of;
 * what changes is written back into it before it is stored. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/arn.h"
#include "control/endpoint.h"
#include "control/model.h"
#include "control/record.h"

static const char *const status_texts[] = {
    [ENDPOINT_CREATING] = "Creating", [ENDPOINT_IN_SERVICE] = "InService",
    [ENDPOINT_UPDATING] = "Updating", [ENDPOINT_FAILED] = "Failed",
    [ENDPOINT_DELETING] = "Deleting",
};
enum { N_STATUSES = sizeof(status_texts) / sizeof(status_texts[0]) };

const char *endpoint_status_text(enum endpoint_status status)
{
    return status_texts[status];
}

/* --- a new one -------------------------------------------------------------------------------- */

static json_t *variant_document(const struct variant_config *v, const struct model *m,
                                wall_ms_t now)
{
    struct model_container container = model_container(m);
    json_t *environment =
        container.environment ? json_incref(container.environment) : json_object();

    return json_pack("{s:s, s:s, s:s, s:s?, s:s, s:o, s:O, s:s, s:I, s:i, s:i, s:f, s:f, s:I}",
                     "name", v->name, "model", m->name, "image",
                     container.image ? container.image : "", "model_data_url",
                     container.model_data_url, "instance_type", v->instance_type, "environment",
                     environment, "definition", v->definition, "routing",
                     v->routing == ROUTING_RANDOM ? "RANDOM" : "LEAST_OUTSTANDING_REQUESTS",
                     "startup_timeout_ms", (json_int_t)v->startup_timeout_ms, "generation", 1,
                     "desired_count", (int)v->initial_count, "desired_weight", v->weight,
                     "current_weight", v->weight, "status_since", (json_int_t)now);
}

int endpoint_document(struct control *c, const char *name, const struct endpoint_config *config,
                      json_t **ret_document, const char **ret_subject)
{
    wall_ms_t now = loop_wall(c->loop);
    json_t *variants = json_array(), *document;

    for (size_t i = 0; i < config->n_variants; i++) {
        struct model *m = model_find(c, config->variants[i].model);

        if (!m) {
            json_decref(variants);
            *ret_subject = config->variants[i].model;
            return ENDPOINT_E_NO_MODEL;
        }
        if (json_array_append_new(variants, variant_document(&config->variants[i], m, now))) {
            json_decref(variants);
            return fault(-ENOMEM);
        }
    }
    document = json_pack("{s:s, s:s, s:O, s:s, s:s, s:I, s:I, s:o}", "name", name, "config",
                         config->name, "config_definition", config->definition, "status",
                         endpoint_status_text(ENDPOINT_CREATING), "failure_reason", "", "created",
                         (json_int_t)now, "modified", (json_int_t)now, "variants", variants);
    if (!document)
        return fault(-ENOMEM);
    *ret_document = document;
    return 0;
}

/* --- from the store --------------------------------------------------------------------------- */

static int variant_from_document(json_t *document, struct endpoint *e, struct variant *v)
{
    json_int_t startup_timeout_ms, generation, desired_count, status_since;
    const char *routing;

    if (json_unpack(document, "{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:F, s:F, s:I}",
                    "name", &v->name, "model", &v->model, "image", &v->image, "instance_type",
                    &v->instance_type, "environment", &v->environment, "definition", &v->definition,
                    "routing", &routing, "startup_timeout_ms", &startup_timeout_ms, "generation",
                    &generation, "desired_count", &desired_count, "desired_weight",
                    &v->desired_weight, "current_weight", &v->current_weight, "status_since",
                    &status_since))
        return -EINVAL;
    if (desired_count < 0 || desired_count > UINT16_MAX)
        return -EINVAL;
    v->endpoint = e;
    v->model_data_url = json_string_value(json_object_get(document, "model_data_url"));
    v->routing =
        strcmp(routing, "RANDOM") == 0 ? ROUTING_RANDOM : ROUTING_LEAST_OUTSTANDING_REQUESTS;
    v->startup_timeout_ms = startup_timeout_ms;
    v->generation = (unsigned)generation;
    v->desired_count = (unsigned)desired_count;
    v->status_since = status_since;
    v->startup_ms = json_integer_value(json_object_get(document, "startup_ms"));
    return 0;
}

static int variants_from_document(json_t *documents, struct endpoint *e)
{
    json_t *document;
    size_t i;
    int r;

    e->n_variants = json_array_size(documents);
    e->variants = calloc(e->n_variants + 1, sizeof(*e->variants));
    if (!e->variants)
        return -ENOMEM;
    for (i = 0; i < e->n_variants; i++)
        list_init(&e->variants[i].instances);
    json_array_foreach (documents, i, document) {
        r = variant_from_document(document, e, &e->variants[i]);
        if (r)
            return r;
    }
    return 0;
}

static int status_parse(const char *text, enum endpoint_status *ret)
{
    for (unsigned i = 0; i < N_STATUSES; i++)
        if (strcmp(text, status_texts[i]) == 0) {
            *ret = (enum endpoint_status)i;
            return 0;
        }
    return -EINVAL;
}

int endpoint_from_document(json_t *document, struct endpoint **ret)
{
    autofree(endpoint_free) struct endpoint *e = calloc(1, sizeof(*e));
    const char *status, *reason;
    json_int_t created, modified;
    json_t *variants;
    int r;

    if (!e)
        return -ENOMEM;
    e->document = json_incref(document);
    if (json_unpack(document, "{s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:o}", "name", &e->name,
                    "config", &e->config_name, "config_definition", &e->config_definition, "status",
                    &status, "failure_reason", &reason, "created", &created, "modified", &modified,
                    "variants", &variants))
        return -EINVAL;
    e->created = created;
    e->modified = modified;
    endpoint_set_failure(e, reason);
    r = status_parse(status, &e->status);
    if (!r)
        r = variants_from_document(variants, e);
    if (r)
        return r;
    *ret = steal(e);
    return 0;
}

static int load(struct control *c, json_t *document)
{
    autofree(endpoint_free) struct endpoint *e = NULL;
    char key[ARN_KEY_BYTES];
    int r = endpoint_from_document(document, &e);

    if (r)
        return r;
    arn_key(e->name, key);
    r = map_put(&c->endpoints, key, e);
    if (r)
        return fault(r);
    (void)steal(e);
    return 0;
}

int endpoints_load(struct control *c)
{
    return record_load(c, "/endpoints/", load);
}

/* --- to the store ----------------------------------------------------------------------------- */

static int write_back(struct endpoint *e)
{
    json_t *variants = json_object_get(e->document, "variants");
    int r =
        json_object_set_new(e->document, "status", json_string(endpoint_status_text(e->status))) |
        json_object_set_new(e->document, "failure_reason", json_string(e->failure_reason)) |
        json_object_set_new(e->document, "modified", json_integer(e->modified));

    for (size_t i = 0; i < e->n_variants; i++) {
        const struct variant *v = &e->variants[i];
        json_t *document = json_array_get(variants, i);

        r |= json_object_set_new(document, "desired_count", json_integer(v->desired_count));
        r |= json_object_set_new(document, "desired_weight", json_real(v->desired_weight));
        r |= json_object_set_new(document, "current_weight", json_real(v->current_weight));
        r |= json_object_set_new(document, "status_since", json_integer(v->status_since));
        r |= json_object_set_new(document, "startup_ms", json_integer(v->startup_ms));
    }
    return r ? -ENOMEM : 0;
}

int endpoint_store(struct control *c, struct endpoint *e)
{
    char path[ARN_BYTES];
    int r;

    e->modified = loop_wall(c->loop);
    r = write_back(e);
    if (r)
        return fault(r);
    arn_path("/endpoints/", e->name, path);
    return fault(record_put(c, path, e->document));
}
