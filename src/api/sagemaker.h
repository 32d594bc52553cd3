/* api/sagemaker.h: what the files of the SageMaker service share. Each of them has a list of
 * operations with their shapes; sagemaker.c makes the service of them.
 * Source: the SageMaker service model (2017-07-24), Amazon SageMaker API Reference. */
#pragma once
#include "api/service.h"
#include "control/arn.h"

/* --- shapes (sagemaker_shapes.c) -------------------------------------------------------------- */

extern const struct shape sagemaker_model_name, sagemaker_config_name, sagemaker_endpoint_name,
    sagemaker_variant_name, sagemaker_name_contains;
extern const struct shape sagemaker_instance_type; /* sagemaker_instance_types.c */
extern const struct shape sagemaker_role_arn, sagemaker_kms_key, sagemaker_vpc_config;
extern const struct shape sagemaker_image, sagemaker_environment;
extern const struct shape sagemaker_tags, sagemaker_tag_key;
extern const struct shape sagemaker_weight, sagemaker_count, sagemaker_routing_config;
extern const struct shape sagemaker_variant_list; /* of ProductionVariant */
extern const struct shape sagemaker_managed_scaling;
extern const struct shape sagemaker_metrics_config, sagemaker_data_capture_config;
extern const struct shape sagemaker_async_config, sagemaker_explainer_config;
extern const struct shape sagemaker_sort_order, sagemaker_sort_key, sagemaker_max_results,
    sagemaker_token;

/* --- operations ------------------------------------------------------------------------------- */

extern const struct operation sagemaker_model_operations[];
extern const struct operation sagemaker_endpoint_config_operations[];
extern const struct operation sagemaker_endpoint_operations[];
extern const struct operation sagemaker_tag_operations[];

/* --- help for handlers (sagemaker.c) ---------------------------------------------------------- */

/** sagemaker_timestamp() - @t as handlers write times */
json_t *sagemaker_timestamp(wall_ms_t t);

/** sagemaker_definition() - a new reference: the call's input without @name_member and Tags, which
 * is what control keeps of a created object, to echo; NULL if no memory */
json_t *sagemaker_definition(const struct api_call *call, const char *name_member);

/** sagemaker_unsupported() - refuse a member that weir would otherwise silently not act on */
int sagemaker_unsupported(struct api_call *call, const char *what);

/** sagemaker_arn_error() - ValidationException; @format has one %s, for the object's ARN */
#define sagemaker_arn_error(call, kind, name, format)                                              \
    ({                                                                                             \
        char arn_[ARN_BYTES];                                                                      \
        arn_of((call)->control, (kind), (name), arn_);                                             \
        api_error((call), "ValidationException", format, arn_);                                    \
    })

/**
 * sagemaker_list() - filter, sort and page as every List operation of the service does
 * @list:  the output member
 * @items: taken over; objects with @name, CreationTime, and for endpoints LastModifiedTime and
 *         EndpointStatus
 * @name:  the member that holds an item's name
 */
int sagemaker_list(struct api_call *call, const char *list, json_t *items, const char *name);
