#include "control/model.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "control/arn.h"
#include "control/record.h"

struct model *model_free(struct model *m)
{
    if (!m)
        return NULL;
    free(m->name);
    json_decref(m->definition);
    free(m);
    return NULL;
}

static int model_new(const char *name, wall_ms_t created, json_t *definition,
                     struct model **ret_model)
{
    autofree(model_free) struct model *m = calloc(1, sizeof(*m));

    if (!m)
        return -ENOMEM;
    m->created = created;
    m->definition = json_incref(definition);
    m->name = strdup(name);
    if (!m->name)
        return -ENOMEM;
    *ret_model = steal(m);
    return 0;
}

static int adopt(struct control *c, struct model *m)
{
    char key[ARN_KEY_BYTES];

    arn_key(m->name, key);
    return map_put(&c->models, key, m);
}

struct model *model_find(const struct control *c, const char *name)
{
    char key[ARN_KEY_BYTES];

    arn_key(name, key);
    return map_get(&c->models, key);
}

static int store_model(struct control *c, const struct model *m, json_t *tags)
{
    char path[ARN_BYTES], arn[ARN_BYTES];
    json_t *document = json_pack("{s:s, s:I, s:O}", "name", m->name, "created",
                                 (json_int_t)m->created, "definition", m->definition);
    int r;

    if (!document)
        return fault(-ENOMEM);
    arn_path("/models/", m->name, path);
    arn_of(c, "model", m->name, arn);
    r = record_create(c, path, document, arn, tags);
    json_decref(document);
    return r;
}

int model_create(struct control *c, const char *name, json_t *definition, json_t *tags)
{
    autofree(model_free) struct model *m = NULL;
    char key[ARN_KEY_BYTES];
    int r;

    if (model_find(c, name))
        return MODEL_E_EXISTS;
    if (c->models.size >= MODELS_MAX)
        return MODEL_E_LIMIT;

    r = model_new(name, loop_wall(c->loop), definition, &m);
    if (!r)
        r = adopt(c, m);
    if (r)
        return fault(r);
    r = store_model(c, m, tags);
    if (r) {
        arn_key(name, key);
        map_remove(&c->models, key);
        return fault(r);
    }
    log_info(c->log, "model created", "model=%s", m->name);
    (void)steal(m); /* the map has it */
    return 0;
}

int model_delete(struct control *c, const char *name)
{
    struct model *m = model_find(c, name);
    char path[ARN_BYTES], arn[ARN_BYTES], key[ARN_KEY_BYTES];
    int r;

    if (!m)
        return MODEL_E_NOT_FOUND;
    arn_path("/models/", name, path);
    arn_of(c, "model", name, arn);
    r = record_delete(c, path, arn);
    if (r)
        return fault(r);
    arn_key(name, key);
    map_remove(&c->models, key);
    log_info(c->log, "model deleted", "model=%s", m->name);
    model_free(m);
    return 0;
}

struct model_container model_container(const struct model *m)
{
    json_t *container = json_object_get(m->definition, "PrimaryContainer");

    if (!container)
        container = json_array_get(json_object_get(m->definition, "Containers"), 0);
    return (struct model_container){
        .image = json_string_value(json_object_get(container, "Image")),
        .model_data_url = json_string_value(json_object_get(container, "ModelDataUrl")),
        .environment = json_object_get(container, "Environment"),
    };
}

static int load(struct control *c, json_t *document)
{
    autofree(model_free) struct model *m = NULL;
    json_t *definition;
    json_int_t created;
    const char *name;
    int r;

    if (json_unpack(document, "{s:s, s:I, s:o}", "name", &name, "created", &created, "definition",
                    &definition))
        return -EINVAL;
    r = model_new(name, created, definition, &m);
    if (!r)
        r = adopt(c, m);
    if (r)
        return fault(r);
    (void)steal(m);
    return 0;
}

int models_load(struct control *c)
{
    return record_load(c, "/models/", load);
}
