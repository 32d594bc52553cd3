/* api/cloudwatch.h: what the files of CloudWatch's API share.
 *
 * cloudwatch.c has the service, cloudwatch_shapes.c the shapes that several operations use,
 * cloudwatch_data.c takes data in, cloudwatch_read.c and cloudwatch_query.c give them out,
 * alarms have a header of their own (cloudwatch_alarms.h).
 * Source: CloudWatch API reference and the service model 2010-08-01; error texts as CloudWatch's
 * users have quoted them.
 */
#pragma once
#include "api/services.h"

/* The lists of operations, ended by a row without a name. */
extern const struct operation cloudwatch_data_operations[];
extern const struct operation cloudwatch_read_operations[];
extern const struct operation cloudwatch_query_operations[];
extern const struct operation cloudwatch_alarm_operations[];
extern const struct operation cloudwatch_alarm_put_operations[];
extern const struct operation cloudwatch_alarm_state_operations[];
extern const struct operation cloudwatch_alarm_history_operations[];
extern const struct operation cloudwatch_tag_operations[];

extern const struct shape cloudwatch_namespace, cloudwatch_metric_name, cloudwatch_dimensions,
    cloudwatch_dimension_name, cloudwatch_dimension_value, cloudwatch_unit, cloudwatch_statistic,
    cloudwatch_extended_statistic, cloudwatch_period, cloudwatch_metric, cloudwatch_metric_stat,
    cloudwatch_metric_data_queries, cloudwatch_number;

/** cloudwatch_read_unit() - Unit of @value; @absent if there is none */
enum metric_unit cloudwatch_read_unit(json_t *value, enum metric_unit absent);

/** cloudwatch_time() - a timestamp member of @value in milliseconds; 0 if there is none */
wall_ms_t cloudwatch_time(json_t *value, const char *member);

/** cloudwatch_period_valid() - 1, 5, 10, 20, 30 or a multiple of 60 */
bool cloudwatch_period_valid(json_int_t period_s);

/** cloudwatch_round_start() - down to a whole minute, 5 minutes or hour as the age of @start has
 * it; to the period, where that is shorter than a minute */
wall_ms_t cloudwatch_round_start(wall_ms_t start, unsigned period_s, wall_ms_t now);
