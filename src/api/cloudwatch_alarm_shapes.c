#include "api/cloudwatch_alarms.h"

const struct shape cloudwatch_alarm_name = STRING("AlarmName", BETWEEN(1, 255));
const struct shape cloudwatch_alarm_names =
    LIST("AlarmNames", &cloudwatch_alarm_name, AT_MOST(100));
static const struct shape alarm_type = STRING("AlarmType", ENUM("CompositeAlarm", "MetricAlarm"));
const struct shape cloudwatch_alarm_types = LIST("AlarmTypes", &alarm_type);
const struct shape cloudwatch_alarm_state =
    STRING("StateValue", ENUM("OK", "ALARM", "INSUFFICIENT_DATA"));
static const struct shape action = STRING("ResourceName", BETWEEN(1, 1024));
const struct shape cloudwatch_alarm_actions = LIST("ResourceList", &action, AT_MOST(5));
const struct shape cloudwatch_alarm_description = STRING("AlarmDescription", AT_MOST(1024));
const struct shape cloudwatch_alarm_rule = STRING("AlarmRule", BETWEEN(1, 10240));
const struct shape cloudwatch_alarm_arn = STRING("AlarmArn", BETWEEN(1, 1600));
const struct shape cloudwatch_comparison =
    STRING("ComparisonOperator",
           ENUM("GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold",
                "LessThanOrEqualToThreshold", "LessThanLowerOrGreaterThanUpperThreshold",
                "LessThanLowerThreshold", "GreaterThanUpperThreshold"));
const struct shape cloudwatch_evaluation_periods = INTEGER("EvaluationPeriods", AT_LEAST(1));
const struct shape cloudwatch_treat_missing = STRING("TreatMissingData", BETWEEN(1, 255));
const struct shape cloudwatch_low_samples =
    STRING("EvaluateLowSampleCountPercentile", BETWEEN(1, 255));
const struct shape cloudwatch_metric_id = STRING("MetricId", BETWEEN(1, 255));

static const struct shape tag_key = STRING("TagKey", BETWEEN(1, 128));
static const struct shape tag_value = STRING("TagValue", AT_MOST(256));
static const struct shape tag =
    STRUCTURE("Tag", REQUIRED("Key", &tag_key), REQUIRED("Value", &tag_value));
const struct shape cloudwatch_tags = LIST("TagList", &tag);
