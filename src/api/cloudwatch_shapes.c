#include "api/cloudwatch.h"

const struct shape cloudwatch_namespace = STRING("Namespace", BETWEEN(1, 255), PATTERN("[^:].*"));
const struct shape cloudwatch_metric_name = STRING("MetricName", BETWEEN(1, 255));

const struct shape cloudwatch_dimension_name = STRING("DimensionName", BETWEEN(1, 255));
const struct shape cloudwatch_dimension_value = STRING("DimensionValue", BETWEEN(1, 1024));
static const struct shape dimension =
    STRUCTURE("Dimension", REQUIRED("Name", &cloudwatch_dimension_name),
              REQUIRED("Value", &cloudwatch_dimension_value));
const struct shape cloudwatch_dimensions = LIST("Dimensions", &dimension, AT_MOST(30));

static const char *const units[] = {
#define METRIC_UNIT(symbol, text) text,
#include "metrics/units.def"
#undef METRIC_UNIT
    "None",
    NULL,
};
const struct shape cloudwatch_unit = STRING("StandardUnit", .values = units);

const struct shape cloudwatch_statistic =
    STRING("Statistic", ENUM("SampleCount", "Average", "Sum", "Minimum", "Maximum"));
const struct shape cloudwatch_extended_statistic = STRING("ExtendedStatistic");
const struct shape cloudwatch_period = INTEGER("Period", AT_LEAST(1));
const struct shape cloudwatch_number = DOUBLE("DatapointValue", .non_finite = true);

const struct shape cloudwatch_metric =
    STRUCTURE("Metric", OPTIONAL("Namespace", &cloudwatch_namespace),
              OPTIONAL("MetricName", &cloudwatch_metric_name),
              OPTIONAL("Dimensions", &cloudwatch_dimensions));

static const struct shape stat = STRING("Stat");
const struct shape cloudwatch_metric_stat = STRUCTURE(
    "MetricStat", REQUIRED("Metric", &cloudwatch_metric), REQUIRED("Period", &cloudwatch_period),
    REQUIRED("Stat", &stat), OPTIONAL("Unit", &cloudwatch_unit));

static const struct shape metric_id = STRING("MetricId", BETWEEN(1, 255));
static const struct shape expression = STRING("MetricExpression", BETWEEN(1, 2048));
static const struct shape account_id = STRING("AccountId", BETWEEN(1, 255));
static const struct shape metric_data_query =
    STRUCTURE("MetricDataQuery", REQUIRED("Id", &metric_id),
              OPTIONAL("MetricStat", &cloudwatch_metric_stat), OPTIONAL("Expression", &expression),
              OPTIONAL("Label", &shape_string), OPTIONAL("ReturnData", &shape_boolean),
              OPTIONAL("Period", &cloudwatch_period), OPTIONAL("AccountId", &account_id));
const struct shape cloudwatch_metric_data_queries = LIST("MetricDataQueries", &metric_data_query);
