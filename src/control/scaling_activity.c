#include "control/scaling_activity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/changes.h"
#include "control/record.h"

enum { PATH_BYTES = 128 };

static const char prefix[] = "/scaling-activities/";
static const ms_t kept_ms = (ms_t)6 * 7 * 24 * 3600 * MS_PER_S;

static const char *const status_texts[] = {
    [ACTIVITY_PENDING] = "Pending",         [ACTIVITY_IN_PROGRESS] = "InProgress",
    [ACTIVITY_SUCCESSFUL] = "Successful",   [ACTIVITY_OVERRIDDEN] = "Overridden",
    [ACTIVITY_UNFULFILLED] = "Unfulfilled", [ACTIVITY_FAILED] = "Failed",
};

const char *scaling_activity_status_text(enum activity_status status)
{
    return status_texts[status];
}

/* --- documents -------------------------------------------------------------------------------- */

static json_t *not_scaled_reasons(const struct scaling_activity *x)
{
    const char *member = "CurrentCapacity";

    if (x->reason == NOT_SCALED_UNSCALABLE)
        return json_pack("[{s:s}]", "Code", not_scaled_code(x->reason));
    if (x->reason == NOT_SCALED_AT_MAX)
        member = "MaxCapacity";
    else if (x->reason == NOT_SCALED_AT_MIN)
        member = "MinCapacity";
    return json_pack("[{s:s, s:i}]", "Code", not_scaled_code(x->reason), member, x->capacity);
}

json_t *scaling_activity_document(const struct scaling_activity *x)
{
    json_t *document = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:s, s:s*, s:s*, s:s*, s:i, s:i}", "ActivityId", x->id,
        "ServiceNamespace", x->scalable->namespace, "ResourceId", x->resource_id,
        "ScalableDimension", x->scalable->dimension, "Description", x->description, "Cause",
        x->cause, "StartTime", (double)x->start / MS_PER_S, "StatusCode",
        scaling_activity_status_text(x->status), "StatusMessage", x->message, "Details", x->details,
        "Policy", x->policy, "From", x->from, "To", x->to);
    int r = 0;

    if (document && x->end != 0)
        r = json_object_set_new(document, "EndTime", json_real((double)x->end / MS_PER_S));
    if (document && !r && x->not_scaled)
        r = json_object_set_new(document, "NotScaledReasons", not_scaled_reasons(x));
    if (r) {
        json_decref(document);
        return NULL;
    }
    return document;
}

/* In the order of time, which is also the order of a walk through the store. */
static void path_of(const struct scaling_activity *x, char ret_path[PATH_BYTES])
{
    snprintf(ret_path, PATH_BYTES, "%s%013" PRId64 "-%s", prefix, x->start, x->id);
}

static int save(struct autoscaler *a, const struct scaling_activity *x)
{
    char path[PATH_BYTES];
    json_auto_t *document = scaling_activity_document(x);

    if (!document)
        return fault(-ENOMEM);
    path_of(x, path);
    return record_put(a->control, path, document);
}

/* --- life ------------------------------------------------------------------------------------- */

struct scaling_activity *scaling_activity_free(struct scaling_activity *x)
{
    if (!x)
        return NULL;
    list_remove(&x->link);
    free(x->resource_id);
    free(x->policy);
    free(x->description);
    free(x->cause);
    free(x->message);
    free(x->details);
    free(x);
    return NULL;
}

/* All at once: there may be thousands, after weeks in which weir was down. */
int scaling_activities_drop_old(struct autoscaler *a, wall_ms_t now)
{
    struct changes changes = { 0 };
    struct scaling_activity *oldest;
    int r = 0;

    while (!r && (oldest = list_first_entry(&a->activities, struct scaling_activity, link)) &&
           (a->n_activities > SCALING_ACTIVITIES_MAX || oldest->start < now - kept_ms)) {
        char path[PATH_BYTES];

        path_of(oldest, path);
        r = changes_delete(&changes, path);
        scaling_activity_free(oldest);
        a->n_activities--;
    }
    if (!r)
        r = changes_write(&changes, a->control);
    changes_deinit(&changes);
    return fault(r);
}

static int keep(struct autoscaler *a, struct scaling_activity *x, wall_ms_t now)
{
    int r = save(a, x);

    if (r)
        return fault(r);
    list_push_back(&a->activities, &x->link);
    a->n_activities++;
    return scaling_activities_drop_old(a, now);
}

static int activity_new(const struct scaling_target *t, wall_ms_t now, const char *cause,
                        struct scaling_activity **ret)
{
    autofree(scaling_activity_free) struct scaling_activity *x = calloc(1, sizeof(*x));

    if (!x)
        return fault(-ENOMEM);
    list_link_init(&x->link);
    random_uuid(&t->autoscaler->control->random, x->id);
    x->start = now;
    x->scalable = t->scalable;
    x->resource_id = strdup(t->resource_id);
    x->cause = strdup(cause);
    if (!x->resource_id || !x->cause)
        return fault(-ENOMEM);
    *ret = steal(x);
    return 0;
}

int scaling_activity_begin(struct scaling_target *t, wall_ms_t now, int from, int to,
                           const char *policy, const char *cause, const char *details,
                           struct scaling_activity **ret)
{
    autofree(scaling_activity_free) struct scaling_activity *x = NULL;
    int r = activity_new(t, now, cause, &x);

    if (r)
        return fault(r);
    x->from = from;
    x->to = to;
    x->description = text_format("Setting %s to %d.", t->scalable->thing, to);
    x->policy = policy ? strdup(policy) : NULL;
    x->details = details ? strdup(details) : NULL;
    if (!x->description || (policy && !x->policy) || (details && !x->details))
        return fault(-ENOMEM);
    r = keep(t->autoscaler, x, now);
    if (r)
        return fault(r);
    t->not_scaled = NULL;
    *ret = steal(x);
    return 0;
}

int scaling_activity_set_status(struct autoscaler *a, struct scaling_activity *x,
                                enum activity_status status, wall_ms_t end, char *message)
{
    if (!message)
        return fault(-ENOMEM);
    free(x->message);
    x->message = message;
    x->status = status;
    x->end = end;
    return fault(save(a, x));
}

int scaling_activity_started(struct autoscaler *a, struct scaling_activity *x)
{
    return scaling_activity_set_status(
        a, x, ACTIVITY_IN_PROGRESS, 0,
        text_format("Successfully set %s to %d. Waiting for change to be fulfilled by "
                    "%s.",
                    x->scalable->thing, x->to, x->scalable->namespace));
}

int scaling_activity_refused(struct autoscaler *a, struct scaling_activity *x, wall_ms_t now,
                             const char *reason)
{
    return scaling_activity_set_status(
        a, x, ACTIVITY_FAILED, now,
        text_format("Failed to set %s to %d. Reason: %s", x->scalable->thing, x->to, reason));
}

bool scaling_activity_said(const struct scaling_target *t, enum not_scaled reason)
{
    return t->not_scaled && strcmp(t->not_scaled, not_scaled_code(reason)) == 0;
}

int scaling_activity_not_scaled(struct scaling_target *t, wall_ms_t now, enum not_scaled reason,
                                int capacity, const char *description, const char *cause,
                                const char *details)
{
    autofree(scaling_activity_free) struct scaling_activity *x = NULL;
    int r = activity_new(t, now, cause, &x);

    if (r)
        return fault(r);
    x->description = strdup(description);
    x->details = strdup(details);
    if (!x->description || !x->details)
        return fault(-ENOMEM);
    x->not_scaled = true;
    x->reason = reason;
    x->capacity = capacity;
    x->end = now;
    x->status = reason == NOT_SCALED_AT_DESIRED ? ACTIVITY_SUCCESSFUL : ACTIVITY_FAILED;
    r = keep(t->autoscaler, x, now);
    if (r)
        return fault(r);
    t->not_scaled = not_scaled_code(reason);
    steal(x);
    return 0;
}

/* "min capacity to 2 and max capacity to 8", of those that are given */
static char *bounds_text(const char *verb, int min, int max, const char *rest)
{
    if (max < 0)
        return text_format("%s min capacity to %d%s", verb, min, rest);
    if (min < 0)
        return text_format("%s max capacity to %d%s", verb, max, rest);
    return text_format("%s min capacity to %d and max capacity to %d%s", verb, min, max, rest);
}

int scaling_activity_bounds(struct scaling_target *t, wall_ms_t now, int min, int max,
                            const char *cause, const char *problem)
{
    autofree(scaling_activity_free) struct scaling_activity *x = NULL;
    autofree(mem_free) char *reason = problem ? text_format(". Reason: %s", problem) : NULL;
    int r = activity_new(t, now, cause, &x);

    if (r)
        return fault(r);
    x->end = now;
    x->status = problem ? ACTIVITY_FAILED : ACTIVITY_SUCCESSFUL;
    x->description = bounds_text("Setting", min, max, "");
    x->message = problem ? bounds_text("Failed to set", min, max, reason ? reason : "")
                         : bounds_text("Successfully set", min, max, "");
    if (!x->description || !x->message || (problem && !reason))
        return fault(-ENOMEM);
    r = keep(t->autoscaler, x, now);
    if (r)
        return fault(r);
    if (!problem)
        t->not_scaled = NULL; /* what could not be done may be now */
    steal(x);
    return 0;
}

int scaling_activity_trouble(struct scaling_target *t, wall_ms_t now, const char *why)
{
    autofree(scaling_activity_free) struct scaling_activity *x = NULL;
    int r =
        activity_new(t, now, "the capacity of a scalable target is read before it is scaled", &x);

    if (r)
        return fault(r);
    x->end = now;
    x->status = ACTIVITY_FAILED;
    x->description = strdup("Reading actual and desired capacity.");
    x->message = text_format("Failed to read capacity. Reason: %s", why);
    if (!x->description || !x->message)
        return fault(-ENOMEM);
    r = keep(t->autoscaler, x, now);
    if (r)
        return fault(r);
    steal(x);
    return 0;
}

/* --- loading ---------------------------------------------------------------------------------- */

static int parse_status(const char *text, enum activity_status *ret)
{
    for (int s = ACTIVITY_PENDING; s <= ACTIVITY_FAILED; s++)
        if (strcmp(status_texts[s], text) == 0) {
            *ret = (enum activity_status)s;
            return 0;
        }
    return -EINVAL;
}

static int read_reason(struct scaling_activity *x, json_t *document)
{
    json_t *reason = json_array_get(json_object_get(document, "NotScaledReasons"), 0);
    const char *code = json_string_value(json_object_get(reason, "Code"));
    int max = 0, min = 0, current = 0;

    if (!reason)
        return 0;
    if (!code || json_unpack(reason, "{s?i, s?i, s?i}", "MaxCapacity", &max, "MinCapacity", &min,
                             "CurrentCapacity", &current) != 0)
        return -EINVAL;
    for (int i = NOT_SCALED_AT_MAX; i <= NOT_SCALED_UNSCALABLE; i++)
        if (strcmp(not_scaled_code((enum not_scaled)i), code) == 0) {
            x->not_scaled = true;
            x->reason = (enum not_scaled)i;
            x->capacity = max + min + current; /* only one of them is there */
            return 0;
        }
    return -EINVAL;
}

static int copy(json_t *document, const char *member, bool required, char **ret)
{
    const char *text = json_string_value(json_object_get(document, member));

    if (!text)
        return required ? -EINVAL : 0;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

static int copy_all(struct scaling_activity *x, json_t *document)
{
    int r = copy(document, "ResourceId", true, &x->resource_id);

    r = r ? r : copy(document, "Description", true, &x->description);
    r = r ? r : copy(document, "Cause", true, &x->cause);
    r = r ? r : copy(document, "Policy", false, &x->policy);
    r = r ? r : copy(document, "StatusMessage", false, &x->message);
    return r ? r : copy(document, "Details", false, &x->details);
}

static int load_activity(struct control *c, json_t *document)
{
    autofree(scaling_activity_free) struct scaling_activity *x = calloc(1, sizeof(*x));
    const char *id, *status;
    double start, end = 0;
    int r;

    if (!x)
        return -ENOMEM;
    list_link_init(&x->link);
    if (json_unpack(document, "{s:s, s:s, s:F, s?F, s:i, s:i}", "ActivityId", &id, "StatusCode",
                    &status, "StartTime", &start, "EndTime", &end, "From", &x->from, "To",
                    &x->to) != 0)
        return -EINVAL;
    snprintf(x->id, sizeof x->id, "%s", id);
    x->start = record_instant(start);
    x->end = record_instant(end);
    r = parse_status(status, &x->status);
    r = r ? r : copy_all(x, document);
    r = r ? r : read_reason(x, document);
    if (r)
        return r;
    x->scalable = scalable_of(x->resource_id);
    if (!x->scalable)
        return -EINVAL;
    list_push_back(&c->autoscaler->activities, &x->link);
    c->autoscaler->n_activities++;
    steal(x);
    return 0;
}

int scaling_activities_load(struct autoscaler *a)
{
    return fault(record_load(a->control, prefix, load_activity));
}
