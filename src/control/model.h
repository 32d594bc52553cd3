/* control/model.h: models: an image, its data and its environment, under a name.
 *
 * A model is a record only. Endpoints copy what they need of it when they are created, so it may be
 * deleted while it is in use, as in SageMaker. c->models iterates (map_for_each, keyed by
 * arn_key()).
 */
#pragma once
#include "control/control.h"

enum {
    MODEL_E_EXISTS = 1,
    MODEL_E_NOT_FOUND,
    MODEL_E_LIMIT, /* MODELS_MAX are there */
};

enum { MODELS_MAX = 10000 };

struct model {
    char *name;
    wall_ms_t created;
    json_t *definition; /* CreateModel's members as given, to echo; without ModelName and Tags */
};

/* The container that runs, borrowed from the model: PrimaryContainer, or the first of Containers.
 */
struct model_container {
    const char *image;
    const char *model_data_url; /* NULL: none */
    json_t *environment;        /* object of strings, or NULL */
};

/** model_create() - @definition and @tags (array, or NULL) are validated input; references are
 * taken. Return: 0, MODEL_E_EXISTS, MODEL_E_LIMIT or -errno. */
int model_create(struct control *c, const char *name, json_t *definition, json_t *tags);
struct model *model_find(const struct control *c, const char *name);
/** model_delete() - Return: 0, MODEL_E_NOT_FOUND or -errno */
int model_delete(struct control *c, const char *name);
struct model_container model_container(const struct model *m);

int models_load(struct control *c); /* from the store, at start */
struct model *model_free(struct model *m);
DEFINE_AUTOFREE(struct model *, model_free)
