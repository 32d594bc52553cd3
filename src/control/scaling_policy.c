#include "control/scaling_policy.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/managed_alarm.h"
#include "control/predictive.h"
#include "control/record.h"
#include "control/scaling_configuration.h"

enum { PATH_BYTES = 4096 };

static const ms_t fresh_ms = 10 * MS_PER_S; /* older datapoints say nothing about now */

static struct control *control_of(const struct scaling_policy *p)
{
    return p->target->autoscaler->control;
}

static void path_of(const struct scaling_target *t, const char *name, char ret_path[PATH_BYTES])
{
    snprintf(ret_path, PATH_BYTES, "/scaling-policies/%s/%s", scaling_target_key(t), name);
}

static const struct {
    const char *text, *member;
} kinds[] = {
    [POLICY_TRACKING] = { "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration" },
    [POLICY_STEP] = { "StepScaling", "StepScalingPolicyConfiguration" },
    [POLICY_PREDICTIVE] = { "PredictiveScaling", "PredictiveScalingPolicyConfiguration" },
};

const char *policy_kind_text(enum policy_kind kind)
{
    return kinds[kind].text;
}

const char *policy_kind_member(enum policy_kind kind)
{
    return kinds[kind].member;
}

int policy_kind_parse(const char *text, enum policy_kind *ret)
{
    for (int i = POLICY_TRACKING; i <= POLICY_PREDICTIVE; i++)
        if (strcmp(kinds[i].text, text) == 0) {
            *ret = (enum policy_kind)i;
            return 0;
        }
    return -EINVAL;
}

/* --- names ------------------------------------------------------------------------------------ */

void scaling_policy_arn(const struct scaling_policy *p, char ret_arn[SCALING_ARN_BYTES])
{
    const struct control_settings *s = &control_of(p)->settings;

    snprintf(ret_arn, SCALING_ARN_BYTES,
             "arn:aws:autoscaling:%s:%s:scalingPolicy:%s:resource/%s/%s:policyName/%s", s->region,
             s->account, p->target->policies_id, p->target->scalable->namespace,
             p->target->resource_id, p->name);
}

void scaling_policy_action_arn(const struct scaling_policy *p, char ret_arn[SCALING_ARN_BYTES])
{
    size_t n;

    scaling_policy_arn(p, ret_arn);
    n = strlen(ret_arn);
    snprintf(ret_arn + n, SCALING_ARN_BYTES - n, ":createdBy/%s", p->created_by);
}

void scaling_policy_alarm_name(const struct scaling_policy *p, const struct scaling_alarm *alarm,
                               char ret_name[SCALING_ALARM_NAME_BYTES])
{
    /* names of alarms have 255 characters; a longer id is cut, as the last part tells them apart */
    snprintf(ret_name, SCALING_ALARM_NAME_BYTES, "TargetTracking-%.190s-Alarm%s-%s",
             p->target->resource_id, alarm == &p->high ? "High" : "Low", alarm->id);
}

void scaling_policy_alarm_arn(const struct scaling_policy *p, const struct scaling_alarm *alarm,
                              char ret_arn[SCALING_ARN_BYTES])
{
    const struct control_settings *s = &control_of(p)->settings;
    char name[SCALING_ALARM_NAME_BYTES];

    scaling_policy_alarm_name(p, alarm, name);
    snprintf(ret_arn, SCALING_ARN_BYTES, "arn:aws:cloudwatch:%s:%s:alarm:%s", s->region, s->account,
             name);
}

bool scaling_policy_has_high(const struct scaling_policy *p)
{
    return p->kind == POLICY_TRACKING;
}

bool scaling_policy_has_low(const struct scaling_policy *p)
{
    return p->kind == POLICY_TRACKING && !p->tracking.disable_scale_in;
}

int scaling_policy_cooldown_s(const struct scaling_policy *p, enum direction direction)
{
    if (p->kind == POLICY_PREDICTIVE)
        return 0; /* its floor is what keeps others from taking back what it added */
    if (p->kind == POLICY_STEP)
        return p->steps.cooldown_s;
    return direction == DIRECTION_OUT ? tracking_out_cooldown_s(&p->tracking, p->target->pace)
                                      : tracking_in_cooldown_s(&p->tracking);
}

/* --- documents -------------------------------------------------------------------------------- */

static json_t *alarm_item(const struct scaling_policy *p, const struct scaling_alarm *alarm)
{
    char name[SCALING_ALARM_NAME_BYTES], arn[SCALING_ARN_BYTES];

    scaling_policy_alarm_name(p, alarm, name);
    scaling_policy_alarm_arn(p, alarm, arn);
    return json_pack("{s:s, s:s}", "AlarmName", name, "AlarmARN", arn);
}

/* Its own alarms, or those that people gave it. */
static json_t *alarm_items(const struct scaling_policy *p)
{
    const struct alarm_book *book = control_of(p)->alarms;
    char arn[SCALING_ARN_BYTES];

    scaling_policy_arn(p, arn);
    if (p->kind == POLICY_PREDICTIVE)
        return json_array();
    if (!scaling_policy_has_high(p))
        return book ? alarm_book_naming(book, arn) : json_array();
    return scaling_policy_has_low(p)
               ? json_pack("[o, o]", alarm_item(p, &p->high), alarm_item(p, &p->low))
               : json_pack("[o]", alarm_item(p, &p->high));
}

json_t *scaling_policy_document(const struct scaling_policy *p)
{
    const struct cooldown *c = &p->state.cooldown;
    json_t *forecast = p->predictive ? predictive_document(p->predictive) : NULL;
    char arn[SCALING_ARN_BYTES];

    if (p->predictive && !forecast)
        return NULL;
    scaling_policy_arn(p, arn);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:o, s:f, s:s, s:s, s:s, s:f, s:{s:i, s:f, s:i, s:i}, "
        "s:o*}",
        "PolicyARN", arn, "PolicyName", p->name, "ServiceNamespace", p->target->scalable->namespace,
        "ResourceId", p->target->resource_id, "ScalableDimension", p->target->scalable->dimension,
        "PolicyType", policy_kind_text(p->kind), policy_kind_member(p->kind), p->configuration,
        "Alarms", alarm_items(p), "CreationTime", (double)p->created / MS_PER_S, "CreatedBy",
        p->created_by, "AlarmHigh", p->high.id, "AlarmLow", p->low.id, "Configured",
        (double)p->configured / MS_PER_S, "Cooldown", "Direction", (int)c->direction, "Until",
        (double)c->until / MS_PER_S, "From", c->from, "To", c->to, "Forecast", forecast);
}

static int save(struct scaling_policy *p)
{
    char path[PATH_BYTES];
    json_auto_t *document = scaling_policy_document(p);

    if (!document)
        return fault(-ENOMEM);
    path_of(p->target, p->name, path);
    return record_put(control_of(p), path, document);
}

int scaling_policy_save(struct scaling_policy *p)
{
    return fault(save(p));
}

/* --- life ------------------------------------------------------------------------------------- */

struct scaling_policy *scaling_policy_free(struct scaling_policy *p)
{
    if (!p)
        return NULL;
    if (list_linked(&p->link)) {
        list_remove(&p->link);
        p->target->n_policies--;
    }
    query_series_deinit(&p->math);
    predictive_free(p->predictive);
    json_decref(p->configuration);
    free(p->name);
    free(p);
    return NULL;
}

static int read_configuration(struct scaling_policy *p, char ret_why[SCALING_WHY_BYTES])
{
    switch (p->kind) {
    case POLICY_STEP:
        return scaling_configuration_read_steps(p->configuration, &p->steps, ret_why);
    case POLICY_PREDICTIVE:
        return predictive_new(p->target, p->configuration, &p->predictive, ret_why);
    case POLICY_TRACKING:
        break;
    }
    return scaling_configuration_read(p->target, p->configuration, &p->tracking, &p->math, ret_why);
}

static int policy_new(struct scaling_target *t, const char *name, enum policy_kind kind,
                      json_t *configuration, struct scaling_policy **ret,
                      char ret_why[SCALING_WHY_BYTES])
{
    autofree(scaling_policy_free) struct scaling_policy *p = calloc(1, sizeof(*p));
    int r;

    if (!p)
        return fault(-ENOMEM);
    p->target = t;
    list_link_init(&p->link);
    tracking_state_init(&p->state);
    p->name = strdup(name);
    p->configuration = json_incref(configuration);
    if (!p->name)
        return fault(-ENOMEM);
    p->kind = kind;
    r = read_configuration(p, ret_why);
    if (r)
        return r;
    *ret = steal(p);
    return 0;
}

static void adopt(struct scaling_target *t, struct scaling_policy *p)
{
    struct list_link *before = &t->policies.head;

    list_for_each (other, &t->policies, struct scaling_policy, link) {
        if (strcmp(other->name, p->name) > 0) {
            before = &other->link;
            break;
        }
    }
    list_insert_between(&p->link, before->previous, before);
    t->n_policies++;
}

struct scaling_policy *scaling_policy_find(const struct scaling_target *t, const char *name)
{
    list_for_each (p, &t->policies, struct scaling_policy, link)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static int check_others(const struct scaling_target *t, const struct scaling_policy *p,
                        const struct scaling_policy *old)
{
    list_for_each (other, &t->policies, struct scaling_policy, link)
        if (other != old && other->kind == POLICY_TRACKING && p->kind == POLICY_TRACKING &&
            scaling_configuration_same_metric(&other->tracking, &p->tracking))
            return SCALING_E_DUPLICATE;
    return !old && t->n_policies >= SCALING_POLICIES_MAX ? SCALING_E_LIMIT : 0;
}

int scaling_policy_put(struct scaling_target *t, const char *name, enum policy_kind kind,
                       json_t *configuration, struct scaling_policy **ret,
                       char ret_why[SCALING_WHY_BYTES])
{
    autofree(scaling_policy_free) struct scaling_policy *p = NULL;
    struct scaling_policy *old = scaling_policy_find(t, name);
    struct control *c = t->autoscaler->control;
    int r = policy_new(t, name, kind, configuration, &p, ret_why);

    if (!r)
        r = check_others(t, p, old);
    if (r)
        return r;
    p->created = p->configured = loop_wall(c->loop);
    random_uuid(&c->random, p->high.id);
    random_uuid(&c->random, p->low.id);
    if (old) {
        p->created = old->created;
        p->state.cooldown = old->state.cooldown;
        if (p->predictive && old->predictive)
            p->predictive->published = old->predictive->published;
        memcpy(p->created_by, old->created_by, sizeof p->created_by);
    } else {
        random_uuid(&c->random, p->created_by);
    }
    r = save(p);
    if (!r)
        r = managed_alarms_claim(p);
    if (!r && old)
        r = managed_alarms_release(old);
    if (r)
        return fault(r);
    scaling_policy_free(old);
    adopt(t, p);
    *ret = steal(p);
    return 0;
}

int scaling_policy_delete(struct scaling_policy *p)
{
    char path[PATH_BYTES];
    int r;

    path_of(p->target, p->name, path);
    r = record_delete(control_of(p), path, NULL);
    if (!r)
        r = managed_alarms_release(p);
    if (r)
        return fault(r);
    scaling_policy_free(p);
    return 0;
}

/* --- signals ---------------------------------------------------------------------------------- */

/* Whether @arn is @p's, maybe with ":createdBy/..." behind it. */
static bool is_arn_of(const struct scaling_policy *p, const char *arn)
{
    char own[SCALING_ARN_BYTES];
    size_t n;

    scaling_policy_arn(p, own);
    n = strlen(own);
    return strncmp(arn, own, n) == 0 &&
           (arn[n] == '\0' || strncmp(arn + n, ":createdBy/", strlen(":createdBy/")) == 0);
}

/* Only the policies of the target whose id is in it are looked at: there may be very many. */
static struct scaling_policy *find_arn(const struct autoscaler *a, const char *arn)
{
    list_for_each (t, &a->targets, struct scaling_target, link) {
        if (!strstr(arn, t->policies_id))
            continue;
        list_for_each (p, &t->policies, struct scaling_policy, link)
            if (is_arn_of(p, arn))
                return p;
    }
    return NULL;
}

int scaling_policy_hear(void *autoscaler, const char *arn, const struct alarm_signal *signal)
{
    struct scaling_policy *p = find_arn(autoscaler, arn);
    enum step_aggregation aggregation = STEP_AVERAGE;
    double metric;

    if (!p || p->kind == POLICY_PREDICTIVE)
        return ALARM_ACTION_E_UNKNOWN;
    if (p->kind == POLICY_STEP)
        aggregation = p->steps.aggregation;
    metric = step_metric(aggregation, signal->points, signal->n_points);
    if (!isfinite(metric) || !isfinite(signal->threshold) ||
        signal->queried < signal->now - fresh_ms)
        return ALARM_ACTION_E_STALE;
    p->signal = (struct policy_signal){
        .due = true,
        .below = signal->comparison == ALARM_LESS || signal->comparison == ALARM_LESS_OR_EQUAL,
        .metric = metric,
        .threshold = signal->threshold,
    };
    snprintf(p->signal.alarm, sizeof p->signal.alarm, "%s", signal->alarm);
    text_repair_utf8(p->signal.alarm); /* which may have been cut within a character */
    return 0;
}

/* --- loading ---------------------------------------------------------------------------------- */

static int read_cooldown(json_t *document, struct cooldown *ret)
{
    int direction;
    double until;

    if (json_unpack(document, "{s:{s:i, s:F, s:i, s:i}}", "Cooldown", "Direction", &direction,
                    "Until", &until, "From", &ret->from, "To", &ret->to) != 0)
        return -EINVAL;
    if (direction < DIRECTION_NONE || direction > DIRECTION_IN)
        return -EINVAL;
    ret->direction = (enum direction)direction;
    ret->until = record_instant(until);
    return 0;
}

/* The clock may have been set back since it was stored. */
static void bound_cooldown(struct scaling_policy *p)
{
    struct cooldown *c = &p->state.cooldown;
    wall_ms_t most =
        loop_wall(control_of(p)->loop) + scaling_policy_cooldown_s(p, c->direction) * MS_PER_S;

    if (c->until > most)
        c->until = most;
}

static int read_alarms(struct scaling_policy *p, json_t *document)
{
    const char *created_by, *high, *low;
    double created, configured;

    if (json_unpack(document, "{s:s, s:s, s:s, s:F, s:F}", "CreatedBy", &created_by, "AlarmHigh",
                    &high, "AlarmLow", &low, "CreationTime", &created, "Configured",
                    &configured) != 0)
        return -EINVAL;
    snprintf(p->created_by, sizeof p->created_by, "%s", created_by);
    snprintf(p->high.id, sizeof p->high.id, "%s", high);
    snprintf(p->low.id, sizeof p->low.id, "%s", low);
    p->created = record_instant(created);
    p->configured = record_instant(configured);
    return 0;
}

int scaling_policy_load(struct scaling_target *t, json_t *document)
{
    autofree(scaling_policy_free) struct scaling_policy *p = NULL;
    const char *name = json_string_value(json_object_get(document, "PolicyName"));
    const char *type = json_string_value(json_object_get(document, "PolicyType"));
    char why[SCALING_WHY_BYTES];
    enum policy_kind kind;
    json_t *configuration;
    int r;

    if (!name || !type || policy_kind_parse(type, &kind) != 0)
        return -EINVAL;
    configuration = json_object_get(document, policy_kind_member(kind));
    if (!configuration)
        return -EINVAL;
    r = policy_new(t, name, kind, configuration, &p, why);
    if (!r)
        r = read_cooldown(document, &p->state.cooldown);
    if (!r)
        r = read_alarms(p, document);
    if (!r)
        bound_cooldown(p);
    if (!r && p->predictive)
        r = predictive_load(p->predictive, json_object_get(document, "Forecast"));
    if (!r)
        r = managed_alarms_claim(p);
    if (r)
        return r > 0 ? -EINVAL : r;
    adopt(t, p);
    steal(p);
    return 0;
}
