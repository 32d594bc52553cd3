/* api/cloudwatch_alarms.h: what the files of CloudWatch's alarms share.
 *
 * cloudwatch_alarm_put.c makes alarms, cloudwatch_alarms.c tells of them, cloudwatch_alarm_history.c
 * of what happened to them, cloudwatch_alarm_state.c sets, switches and deletes, cloudwatch_tags.c
 * has their tags.
 */
#pragma once
#include "api/cloudwatch.h"
#include "control/alarm_book.h"

extern const struct shape cloudwatch_alarm_name, cloudwatch_alarm_names, cloudwatch_alarm_types,
    cloudwatch_alarm_state, cloudwatch_alarm_actions, cloudwatch_alarm_description,
    cloudwatch_alarm_rule, cloudwatch_alarm_arn, cloudwatch_comparison,
    cloudwatch_evaluation_periods, cloudwatch_treat_missing, cloudwatch_low_samples,
    cloudwatch_metric_id, cloudwatch_tags;

/** cloudwatch_wanted_kinds() - what AlarmTypes asks for, 1 << each kind; left out, it asks for metric
 * alarms */
unsigned cloudwatch_wanted_kinds(const struct api_call *call);

/** cloudwatch_check_tags() - @tags, which may be NULL: keys once each, none of AWS's own
 * Return: 0 or what api_error() says. */
int cloudwatch_check_tags(struct api_call *call, json_t *tags);
