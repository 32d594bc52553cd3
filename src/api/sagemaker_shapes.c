/* Shapes that several operations share. Where weir differs from AWS's constraints on purpose, it
 * says so here and in tests/shapes/differences.json. */
#include "api/sagemaker.h"

/* Names: letters, digits and hyphens, at most 63 characters, no hyphen at either end. */
#define NAME_PATTERN PATTERN("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")

const struct shape sagemaker_model_name =
    STRING("ModelName", AT_MOST(63),
           PATTERN_AS("[a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?",
                      "[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?"));
const struct shape sagemaker_config_name = STRING("EndpointConfigName", AT_MOST(63), NAME_PATTERN);
const struct shape sagemaker_endpoint_name = STRING("EndpointName", AT_MOST(63), NAME_PATTERN);
const struct shape sagemaker_variant_name = STRING("VariantName", AT_MOST(63), NAME_PATTERN);
const struct shape sagemaker_name_contains =
    STRING("NameContains", AT_MOST(63), PATTERN("[a-zA-Z0-9-]+"));

const struct shape sagemaker_role_arn =
    STRING("RoleArn", BETWEEN(20, 2048),
           PATTERN_AS("^arn:aws[a-z\\-]*:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+$",
                      "arn:aws[a-z-]*:iam::[0-9]{12}:role/?[a-zA-Z_0-9+=,.@/-]+"));
const struct shape sagemaker_kms_key =
    STRING("KmsKeyId", AT_MOST(2048), PATTERN("[a-zA-Z0-9:/_-]*"));

static const struct shape security_group =
    STRING("SecurityGroupId", AT_MOST(32), PATTERN("[-0-9a-zA-Z]+"));
static const struct shape security_groups =
    LIST("VpcSecurityGroupIds", &security_group, BETWEEN(1, 5));
static const struct shape subnet = STRING("SubnetId", AT_MOST(32), PATTERN("[-0-9a-zA-Z]+"));
static const struct shape subnets = LIST("Subnets", &subnet, BETWEEN(1, 16));
const struct shape sagemaker_vpc_config = STRUCTURE(
    "VpcConfig", REQUIRED("SecurityGroupIds", &security_groups), REQUIRED("Subnets", &subnets));

/* "command:/path ..." runs a command here, so that it may hold spaces. */
const struct shape sagemaker_image =
    STRING("ContainerImage", AT_MOST(255), PATTERN_AS("[\\S]+", "[^[:space:]]+|command:.+"));
static const struct shape environment_key =
    STRING("EnvironmentKey", AT_MOST(1024), PATTERN("[a-zA-Z_][a-zA-Z0-9_]*"));
static const struct shape environment_value = STRING("EnvironmentValue", AT_MOST(1024));
const struct shape sagemaker_environment =
    MAP("EnvironmentMap", &environment_key, &environment_value, AT_MOST(100));

/* letters, spaces and digits of any script, and _.:/=+-@ */
#define TAG_PATTERN                                                                                \
    PATTERN_AS("^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$", "[^][!\"#$%&'()*,;<>?\\^`{|}~[:cntrl:]]*")

const struct shape sagemaker_tag_key = STRING("TagKey", BETWEEN(1, 128), TAG_PATTERN);
static const struct shape tag_value = STRING("TagValue", AT_MOST(256), TAG_PATTERN);
static const struct shape tag =
    STRUCTURE("Tag", REQUIRED("Key", &sagemaker_tag_key), REQUIRED("Value", &tag_value));
const struct shape sagemaker_tags = LIST("TagList", &tag, AT_MOST(50));

/* --- variants --------------------------------------------------------------------------------- */

const struct shape sagemaker_weight = DOUBLE("VariantWeight", AT_LEAST(0));
const struct shape sagemaker_count = INTEGER("TaskCount", AT_LEAST(0));
static const struct shape initial_count = INTEGER("InitialTaskCount", AT_LEAST(1));

static const struct shape routing_strategy =
    STRING("RoutingStrategy", ENUM("LEAST_OUTSTANDING_REQUESTS", "RANDOM"));
const struct shape sagemaker_routing_config =
    STRUCTURE("ProductionVariantRoutingConfig", REQUIRED("RoutingStrategy", &routing_strategy));

static const struct shape managed_status =
    STRING("ManagedInstanceScalingStatus", ENUM("ENABLED", "DISABLED"));
static const struct shape managed_min =
    INTEGER("ManagedInstanceScalingMinInstanceCount", AT_LEAST(0));
static const struct shape managed_max =
    INTEGER("ManagedInstanceScalingMaxInstanceCount", AT_LEAST(1));
const struct shape sagemaker_managed_scaling = STRUCTURE(
    "ProductionVariantManagedInstanceScaling", OPTIONAL("Status", &managed_status),
    OPTIONAL("MinInstanceCount", &managed_min), OPTIONAL("MaxInstanceCount", &managed_max));

static const struct shape memory_size = INTEGER("ServerlessMemorySizeInMB", BETWEEN(1024, 6144));
static const struct shape concurrency = INTEGER("ServerlessMaxConcurrency", BETWEEN(1, 200));
static const struct shape provisioned =
    INTEGER("ServerlessProvisionedConcurrency", BETWEEN(1, 200));
static const struct shape serverless_config = STRUCTURE(
    "ProductionVariantServerlessConfig", REQUIRED("MemorySizeInMB", &memory_size),
    REQUIRED("MaxConcurrency", &concurrency), OPTIONAL("ProvisionedConcurrency", &provisioned));

static const struct shape s3_uri =
    STRING("DestinationS3Uri", AT_MOST(512), PATTERN("^(https|s3)://([^/])/?(.*)$"));
static const struct shape core_dump_config =
    STRUCTURE("ProductionVariantCoreDumpConfig", REQUIRED("DestinationS3Uri", &s3_uri),
              OPTIONAL("KmsKeyId", &sagemaker_kms_key));
static const struct shape reservation_preference =
    STRING("CapacityReservationPreference", ENUM("capacity-reservations-only"));
static const struct shape reservation_arn =
    STRING("MlReservationArn", BETWEEN(20, 258),
           PATTERN_AS("arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:[a-z0-9\\-]{1,14}/.*",
                      "arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:[a-z0-9-]{1,14}/.*"));
static const struct shape reservation_config =
    STRUCTURE("ProductionVariantCapacityReservationConfig",
              OPTIONAL("CapacityReservationPreference", &reservation_preference),
              OPTIONAL("MlReservationArn", &reservation_arn));
static const struct shape accelerator = STRING(
    "ProductionVariantAcceleratorType", ENUM("ml.eia1.medium", "ml.eia1.large", "ml.eia1.xlarge",
                                             "ml.eia2.medium", "ml.eia2.large", "ml.eia2.xlarge"));
static const struct shape ami_version = STRING("ProductionVariantInferenceAmiVersion");
static const struct shape volume_size = INTEGER("ProductionVariantVolumeSizeInGB", BETWEEN(1, 512));
static const struct shape download_timeout =
    INTEGER("ProductionVariantModelDataDownloadTimeoutInSeconds", BETWEEN(60, 3600));
static const struct shape startup_timeout =
    INTEGER("ProductionVariantContainerStartupHealthCheckTimeoutInSeconds", BETWEEN(60, 3600));
static const struct shape provision_timeout =
    INTEGER("VariantInstanceProvisionTimeoutInSeconds", BETWEEN(300, 3600));
static const struct shape pool_priority = INTEGER("InstancePoolPriority", BETWEEN(1, 5));
static const struct shape pool = STRUCTURE(
    "InstancePool", REQUIRED("InstanceType", &sagemaker_instance_type),
    REQUIRED("Priority", &pool_priority), OPTIONAL("ModelNameOverride", &sagemaker_model_name));
static const struct shape pools = LIST("InstancePoolList", &pool, BETWEEN(1, 5));

static const struct shape variant = STRUCTURE(
    "ProductionVariant", REQUIRED("VariantName", &sagemaker_variant_name),
    OPTIONAL("ModelName", &sagemaker_model_name), OPTIONAL("InitialInstanceCount", &initial_count),
    OPTIONAL("InstanceType", &sagemaker_instance_type),
    OPTIONAL("InitialVariantWeight", &sagemaker_weight), OPTIONAL("AcceleratorType", &accelerator),
    OPTIONAL("CoreDumpConfig", &core_dump_config), OPTIONAL("ServerlessConfig", &serverless_config),
    OPTIONAL("VolumeSizeInGB", &volume_size),
    OPTIONAL("ModelDataDownloadTimeoutInSeconds", &download_timeout),
    OPTIONAL("ContainerStartupHealthCheckTimeoutInSeconds", &startup_timeout),
    OPTIONAL("VariantInstanceProvisionTimeoutInSeconds", &provision_timeout),
    OPTIONAL("EnableSSMAccess", &shape_boolean),
    OPTIONAL("ManagedInstanceScaling", &sagemaker_managed_scaling),
    OPTIONAL("RoutingConfig", &sagemaker_routing_config),
    OPTIONAL("InferenceAmiVersion", &ami_version),
    OPTIONAL("CapacityReservationConfig", &reservation_config), OPTIONAL("InstancePools", &pools));
const struct shape sagemaker_variant_list = LIST("ProductionVariantList", &variant, BETWEEN(1, 10));

/* --- parts of configurations ------------------------------------------------------------------ */

const struct shape sagemaker_metrics_config =
    STRUCTURE("MetricsConfig", OPTIONAL("EnableEnhancedMetrics", &shape_boolean),
              OPTIONAL("MetricPublishFrequencyInSeconds", &shape_integer));

static const struct shape sampling = INTEGER("SamplingPercentage", BETWEEN(0, 100));
static const struct shape capture_mode =
    STRING("CaptureMode", ENUM("Input", "Output", "InputAndOutput"));
static const struct shape capture_option =
    STRUCTURE("CaptureOption", REQUIRED("CaptureMode", &capture_mode));
static const struct shape capture_options =
    LIST("CaptureOptionList", &capture_option, BETWEEN(1, 32));
const struct shape sagemaker_data_capture_config = STRUCTURE(
    "DataCaptureConfig", OPTIONAL("EnableCapture", &shape_boolean),
    REQUIRED("InitialSamplingPercentage", &sampling), REQUIRED("DestinationS3Uri", &s3_uri),
    OPTIONAL("KmsKeyId", &sagemaker_kms_key), REQUIRED("CaptureOptions", &capture_options));

/* These two are read only as far as saying that they are not supported takes. */
const struct shape sagemaker_async_config = STRUCTURE("AsyncInferenceConfig");
const struct shape sagemaker_explainer_config = STRUCTURE("ExplainerConfig");

/* --- lists ------------------------------------------------------------------------------------ */

const struct shape sagemaker_sort_order = STRING("OrderKey", ENUM("Ascending", "Descending"));
const struct shape sagemaker_sort_key = STRING("SortKey", ENUM("Name", "CreationTime"));
const struct shape sagemaker_max_results = INTEGER("MaxResults", BETWEEN(1, 100));
const struct shape sagemaker_token = STRING("PaginationToken", AT_MOST(8192));
