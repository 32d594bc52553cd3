/* DescribeAlarms and DescribeAlarmsForMetric: alarms of people and of scaling policies alike. */
#include "api/cloudwatch_alarms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { PAGE_DEFAULT = 50 };

/* --- shapes ----------------------------------------------------------------------------------- */

static const struct shape alarm_prefix = STRING("AlarmNamePrefix", BETWEEN(1, 255));
static const struct shape action_prefix = STRING("ActionPrefix", BETWEEN(1, 1024));
static const struct shape max_records = INTEGER("MaxRecords", BETWEEN(1, 100));
static const struct shape describe_input = STRUCTURE(
    "DescribeAlarmsInput", OPTIONAL("AlarmNames", &cloudwatch_alarm_names),
    OPTIONAL("AlarmNamePrefix", &alarm_prefix), OPTIONAL("AlarmTypes", &cloudwatch_alarm_types),
    OPTIONAL("ChildrenOfAlarmName", &cloudwatch_alarm_name),
    OPTIONAL("ParentsOfAlarmName", &cloudwatch_alarm_name),
    OPTIONAL("StateValue", &cloudwatch_alarm_state), OPTIONAL("ActionPrefix", &action_prefix),
    OPTIONAL("MaxRecords", &max_records), OPTIONAL("NextToken", &shape_string));

static const struct shape evaluation_state =
    STRING("EvaluationState", ENUM("PARTIAL_DATA", "EVALUATION_FAILURE", "EVALUATION_ERROR"));
static const struct shape metric_entry = STRUCTURE(
    "MetricAlarm", OPTIONAL("AlarmName", &cloudwatch_alarm_name),
    OPTIONAL("AlarmArn", &cloudwatch_alarm_arn),
    OPTIONAL("AlarmDescription", &cloudwatch_alarm_description),
    OPTIONAL("AlarmConfigurationUpdatedTimestamp", &shape_timestamp),
    OPTIONAL("ActionsEnabled", &shape_boolean), OPTIONAL("OKActions", &cloudwatch_alarm_actions),
    OPTIONAL("AlarmActions", &cloudwatch_alarm_actions),
    OPTIONAL("InsufficientDataActions", &cloudwatch_alarm_actions),
    OPTIONAL("StateValue", &cloudwatch_alarm_state), OPTIONAL("StateReason", &shape_string),
    OPTIONAL("StateReasonData", &shape_string), OPTIONAL("StateUpdatedTimestamp", &shape_timestamp),
    OPTIONAL("MetricName", &cloudwatch_metric_name), OPTIONAL("Namespace", &cloudwatch_namespace),
    OPTIONAL("Statistic", &cloudwatch_statistic), OPTIONAL("Dimensions", &cloudwatch_dimensions),
    OPTIONAL("Period", &cloudwatch_period), OPTIONAL("Unit", &cloudwatch_unit),
    OPTIONAL("EvaluationPeriods", &cloudwatch_evaluation_periods),
    OPTIONAL("Threshold", &shape_double), OPTIONAL("ComparisonOperator", &cloudwatch_comparison),
    OPTIONAL("ExtendedStatistic", &cloudwatch_extended_statistic),
    OPTIONAL("TreatMissingData", &cloudwatch_treat_missing),
    OPTIONAL("EvaluateLowSampleCountPercentile", &cloudwatch_low_samples),
    OPTIONAL("DatapointsToAlarm", &cloudwatch_evaluation_periods),
    OPTIONAL("Metrics", &cloudwatch_metric_data_queries),
    OPTIONAL("EvaluationState", &evaluation_state),
    OPTIONAL("StateTransitionedTimestamp", &shape_timestamp));
static const struct shape metric_alarms = LIST("MetricAlarms", &metric_entry);

static const struct shape suppressed_by =
    STRING("ActionsSuppressedBy", ENUM("WaitPeriod", "ExtensionPeriod", "Alarm"));
static const struct shape composite_entry = STRUCTURE(
    "CompositeAlarm", OPTIONAL("ActionsEnabled", &shape_boolean),
    OPTIONAL("AlarmActions", &cloudwatch_alarm_actions),
    OPTIONAL("AlarmArn", &cloudwatch_alarm_arn),
    OPTIONAL("AlarmConfigurationUpdatedTimestamp", &shape_timestamp),
    OPTIONAL("AlarmDescription", &cloudwatch_alarm_description),
    OPTIONAL("AlarmName", &cloudwatch_alarm_name), OPTIONAL("AlarmRule", &cloudwatch_alarm_rule),
    OPTIONAL("InsufficientDataActions", &cloudwatch_alarm_actions),
    OPTIONAL("OKActions", &cloudwatch_alarm_actions), OPTIONAL("StateReason", &shape_string),
    OPTIONAL("StateReasonData", &shape_string), OPTIONAL("StateUpdatedTimestamp", &shape_timestamp),
    OPTIONAL("StateValue", &cloudwatch_alarm_state),
    OPTIONAL("StateTransitionedTimestamp", &shape_timestamp),
    OPTIONAL("ActionsSuppressedBy", &suppressed_by),
    OPTIONAL("ActionsSuppressedReason", &shape_string),
    OPTIONAL("ActionsSuppressor", &cloudwatch_alarm_arn),
    OPTIONAL("ActionsSuppressorWaitPeriod", &shape_integer),
    OPTIONAL("ActionsSuppressorExtensionPeriod", &shape_integer));
static const struct shape composite_alarms = LIST("CompositeAlarms", &composite_entry);
static const struct shape describe_output =
    STRUCTURE("DescribeAlarmsOutput", OPTIONAL("CompositeAlarms", &composite_alarms),
              OPTIONAL("MetricAlarms", &metric_alarms), OPTIONAL("NextToken", &shape_string));

static const struct shape for_metric_input = STRUCTURE(
    "DescribeAlarmsForMetricInput", REQUIRED("MetricName", &cloudwatch_metric_name),
    REQUIRED("Namespace", &cloudwatch_namespace), OPTIONAL("Statistic", &cloudwatch_statistic),
    OPTIONAL("ExtendedStatistic", &cloudwatch_extended_statistic),
    OPTIONAL("Dimensions", &cloudwatch_dimensions), OPTIONAL("Period", &cloudwatch_period),
    OPTIONAL("Unit", &cloudwatch_unit));
static const struct shape for_metric_output =
    STRUCTURE("DescribeAlarmsForMetricOutput", OPTIONAL("MetricAlarms", &metric_alarms));

/* --- filters ---------------------------------------------------------------------------------- */

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

unsigned cloudwatch_wanted_kinds(const struct api_call *call)
{
    json_t *types = input_get(call, "AlarmTypes");

    if (json_array_size(types) == 0)
        return 1u << ALARM_OF_METRIC;
    return (has_text(types, "CompositeAlarm") ? 1u << ALARM_COMPOSITE : 0) |
           (has_text(types, "MetricAlarm") ? 1u << ALARM_OF_METRIC : 0);
}

static bool has_action(const struct alarm *a, const char *prefix)
{
    json_t *action;
    size_t i;

    if (!prefix)
        return true;
    for (int state = ALARM_INSUFFICIENT_DATA; state <= ALARM_ALARM; state++)
        json_array_foreach (alarm_actions(a, (enum alarm_state)state), i, action)
            if (begins(json_string_value(action), prefix))
                return true;
    return false;
}

/* Relatives are asked for alone: whose rules name the one, or whom the rule of the one names. */
struct family {
    const char *parent, *child; /* names given; at most one */
    const struct alarm *of;     /* NULL: there is no such alarm */
    unsigned kinds;             /* of alarms that are wanted, if no relatives are */
};

static bool is_wanted(const struct api_call *call, const struct family *family,
                      const struct alarm *a)
{
    json_t *names = input_get(call, "AlarmNames");
    const char *state = input_text(call, "StateValue");

    if (family->parent)
        return family->of && alarm_names_child(family->of, a);
    if (family->child)
        return family->of && alarm_names_child(a, family->of);
    return (family->kinds & 1u << a->kind) != 0 &&
           (json_array_size(names) == 0 || has_text(names, a->name)) &&
           begins(a->name, input_text(call, "AlarmNamePrefix")) &&
           has_action(a, input_text(call, "ActionPrefix")) &&
           (!state || strcmp(alarm_state_text(a->state), state) == 0);
}

static int check_filters(struct api_call *call, struct family *ret_family)
{
    static const char *const others[] = { "AlarmNames", "AlarmNamePrefix", "AlarmTypes",
                                          "StateValue", "ActionPrefix" };

    *ret_family = (struct family){ .parent = input_text(call, "ChildrenOfAlarmName"),
                                   .child = input_text(call, "ParentsOfAlarmName"),
                                   .kinds = cloudwatch_wanted_kinds(call) };
    if (input_get(call, "AlarmNames") && input_get(call, "AlarmNamePrefix"))
        return api_error(call, "InvalidParameterCombinationException",
                         "The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and "
                         "you have specified both.");
    if (!ret_family->parent && !ret_family->child)
        return 0;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (input_get(call, others[i]) || (ret_family->parent && ret_family->child))
            return api_error(call, "ValidationError",
                             "ChildrenOfAlarmName and ParentsOfAlarmName can only be given alone, "
                             "with MaxRecords and NextToken");
    ret_family->of = alarm_book_resolve(
        call->control->alarms, ret_family->parent ? ret_family->parent : ret_family->child);
    return 0;
}

/* --- DescribeAlarms --------------------------------------------------------------------------- */

/* The names of the wanted alarms, to make pages of; only what is on the page is described. */
static json_t *wanted_names(const struct api_call *call, const struct family *family)
{
    autofree(mem_free) struct alarm **sorted = alarm_book_sorted(call->control->alarms);
    json_t *items = sorted ? json_array() : NULL;

    for (struct alarm **a = sorted; items && *a; a++)
        if (is_wanted(call, family, *a) &&
            json_array_append_new(items, json_pack("{s:s}", "AlarmName", (*a)->name)) != 0) {
            json_decref(items);
            return NULL;
        }
    return items;
}

/* Of relatives only name and ARN are told; of children their state as well. */
static json_t *describe_relative(const struct family *family, json_t *described)
{
    json_t *told;

    if (!described || (!family->parent && !family->child))
        return described;
    told = json_pack("{s:O, s:O}", "AlarmName", json_object_get(described, "AlarmName"), "AlarmArn",
                     json_object_get(described, "AlarmArn"));
    if (told && family->parent &&
        (json_object_set(told, "StateValue", json_object_get(described, "StateValue")) != 0 ||
         json_object_set(told, "StateUpdatedTimestamp",
                         json_object_get(described, "StateUpdatedTimestamp")) != 0)) {
        json_decref(told);
        told = NULL;
    }
    json_decref(described);
    return told;
}

static int describe_page(struct api_call *call, const struct family *family, json_t *names)
{
    json_t *metrics = json_array(), *composites = json_array(), *item;
    size_t i;
    int r = 0;

    json_array_foreach (names, i, item) {
        const struct alarm *a = alarm_book_find(
            call->control->alarms, json_string_value(json_object_get(item, "AlarmName")));
        json_t *described = describe_relative(family, alarm_describe(call->control, a));

        r |= json_array_append_new(a->kind == ALARM_COMPOSITE ? composites : metrics, described);
    }
    r |= json_object_set_new(call->output, "MetricAlarms", metrics);
    r |= json_object_set_new(call->output, "CompositeAlarms", composites);
    return r ? fault(-ENOMEM) : 0;
}

static int describe_alarms(struct api_call *call)
{
    struct family family;
    json_t *names;
    int r = check_filters(call, &family);

    if (r)
        return r;
    r = api_page(call, "Names", wanted_names(call, &family), "AlarmName",
                 (size_t)input_integer(call, "MaxRecords", PAGE_DEFAULT));
    if (r)
        return r;
    names = json_incref(json_object_get(call->output, "Names"));
    r = describe_page(call, &family, names);
    json_decref(names);
    return r;
}

/* --- DescribeAlarmsForMetric ------------------------------------------------------------------ */

static bool same_text(json_t *a, json_t *b, const char *member)
{
    const char *x = json_string_value(json_object_get(a, member));
    const char *y = json_string_value(json_object_get(b, member));

    return x && y && strcmp(x, y) == 0;
}

/* The same dimensions, in any order; names are given once each. */
static bool same_dimensions(json_t *a, json_t *b)
{
    json_t *x, *y;
    size_t i, k;

    if (json_array_size(a) != json_array_size(b))
        return false;
    json_array_foreach (a, i, x) {
        bool found = false;

        json_array_foreach (b, k, y)
            found |= same_text(x, y, "Name") && same_text(x, y, "Value");
        if (!found)
            return false;
    }
    return true;
}

/* A member that is given must be the alarm's own. */
static bool fits(const struct api_call *call, const struct alarm *a, const char *member)
{
    json_t *given = input_get(call, member);

    return !given || json_equal(given, json_object_get(a->configuration, member));
}

static bool is_of_metric(const struct api_call *call, const struct alarm *a)
{
    return a->kind == ALARM_OF_METRIC && alarm_watch_name(a->watch) &&
           fits(call, a, "MetricName") && fits(call, a, "Namespace") &&
           fits(call, a, "Statistic") && fits(call, a, "ExtendedStatistic") &&
           fits(call, a, "Period") && fits(call, a, "Unit") &&
           same_dimensions(input_get(call, "Dimensions"),
                           json_object_get(a->configuration, "Dimensions"));
}

static int describe_for_metric(struct api_call *call)
{
    autofree(mem_free) struct alarm **sorted = alarm_book_sorted(call->control->alarms);
    json_t *list;

    if (!sorted)
        return fault(-ENOMEM);
    call->output = json_pack("{s:[]}", "MetricAlarms");
    list = json_object_get(call->output, "MetricAlarms");
    for (struct alarm **a = sorted; *a; a++)
        if (is_of_metric(call, *a) &&
            json_array_append_new(list, alarm_describe(call->control, *a)) != 0)
            return fault(-ENOMEM);
    return 0;
}

const struct operation cloudwatch_alarm_operations[] = {
    { "DescribeAlarms", &describe_input, &describe_output, describe_alarms },
    { "DescribeAlarmsForMetric", &for_metric_input, &for_metric_output, describe_for_metric },
    { NULL },
};
