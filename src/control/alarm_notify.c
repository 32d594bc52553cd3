/* Running an alarm's actions: scaling policies are told at once, URLs through a queue. An ARN of
 * anything else names something that only AWS has: its action fails, and the history says so. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/alarm_book.h"

enum { STAMP_BYTES = 40 };

bool alarm_action_is_policy(const char *action)
{
    return strncmp(action, "arn:aws:autoscaling:", 20) == 0 && strstr(action, ":scalingPolicy:");
}

bool alarm_action_is_url(const char *action)
{
    return strncmp(action, "http://", 7) == 0 || strncmp(action, "https://", 8) == 0;
}

/* --- history ---------------------------------------------------------------------------------- */

/* What became of an action; @why NULL: it went well. @message: what was sent, or NULL. */
static int note(struct alarm_book *book, const char *alarm, bool composite, const char *action,
                const char *message, const char *why, wall_ms_t now)
{
    autofree(mem_free) char *summary =
        text_format("%s action %s", why ? "Failed to execute" : "Successfully executed", action);
    json_t *data = json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "version", "1.0", "actionState",
                             why ? "Failed" : "Succeeded", "notificationResource", action, "error",
                             why, "publishedMessage", message);

    if (!summary) {
        json_decref(data);
        return fault(-ENOMEM);
    }
    return alarm_history_add(&book->history, &book->changes, alarm, composite, ALARM_EVENT_ACTION,
                             now, summary, data);
}

/* --- scaling policies ------------------------------------------------------------------------- */

static int tell_policy(struct alarm *a, const char *action, wall_ms_t now)
{
    struct alarm_book *book = a->book;
    char arn[ALARM_ARN_BYTES];
    struct alarm_signal signal = {
        .alarm = a->name,
        .alarm_arn = arn,
        .state = a->state,
        .repeated = a->repeat,
        .now = now,
        .comparison = a->rule.comparison,
        .threshold = a->rule.threshold,
        .points = a->points,
        .n_points = a->n_points,
        .queried = a->queried,
    };
    const char *why = "the scaling policy does not exist";
    int r = ALARM_ACTION_E_UNKNOWN;

    alarm_arn(book->control, a->name, arn);
    a->acted = now;
    if (book->act)
        r = book->act(book->actor, action, &signal);
    if (r < 0)
        return fault(r);
    if (r == ALARM_ACTION_E_STALE)
        why = "the alarm has no recent datapoints to scale by";
    /* what is repeated each minute would fill the history with itself */
    return a->repeat
               ? 0
               : note(book, a->name, a->kind == ALARM_COMPOSITE, action, NULL, r ? why : NULL, now);
}

/* --- webhooks --------------------------------------------------------------------------------- */

static void print_stamp(wall_ms_t at, char ret_text[STAMP_BYTES])
{
    char text[TEXT_ISO8601_BYTES];

    text_iso8601(at, text);
    text[strlen(text) - 1] = '\0'; /* "Z" */
    snprintf(ret_text, STAMP_BYTES, "%s+0000", text);
}

static json_t *copy_of(const struct alarm *a, const char *member)
{
    json_t *value = json_object_get(a->configuration, member);

    return value ? json_incref(value) : NULL;
}

static json_t *trigger_dimensions(const struct alarm *a)
{
    json_t *list = json_array(), *d;
    size_t i;

    json_array_foreach (json_object_get(a->configuration, "Dimensions"), i, d)
        if (json_array_append_new(list,
                                  json_pack("{s:O, s:O}", "value", json_object_get(d, "Value"),
                                            "name", json_object_get(d, "Name"))) != 0)
            break;
    return list;
}

/* The statistic is in capitals there: "AVERAGE", "p99" as it is. */
static json_t *trigger_statistic(const struct alarm *a)
{
    const char *text = alarm_watch_statistic(a->watch);
    char upper[32];
    size_t n = 0;

    if (!text || json_object_get(a->configuration, "ExtendedStatistic"))
        return text ? json_string(text) : NULL;
    for (; text[n] && n < sizeof(upper) - 1; n++)
        upper[n] = text[n] >= 'a' && text[n] <= 'z' ? (char)(text[n] - 'a' + 'A') : text[n];
    upper[n] = '\0';
    return json_string(upper);
}

static json_t *trigger(const struct alarm *a)
{
    const struct metric_name *name = alarm_watch_name(a->watch);
    const char *missing = json_string_value(json_object_get(a->configuration, "TreatMissingData"));
    json_t *t =
        json_pack("{s:i, s:i, s:s, s:f, s:s, s:o*, s:o*}", "Period", (int)a->rule.period_s,
                  "EvaluationPeriods", (int)a->rule.evaluation_periods, "ComparisonOperator",
                  alarm_comparison_text(a->rule.comparison), "Threshold", a->rule.threshold,
                  "TreatMissingData", missing ? missing : "missing", "DatapointsToAlarm",
                  copy_of(a, "DatapointsToAlarm"), "EvaluateLowSampleCountPercentile",
                  copy_of(a, "EvaluateLowSampleCountPercentile"));
    json_auto_t *metric = NULL;

    if (name)
        metric =
            json_pack("{s:s, s:s, s:s, s:o, s:o*, s:o}", "MetricName", name->name, "Namespace",
                      name->namespace, "StatisticType",
                      json_object_get(a->configuration, "ExtendedStatistic") ? "ExtendedStatistic"
                                                                             : "Statistic",
                      "Statistic", trigger_statistic(a), "Unit", copy_of(a, "Unit"), "Dimensions",
                      trigger_dimensions(a));
    else
        metric = json_pack("{s:o}", "Metrics", copy_of(a, "Metrics"));
    if (!t || !metric || json_object_update(t, metric) != 0) {
        json_decref(t);
        return NULL;
    }
    return t;
}

/* The message that CloudWatch publishes to SNS. */
static char *message_new(const struct alarm *a, wall_ms_t now)
{
    const struct control *c = a->book->control;
    char arn[ALARM_ARN_BYTES], changed[STAMP_BYTES], configured[STAMP_BYTES];
    json_auto_t *message = NULL;

    alarm_arn(c, a->name, arn);
    print_stamp(now, changed);
    print_stamp(a->configured, configured);
    message = json_pack(
        "{s:s, s:o?, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:O, s:O, s:o*, s:o*}",
        "AlarmName", a->name, "AlarmDescription", copy_of(a, "AlarmDescription"), "AWSAccountId",
        c->settings.account, "AlarmConfigurationUpdatedTimestamp", configured, "NewStateValue",
        alarm_state_text(a->state), "NewStateReason", a->reason, "StateChangeTime", changed,
        "Region", c->settings.region, "AlarmArn", arn, "OldStateValue", alarm_state_text(a->from),
        "OKActions", alarm_actions(a, ALARM_OK), "AlarmActions", alarm_actions(a, ALARM_ALARM),
        "InsufficientDataActions", alarm_actions(a, ALARM_INSUFFICIENT_DATA), "AlarmRule",
        copy_of(a, "AlarmRule"), "Trigger", a->kind == ALARM_OF_METRIC ? trigger(a) : NULL);
    return message ? json_dumps(message, JSON_COMPACT) : NULL;
}

/* A message under way; its alarm may be gone before it arrives. */
struct delivery {
    struct alarm_book *book;
    bool composite;
    char *alarm, *url, *message;
};

static struct delivery *delivery_free(struct delivery *d)
{
    if (!d)
        return NULL;
    free(d->alarm);
    free(d->url);
    free(d->message);
    free(d);
    return NULL;
}
DEFINE_AUTOFREE(struct delivery *, delivery_free)

static void delivered(void *context, const char *why)
{
    autofree(delivery_free) struct delivery *d = context;
    struct control *c = d->book->control;
    int r;

    if (why)
        log_warn(c->log, "webhook not delivered", "alarm=\"%s\" url=%s why=\"%s\"", d->alarm,
                 d->url, why);
    r = note(d->book, d->alarm, d->composite, d->url, d->message, why, loop_wall(c->loop));
    if (!r)
        r = changes_write(&d->book->changes, c);
    if (r)
        control_fail(c, r);
}

static int post(struct alarm *a, const char *url, wall_ms_t now)
{
    struct alarm_book *book = a->book;
    autofree(delivery_free) struct delivery *d = calloc(1, sizeof(*d));
    int r;

    if (!d)
        return fault(-ENOMEM);
    *d = (struct delivery){ .book = book,
                            .composite = a->kind == ALARM_COMPOSITE,
                            .alarm = strdup(a->name),
                            .url = strdup(url),
                            .message = message_new(a, now) };
    if (!d->alarm || !d->url || !d->message)
        return fault(-ENOMEM);
    r = book->webhooks ? webhook_send(book->webhooks, url, d->message, delivered, d)
                       : WEBHOOK_E_FULL;
    if (r == WEBHOOK_E_FULL)
        return note(book, a->name, d->composite, url, NULL, "too many messages are waiting", now);
    if (r)
        return fault(r);
    steal(d);
    return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

static int run(struct alarm *a, const char *action, wall_ms_t now)
{
    if (alarm_action_is_policy(action))
        return tell_policy(a, action, now);
    if (a->repeat)
        return 0;
    if (alarm_action_is_url(action))
        return post(a, action, now);
    return note(a->book, a->name, a->kind == ALARM_COMPOSITE, action, NULL,
                "this server has no such resource", now);
}

int alarm_notify(struct alarm *a, wall_ms_t now)
{
    json_t *actions = alarm_actions(a, a->state), *action;
    size_t i;
    int r = 0;

    json_array_foreach (actions, i, action) {
        r = run(a, json_string_value(action), now);
        if (r)
            return fault(r);
    }
    return 0;
}
