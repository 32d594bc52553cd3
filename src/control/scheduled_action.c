#include "control/scheduled_action.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/record.h"
#include "control/scaling_activity.h"

enum { PATH_BYTES = 4096 };

static const ms_t late_ms = 2 * 60 * MS_PER_S; /* how late AWS says that actions may be */

static struct control *control_of(const struct scheduled_action *x)
{
    return x->target->autoscaler->control;
}

static void path_of(const struct scheduled_action *x, char ret_path[PATH_BYTES])
{
    snprintf(ret_path, PATH_BYTES, "/scheduled-actions/%s/%s", scaling_target_key(x->target),
             x->name);
}

void scheduled_action_arn(const struct scheduled_action *x, char ret_arn[SCALING_ARN_BYTES])
{
    const struct control_settings *s = &control_of(x)->settings;

    snprintf(ret_arn, SCALING_ARN_BYTES,
             "arn:aws:autoscaling:%s:%s:scheduledAction:%s:resource/%s/%s:scheduledActionName/%s",
             s->region, s->account, x->target->policies_id, x->target->scalable->namespace,
             x->target->resource_id, x->name);
}

/* --- documents -------------------------------------------------------------------------------- */

static json_t *bounds_document(const struct scheduled_action *x)
{
    return json_pack("{s:o*, s:o*}", "MinCapacity", x->min >= 0 ? json_integer(x->min) : NULL,
                     "MaxCapacity", x->max >= 0 ? json_integer(x->max) : NULL);
}

static json_t *time_value(wall_ms_t t)
{
    return t == INT64_MIN || t == INT64_MAX ? NULL : json_real((double)t / MS_PER_S);
}

json_t *scheduled_action_document(const struct scheduled_action *x)
{
    char arn[SCALING_ARN_BYTES];

    scheduled_action_arn(x, arn);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:o, s:f, s:f, s:o*, s:o*}", "ScheduledActionARN",
        arn, "ScheduledActionName", x->name, "ServiceNamespace", x->target->scalable->namespace,
        "ResourceId", x->target->resource_id, "ScalableDimension", x->target->scalable->dimension,
        "Schedule", x->text, "Timezone", x->zone_name, "ScalableTargetAction", bounds_document(x),
        "CreationTime", (double)x->created / MS_PER_S, "Handled", (double)x->handled / MS_PER_S,
        "StartTime", time_value(x->plan.start), "EndTime", time_value(x->plan.end));
}

static int save(struct scheduled_action *x)
{
    char path[PATH_BYTES];
    json_auto_t *document = scheduled_action_document(x);

    if (!document)
        return fault(-ENOMEM);
    path_of(x, path);
    return record_put(control_of(x), path, document);
}

/* --- life ------------------------------------------------------------------------------------- */

struct scheduled_action *scheduled_action_free(struct scheduled_action *x)
{
    if (!x)
        return NULL;
    if (list_linked(&x->link)) {
        list_remove(&x->link);
        x->target->n_actions--;
    }
    free(x->name);
    free(x->text);
    free(x->zone_name);
    free(x);
    return NULL;
}

struct scheduled_action *scheduled_action_find(const struct scaling_target *t, const char *name)
{
    list_for_each (x, &t->actions, struct scheduled_action, link)
        if (strcmp(x->name, name) == 0)
            return x;
    return NULL;
}

static void adopt(struct scaling_target *t, struct scheduled_action *x)
{
    struct list_link *before = &t->actions.head;

    list_for_each (other, &t->actions, struct scheduled_action, link) {
        if (strcmp(other->name, x->name) > 0) {
            before = &other->link;
            break;
        }
    }
    list_insert_between(&x->link, before->previous, before);
    t->n_actions++;
}

static void plan_next(struct scheduled_action *x, wall_ms_t now)
{
    wall_ms_t after = now - late_ms > x->handled ? now - late_ms : x->handled;

    if (x->handled > now + late_ms) /* the clock was set back, and not just a little */
        after = x->handled = now;
    x->planned = now;
    if (schedule_next(&x->plan, after, &x->next) != 0)
        x->next = INT64_MAX;
}

/* @text, @zone_name: copied; zone_name may be NULL */
static int action_new(struct scaling_target *t, const char *name, const char *text,
                      const char *zone_name, struct scheduled_action **ret)
{
    autofree(scheduled_action_free) struct scheduled_action *x = calloc(1, sizeof(*x));

    if (!x)
        return fault(-ENOMEM);
    x->target = t;
    list_link_init(&x->link);
    x->name = strdup(name);
    x->text = strdup(text);
    x->zone_name = zone_name ? strdup(zone_name) : NULL;
    if (!x->name || !x->text || (zone_name && !x->zone_name))
        return fault(-ENOMEM);
    x->plan =
        (struct schedule_plan){ .schedule = &x->schedule, .start = INT64_MIN, .end = INT64_MAX };
    *ret = steal(x);
    return 0;
}

/* read what it was made with */
static int settle(struct scheduled_action *x, const char **ret_why)
{
    int r;

    if (schedule_parse(slice_from(x->text), &x->schedule, ret_why) != 0)
        return SCHEDULED_E_SCHEDULE;
    r = time_zones_get(&x->target->autoscaler->time_zones, x->zone_name, &x->plan.zone);
    if (r)
        return r == TIME_ZONES_E_UNKNOWN ? SCHEDULED_E_ZONE : fault(r);
    if (schedule_check(&x->schedule, x->plan.zone) != 0)
        return SCHEDULED_E_SKIPPED;
    if (x->min < 0 && x->max < 0)
        return SCHEDULED_E_NO_BOUNDS;
    if (x->min >= 0 && x->max >= 0 && x->max < x->min)
        return SCHEDULED_E_BOUNDS;
    return x->plan.start >= x->plan.end ? SCHEDULED_E_TIMES : 0;
}

int scheduled_action_put(struct scaling_target *t, const struct scheduled_action_change *change,
                         const char **ret_why)
{
    struct scheduled_action *old = scheduled_action_find(t, change->name);
    autofree(scheduled_action_free) struct scheduled_action *x = NULL;
    const char *text = change->schedule || !old ? change->schedule : old->text;
    const char *zone_name = change->zone_name || !old ? change->zone_name : old->zone_name;
    wall_ms_t now = loop_wall(t->autoscaler->control->loop);
    int r;

    if (!text)
        return SCHEDULED_E_INCOMPLETE;
    r = action_new(t, change->name, text, zone_name, &x);
    if (r)
        return fault(r);
    x->min = change->has_bounds ? change->min : old ? old->min : -1;
    x->max = change->has_bounds ? change->max : old ? old->max : -1;
    x->plan.start = change->start;
    x->plan.end = change->end;
    r = settle(x, ret_why);
    if (r)
        return r;
    if (!old && t->n_actions >= SCHEDULED_ACTIONS_MAX)
        return SCHEDULED_E_LIMIT;
    x->created = x->plan.created = old ? old->created : now;
    x->handled = now;
    plan_next(x, now);
    r = save(x);
    if (r)
        return fault(r);
    scheduled_action_free(old);
    adopt(t, steal(x));
    return 0;
}

int scheduled_action_delete(struct scheduled_action *x)
{
    char path[PATH_BYTES];
    int r;

    path_of(x, path);
    r = record_delete(control_of(x), path, NULL);
    if (r)
        return fault(r);
    scheduled_action_free(x);
    return 0;
}

/* --- running ---------------------------------------------------------------------------------- */

static int change_bounds(struct scheduled_action *x, wall_ms_t now)
{
    struct scaling_target *t = x->target;
    int min = x->min >= 0 ? x->min : t->min, max = x->max >= 0 ? x->max : t->max;
    autofree(mem_free) char *cause = text_format("scheduled action name %s was triggered", x->name);
    const char *problem =
        max < min ? "Maximum capacity cannot be less than minimum capacity" : NULL;
    int r = cause ? 0 : -ENOMEM;

    if (!r && !problem)
        r = scaling_target_set_bounds(t, min, max);
    if (r)
        return fault(r);
    return scaling_activity_bounds(t, now, x->min, x->max, cause, problem);
}

/* Bounds can be set twice without harm, so that it is noted last. */
static int run(struct scheduled_action *x, wall_ms_t now)
{
    struct scaling_target *t = x->target;
    int r = 0;

    log_info(control_of(x)->log,
             t->scheduled_suspended ? "scheduled action suspended" : "scheduled action",
             "target=%s action=\"%s\"", t->resource_id, x->name);
    if (!t->scheduled_suspended)
        r = change_bounds(x, now);
    if (r)
        return fault(r);
    x->handled = now;
    plan_next(x, now);
    return save(x);
}

static struct scheduled_action *first_due(const struct scaling_target *t, wall_ms_t now)
{
    struct scheduled_action *first = NULL;

    list_for_each (x, &t->actions, struct scheduled_action, link) {
        if (x->next < now - late_ms || now < x->planned)
            plan_next(x, now);
        if (x->next <= now && (!first || x->next < first->next))
            first = x;
    }
    return first;
}

int scheduled_actions_tick(struct scaling_target *t, wall_ms_t now)
{
    struct scheduled_action *x;

    while ((x = first_due(t, now))) {
        int r = run(x, now);
        if (r)
            return fault(r);
    }
    return 0;
}

/* --- loading ---------------------------------------------------------------------------------- */

static int read_document(struct scheduled_action *x, json_t *document)
{
    double created, handled, start = 0, end = 0;

    x->min = x->max = -1;
    if (json_unpack(document, "{s:F, s:F, s?F, s?F, s:{s?i, s?i}}", "CreationTime", &created,
                    "Handled", &handled, "StartTime", &start, "EndTime", &end,
                    "ScalableTargetAction", "MinCapacity", &x->min, "MaxCapacity", &x->max) != 0)
        return -EINVAL;
    x->created = x->plan.created = record_instant(created);
    x->handled = record_instant(handled);
    if (json_object_get(document, "StartTime"))
        x->plan.start = record_instant(start);
    if (json_object_get(document, "EndTime"))
        x->plan.end = record_instant(end);
    return 0;
}

/* The system's time zones can change under what was accepted once. Such an action stays, to be seen and
 * put right, and does not run. */
static int revive(struct scheduled_action *x)
{
    const char *why = NULL;
    int r = settle(x, &why);

    if (r == SCHEDULED_E_ZONE || r == SCHEDULED_E_SKIPPED) {
        x->next = INT64_MAX;
        log_warn(control_of(x)->log, "scheduled action will not run",
                 "target=%s action=\"%s\" time_zone=%s", x->target->resource_id, x->name,
                 x->zone_name);
        return 0;
    }
    if (!r)
        plan_next(x, loop_wall(control_of(x)->loop));
    return r > 0 ? -EINVAL : r;
}

int scheduled_action_load(struct scaling_target *t, json_t *document)
{
    autofree(scheduled_action_free) struct scheduled_action *x = NULL;
    const char *name, *text, *zone_name = NULL;
    int r;

    if (json_unpack(document, "{s:s, s:s, s?s}", "ScheduledActionName", &name, "Schedule", &text,
                    "Timezone", &zone_name) != 0)
        return -EINVAL;
    r = action_new(t, name, text, zone_name, &x);
    if (!r)
        r = read_document(x, document);
    if (!r)
        r = revive(x);
    if (r)
        return r;
    adopt(t, steal(x));
    return 0;
}
