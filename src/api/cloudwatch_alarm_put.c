/* PutMetricAlarm and PutCompositeAlarm: what is asked is checked here as CloudWatch does; what it
 * means is read by control/alarm.h. */
#include <errno.h>
#include <string.h>

#include "api/cloudwatch_alarms.h"
#include "base/error.h"
#include "base/text.h"
#include "control/tags.h"

enum {
    DAY_S = 86400,
    HOUR_S = 3600,
    LONGEST_S = 7 * DAY_S,
    METRICS_MAX = 20,
    OF_A_KIND_MAX = 10, /* metrics, and expressions */
};

static const char validation[] = "ValidationError";

/* --- shapes ----------------------------------------------------------------------------------- */

static const struct shape criteria = STRUCTURE("EvaluationCriteria");
static const struct shape put_metric_alarm_input = STRUCTURE(
    "PutMetricAlarmInput", REQUIRED("AlarmName", &cloudwatch_alarm_name),
    OPTIONAL("AlarmDescription", &cloudwatch_alarm_description),
    OPTIONAL("ActionsEnabled", &shape_boolean), OPTIONAL("OKActions", &cloudwatch_alarm_actions),
    OPTIONAL("AlarmActions", &cloudwatch_alarm_actions),
    OPTIONAL("InsufficientDataActions", &cloudwatch_alarm_actions),
    OPTIONAL("MetricName", &cloudwatch_metric_name), OPTIONAL("Namespace", &cloudwatch_namespace),
    OPTIONAL("Statistic", &cloudwatch_statistic),
    OPTIONAL("ExtendedStatistic", &cloudwatch_extended_statistic),
    OPTIONAL("Dimensions", &cloudwatch_dimensions), OPTIONAL("Period", &cloudwatch_period),
    OPTIONAL("Unit", &cloudwatch_unit),
    OPTIONAL("EvaluationPeriods", &cloudwatch_evaluation_periods),
    OPTIONAL("DatapointsToAlarm", &cloudwatch_evaluation_periods),
    OPTIONAL("Threshold", &shape_double), OPTIONAL("ComparisonOperator", &cloudwatch_comparison),
    OPTIONAL("TreatMissingData", &cloudwatch_treat_missing),
    OPTIONAL("EvaluateLowSampleCountPercentile", &cloudwatch_low_samples),
    OPTIONAL("Metrics", &cloudwatch_metric_data_queries), OPTIONAL("Tags", &cloudwatch_tags),
    OPTIONAL("ThresholdMetricId", &cloudwatch_metric_id),
    OPTIONAL("EvaluationCriteria", &criteria));

static const struct shape suppressor_period = INTEGER("SuppressorPeriod");
static const struct shape put_composite_alarm_input = STRUCTURE(
    "PutCompositeAlarmInput", REQUIRED("AlarmName", &cloudwatch_alarm_name),
    REQUIRED("AlarmRule", &cloudwatch_alarm_rule),
    OPTIONAL("AlarmDescription", &cloudwatch_alarm_description),
    OPTIONAL("ActionsEnabled", &shape_boolean), OPTIONAL("OKActions", &cloudwatch_alarm_actions),
    OPTIONAL("AlarmActions", &cloudwatch_alarm_actions),
    OPTIONAL("InsufficientDataActions", &cloudwatch_alarm_actions),
    OPTIONAL("Tags", &cloudwatch_tags), OPTIONAL("ActionsSuppressor", &cloudwatch_alarm_arn),
    OPTIONAL("ActionsSuppressorWaitPeriod", &suppressor_period),
    OPTIONAL("ActionsSuppressorExtensionPeriod", &suppressor_period));

/* --- what both have --------------------------------------------------------------------------- */

/* Whether there are such things is not asked, but what could never be one is refused: six parts,
 * of which the first three and the last are not empty. */
static bool is_arn(const char *text)
{
    unsigned colons = 0;

    if (strncmp(text, "arn:", 4) != 0)
        return false;
    for (const char *c = text; *c; c++) {
        if (*c != ':')
            continue;
        colons++;
        if ((colons <= 2 && c[1] == ':') || c[1] == '\0')
            return false;
    }
    return colons >= 5;
}

static bool is_url(const char *text)
{
    const char *host = strstr(text, "://");

    return alarm_action_is_url(text) && host[3] != '\0' && host[3] != '/' &&
           strpbrk(text, " \t\r\n") == NULL;
}

static int check_actions(struct api_call *call, enum alarm_kind kind)
{
    static const char *const members[] = { "OKActions", "AlarmActions", "InsufficientDataActions" };
    json_t *action;
    size_t k;

    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        json_array_foreach (input_get(call, members[i]), k, action) {
            const char *text = json_string_value(action);

            if (!is_arn(text) && !is_url(text))
                return api_error(call, validation, "Invalid arn syntax: %s", text);
            if (kind == ALARM_COMPOSITE && alarm_action_is_policy(text))
                return api_error(call, validation,
                                 "Composite alarms cannot have Auto Scaling actions: %s", text);
        }
    return 0;
}

int cloudwatch_check_tags(struct api_call *call, json_t *tags)
{
    json_t *tag;
    size_t i;

    /* first, as what follows compares each with each */
    if (json_array_size(tags) > TAGS_MAX)
        return api_error(call, "LimitExceededFault", "A resource has at most %d tags", TAGS_MAX);
    json_array_foreach (tags, i, tag) {
        const char *key = json_string_value(json_object_get(tag, "Key"));

        if (strncasecmp(key, "aws:", 4) == 0)
            return api_error(call, "InvalidParameterValueException",
                             "Tag keys must not begin with aws:, which %s does", key);
        for (size_t k = 0; k < i; k++)
            if (strcmp(json_string_value(json_object_get(json_array_get(tags, k), "Key")), key) ==
                0)
                return api_error(call, "InvalidParameterValueException",
                                 "The tag key %s is given more than once", key);
    }
    return 0;
}

/* The input as it is kept: without tags, and with the lists that DescribeAlarms always shows. */
static json_t *configuration(const struct api_call *call, enum alarm_kind kind)
{
    static const char *const lists[] = { "OKActions", "AlarmActions", "InsufficientDataActions",
                                         "Dimensions" };
    json_t *kept = json_copy(call->input);
    size_t n = kind == ALARM_COMPOSITE ? 3 : 4;

    json_object_del(kept, "Tags");
    for (size_t i = 0; kept && i < n; i++)
        if (!json_object_get(kept, lists[i]) &&
            json_object_set_new(kept, lists[i], json_array()) != 0) {
            json_decref(kept);
            return NULL;
        }
    return kept;
}

static int refuse(struct api_call *call, int outcome, const char *why)
{
    const char *name = input_text(call, "AlarmName");

    switch (outcome) {
    case ALARM_BOOK_E_LIMIT:
        return api_error(call, "LimitExceededFault", "There are at most %d alarms.", ALARMS_MAX);
    case ALARM_BOOK_E_KIND:
        return api_error(call, validation,
                         "An alarm of another type has the name %s already; delete it first", name);
    case ALARM_BOOK_E_MANAGED:
        return api_error(call, validation,
                         "The alarm %s belongs to a scaling policy; change the policy instead",
                         name);
    case ALARM_BOOK_E_NO_CHILD:
        return api_error(call, validation,
                         "Could not save the composite alarm as alarms [%s] in the alarm rule do "
                         "not exist",
                         why);
    case ALARM_BOOK_E_CYCLE:
        return api_error(call, validation,
                         "Could not save the composite alarm as its rule would depend on itself");
    case ALARM_BOOK_E_NO_SUPPRESSOR:
        return api_error(call, validation,
                         "Could not save the composite alarm as the suppressor alarm %s does not "
                         "exist",
                         input_text(call, "ActionsSuppressor"));
    case ALARM_E_CONFIGURATION:
        return api_error(call, validation, "%s", why);
    }
    return fault(outcome);
}

static int put(struct api_call *call, enum alarm_kind kind)
{
    json_t *tags = input_get(call, "Tags");
    json_auto_t *kept = NULL;
    char why[ALARM_WATCH_WHY_BYTES];
    int r = check_actions(call, kind);

    if (!r)
        r = cloudwatch_check_tags(call, tags);
    if (r)
        return r;
    kept = configuration(call, kind);
    if (!kept)
        return fault(-ENOMEM);
    *why = '\0';
    r = alarm_book_put(call->control->alarms, kind, kept, tags, why);
    text_repair_utf8(why); /* which may have been cut within a character */
    return r ? refuse(call, r, why) : 0;
}

/* --- metric alarms ---------------------------------------------------------------------------- */

static int check_supported(struct api_call *call)
{
    const char *comparison = input_text(call, "ComparisonOperator");
    enum alarm_comparison unused;

    if (input_get(call, "ThresholdMetricId") ||
        (comparison && alarm_comparison_parse(comparison, &unused) != 0))
        return api_error(call, validation,
                         "Alarms on anomaly detection bands are not supported by this server");
    if (input_get(call, "EvaluationCriteria"))
        return api_error(call, validation, "PromQL alarms are not supported by this server");
    return 0;
}

static int check_members(struct api_call *call)
{
    static const char *const messages[][2] = {
        { "ComparisonOperator", "a valid ComparisonOperator parameter" },
        { "Threshold", "valid Threshold parameter" },
        { "EvaluationPeriods", "an EvaluationPeriods parameter" },
    };

    for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++)
        if (!input_get(call, messages[i][0]))
            return api_error(call, validation, "PutMetricAlarm request should have %s",
                             messages[i][1]);
    return 0;
}

static int check_words(struct api_call *call)
{
    const char *missing = input_text(call, "TreatMissingData");
    const char *low = input_text(call, "EvaluateLowSampleCountPercentile");
    enum alarm_missing unused;

    if (missing && alarm_missing_parse(missing, &unused) != 0)
        return api_error(call, validation,
                         "Supported values for TreatMissingData are breaching, notBreaching, "
                         "ignore, and missing.");
    if (low && strcmp(low, "evaluate") != 0 && strcmp(low, "ignore") != 0)
        return api_error(call, validation,
                         "Supported values for EvaluateLowSampleCountPercentile are evaluate and "
                         "ignore.");
    return 0;
}

static int check_window(struct api_call *call, json_int_t period_s)
{
    json_int_t periods = input_integer(call, "EvaluationPeriods", 1);

    if (period_s < 10 || !cloudwatch_period_valid(period_s))
        return api_error(call, validation, "Period must be 10, 20, 30 or a multiple of 60");
    if (input_integer(call, "DatapointsToAlarm", 1) > periods)
        return api_error(call, validation,
                         "DatapointsToAlarm must be less than or equal to EvaluationPeriods");
    if (period_s < HOUR_S && periods > DAY_S / period_s)
        return api_error(call, validation,
                         "Metrics cannot be checked across more than a day (EvaluationPeriods * "
                         "Period must be <= 86400) for alarms using period < 3600");
    if (periods > LONGEST_S / period_s)
        return api_error(call, validation,
                         "Metrics cannot be checked across more than a week (EvaluationPeriods * "
                         "Period must be <= 604800)");
    return 0;
}

static int check_single(struct api_call *call)
{
    const char *extended = input_text(call, "ExtendedStatistic");
    struct metric_statistic unused;

    if (!input_get(call, "MetricName") || !input_get(call, "Namespace"))
        return api_error(call, validation,
                         "PutMetricAlarm request should have MetricName and Namespace parameters, "
                         "or Metrics");
    if (!extended && !input_get(call, "Statistic"))
        return api_error(call, validation,
                         "PutMetricAlarm request should have a Statistic parameter");
    if (extended && input_get(call, "Statistic"))
        return api_error(call, validation,
                         "PutMetricAlarm request can not be made with both Statistic and "
                         "ExtendedStatistic parameters. Only one of them should be present");
    if (extended && metric_statistic_parse(extended, &unused) != 0)
        return api_error(call, "InvalidParameterValueException",
                         "The value %s for parameter ExtendedStatistic is not supported.",
                         extended);
    if (!input_get(call, "Period"))
        return api_error(call, validation, "PutMetricAlarm request should have a Period parameter");
    return check_window(call, input_integer(call, "Period", 0));
}

static int check_query(struct api_call *call, json_t *query, size_t i, json_int_t *ret_period_s)
{
    json_t *stat = json_object_get(query, "MetricStat");
    json_t *metric = json_object_get(stat, "Metric");
    const char *id = json_string_value(json_object_get(query, "Id"));

    if (*id < 'a' || *id > 'z' ||
        id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")])
        return api_error(call, validation,
                         "The value %s for parameter Metrics.member.%zu.Id is not matching the "
                         "expected pattern ^[a-z][a-zA-Z0-9_]*$.",
                         id, i + 1);
    if (!stat == !json_object_get(query, "Expression"))
        return api_error(call, validation,
                         "Exactly one of MetricStat and Expression is required in "
                         "Metrics.member.%zu.",
                         i + 1);
    if (stat && (!json_object_get(metric, "Namespace") || !json_object_get(metric, "MetricName")))
        return api_error(call, validation,
                         "The parameters Namespace and MetricName are required in "
                         "Metrics.member.%zu.MetricStat.Metric.",
                         i + 1);
    if (stat)
        *ret_period_s = json_integer_value(json_object_get(stat, "Period"));
    return 0;
}

static int check_math(struct api_call *call, json_t *list)
{
    static const char *const others[] = { "MetricName", "Namespace", "Dimensions",       "Period",
                                          "Unit",       "Statistic", "ExtendedStatistic" };
    json_int_t period_s = 0;
    size_t i, n_metrics = 0;
    json_t *query;

    for (i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (json_array_size(input_get(call, others[i])) > 0 ||
            (input_get(call, others[i]) && !json_is_array(input_get(call, others[i]))))
            return api_error(call, validation,
                             "PutMetricAlarm request can not be made with both Metrics and %s "
                             "parameters.",
                             others[i]);
    if (json_array_size(list) > METRICS_MAX)
        return api_error(call, validation, "Metrics must not have more than %d elements.",
                         METRICS_MAX);
    json_array_foreach (list, i, query) {
        int r = check_query(call, query, i, &period_s);

        if (r)
            return r;
        n_metrics += json_object_get(query, "MetricStat") != NULL;
    }
    if (n_metrics > OF_A_KIND_MAX || json_array_size(list) - n_metrics > OF_A_KIND_MAX)
        return api_error(call, validation,
                         "Metrics must not have more than %d metrics and %d expressions.",
                         OF_A_KIND_MAX, OF_A_KIND_MAX);
    return n_metrics > 0 ? check_window(call, period_s) : 0;
}

static int put_metric_alarm(struct api_call *call)
{
    json_t *list = input_get(call, "Metrics");
    int r = check_supported(call);

    if (!r)
        r = check_members(call);
    if (!r)
        r = check_words(call);
    if (!r)
        r = json_array_size(list) > 0 ? check_math(call, list) : check_single(call);
    if (!r && list && json_array_size(list) == 0)
        json_object_del(call->input, "Metrics"); /* how some clients say that there are none */
    return r ? r : put(call, ALARM_OF_METRIC);
}

/* --- composite alarms ------------------------------------------------------------------------- */

static int check_suppressor(struct api_call *call)
{
    static const char *const periods[] = { "ActionsSuppressorWaitPeriod",
                                           "ActionsSuppressorExtensionPeriod" };
    bool suppressor = input_get(call, "ActionsSuppressor") != NULL;

    for (size_t i = 0; i < sizeof(periods) / sizeof(*periods); i++) {
        json_int_t seconds = input_integer(call, periods[i], 0);

        if (suppressor != (input_get(call, periods[i]) != NULL))
            return api_error(call, validation,
                             "%s is required with ActionsSuppressor, and only then", periods[i]);
        if (seconds < 0 || seconds > LONGEST_S)
            return api_error(call, validation, "%s must be between 0 and %d", periods[i],
                             LONGEST_S);
    }
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int put_composite_alarm(struct api_call *call)
{
    const char *rule = input_text(call, "AlarmRule");
    int r;

    if (is_space(*rule) || is_space(rule[strlen(rule) - 1]))
        return api_error(call, validation,
                         "AlarmRule must not contain leading or trailing whitespace or be null");
    r = check_suppressor(call);
    return r ? r : put(call, ALARM_COMPOSITE);
}

const struct operation cloudwatch_alarm_put_operations[] = {
    { "PutMetricAlarm", &put_metric_alarm_input, NULL, put_metric_alarm },
    { "PutCompositeAlarm", &put_composite_alarm_input, NULL, put_composite_alarm },
    { NULL },
};
