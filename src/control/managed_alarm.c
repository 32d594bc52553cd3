#include "control/managed_alarm.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "control/alarm_book.h"
#include "scaling/alarm_reason.h"
#include "scaling/cause.h"

enum { DESCRIPTION_BYTES = SCALING_ARN_BYTES + 128 };

static const ms_t settle_ms = 1000; /* as alarms are judged: after a period's end */

static struct alarm_book *book_of(const struct scaling_policy *p)
{
    return p->target->autoscaler->control->alarms;
}

static struct alarm *find(const struct scaling_policy *p, const struct scaling_alarm *alarm)
{
    char name[SCALING_ALARM_NAME_BYTES];

    scaling_policy_alarm_name(p, alarm, name);
    return alarm_book_find(book_of(p), name);
}

static const char *unit_of(const struct tracking *t)
{
    return t->unit == METRIC_UNIT_ANY ? NULL : metric_unit_text(t->unit);
}

/* NULL with metric math, as of people's alarms */
static const char *statistic_of(const struct tracking *t)
{
    return t->math ? NULL : cause_statistic(&t->statistic);
}

/* --- claiming --------------------------------------------------------------------------------- */

static json_t *dimensions(const struct metric_name *m)
{
    json_t *list = json_array();

    for (size_t i = 0; i < m->n_dimensions; i++)
        if (json_array_append_new(list, json_pack("{s:s, s:s}", "Name", m->dimensions[i].name,
                                                  "Value", m->dimensions[i].value)) != 0)
            break;
    return list;
}

/* Metrics, each with the period that the alarm has. */
static json_t *math(const struct scaling_policy *p, unsigned period_s)
{
    json_t *specification = json_object_get(p->configuration, "CustomizedMetricSpecification");
    json_t *list = json_deep_copy(json_object_get(specification, "Metrics")), *query;
    size_t i;

    json_array_foreach (list, i, query) {
        json_t *stat = json_object_get(query, "MetricStat");

        if (stat && json_object_set_new(stat, "Period", json_integer(period_s)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *metric(const struct scaling_policy *p, const struct alarm_rule *rule)
{
    const struct tracking *t = &p->tracking;

    if (t->math)
        return json_pack("{s:o, s:[]}", "Metrics", math(p, rule->period_s), "Dimensions");
    return json_pack("{s:s, s:s, s:s, s:o, s:i, s:s*}", "MetricName", t->metric.name, "Namespace",
                     t->metric.namespace, "Statistic", cause_statistic(&t->statistic), "Dimensions",
                     dimensions(&t->metric), "Period", (int)rule->period_s, "Unit", unit_of(t));
}

/* What PutMetricAlarm would have been given. */
static json_t *configuration(const struct scaling_policy *p, const struct scaling_alarm *alarm,
                             const struct alarm_rule *rule)
{
    char name[SCALING_ALARM_NAME_BYTES], action[SCALING_ARN_BYTES], description[DESCRIPTION_BYTES];
    json_auto_t *watched = metric(p, rule);
    json_t *c;

    scaling_policy_alarm_name(p, alarm, name);
    scaling_policy_action_arn(p, action);
    snprintf(description, sizeof description,
             "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy %s.", action);
    c = json_pack("{s:s, s:s, s:b, s:[], s:[s], s:[], s:i, s:f, s:s}", "AlarmName", name,
                  "AlarmDescription", description, "ActionsEnabled", 1, "OKActions", "AlarmActions",
                  action, "InsufficientDataActions", "EvaluationPeriods",
                  (int)rule->evaluation_periods, "Threshold", rule->threshold, "ComparisonOperator",
                  alarm_comparison_text(rule->comparison));
    if (c && watched && json_object_update(c, watched) == 0)
        return c;
    json_decref(c);
    return NULL;
}

static int claim(const struct scaling_policy *p, const struct scaling_alarm *alarm,
                 const struct alarm_rule *rule)
{
    json_auto_t *c = configuration(p, alarm, rule);

    return c ? alarm_book_claim(book_of(p), c) : fault(-ENOMEM);
}

int managed_alarms_claim(const struct scaling_policy *p)
{
    struct alarm_rule high, low;
    int r;

    if (!book_of(p) || !scaling_policy_has_high(p))
        return 0;
    tracking_rules(&p->tracking, p->target->pace, &high, &low);
    r = claim(p, &p->high, &high);
    if (!r && scaling_policy_has_low(p))
        r = claim(p, &p->low, &low);
    return fault(r);
}

int managed_alarms_release(const struct scaling_policy *p)
{
    char name[SCALING_ALARM_NAME_BYTES];
    int r;

    if (!book_of(p))
        return 0;
    scaling_policy_alarm_name(p, &p->high, name);
    r = alarm_book_release(book_of(p), name);
    if (r)
        return fault(r);
    scaling_policy_alarm_name(p, &p->low, name);
    return alarm_book_release(book_of(p), name);
}

/* --- telling ---------------------------------------------------------------------------------- */

static int tell(const struct scaling_policy *p, const struct scaling_alarm *alarm,
                const struct alarm_rule *rule, enum alarm_state state,
                const struct alarm_evidence *e, wall_ms_t now)
{
    char reason[ALARM_REASON_BYTES], data[ALARM_REASON_DATA_BYTES];
    struct alarm *a = find(p, alarm);

    if (!a || a->state == state)
        return 0;
    alarm_reason(rule, state, e->points, e->n, reason);
    alarm_reason_data(rule, e->points, e->n, statistic_of(&p->tracking), unit_of(&p->tracking), now,
                      data);
    return alarm_change(a, state, reason, data, now);
}

/* Somebody set the alarm's state: the policy's own holds again, by what it last looked at. */
static int tell_again(const struct scaling_policy *p, const struct scaling_alarm *alarm,
                      const struct alarm_rule *rule, enum alarm_state state, wall_ms_t now)
{
    const struct alarm *a = find(p, alarm);
    ms_t period = rule->period_s * MS_PER_S;
    struct alarm_evidence e;

    if (!a || a->state == state)
        return 0;
    tracking_gather(&p->tracking, rule, alarm_range(rule), p->target->autoscaler->control->metrics,
                    (now - settle_ms) / period * period, &e);
    return tell(p, alarm, rule, state, &e, now);
}

int managed_alarms_tell(const struct scaling_policy *p, const struct tracking_report *report,
                        wall_ms_t now)
{
    struct alarm_rule high, low;
    int r;

    if (!book_of(p))
        return 0;
    tracking_rules(&p->tracking, p->target->pace, &high, &low);
    if (report->high_changed)
        r = tell(p, &p->high, &report->high_rule, p->state.high, &report->high, now);
    else
        r = tell_again(p, &p->high, &high, p->state.high, now);
    if (r || !scaling_policy_has_low(p))
        return fault(r);
    if (report->low_changed)
        return tell(p, &p->low, &report->low_rule, p->state.low, &report->low, now);
    return tell_again(p, &p->low, &low, p->state.low, now);
}

bool managed_alarm_acts(const struct scaling_policy *p, enum direction direction)
{
    const struct alarm *a;

    if (!book_of(p))
        return true;
    a = find(p, direction == DIRECTION_IN ? &p->low : &p->high);
    return a && a->actions_enabled;
}
