#include "control/alarm_book.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/record.h"
#include "control/tags.h"

/* --- finding ---------------------------------------------------------------------------------- */

struct alarm *alarm_book_find(const struct alarm_book *book, const char *name)
{
    struct alarm *a = map_get(&book->alarms, name);

    return a && !a->hidden ? a : NULL;
}

struct alarm *alarm_book_resolve(const struct alarm_book *book, const char *name_or_arn)
{
    char prefix[ALARM_ARN_BYTES];
    size_t n;

    alarm_arn(book->control, "", prefix);
    n = strlen(prefix);
    return alarm_book_find(book,
                           strncmp(name_or_arn, prefix, n) == 0 ? name_or_arn + n : name_or_arn);
}

static int by_name(const void *a, const void *b)
{
    const struct alarm *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

struct alarm **alarm_book_sorted(const struct alarm_book *book)
{
    struct alarm **list = calloc(book->alarms.size + 1, sizeof(struct alarm *));
    size_t n = 0;

    if (!list)
        return NULL;
    map_for_each (slot, &book->alarms) {
        struct alarm *a = slot->value;

        if (!a->hidden)
            list[n++] = a;
    }
    qsort(list, n, sizeof(struct alarm *), by_name);
    return list;
}

bool alarm_names_child(const struct alarm *a, const struct alarm *child)
{
    for (size_t i = 0; a->composite && i < composite_n_alarms(a->composite); i++)
        if (alarm_book_resolve(a->book, composite_alarm(a->composite, i)) == child)
            return true;
    return false;
}

static bool has_action(const struct alarm *a, const char *arn)
{
    size_t n = strlen(arn), i;
    json_t *action;

    for (int state = ALARM_INSUFFICIENT_DATA; state <= ALARM_ALARM; state++)
        json_array_foreach (alarm_actions(a, (enum alarm_state)state), i, action) {
            const char *text = json_string_value(action);

            if (strncmp(text, arn, n) == 0 &&
                (text[n] == '\0' || strncmp(text + n, ":createdBy/", 11) == 0))
                return true;
        }
    return false;
}

json_t *alarm_book_naming(const struct alarm_book *book, const char *arn)
{
    autofree(mem_free) struct alarm **sorted = alarm_book_sorted(book);
    json_t *list = sorted ? json_array() : NULL;

    for (struct alarm **a = sorted; list && *a; a++) {
        char alarm[ALARM_ARN_BYTES];

        if (!has_action(*a, arn))
            continue;
        alarm_arn(book->control, (*a)->name, alarm);
        if (json_array_append_new(
                list, json_pack("{s:s, s:s}", "AlarmName", (*a)->name, "AlarmARN", alarm)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* --- history of configurations ---------------------------------------------------------------- */

static int note_configuration(const struct alarm *a, const char *what, const char *type,
                              wall_ms_t now)
{
    char summary[ALARM_NAME_BYTES + 32];
    json_t *data;

    snprintf(summary, sizeof(summary), "Alarm \"%s\" %s", a->name, what);
    data = json_pack("{s:s, s:s, s:O}", "version", "1.0", "type", type, "updatedAlarm",
                     a->configuration);
    return alarm_history_add(&a->book->history, &a->book->changes, a->name,
                             a->kind == ALARM_COMPOSITE, ALARM_EVENT_CONFIGURATION, now, summary,
                             data);
}

static int commit(struct alarm_book *book)
{
    book->stale = true;
    return fault(changes_write(&book->changes, book->control));
}

/* --- putting ---------------------------------------------------------------------------------- */

/* Every alarm that the rule names must exist. */
static int check_children(const struct alarm_book *book, const struct alarm *a,
                          char ret_why[ALARM_WATCH_WHY_BYTES])
{
    size_t used = 0;

    for (size_t i = 0; i < composite_n_alarms(a->composite); i++) {
        const char *child = composite_alarm(a->composite, i);
        int n;

        if (alarm_book_resolve(book, child))
            continue;
        n = snprintf(ret_why + used, ALARM_WATCH_WHY_BYTES - used, "%s%s", used > 0 ? ", " : "",
                     child);
        if (n > 0)
            used += (size_t)n;
        if (used >= ALARM_WATCH_WHY_BYTES)
            break;
    }
    return used > 0 ? ALARM_BOOK_E_NO_CHILD : 0;
}

/* Whether composite @a leads to @name. Each alarm is looked at once; rules that are there already
 * lead in no circle. */
static bool leads_to(struct alarm_book *book, const struct alarm *a, const char *name)
{
    for (size_t i = 0; i < composite_n_alarms(a->composite); i++) {
        struct alarm *child = alarm_book_resolve(book, composite_alarm(a->composite, i));

        if (!child)
            continue;
        if (strcmp(child->name, name) == 0)
            return true;
        if (child->kind != ALARM_COMPOSITE || child->mark == book->mark)
            continue;
        child->mark = book->mark;
        if (leads_to(book, child, name))
            return true;
    }
    return false;
}

static int check_composite(struct alarm_book *book, const struct alarm *a,
                           char ret_why[ALARM_WATCH_WHY_BYTES])
{
    int r = check_children(book, a, ret_why);

    if (r)
        return r;
    book->mark++;
    if (leads_to(book, a, a->name))
        return ALARM_BOOK_E_CYCLE;
    return a->suppressor && !alarm_book_resolve(book, a->suppressor) ? ALARM_BOOK_E_NO_SUPPRESSOR
                                                                     : 0;
}

static int put_tags(struct alarm_book *book, const char *name, json_t *tags)
{
    char arn[ALARM_ARN_BYTES], path[TAGS_PATH_BYTES];

    if (json_array_size(tags) == 0)
        return 0;
    alarm_arn(book->control, name, arn);
    tags_path(arn, path);
    return changes_put(&book->changes, path, json_incref(tags));
}

/* The place of @old, if there is one; @a is the book's then. */
static int adopt(struct alarm_book *book, struct alarm *a, struct alarm *old)
{
    int r = map_put(&book->alarms, a->name, a);

    if (r)
        return fault(r);
    alarm_free(old);
    return 0;
}

int alarm_book_put(struct alarm_book *book, enum alarm_kind kind, json_t *configuration,
                   json_t *tags, char ret_why[ALARM_WATCH_WHY_BYTES])
{
    wall_ms_t now = loop_wall(book->control->loop);
    autofree(alarm_free) struct alarm *a = NULL;
    struct alarm *old;
    int r = alarm_new(book->control, kind, configuration, now, &a, ret_why);

    if (r)
        return r;
    old = map_get(&book->alarms, a->name);
    if (old && old->managed) /* hidden or not */
        return ALARM_BOOK_E_MANAGED;
    if (old && old->kind != kind)
        return ALARM_BOOK_E_KIND;
    if (!old && book->alarms.size >= ALARMS_MAX)
        return ALARM_BOOK_E_LIMIT;
    r = kind == ALARM_COMPOSITE ? check_composite(book, a, ret_why) : 0;
    if (r)
        return r;
    if (old)
        alarm_inherit(a, old);
    r = alarm_save(a, &book->changes);
    if (!r && !old)
        r = put_tags(book, a->name, tags);
    if (!r)
        r = note_configuration(a, old ? "updated" : "created", old ? "Update" : "Create", now);
    if (!r)
        r = commit(book);
    if (!r)
        r = adopt(book, a, old);
    if (r)
        return fault(r);
    steal(a);
    return 0;
}

/* --- deleting --------------------------------------------------------------------------------- */

static int forget(struct alarm *a, wall_ms_t now)
{
    struct alarm_book *book = a->book;
    char path[TAGS_PATH_BYTES], arn[ALARM_ARN_BYTES], document[ALARM_PATH_BYTES];
    int r = a->hidden ? 0 : note_configuration(a, "deleted", "Delete", now);

    alarm_path(a->name, document);
    alarm_arn(book->control, a->name, arn);
    tags_path(arn, path);
    if (!r)
        r = changes_delete(&book->changes, document);
    if (!r)
        r = changes_delete(&book->changes, path);
    return fault(r);
}

/* One that a policy has claimed leaves a document behind that says so. */
static int hide(struct alarm *a, wall_ms_t now)
{
    int r = forget(a, now);

    a->hidden = true;
    list_remove(&a->pending);
    return r ? fault(r) : alarm_save(a, &a->book->changes);
}

static void drop(struct alarm *a)
{
    map_remove(&a->book->alarms, a->name);
    alarm_free(a);
}

int alarm_book_delete(struct alarm_book *book, struct alarm *const *alarms, size_t n)
{
    wall_ms_t now = loop_wall(book->control->loop);
    int r = 0;

    for (size_t i = 0; !r && i < n; i++)
        r = alarms[i]->claimed ? hide(alarms[i], now) : forget(alarms[i], now);
    if (!r)
        r = commit(book);
    if (r)
        return fault(r);
    for (size_t i = 0; i < n; i++)
        if (!alarms[i]->claimed)
            drop(alarms[i]);
    return 0;
}

int alarm_book_enable(struct alarm_book *book, struct alarm *const *alarms, size_t n, bool enabled)
{
    wall_ms_t now = loop_wall(book->control->loop);

    for (size_t i = 0; i < n; i++) {
        struct alarm *a = alarms[i];
        int r;

        if (a->actions_enabled == enabled)
            continue;
        a->actions_enabled = enabled;
        a->configured = now;
        r = json_object_set_new(a->configuration, "ActionsEnabled", json_boolean(enabled))
                ? -ENOMEM
                : alarm_save(a, &book->changes);
        if (!r)
            r = note_configuration(a, "updated", "Update", now);
        if (r)
            return fault(r);
    }
    return commit(book);
}

/* --- managed alarms --------------------------------------------------------------------------- */

int alarm_book_claim(struct alarm_book *book, json_t *configuration)
{
    wall_ms_t now = loop_wall(book->control->loop);
    autofree(alarm_free) struct alarm *a = NULL;
    char why[ALARM_WATCH_WHY_BYTES];
    struct alarm *old;
    int r = alarm_new(book->control, ALARM_OF_METRIC, configuration, now, &a, why);

    if (r)
        return r > 0 ? fault(-EINVAL) : fault(r);
    a->managed = a->claimed = true;
    old = map_get(&book->alarms, a->name);
    if (old) {
        alarm_inherit(a, old);
        a->actions_enabled = old->actions_enabled;
        a->configured = old->configured;
        a->hidden = old->hidden;
    }
    if (json_object_set_new(configuration, "ActionsEnabled", json_boolean(a->actions_enabled)))
        return fault(-ENOMEM);
    if (!old)
        r = note_configuration(a, "created", "Create", now);
    if (!r && !(old && json_equal(old->configuration, configuration)))
        r = alarm_save(a, &book->changes);
    if (!r)
        r = adopt(book, a, old);
    if (r)
        return fault(r);
    steal(a);
    return 0;
}

static int delete_for_good(struct alarm_book *book, struct alarm *a)
{
    int r = forget(a, loop_wall(book->control->loop));

    if (!r)
        r = commit(book);
    if (r)
        return fault(r);
    drop(a);
    return 0;
}

int alarm_book_release(struct alarm_book *book, const char *name)
{
    struct alarm *a = map_get(&book->alarms, name);

    return a ? delete_for_good(book, a) : 0;
}

/* The first that nobody claimed. */
static struct alarm *unclaimed(const struct alarm_book *book)
{
    map_for_each (slot, &book->alarms) {
        struct alarm *a = slot->value;

        if (a->managed && !a->claimed)
            return a;
    }
    return NULL;
}

int alarm_book_sweep(struct alarm_book *book)
{
    struct alarm *a;
    int r = 0;

    while (!r && (a = unclaimed(book)))
        r = delete_for_good(book, a);
    return fault(r);
}

/* --- life ------------------------------------------------------------------------------------- */

void alarm_book_set_actor(struct alarm_book *book, alarm_act_fn *act, void *context)
{
    book->act = act;
    book->actor = context;
}

static int load(struct control *c, json_t *document)
{
    struct alarm *a;
    int r = alarm_load(c, document, &a);

    if (!r && map_put(&c->alarms->alarms, a->name, a) != 0) {
        alarm_free(a);
        r = -ENOMEM;
    }
    return r;
}

int alarm_book_new(struct control *c, struct courier *courier, struct alarm_book **ret)
{
    autofree(alarm_book_free) struct alarm_book *book = calloc(1, sizeof(*book));
    struct alarm_book *before = c->alarms;
    int r = 0;

    if (!book)
        return fault(-ENOMEM);
    book->control = c;
    book->stale = true;
    map_init(&book->alarms, random_u64(&c->random));
    list_init(&book->pending);
    alarm_history_init(&book->history);
    c->alarms = book; /* loading finds it there */
    if (courier)
        r = webhooks_new(c->loop, courier, &book->webhooks);
    if (!r)
        r = record_load(c, "/alarms/", load);
    if (!r)
        r = alarm_history_load(&book->history, c);
    c->alarms = before;
    if (r)
        return fault(r);
    *ret = steal(book);
    return 0;
}

struct alarm_book *alarm_book_free(struct alarm_book *book)
{
    if (!book)
        return NULL;
    webhooks_free(book->webhooks);
    map_for_each (slot, &book->alarms)
        alarm_free(slot->value);
    map_deinit(&book->alarms);
    alarm_history_deinit(&book->history);
    changes_deinit(&book->changes);
    free(book);
    return NULL;
}
