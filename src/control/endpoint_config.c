#include "control/endpoint_config.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "control/arn.h"
#include "control/model.h"
#include "control/record.h"
#include "fleet/instance_type.h"

/* "ContainerStartupHealthCheckTimeoutInSeconds": eight minutes, as in SageMaker */
enum { STARTUP_TIMEOUT_S = 480, COUNT_MAX = 1000000 };

struct endpoint_config *endpoint_config_free(struct endpoint_config *config)
{
    if (!config)
        return NULL;
    free(config->name);
    free(config->variants);
    json_decref(config->definition);
    free(config);
    return NULL;
}

/* RANDOM is for who asks for it: nobody can tell it from a better rule, except by waiting longer. */
static enum routing routing_of(json_t *variant)
{
    json_t *routing = json_object_get(variant, "RoutingConfig");
    const char *strategy = json_string_value(json_object_get(routing, "RoutingStrategy"));

    return strategy && strcmp(strategy, "RANDOM") == 0 ? ROUTING_RANDOM
                                                       : ROUTING_LEAST_OUTSTANDING_REQUESTS;
}

static double number(json_t *object, const char *member, double otherwise)
{
    json_t *value = json_object_get(object, member);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* Far more than may run; keeps a huge number within what an unsigned holds. */
static unsigned count_of(json_t *variant)
{
    double count = number(variant, "InitialInstanceCount", 0);

    return count < 1 ? 0 : count > COUNT_MAX ? COUNT_MAX : (unsigned)count;
}

static struct variant_config read_variant(json_t *variant)
{
    return (struct variant_config){
        .name = json_string_value(json_object_get(variant, "VariantName")),
        .model = json_string_value(json_object_get(variant, "ModelName")),
        .instance_type = json_string_value(json_object_get(variant, "InstanceType")),
        .initial_count = count_of(variant),
        .weight = number(variant, "InitialVariantWeight", 1),
        .routing = routing_of(variant),
        .startup_timeout_ms = (ms_t)number(variant, "ContainerStartupHealthCheckTimeoutInSeconds",
                                           STARTUP_TIMEOUT_S) *
                              MS_PER_S,
        .definition = variant,
    };
}

static bool earlier_has(const struct endpoint_config *config, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(config->variants[i].name, name) == 0)
            return true;
    return false;
}

static int read_variants(struct endpoint_config *config, const char **ret_subject)
{
    json_t *list = json_object_get(config->definition, "ProductionVariants"), *variant;
    size_t i;

    config->n_variants = json_array_size(list);
    config->variants = calloc(config->n_variants + 1, sizeof(*config->variants));
    if (!config->variants)
        return -ENOMEM;

    json_array_foreach (list, i, variant) {
        struct variant_config *v = &config->variants[i];

        *v = read_variant(variant);
        *ret_subject = v->name ? v->name : "";
        if (!v->name || !v->model || !v->instance_type || v->initial_count == 0)
            return ENDPOINT_CONFIG_E_INCOMPLETE;
        if (earlier_has(config, i, v->name))
            return ENDPOINT_CONFIG_E_DUPLICATE;
    }
    return 0;
}

static int check_names(const struct control *c, const struct endpoint_config *config,
                       const char **ret_subject)
{
    for (size_t i = 0; i < config->n_variants; i++) {
        *ret_subject = config->variants[i].model;
        if (!model_find(c, *ret_subject))
            return ENDPOINT_CONFIG_E_NO_MODEL;
        *ret_subject = config->variants[i].instance_type;
        if (!instance_type_find(*ret_subject))
            return ENDPOINT_CONFIG_E_INSTANCE_TYPE;
    }
    return 0;
}

static int config_new(const char *name, wall_ms_t created, json_t *definition,
                      struct endpoint_config **ret_config, const char **ret_subject)
{
    autofree(endpoint_config_free) struct endpoint_config *config = calloc(1, sizeof(*config));
    int r;

    if (!config)
        return -ENOMEM;
    config->created = created;
    config->definition = json_incref(definition);
    config->name = strdup(name);
    if (!config->name)
        return -ENOMEM;
    r = read_variants(config, ret_subject);
    if (r)
        return r;
    *ret_config = steal(config);
    return 0;
}

static int adopt(struct control *c, struct endpoint_config *config)
{
    char key[ARN_KEY_BYTES];

    arn_key(config->name, key);
    return map_put(&c->endpoint_configs, key, config);
}

struct endpoint_config *endpoint_config_find(const struct control *c, const char *name)
{
    char key[ARN_KEY_BYTES];

    arn_key(name, key);
    return map_get(&c->endpoint_configs, key);
}

static int store_config(struct control *c, const struct endpoint_config *config, json_t *tags)
{
    char path[ARN_BYTES], arn[ARN_BYTES];
    json_t *document = json_pack("{s:s, s:I, s:O}", "name", config->name, "created",
                                 (json_int_t)config->created, "definition", config->definition);
    int r;

    if (!document)
        return fault(-ENOMEM);
    arn_path("/endpoint-configs/", config->name, path);
    arn_of(c, "endpoint-config", config->name, arn);
    r = record_create(c, path, document, arn, tags);
    json_decref(document);
    return r;
}

int endpoint_config_create(struct control *c, const char *name, json_t *definition, json_t *tags,
                           const char **ret_subject)
{
    autofree(endpoint_config_free) struct endpoint_config *config = NULL;
    char key[ARN_KEY_BYTES];
    int r;

    if (endpoint_config_find(c, name))
        return ENDPOINT_CONFIG_E_EXISTS;
    if (c->endpoint_configs.size >= ENDPOINT_CONFIGS_MAX)
        return ENDPOINT_CONFIG_E_LIMIT;

    r = config_new(name, loop_wall(c->loop), definition, &config, ret_subject);
    if (!r)
        r = check_names(c, config, ret_subject);
    if (r > 0)
        return r;
    if (!r)
        r = adopt(c, config);
    if (r)
        return fault(r);
    r = store_config(c, config, tags);
    if (r) {
        arn_key(name, key);
        map_remove(&c->endpoint_configs, key);
        return fault(r);
    }
    log_info(c->log, "endpoint config created", "config=%s", config->name);
    (void)steal(config); /* the map has it */
    return 0;
}

int endpoint_config_delete(struct control *c, const char *name)
{
    struct endpoint_config *config = endpoint_config_find(c, name);
    char path[ARN_BYTES], arn[ARN_BYTES], key[ARN_KEY_BYTES];
    int r;

    if (!config)
        return ENDPOINT_CONFIG_E_NOT_FOUND;
    arn_path("/endpoint-configs/", name, path);
    arn_of(c, "endpoint-config", name, arn);
    r = record_delete(c, path, arn);
    if (r)
        return fault(r);
    arn_key(name, key);
    map_remove(&c->endpoint_configs, key);
    log_info(c->log, "endpoint config deleted", "config=%s", config->name);
    endpoint_config_free(config);
    return 0;
}

static int load(struct control *c, json_t *document)
{
    autofree(endpoint_config_free) struct endpoint_config *config = NULL;
    const char *name, *subject;
    json_t *definition;
    json_int_t created;
    int r;

    if (json_unpack(document, "{s:s, s:I, s:o}", "name", &name, "created", &created, "definition",
                    &definition))
        return -EINVAL;
    r = config_new(name, created, definition, &config, &subject);
    if (r > 0)
        return -EINVAL;
    if (!r)
        r = adopt(c, config);
    if (r)
        return fault(r);
    (void)steal(config);
    return 0;
}

int endpoint_configs_load(struct control *c)
{
    return record_load(c, "/endpoint-configs/", load);
}
