/* control/endpoint_config.h: endpoint configurations: which variants an endpoint is to have.
 *
 * Immutable records; c->endpoint_configs iterates. Endpoints copy what they need, so a
 * configuration may be deleted while it is in use.
 */
#pragma once
#include "control/control.h"

enum {
    ENDPOINT_CONFIG_E_EXISTS = 1,
    ENDPOINT_CONFIG_E_NOT_FOUND,
    ENDPOINT_CONFIG_E_LIMIT,         /* ENDPOINT_CONFIGS_MAX are there */
    ENDPOINT_CONFIG_E_NO_MODEL,      /* *ret_subject: the name of the model that is not there */
    ENDPOINT_CONFIG_E_DUPLICATE,     /* *ret_subject: a variant's name that comes twice */
    ENDPOINT_CONFIG_E_INSTANCE_TYPE, /* *ret_subject: an instance type that weir does not know */
    ENDPOINT_CONFIG_E_INCOMPLETE, /* *ret_subject: a variant that lacks ModelName, InstanceType or
                                     InitialInstanceCount (serverless, inference components) */
};

enum { ENDPOINT_CONFIGS_MAX = 10000, VARIANTS_MAX = 10 };

enum routing { ROUTING_RANDOM, ROUTING_LEAST_OUTSTANDING_REQUESTS };

struct variant_config {
    const char *name, *model, *instance_type; /* inside @definition */
    unsigned initial_count;
    double weight;           /* InitialVariantWeight, default 1 */
    enum routing routing;    /* absent: random, as in SageMaker */
    ms_t startup_timeout_ms; /* ContainerStartupHealthCheckTimeoutInSeconds, default 8 minutes */
    json_t *definition;      /* the ProductionVariant as given, borrowed from the config */
};

struct endpoint_config {
    char *name;
    wall_ms_t created;
    json_t
        *definition; /* CreateEndpointConfig's members as given, to echo; without name and Tags */
    struct variant_config *variants;
    size_t n_variants; /* 1..VARIANTS_MAX */
};

/** endpoint_config_create() - @definition holds ProductionVariants, validated by shape; references
 * are taken. @ret_subject: with the outcomes that say so, borrowed from @definition. */
int endpoint_config_create(struct control *c, const char *name, json_t *definition, json_t *tags,
                           const char **ret_subject);
struct endpoint_config *endpoint_config_find(const struct control *c, const char *name);
int endpoint_config_delete(struct control *c, const char *name);

int endpoint_configs_load(struct control *c);
struct endpoint_config *endpoint_config_free(struct endpoint_config *config);
DEFINE_AUTOFREE(struct endpoint_config *, endpoint_config_free)
