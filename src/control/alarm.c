#include "control/alarm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/record.h"
#include "scaling/alarm_reason.h"

void alarm_path(const char *name, char ret_path[ALARM_PATH_BYTES])
{
    snprintf(ret_path, ALARM_PATH_BYTES, "/alarms/%s", name);
}

void alarm_arn(const struct control *c, const char *name, char ret_arn[ALARM_ARN_BYTES])
{
    snprintf(ret_arn, ALARM_ARN_BYTES, "arn:aws:cloudwatch:%s:%s:alarm:%s", c->settings.region,
             c->settings.account, name);
}

json_t *alarm_actions(const struct alarm *a, enum alarm_state state)
{
    const char *member = state == ALARM_ALARM ? "AlarmActions"
                         : state == ALARM_OK  ? "OKActions"
                                              : "InsufficientDataActions";

    return json_object_get(a->configuration, member);
}

/* --- configuration ---------------------------------------------------------------------------- */

static const char *text_of(json_t *value, const char *member)
{
    return json_string_value(json_object_get(value, member));
}

static bool member_is(json_t *value, const char *member, const char *text)
{
    const char *found = text_of(value, member);

    return found && strcmp(found, text) == 0;
}

static int bad(char why[ALARM_WATCH_WHY_BYTES], const char *what)
{
    snprintf(why, ALARM_WATCH_WHY_BYTES, "%s", what);
    return ALARM_E_CONFIGURATION;
}

static int read_metric(struct alarm *a, char why[ALARM_WATCH_WHY_BYTES])
{
    json_t *c = a->configuration;
    const char *comparison = text_of(c, "ComparisonOperator");
    const char *missing = text_of(c, "TreatMissingData");
    int r = alarm_watch_new(c, &a->watch, why);

    if (r)
        return r == ALARM_WATCH_E_REFUSED ? ALARM_E_CONFIGURATION : fault(r);
    a->rule = (struct alarm_rule){
        .threshold = json_number_value(json_object_get(c, "Threshold")),
        .period_s = alarm_watch_period_s(a->watch),
        .evaluation_periods = (unsigned)json_integer_value(json_object_get(c, "EvaluationPeriods")),
        .datapoints = (unsigned)json_integer_value(json_object_get(c, "DatapointsToAlarm")),
    };
    a->ignores_low_samples = member_is(c, "EvaluateLowSampleCountPercentile", "ignore");
    if (!comparison || alarm_comparison_parse(comparison, &a->rule.comparison) != 0)
        return bad(why, "The value for parameter ComparisonOperator is not supported.");
    if (missing && alarm_missing_parse(missing, &a->rule.missing) != 0)
        return bad(why, "Supported values for TreatMissingData are breaching, notBreaching, "
                        "ignore, and missing.");
    if (a->rule.period_s == 0 || a->rule.evaluation_periods == 0 ||
        a->rule.datapoints > a->rule.evaluation_periods)
        return bad(why, "DatapointsToAlarm must be less than or equal to EvaluationPeriods");
    return 0;
}

static int read_composite(struct alarm *a, char why[ALARM_WATCH_WHY_BYTES])
{
    json_t *c = a->configuration;
    const char *rule = text_of(c, "AlarmRule");
    struct composite_error error;
    int r = composite_parse(rule ? rule : "", &a->composite, &error);

    if (r == COMPOSITE_E_REFUSED) {
        snprintf(why, ALARM_WATCH_WHY_BYTES, "AlarmRule is not valid: %s (at position %zu)",
                 error.text, error.position);
        return ALARM_E_CONFIGURATION;
    }
    a->suppressor = text_of(c, "ActionsSuppressor");
    a->wait_ms = json_integer_value(json_object_get(c, "ActionsSuppressorWaitPeriod")) * MS_PER_S;
    a->extension_ms =
        json_integer_value(json_object_get(c, "ActionsSuppressorExtensionPeriod")) * MS_PER_S;
    return fault(r);
}

int alarm_new(struct control *c, enum alarm_kind kind, json_t *configuration, wall_ms_t now,
              struct alarm **ret, char ret_why[ALARM_WATCH_WHY_BYTES])
{
    autofree(alarm_free) struct alarm *a = calloc(1, sizeof(*a));
    const char *name = text_of(configuration, "AlarmName");
    int r;

    if (!name)
        return bad(ret_why, "The parameter AlarmName is required.");
    if (!a)
        return fault(-ENOMEM);
    *a = (struct alarm){
        .book = c->alarms,
        .kind = kind,
        .name = strdup(name),
        .actions_enabled = !json_is_false(json_object_get(configuration, "ActionsEnabled")),
        .configuration = json_incref(configuration),
        .configured = now,
        .reason = strdup(ALARM_REASON_INITIAL),
        .updated = now,
        .transitioned = now,
    };
    list_link_init(&a->pending);
    if (!a->name || !a->reason)
        return fault(-ENOMEM);
    r = kind == ALARM_COMPOSITE ? read_composite(a, ret_why) : read_metric(a, ret_why);
    if (r)
        return r;
    *ret = steal(a);
    return 0;
}

struct alarm *alarm_free(struct alarm *a)
{
    if (!a)
        return NULL;
    list_remove(&a->pending);
    alarm_watch_free(a->watch);
    composite_free(a->composite);
    json_decref(a->configuration);
    free(a->points);
    free(a->reason);
    free(a->reason_data);
    free(a->name);
    free(a);
    return NULL;
}

/* --- documents -------------------------------------------------------------------------------- */

static double seconds(wall_ms_t at)
{
    return (double)at / MS_PER_S;
}

json_t *alarm_document(const struct alarm *a)
{
    const struct suppression *s = &a->suppression;

    return json_pack(
        "{s:b, s:b, s:b, s:O, s:b, s:f, s:s, s:s, s:s*, s:f, s:f, s:{s:i, s:f, s:b, s:b}}",
        "Composite", a->kind == ALARM_COMPOSITE, "Managed", a->managed, "Hidden", a->hidden,
        "Configuration", a->configuration, "ActionsEnabled", a->actions_enabled, "Configured",
        seconds(a->configured), "State", alarm_state_text(a->state), "Reason", a->reason,
        "ReasonData", a->reason_data, "Updated", seconds(a->updated), "Transitioned",
        seconds(a->transitioned), "Suppression", "By", (int)s->by, "Until", seconds(s->until),
        "Held", s->held, "Owed", s->owed);
}

int alarm_save(const struct alarm *a, struct changes *changes)
{
    char path[ALARM_PATH_BYTES];

    alarm_path(a->name, path);
    return fault(changes_put(changes, path, alarm_document(a)));
}

static int load_suppression(json_t *document, struct suppression *ret)
{
    int by, held, owed;
    double until;

    if (json_unpack(document, "{s:{s:i, s:F, s:b, s:b}}", "Suppression", "By", &by, "Until", &until,
                    "Held", &held, "Owed", &owed) != 0 ||
        by < SUPPRESSED_BY_NOTHING || by > SUPPRESSED_BY_ALARM)
        return -EINVAL;
    *ret = (struct suppression){
        .by = (enum suppressed_by)by, .until = record_instant(until), .held = held, .owed = owed
    };
    return 0;
}

int alarm_load(struct control *c, json_t *document, struct alarm **ret)
{
    autofree(alarm_free) struct alarm *a = NULL;
    char why[ALARM_WATCH_WHY_BYTES];
    const char *state, *reason, *data = NULL;
    double configured, updated, transitioned;
    int composite, managed, hidden, enabled, r;
    json_t *configuration;

    if (json_unpack(document, "{s:b, s:b, s:b, s:o, s:b, s:F, s:s, s:s, s?s, s:F, s:F}",
                    "Composite", &composite, "Managed", &managed, "Hidden", &hidden,
                    "Configuration", &configuration, "ActionsEnabled", &enabled, "Configured",
                    &configured, "State", &state, "Reason", &reason, "ReasonData", &data, "Updated",
                    &updated, "Transitioned", &transitioned) != 0)
        return -EINVAL;
    r = alarm_new(c, composite ? ALARM_COMPOSITE : ALARM_OF_METRIC, configuration,
                  record_instant(configured), &a, why);
    if (!r)
        r = load_suppression(document, &a->suppression);
    if (!r)
        r = alarm_state_parse(state, &a->state);
    if (r)
        return r > 0 ? -EINVAL : r;
    free(a->reason);
    a->reason = strdup(reason);
    a->reason_data = data ? strdup(data) : NULL;
    if (!a->reason || (data && !a->reason_data))
        return fault(-ENOMEM);
    a->managed = managed;
    a->hidden = hidden;
    a->actions_enabled = enabled;
    a->updated = record_instant(updated);
    a->transitioned = record_instant(transitioned);
    *ret = steal(a);
    return 0;
}

static const char *suppressed_reason(const struct alarm *a)
{
    switch (a->suppression.by) {
    case SUPPRESSED_BY_WAIT:
        return "Waiting for the suppressor alarm to go into ALARM";
    case SUPPRESSED_BY_EXTENSION:
        return "Waiting after the suppressor alarm went out of ALARM";
    case SUPPRESSED_BY_ALARM:
        return "The suppressor alarm is in ALARM";
    case SUPPRESSED_BY_NOTHING:
        break;
    }
    return NULL;
}

json_t *alarm_describe(const struct control *c, const struct alarm *a)
{
    char arn[ALARM_ARN_BYTES];
    json_auto_t *state = NULL;
    json_t *described = json_copy(a->configuration);

    alarm_arn(c, a->name, arn);
    state = json_pack(
        "{s:s, s:f, s:b, s:s, s:s, s:s*, s:f, s:f, s:s*, s:s*, s:s*}", "AlarmArn", arn,
        "AlarmConfigurationUpdatedTimestamp", seconds(a->configured), "ActionsEnabled",
        a->actions_enabled, "StateValue", alarm_state_text(a->state), "StateReason", a->reason,
        "StateReasonData", a->reason_data, "StateUpdatedTimestamp", seconds(a->updated),
        "StateTransitionedTimestamp", seconds(a->transitioned), "EvaluationState",
        a->failed ? "EVALUATION_ERROR" : NULL, "ActionsSuppressedBy",
        suppression_text(a->suppression.by), "ActionsSuppressedReason", suppressed_reason(a));
    if (!described || !state || json_object_update(described, state) != 0) {
        json_decref(described);
        return NULL;
    }
    return described;
}

/* --- state ------------------------------------------------------------------------------------ */

int alarm_set_points(struct alarm *a, const double *points, size_t n, wall_ms_t queried)
{
    double *copy = n > 0 ? malloc(n * sizeof(*copy)) : NULL;

    if (n > 0 && !copy)
        return fault(-ENOMEM);
    for (size_t i = 0; i < n; i++)
        copy[i] = points[i];
    free(a->points);
    a->points = copy;
    a->n_points = n;
    a->queried = queried;
    return 0;
}

void alarm_inherit(struct alarm *a, struct alarm *old)
{
    free(a->reason);
    free(a->reason_data);
    a->reason = steal(old->reason);
    a->reason_data = steal(old->reason_data);
    a->state = old->state;
    a->updated = old->updated;
    a->transitioned = old->transitioned;
    a->acted = old->acted;
    a->suppression = old->suppression;
}
