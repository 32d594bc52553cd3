#include "control/scaling_target.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/managed_alarm.h"
#include "control/record.h"
#include "control/scaling_policy.h"
#include "control/scheduled_action.h"
#include "control/tags.h"

enum { PATH_BYTES = 2048 };

static const char prefix[] = "/scalable-targets/";

/* A URL has slashes where it likes, and could look like a path below another one's. */
const char *scaling_target_key(const struct scaling_target *t)
{
    return strstr(t->resource_id, "://") ? t->id : t->resource_id;
}

static void path_of(const struct scaling_target *t, char ret_path[PATH_BYTES])
{
    snprintf(ret_path, PATH_BYTES, "%s%s", prefix, scaling_target_key(t));
}

void scaling_target_arn(const struct scaling_target *t, char ret_arn[SCALING_ARN_BYTES])
{
    const struct control_settings *s = &t->autoscaler->control->settings;

    snprintf(ret_arn, SCALING_ARN_BYTES, "arn:aws:application-autoscaling:%s:%s:scalable-target/%s",
             s->region, s->account, t->id);
}

/* the role that AWS would use, which here is nothing but a name */
static void role_of(const struct scaling_target *t, char ret_arn[SCALING_ARN_BYTES])
{
    snprintf(ret_arn, SCALING_ARN_BYTES, "arn:aws:iam::%s:role/aws-service-role/%s",
             t->autoscaler->control->settings.account, t->scalable->role);
}

json_t *scaling_target_document(const struct scaling_target *t)
{
    char arn[SCALING_ARN_BYTES], role[SCALING_ARN_BYTES];

    scaling_target_arn(t, arn);
    role_of(t, role);
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:f, s:{s:b, s:b, s:b}, s:s, s:s, s:s, s:b}",
                     "ServiceNamespace", t->scalable->namespace, "ResourceId", t->resource_id,
                     "ScalableDimension", t->scalable->dimension, "MinCapacity", t->min,
                     "MaxCapacity", t->max, "RoleARN", t->role_arn ? t->role_arn : role,
                     "CreationTime", (double)t->created / MS_PER_S, "SuspendedState",
                     "DynamicScalingInSuspended", t->in_suspended, "DynamicScalingOutSuspended",
                     t->out_suspended, "ScheduledScalingSuspended", t->scheduled_suspended,
                     "ScalableTargetARN", arn, "Id", t->id, "PoliciesId", t->policies_id, "Enforce",
                     t->enforce);
}

/* --- finding ---------------------------------------------------------------------------------- */

struct scaling_target *scaling_target_find(const struct autoscaler *a, const char *resource_id)
{
    list_for_each (t, &a->targets, struct scaling_target, link)
        if (t->scalable->same(t->resource_id, resource_id))
            return t;
    return NULL;
}

struct scaling_target *scaling_target_of(const struct autoscaler *a, const char *endpoint,
                                         const char *variant)
{
    list_for_each (t, &a->targets, struct scaling_target, link)
        if (t->endpoint && strcmp(t->endpoint, endpoint) == 0 && strcmp(t->variant, variant) == 0)
            return t;
    return NULL;
}

struct scaling_target *scaling_target_find_arn(const struct autoscaler *a, const char *arn)
{
    char own[SCALING_ARN_BYTES];

    list_for_each (t, &a->targets, struct scaling_target, link) {
        scaling_target_arn(t, own);
        if (strcmp(own, arn) == 0)
            return t;
    }
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static void random_id(struct random *r, char ret_id[SCALING_ID_CHARS + 1])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < SCALING_ID_CHARS; i++)
        ret_id[i] = digits[random_below(r, sizeof digits - 1)];
    ret_id[SCALING_ID_CHARS] = '\0';
}

struct scaling_target *scaling_target_free(struct scaling_target *t)
{
    if (!t)
        return NULL;
    list_for_each_safe (p, &t->policies, struct scaling_policy, link)
        scaling_policy_free(p);
    list_for_each_safe (x, &t->actions, struct scheduled_action, link)
        scheduled_action_free(x);
    if (list_linked(&t->link)) {
        list_remove(&t->link);
        t->autoscaler->n_targets--;
    }
    if (t->resource_id)
        t->scalable->forget(t);
    free(t->resource_id);
    free(t->role_arn);
    free(t);
    return NULL;
}

static int target_new(struct autoscaler *a, const char *resource_id, struct scaling_target **ret)
{
    autofree(scaling_target_free) struct scaling_target *t = calloc(1, sizeof(*t));
    int r;

    if (!t)
        return fault(-ENOMEM);
    t->autoscaler = a;
    list_link_init(&t->link);
    list_init(&t->policies);
    list_init(&t->actions);
    t->pace = a->control->settings.pace;
    t->settled = -1;
    t->scalable = scalable_of(resource_id);
    assert(t->scalable);
    t->resource_id = strdup(resource_id);
    if (!t->resource_id)
        return fault(-ENOMEM);
    r = t->scalable->watch(t);
    if (r)
        return fault(r);
    *ret = steal(t);
    return 0;
}

/* targets stay sorted, as they are listed */
static void adopt(struct autoscaler *a, struct scaling_target *t)
{
    struct list_link *before = &a->targets.head;

    list_for_each (other, &a->targets, struct scaling_target, link) {
        if (strcmp(other->resource_id, t->resource_id) > 0) {
            before = &other->link;
            break;
        }
    }
    list_insert_between(&t->link, before->previous, before);
    a->n_targets++;
}

/* --- pace ------------------------------------------------------------------------------------- */

int scaling_pace_parse(const char *text, enum pace *ret_pace)
{
    if (strcmp(text, "fast") == 0)
        *ret_pace = PACE_FAST;
    else if (strcmp(text, "aws") == 0)
        *ret_pace = PACE_AWS;
    else
        return -EINVAL;
    return 0;
}

int scaling_target_repace(struct scaling_target *t)
{
    struct control *c = t->autoscaler->control;
    char arn[SCALING_ARN_BYTES];
    json_auto_t *tags = NULL;
    json_t *tag;
    size_t i;
    int r;

    scaling_target_arn(t, arn);
    r = tags_get(c, arn, &tags);
    if (r)
        return fault(r);
    t->pace = c->settings.pace;
    json_array_foreach (tags, i, tag) {
        const char *key = json_string_value(json_object_get(tag, "Key"));
        const char *value = json_string_value(json_object_get(tag, "Value"));
        if (key && value && strcmp(key, SCALING_PACE_TAG) == 0)
            scaling_pace_parse(value, &t->pace); /* of what else it says nothing */
    }
    /* the alarms show the periods that are looked at */
    list_for_each (p, &t->policies, struct scaling_policy, link) {
        r = managed_alarms_claim(p);
        if (r)
            return fault(r);
    }
    return 0;
}

static void tell(const struct scalable *scalable, const struct autoscaler *a,
                 const char *resource_id)
{
    if (scalable->changed)
        scalable->changed(a, resource_id);
}

/* --- registering ------------------------------------------------------------------------------ */

static size_t count_of(const struct autoscaler *a, const struct scalable *scalable)
{
    size_t n = 0;

    list_for_each (t, &a->targets, struct scaling_target, link)
        n += t->scalable == scalable;
    return n;
}

static int check_resource(const struct autoscaler *a, const char *resource_id,
                          char why[SCALABLE_WHY_BYTES])
{
    const struct scalable *scalable = scalable_of(resource_id);
    int r;

    if (!scalable) {
        snprintf(why, SCALABLE_WHY_BYTES, "nothing has an id of this form");
        return SCALING_E_NO_RESOURCE;
    }
    r = scalable->check(a, resource_id, why);
    return r == SCALABLE_E_NOT ? SCALING_E_NO_RESOURCE : fault(r);
}

static int check_new(const struct autoscaler *a, const struct scaling_target_change *change)
{
    if (change->min < 0 || change->max < 0)
        return SCALING_E_INCOMPLETE;
    if (change->max < change->min)
        return SCALING_E_BOUNDS;
    return count_of(a, scalable_of(change->resource_id)) >= SCALING_TARGETS_MAX ? SCALING_E_LIMIT
                                                                                : 0;
}

static void apply_switch(bool *state, int change)
{
    if (change >= 0)
        *state = change;
}

static int apply(struct scaling_target *t, const struct scaling_target_change *change)
{
    if (change->role_arn) {
        char *role = strdup(change->role_arn);
        if (!role)
            return fault(-ENOMEM);
        free(t->role_arn);
        t->role_arn = role;
    }
    if (change->min >= 0)
        t->min = change->min;
    if (change->max >= 0)
        t->max = change->max;
    apply_switch(&t->in_suspended, change->in_suspended);
    apply_switch(&t->out_suspended, change->out_suspended);
    apply_switch(&t->scheduled_suspended, change->scheduled_suspended);
    t->enforce = true;
    return 0;
}

static int store_target(struct scaling_target *t, json_t *tags)
{
    char path[PATH_BYTES], arn[SCALING_ARN_BYTES];
    json_auto_t *document = scaling_target_document(t);

    if (!document)
        return fault(-ENOMEM);
    path_of(t, path);
    scaling_target_arn(t, arn);
    return record_create(t->autoscaler->control, path, document, arn, tags);
}

static int create(struct autoscaler *a, const struct scaling_target_change *change,
                  struct scaling_target **ret)
{
    autofree(scaling_target_free) struct scaling_target *t = NULL;
    struct control *c = a->control;
    int r = check_new(a, change);

    if (r)
        return r;
    r = target_new(a, change->resource_id, &t);
    if (r)
        return fault(r);
    random_id(&c->random, t->id);
    random_uuid(&c->random, t->policies_id);
    t->created = loop_wall(c->loop);
    r = apply(t, change);
    if (!r)
        r = store_target(t, change->tags);
    if (!r)
        r = scaling_target_repace(t);
    if (r)
        return fault(r);
    adopt(a, t);
    *ret = steal(t);
    return 0;
}

static int update(struct scaling_target *t, const struct scaling_target_change *change)
{
    int min = change->min >= 0 ? change->min : t->min;
    int max = change->max >= 0 ? change->max : t->max;
    int r;

    if (json_array_size(change->tags) > 0)
        return SCALING_E_TAGGED;
    if (max < min)
        return SCALING_E_BOUNDS;
    r = apply(t, change);
    if (!r)
        r = store_target(t, NULL);
    return fault(r);
}

int scaling_target_register(struct autoscaler *a, const struct scaling_target_change *change,
                            struct scaling_target **ret, char ret_why[SCALABLE_WHY_BYTES])
{
    struct scaling_target *t = scaling_target_find(a, change->resource_id);
    int r = check_resource(a, change->resource_id, ret_why);

    if (!r)
        r = t ? update(t, change) : create(a, change, &t);
    if (r)
        return r;
    tell(t->scalable, a, change->resource_id);
    *ret = t;
    return 0;
}

int scaling_target_enforced(struct scaling_target *t)
{
    t->enforce = false;
    return fault(store_target(t, NULL));
}

int scaling_target_set_bounds(struct scaling_target *t, int min, int max)
{
    int r;

    assert(min >= 0 && max >= min);
    t->min = min;
    t->max = max;
    t->enforce = true;
    r = store_target(t, NULL);
    if (!r)
        tell(t->scalable, t->autoscaler, t->resource_id);
    return fault(r);
}

int scaling_target_deregister(struct scaling_target *t)
{
    char path[PATH_BYTES], arn[SCALING_ARN_BYTES];
    const struct scalable *scalable = t->scalable;
    struct autoscaler *a = t->autoscaler;
    autofree(mem_free) char *id = NULL;
    int r;

    list_for_each_safe (p, &t->policies, struct scaling_policy, link) {
        r = scaling_policy_delete(p);
        if (r)
            return fault(r);
    }
    list_for_each_safe (x, &t->actions, struct scheduled_action, link) {
        r = scheduled_action_delete(x);
        if (r)
            return fault(r);
    }
    path_of(t, path);
    scaling_target_arn(t, arn);
    r = record_delete(a->control, path, arn);
    if (r)
        return fault(r);
    id = strdup(t->resource_id);
    if (!id)
        return fault(-ENOMEM);
    scaling_target_free(t);
    tell(scalable, a, id);
    return 0;
}

/* --- loading ---------------------------------------------------------------------------------- */

static int read_document(struct scaling_target *t, json_t *document)
{
    const char *role = NULL, *id, *policies_id;
    double created;
    int in, out, scheduled;

    if (json_unpack(document, "{s:i, s:i, s?s, s:F, s:{s:b, s:b, s:b}, s:s, s:s}", "MinCapacity",
                    &t->min, "MaxCapacity", &t->max, "RoleARN", &role, "CreationTime", &created,
                    "SuspendedState", "DynamicScalingInSuspended", &in,
                    "DynamicScalingOutSuspended", &out, "ScheduledScalingSuspended", &scheduled,
                    "Id", &id, "PoliciesId", &policies_id) != 0)
        return -EINVAL;
    if (t->min < 0 || t->max < t->min)
        return -EINVAL;
    t->enforce = json_is_true(json_object_get(document, "Enforce"));
    t->in_suspended = in;
    t->out_suspended = out;
    t->scheduled_suspended = scheduled;
    t->created = record_instant(created);
    t->role_arn = role ? strdup(role) : NULL;
    snprintf(t->id, sizeof t->id, "%s", id);
    snprintf(t->policies_id, sizeof t->policies_id, "%s", policies_id);
    return role && !t->role_arn ? -ENOMEM : 0;
}

static int load_target(struct control *c, json_t *document)
{
    autofree(scaling_target_free) struct scaling_target *t = NULL;
    const char *resource_id = json_string_value(json_object_get(document, "ResourceId"));
    int r;

    if (!resource_id || !scalable_of(resource_id))
        return -EINVAL;
    r = target_new(c->autoscaler, resource_id, &t);
    if (!r)
        r = read_document(t, document);
    if (!r)
        r = scaling_target_repace(t);
    if (r)
        return r;
    adopt(c->autoscaler, t);
    steal(t);
    return 0;
}

static int load_policy(struct control *c, json_t *document)
{
    const char *resource_id = json_string_value(json_object_get(document, "ResourceId"));
    struct scaling_target *t = resource_id ? scaling_target_find(c->autoscaler, resource_id) : NULL;

    return t ? scaling_policy_load(t, document) : -EINVAL;
}

static int load_action(struct control *c, json_t *document)
{
    const char *resource_id = json_string_value(json_object_get(document, "ResourceId"));
    struct scaling_target *t = resource_id ? scaling_target_find(c->autoscaler, resource_id) : NULL;

    return t ? scheduled_action_load(t, document) : -EINVAL;
}

int scaling_targets_load(struct autoscaler *a)
{
    int r = record_load(a->control, prefix, load_target);

    if (!r)
        r = record_load(a->control, "/scaling-policies/", load_policy);
    if (!r)
        r = record_load(a->control, "/scheduled-actions/", load_action);
    return fault(r);
}
