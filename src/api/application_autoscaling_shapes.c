#include "api/application_autoscaling.h"

/* Any character that XML may have; here: no control characters but CR, LF and tab. */
#define XML_TEXT                                                                                   \
    PATTERN_AS("[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\r\\n\\t]*",          \
               "[^\x01-\x08\x0b\x0c\x0e-\x1f]*")

const struct shape app_scaling_namespace =
    STRING("ServiceNamespace", ENUM("ecs", "elasticmapreduce", "ec2", "appstream", "dynamodb",
                                    "rds", "sagemaker", "custom-resource", "comprehend", "lambda",
                                    "cassandra", "kafka", "elasticache", "neptune", "workspaces"));

const struct shape app_scaling_dimension =
    STRING("ScalableDimension",
           ENUM("ecs:service:DesiredCount", "ec2:spot-fleet-request:TargetCapacity",
                "elasticmapreduce:instancegroup:InstanceCount", "appstream:fleet:DesiredCapacity",
                "dynamodb:table:ReadCapacityUnits", "dynamodb:table:WriteCapacityUnits",
                "dynamodb:index:ReadCapacityUnits", "dynamodb:index:WriteCapacityUnits",
                "rds:cluster:ReadReplicaCount", "sagemaker:variant:DesiredInstanceCount",
                "custom-resource:ResourceType:Property",
                "comprehend:document-classifier-endpoint:DesiredInferenceUnits",
                "comprehend:entity-recognizer-endpoint:DesiredInferenceUnits",
                "lambda:function:ProvisionedConcurrency", "cassandra:table:ReadCapacityUnits",
                "cassandra:table:WriteCapacityUnits", "kafka:broker-storage:VolumeSize",
                "elasticache:cache-cluster:Nodes", "elasticache:replication-group:NodeGroups",
                "elasticache:replication-group:Replicas", "neptune:cluster:ReadReplicaCount",
                "sagemaker:variant:DesiredProvisionedConcurrency",
                "sagemaker:inference-component:DesiredCopyCount",
                "workspaces:workspacespool:DesiredUserSessions"));

const struct shape app_scaling_resource_id =
    STRING("ResourceIdMaxLen1600", BETWEEN(1, 1600), XML_TEXT);
const struct shape app_scaling_resource_ids =
    LIST("ResourceIdsMaxLen1600", &app_scaling_resource_id, AT_MOST(50));
const struct shape app_scaling_text = STRING("XmlString", XML_TEXT);
const struct shape app_scaling_policy_name =
    STRING("PolicyName", BETWEEN(1, 256), PATTERN_AS("\\p{Print}+", "[[:print:]]+"));

const struct shape app_scaling_suspended_state =
    STRUCTURE("SuspendedState", OPTIONAL("DynamicScalingInSuspended", &shape_boolean),
              OPTIONAL("DynamicScalingOutSuspended", &shape_boolean),
              OPTIONAL("ScheduledScalingSuspended", &shape_boolean));

const struct shape app_scaling_empty_output = STRUCTURE("Empty");

/* --- tags ------------------------------------------------------------------------------------- */

static const struct shape tag_key = STRING("TagKey", BETWEEN(1, 128));
static const struct shape tag_value = STRING("TagValue", BETWEEN(0, 256));
const struct shape app_scaling_tag_map = MAP("TagMap", &tag_key, &tag_value);
const struct shape app_scaling_tag_keys = LIST("TagKeyList", &tag_key, BETWEEN(0, 200));
const struct shape app_scaling_arn =
    STRING("AmazonResourceName", BETWEEN(1, 1011),
           PATTERN_AS("^arn:.+:application-autoscaling:.+:[0-9]+:scalable-target\\/[a-zA-Z0-9-]+$",
                      "arn:.+:application-autoscaling:.+:[0-9]+:scalable-target/[a-zA-Z0-9-]+"));

/* --- target tracking -------------------------------------------------------------------------- */

static const struct shape metric_type = STRING(
    "MetricType",
    ENUM("DynamoDBReadCapacityUtilization", "DynamoDBWriteCapacityUtilization",
         "ALBRequestCountPerTarget", "RDSReaderAverageCPUUtilization",
         "RDSReaderAverageDatabaseConnections", "EC2SpotFleetRequestAverageCPUUtilization",
         "EC2SpotFleetRequestAverageNetworkIn", "EC2SpotFleetRequestAverageNetworkOut",
         "SageMakerVariantInvocationsPerInstance", "ECSServiceAverageCPUUtilization",
         "ECSServiceAverageMemoryUtilization", "AppStreamAverageCapacityUtilization",
         "ComprehendInferenceUtilization", "LambdaProvisionedConcurrencyUtilization",
         "CassandraReadCapacityUtilization", "CassandraWriteCapacityUtilization",
         "KafkaBrokerStorageUtilization", "ElastiCacheEngineCPUUtilization",
         "ElastiCacheDatabaseMemoryUsagePercentage", "ElastiCachePrimaryEngineCPUUtilization",
         "ElastiCacheReplicaEngineCPUUtilization",
         "ElastiCacheDatabaseMemoryUsageCountedForEvictPercentage",
         "NeptuneReaderAverageCPUUtilization", "SageMakerVariantProvisionedConcurrencyUtilization",
         "ElastiCacheDatabaseCapacityUsageCountedForEvictPercentage",
         "SageMakerInferenceComponentInvocationsPerCopy",
         "WorkSpacesAverageUserSessionsCapacityUtilization",
         "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
         "SageMakerVariantConcurrentRequestsPerModelHighResolution"));
const struct shape app_scaling_resource_label = STRING("ResourceLabel", BETWEEN(1, 1023));
static const struct shape predefined =
    STRUCTURE("PredefinedMetricSpecification", REQUIRED("PredefinedMetricType", &metric_type),
              OPTIONAL("ResourceLabel", &app_scaling_resource_label));

static const struct shape dimension =
    STRUCTURE("MetricDimension", REQUIRED("Name", &shape_string), REQUIRED("Value", &shape_string));
static const struct shape dimensions = LIST("MetricDimensions", &dimension);
static const struct shape statistic =
    STRING("MetricStatistic", ENUM("Average", "Minimum", "Maximum", "SampleCount", "Sum"));

static const struct shape query_id = STRING("Id", BETWEEN(1, 255), XML_TEXT);
static const struct shape query_expression = STRING("Expression", BETWEEN(1, 2048), XML_TEXT);
static const struct shape query_name =
    STRING("TargetTrackingMetricName", BETWEEN(1, 255), XML_TEXT);
static const struct shape query_namespace =
    STRING("TargetTrackingMetricNamespace", BETWEEN(1, 255), XML_TEXT);
static const struct shape query_unit =
    STRING("TargetTrackingMetricUnit", BETWEEN(1, 1023), XML_TEXT);
static const struct shape query_dimension_name =
    STRING("TargetTrackingMetricDimensionName", BETWEEN(1, 255), XML_TEXT);
static const struct shape query_dimension_value =
    STRING("TargetTrackingMetricDimensionValue", BETWEEN(1, 1024), XML_TEXT);
static const struct shape query_dimension =
    STRUCTURE("TargetTrackingMetricDimension", REQUIRED("Name", &query_dimension_name),
              REQUIRED("Value", &query_dimension_value));
static const struct shape query_dimensions =
    LIST("TargetTrackingMetricDimensions", &query_dimension);
static const struct shape query_metric =
    STRUCTURE("TargetTrackingMetric", OPTIONAL("Dimensions", &query_dimensions),
              OPTIONAL("MetricName", &query_name), OPTIONAL("Namespace", &query_namespace));
static const struct shape query_stat =
    STRUCTURE("TargetTrackingMetricStat", REQUIRED("Metric", &query_metric),
              REQUIRED("Stat", &app_scaling_text), OPTIONAL("Unit", &query_unit));
static const struct shape query =
    STRUCTURE("TargetTrackingMetricDataQuery", REQUIRED("Id", &query_id),
              OPTIONAL("Expression", &query_expression), OPTIONAL("Label", &app_scaling_text),
              OPTIONAL("MetricStat", &query_stat), OPTIONAL("ReturnData", &shape_boolean));
/* AWS has these twice, for predictive scaling with the same constraints. */
const struct shape app_scaling_queries = LIST("TargetTrackingMetricDataQueries", &query);

static const struct shape customized =
    STRUCTURE("CustomizedMetricSpecification", OPTIONAL("MetricName", &shape_string),
              OPTIONAL("Namespace", &shape_string), OPTIONAL("Dimensions", &dimensions),
              OPTIONAL("Statistic", &statistic), OPTIONAL("Unit", &shape_string),
              OPTIONAL("Metrics", &app_scaling_queries));

const struct shape app_scaling_tracking = STRUCTURE(
    "TargetTrackingScalingPolicyConfiguration", REQUIRED("TargetValue", &shape_double),
    OPTIONAL("PredefinedMetricSpecification", &predefined),
    OPTIONAL("CustomizedMetricSpecification", &customized),
    OPTIONAL("ScaleOutCooldown", &shape_integer), OPTIONAL("ScaleInCooldown", &shape_integer),
    OPTIONAL("DisableScaleIn", &shape_boolean));

/* --- step scaling ----------------------------------------------------------------------------- */

static const struct shape adjustment_type =
    STRING("AdjustmentType", ENUM("ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"));
static const struct shape aggregation_type =
    STRING("MetricAggregationType", ENUM("Average", "Minimum", "Maximum"));
static const struct shape step =
    STRUCTURE("StepAdjustment", OPTIONAL("MetricIntervalLowerBound", &shape_double),
              OPTIONAL("MetricIntervalUpperBound", &shape_double),
              REQUIRED("ScalingAdjustment", &shape_integer));
static const struct shape steps = LIST("StepAdjustments", &step);

const struct shape app_scaling_steps = STRUCTURE(
    "StepScalingPolicyConfiguration", OPTIONAL("AdjustmentType", &adjustment_type),
    OPTIONAL("StepAdjustments", &steps), OPTIONAL("MinAdjustmentMagnitude", &shape_integer),
    OPTIONAL("Cooldown", &shape_integer), OPTIONAL("MetricAggregationType", &aggregation_type));
