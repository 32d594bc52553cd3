/* DescribeAlarms: the alarms that target tracking keeps for its policies. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/cloudwatch.h"
#include "base/error.h"
#include "control/scaling_policy.h"
#include "scaling/alarm_reason.h"
#include "scaling/cause.h"

enum { PAGE_DEFAULT = 50, DESCRIPTION_BYTES = SCALING_ARN_BYTES + 128 };

/* --- shapes ----------------------------------------------------------------------------------- */

static const struct shape alarm_name = STRING("AlarmName", BETWEEN(1, 255));
static const struct shape alarm_names = LIST("AlarmNames", &alarm_name, AT_MOST(100));
static const struct shape alarm_prefix = STRING("AlarmNamePrefix", BETWEEN(1, 255));
static const struct shape alarm_type = STRING("AlarmType", ENUM("CompositeAlarm", "MetricAlarm"));
static const struct shape alarm_types = LIST("AlarmTypes", &alarm_type);
static const struct shape state_value =
    STRING("StateValue", ENUM("OK", "ALARM", "INSUFFICIENT_DATA"));
static const struct shape action_prefix = STRING("ActionPrefix", BETWEEN(1, 1024));
static const struct shape max_records = INTEGER("MaxRecords", BETWEEN(1, 100));
static const struct shape input = STRUCTURE(
    "DescribeAlarmsInput", OPTIONAL("AlarmNames", &alarm_names),
    OPTIONAL("AlarmNamePrefix", &alarm_prefix), OPTIONAL("AlarmTypes", &alarm_types),
    OPTIONAL("ChildrenOfAlarmName", &alarm_name), OPTIONAL("ParentsOfAlarmName", &alarm_name),
    OPTIONAL("StateValue", &state_value), OPTIONAL("ActionPrefix", &action_prefix),
    OPTIONAL("MaxRecords", &max_records), OPTIONAL("NextToken", &shape_string));

static const struct shape actions = LIST("ResourceList", &shape_string);
static const struct shape comparison =
    STRING("ComparisonOperator",
           ENUM("GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold",
                "LessThanOrEqualToThreshold", "LessThanLowerOrGreaterThanUpperThreshold",
                "LessThanLowerThreshold", "GreaterThanUpperThreshold"));
static const struct shape metric_alarm = STRUCTURE(
    "MetricAlarm", OPTIONAL("AlarmName", &alarm_name), OPTIONAL("AlarmArn", &shape_string),
    OPTIONAL("AlarmDescription", &shape_string),
    OPTIONAL("AlarmConfigurationUpdatedTimestamp", &shape_timestamp),
    OPTIONAL("ActionsEnabled", &shape_boolean), OPTIONAL("OKActions", &actions),
    OPTIONAL("AlarmActions", &actions), OPTIONAL("InsufficientDataActions", &actions),
    OPTIONAL("StateValue", &state_value), OPTIONAL("StateReason", &shape_string),
    OPTIONAL("StateReasonData", &shape_string), OPTIONAL("StateUpdatedTimestamp", &shape_timestamp),
    OPTIONAL("MetricName", &cloudwatch_metric_name), OPTIONAL("Namespace", &cloudwatch_namespace),
    OPTIONAL("Statistic", &cloudwatch_statistic), OPTIONAL("Dimensions", &cloudwatch_dimensions),
    OPTIONAL("Period", &cloudwatch_period), OPTIONAL("Unit", &cloudwatch_unit),
    OPTIONAL("EvaluationPeriods", &shape_integer), OPTIONAL("Threshold", &shape_double),
    OPTIONAL("ComparisonOperator", &comparison),
    OPTIONAL("StateTransitionedTimestamp", &shape_timestamp));
static const struct shape metric_alarms = LIST("MetricAlarms", &metric_alarm);
static const struct shape composite_alarm =
    STRUCTURE("CompositeAlarm", OPTIONAL("AlarmName", &alarm_name));
static const struct shape composite_alarms = LIST("CompositeAlarms", &composite_alarm);
static const struct shape output =
    STRUCTURE("DescribeAlarmsOutput", OPTIONAL("CompositeAlarms", &composite_alarms),
              OPTIONAL("MetricAlarms", &metric_alarms), OPTIONAL("NextToken", &shape_string));

/* --- an alarm --------------------------------------------------------------------------------- */

/* An alarm of a policy, with the text that listing sorts and filters by. */
struct entry {
    const struct scaling_policy *policy;
    const struct scaling_alarm *alarm;
    char name[SCALING_ALARM_NAME_BYTES];
};

static enum alarm_state state_of(const struct entry *e)
{
    return e->alarm == &e->policy->high ? e->policy->state.high : e->policy->state.low;
}

static struct alarm_rule rule_of(const struct entry *e)
{
    struct alarm_rule high, low;

    tracking_rules(&e->policy->tracking, e->policy->target->pace, &high, &low);
    return e->alarm == &e->policy->high ? high : low;
}

static json_t *describe_dimensions(const struct metric_name *m)
{
    json_t *list = json_array();

    for (size_t i = 0; i < m->n_dimensions; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "Name", m->dimensions[i].name, "Value",
                                              m->dimensions[i].value));
    return list;
}

/* What it watches. */
static json_t *describe_rule(const struct entry *e)
{
    const struct tracking *t = &e->policy->tracking;
    struct alarm_rule rule = rule_of(e);

    return json_pack("{s:s, s:s, s:s, s:o, s:i, s:s*, s:i, s:f, s:s}", "MetricName", t->metric.name,
                     "Namespace", t->metric.namespace, "Statistic", cause_statistic(&t->statistic),
                     "Dimensions", describe_dimensions(&t->metric), "Period", (int)rule.period_s,
                     "Unit", t->unit == METRIC_UNIT_ANY ? NULL : metric_unit_text(t->unit),
                     "EvaluationPeriods", (int)rule.evaluation_periods, "Threshold", rule.threshold,
                     "ComparisonOperator", alarm_comparison_text(rule.comparison));
}

/* How it stands. */
static json_t *describe_state(const struct entry *e)
{
    const struct scaling_alarm *a = e->alarm;

    return json_pack("{s:s, s:s, s:s*, s:f, s:f}", "StateValue", alarm_state_text(state_of(e)),
                     "StateReason", a->reason ? a->reason : ALARM_REASON_INITIAL, "StateReasonData",
                     a->reason_data, "StateUpdatedTimestamp", (double)a->updated / MS_PER_S,
                     "StateTransitionedTimestamp", (double)a->transitioned / MS_PER_S);
}

static json_t *describe(const struct entry *e)
{
    char arn[SCALING_ARN_BYTES], action[SCALING_ARN_BYTES], description[DESCRIPTION_BYTES];
    json_auto_t *rule = describe_rule(e), *state = describe_state(e);
    json_t *described;

    scaling_policy_alarm_arn(e->policy, e->alarm, arn);
    scaling_policy_action_arn(e->policy, action);
    snprintf(description, sizeof description,
             "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy %s.", action);
    described =
        json_pack("{s:s, s:s, s:s, s:f, s:b, s:[], s:[s], s:[]}", "AlarmName", e->name, "AlarmArn",
                  arn, "AlarmDescription", description, "AlarmConfigurationUpdatedTimestamp",
                  (double)e->policy->configured / MS_PER_S, "ActionsEnabled", 1, "OKActions",
                  "AlarmActions", action, "InsufficientDataActions");
    if (json_object_update(described, rule) != 0 || json_object_update(described, state) != 0) {
        json_decref(described);
        return NULL;
    }
    return described;
}

/* --- DescribeAlarms --------------------------------------------------------------------------- */

struct entries {
    struct entry *list;
    size_t n;
};

static bool has_text(json_t *list, const char *text)
{
    size_t i;
    json_t *item;

    json_array_foreach (list, i, item)
        if (strcmp(json_string_value(item), text) == 0)
            return true;
    return false;
}

static bool begins(const char *text, const char *prefix)
{
    return !prefix || strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_wanted(const struct api_call *call, const struct entry *e)
{
    json_t *names = input_get(call, "AlarmNames");
    const char *state = input_text(call, "StateValue");
    char action[SCALING_ARN_BYTES];

    scaling_policy_action_arn(e->policy, action);
    return (!names || has_text(names, e->name)) &&
           begins(e->name, input_text(call, "AlarmNamePrefix")) &&
           begins(action, input_text(call, "ActionPrefix")) &&
           (!state || strcmp(alarm_state_text(state_of(e)), state) == 0);
}

static void add_entry(const struct api_call *call, const struct scaling_policy *p,
                      const struct scaling_alarm *alarm, struct entries *entries)
{
    struct entry *e = &entries->list[entries->n];

    *e = (struct entry){ .policy = p, .alarm = alarm };
    scaling_policy_alarm_name(p, alarm, e->name);
    entries->n += is_wanted(call, e);
}

static void add_target(const struct api_call *call, const struct scaling_target *t,
                       struct entries *entries)
{
    list_for_each (p, &t->policies, struct scaling_policy, link) {
        if (scaling_policy_has_high(p))
            add_entry(call, p, &p->high, entries);
        if (scaling_policy_has_low(p))
            add_entry(call, p, &p->low, entries);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static int gather(const struct api_call *call, struct entries *ret)
{
    const struct autoscaler *a = call->control->autoscaler;
    size_t n = 0;

    list_for_each (t, &a->targets, struct scaling_target, link)
        n += 2 * t->n_policies;
    *ret = (struct entries){ .list = calloc(n + 1, sizeof *ret->list) };
    if (!ret->list)
        return fault(-ENOMEM);
    list_for_each (t, &a->targets, struct scaling_target, link)
        add_target(call, t, ret);
    qsort(ret->list, ret->n, sizeof *ret->list, by_name);
    return 0;
}

/* Composite alarms, their parents and their children are things that there are none of. */
static bool wants_metric_alarms(const struct api_call *call)
{
    json_t *types = input_get(call, "AlarmTypes");

    return !input_get(call, "ChildrenOfAlarmName") && !input_get(call, "ParentsOfAlarmName") &&
           (!types || has_text(types, "MetricAlarm"));
}

static json_t *describe_all(const struct entries *entries)
{
    json_t *items = json_array();

    for (size_t i = 0; i < entries->n; i++)
        if (json_array_append_new(items, describe(&entries->list[i])) != 0) {
            json_decref(items);
            return NULL;
        }
    return items;
}

static int describe_alarms(struct api_call *call)
{
    struct entries entries = { 0 };
    json_t *items;
    int r = 0;

    if (input_get(call, "AlarmNames") && input_get(call, "AlarmNamePrefix"))
        return api_error(call, "InvalidParameterCombinationException",
                         "The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and "
                         "you have specified both.");
    if (wants_metric_alarms(call))
        r = gather(call, &entries);
    if (r)
        return fault(r);
    items = describe_all(&entries);
    free(entries.list);
    r = api_page(call, "MetricAlarms", items, "AlarmName",
                 (size_t)input_integer(call, "MaxRecords", PAGE_DEFAULT));
    if (r)
        return r;
    return json_object_set_new(call->output, "CompositeAlarms", json_array()) ? fault(-ENOMEM) : 0;
}

const struct operation cloudwatch_alarm_operations[] = {
    { "DescribeAlarms", &input, &output, describe_alarms },
    { NULL },
};
