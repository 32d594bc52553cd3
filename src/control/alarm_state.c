/* What follows from an alarm's new state: history, composite alarms above it, actions.
 *
 * What changes is noted to be written, composites last; then all is written at once, and
 * only then do actions run. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/text.h"
#include "control/alarm_book.h"

enum { SUMMARY_BYTES = 96, DATE_BYTES = 64, DATA_BYTES = 3000 /* of both states, in history */ };

/* --- one change ------------------------------------------------------------------------------- */

static json_t *state_data(enum alarm_state state, const char *reason, const char *data)
{
    json_t *parsed = data ? json_loads(data, 0, NULL) : NULL;

    return json_pack("{s:s, s:s, s:o*}", "stateValue", alarm_state_text(state), "stateReason",
                     reason, "stateReasonData", parsed);
}

/* What does not fit into an item of history is left out, the old state's data first. */
static int note(struct alarm *a, enum alarm_state state, const char *reason, const char *data,
                wall_ms_t now)
{
    size_t room = DATA_BYTES, size = data ? strlen(data) : 0;
    const char *new_data = size <= room ? data : NULL;
    const char *old_data = a->reason_data;
    char summary[SUMMARY_BYTES];
    json_t *both;

    room -= new_data ? size : 0;
    if (old_data && strlen(old_data) > room)
        old_data = NULL;
    both = json_pack("{s:s, s:o, s:o}", "version", "1.0", "oldState",
                     state_data(a->state, a->reason, old_data), "newState",
                     state_data(state, reason, new_data));

    snprintf(summary, sizeof(summary), "Alarm updated from %s to %s", alarm_state_text(a->state),
             alarm_state_text(state));
    return alarm_history_add(&a->book->history, &a->book->changes, a->name,
                             a->kind == ALARM_COMPOSITE, ALARM_EVENT_STATE, now, summary, both);
}

static void queue(struct alarm *a, enum alarm_state from, bool repeat)
{
    list_remove(&a->pending);
    list_push_back(&a->book->pending, &a->pending);
    a->from = from;
    a->repeat = repeat;
}

void alarm_repeat(struct alarm *a)
{
    queue(a, a->state, true);
}

/* One that is gone, or was taken away from the alarm, holds nothing back. */
static enum alarm_state suppressor_state(const struct alarm *a)
{
    const struct alarm *s = a->suppressor ? alarm_book_resolve(a->book, a->suppressor) : NULL;

    return s ? s->state : ALARM_OK;
}

static bool is_suppressed(const struct alarm *a)
{
    return a->suppressor || a->suppression.by != SUPPRESSED_BY_NOTHING;
}

int alarm_change(struct alarm *a, enum alarm_state state, const char *reason, const char *data,
                 wall_ms_t now)
{
    enum alarm_state from = a->state;
    char *reason_copy, *data_copy;
    int r;

    if (state == from)
        return 0;
    r = note(a, state, reason, data, now);
    if (r)
        return fault(r);
    reason_copy = strdup(reason);
    data_copy = data ? strdup(data) : NULL;
    if (!reason_copy || (data && !data_copy)) {
        free(reason_copy);
        return fault(-ENOMEM);
    }
    free(a->reason);
    free(a->reason_data);
    a->reason = reason_copy;
    a->reason_data = data_copy;
    a->state = state;
    a->updated = a->transitioned = now;
    a->book->stale = true;
    /* a managed alarm's policy acts by itself */
    if (!a->managed &&
        (!is_suppressed(a) ||
         suppression_changed(&a->suppression, from, state, suppressor_state(a), a->wait_ms, now)))
        queue(a, from, false);
    return fault(alarm_save(a, &a->book->changes));
}

/* --- composites ------------------------------------------------------------------------------- */

static int judge_composite(struct alarm *a, wall_ms_t now);

/* The states of the alarms that the rule names, composites among them judged first. One that is
 * gone counts as having no data. */
static int gather_states(struct alarm *a, wall_ms_t now,
                         enum alarm_state states[COMPOSITE_ALARMS_MAX])
{
    for (size_t i = 0; i < composite_n_alarms(a->composite); i++) {
        struct alarm *child = alarm_book_resolve(a->book, composite_alarm(a->composite, i));
        int r = child && child->kind == ALARM_COMPOSITE ? judge_composite(child, now) : 0;

        if (r)
            return fault(r);
        states[i] = child ? child->state : ALARM_INSUFFICIENT_DATA;
    }
    return 0;
}

/* The alarm whose change came last is the one to name. */
static const struct alarm *trigger_of(const struct alarm *a)
{
    const struct alarm *latest = NULL;

    for (size_t i = 0; i < composite_n_alarms(a->composite); i++) {
        const struct alarm *child = alarm_book_resolve(a->book, composite_alarm(a->composite, i));

        if (child && (!latest || child->transitioned > latest->transitioned))
            latest = child;
    }
    return latest;
}

static void print_date(wall_ms_t at, const char *format, char ret_text[DATE_BYTES])
{
    time_t seconds = (time_t)(at / MS_PER_S);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(ret_text, DATE_BYTES, format, &tm);
}

static int change_composite(struct alarm *a, enum alarm_state state, wall_ms_t now)
{
    const struct alarm *trigger = trigger_of(a);
    autofree(mem_free) char *reason = NULL, *data = NULL;
    char arn[ALARM_ARN_BYTES], date[DATE_BYTES], stamp[DATE_BYTES];
    json_auto_t *triggers = NULL;

    if (!trigger)
        return alarm_change(a, state, "The alarm rule names no alarm", NULL, now);
    alarm_arn(a->book->control, trigger->name, arn);
    print_date(trigger->transitioned, "%A %d %B, %Y %H:%M:%S UTC", date);
    print_date(trigger->transitioned, "%Y-%m-%dT%H:%M:%S.000+0000", stamp);
    triggers = json_pack("{s:[{s:s, s:{s:s, s:s}}]}", "triggeringAlarms", "arn", arn, "state",
                         "value", alarm_state_text(trigger->state), "timestamp", stamp);
    reason =
        text_format("%s transitioned to %s at %s", arn, alarm_state_text(trigger->state), date);
    data = triggers ? json_dumps(triggers, JSON_COMPACT) : NULL;
    if (!reason || !data)
        return fault(-ENOMEM);
    return alarm_change(a, state, reason, data, now);
}

/* Rules lead in no circle, and each alarm is judged once in a walk. */
static int judge_composite(struct alarm *a, wall_ms_t now)
{
    enum alarm_state states[COMPOSITE_ALARMS_MAX], state;
    int r;

    if (a->mark == a->book->mark)
        return 0;
    a->mark = a->book->mark;
    r = gather_states(a, now, states);
    if (r)
        return fault(r);
    state = composite_holds(a->composite, states) ? ALARM_ALARM : ALARM_OK;
    return state != a->state ? change_composite(a, state, now) : 0;
}

/* No wait is longer than it was meant to be, also where the clock was set back since. */
static void bound_wait(struct alarm *a, wall_ms_t now)
{
    wall_ms_t most = now + (a->wait_ms > a->extension_ms ? a->wait_ms : a->extension_ms);

    if (a->suppression.until > most)
        a->suppression.until = most;
}

static int watch_suppressor(struct alarm *a, wall_ms_t now)
{
    struct suppression before = a->suppression;

    if (!is_suppressed(a))
        return 0;
    bound_wait(a, now);
    if (suppression_tick(&a->suppression, a->state, suppressor_state(a), a->extension_ms, now))
        queue(a, ALARM_OK, false);
    if (a->suppression.by == before.by && a->suppression.held == before.held &&
        a->suppression.owed == before.owed && a->suppression.until == before.until)
        return 0;
    return alarm_save(a, &a->book->changes);
}

static int judge_composites(struct alarm_book *book, wall_ms_t now)
{
    int r = 0;

    if (book->stale) {
        book->stale = false;
        book->mark++;
        map_for_each (slot, &book->alarms) {
            struct alarm *a = slot->value;

            r = a->kind == ALARM_COMPOSITE ? judge_composite(a, now) : 0;
            if (r)
                return fault(r);
        }
        book->stale = false; /* their own changes are seen by those above them */
    }
    map_for_each (slot, &book->alarms) {
        r = watch_suppressor(slot->value, now);
        if (r)
            return fault(r);
    }
    return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int run_actions(struct alarm_book *book, wall_ms_t now)
{
    struct alarm *a;

    while ((a = list_first_entry(&book->pending, struct alarm, pending))) {
        int r;

        list_remove(&a->pending);
        r = a->actions_enabled ? alarm_notify(a, now) : 0;
        if (r)
            return fault(r);
        r = alarm_set_points(a, NULL, 0, 0); /* they have been told */
        if (r)
            return fault(r);
    }
    return 0;
}

int alarm_settle(struct alarm_book *book, wall_ms_t now)
{
    int r = book->control->error; /* what could not be written is not acted on later either */

    if (!r)
        r = judge_composites(book, now);
    if (!r)
        r = changes_write(&book->changes, book->control);
    if (!r)
        r = run_actions(book, now);
    if (!r)
        r = changes_write(&book->changes, book->control);
    return fault(r);
}

int alarm_book_tick(struct alarm_book *book, wall_ms_t now)
{
    int r = alarm_judge_due(book, now);

    return r ? fault(r) : alarm_settle(book, now);
}

/* --- by hand ---------------------------------------------------------------------------------- */

/* recentDatapoints and queryDate of StateReasonData, as far as they are there. */
static int take_points(struct alarm *a, const char *data)
{
    json_auto_t *parsed = data ? json_loads(data, 0, NULL) : NULL;
    json_t *recent = json_object_get(parsed, "recentDatapoints"), *point;
    const char *date = json_string_value(json_object_get(parsed, "queryDate"));
    size_t n = json_array_size(recent), i;
    autofree(mem_free) double *points = calloc(n + 1, sizeof(*points));
    wall_ms_t queried = 0;

    if (!points)
        return fault(-ENOMEM);
    json_array_foreach (recent, i, point)
        points[i] = json_is_number(point) ? json_number_value(point) : (double)NAN;
    if (date && text_from_iso8601(slice_from(date), &queried) != 0)
        queried = 0;
    return alarm_set_points(a, points, n, queried);
}

int alarm_book_set_state(struct alarm *a, enum alarm_state state, const char *reason,
                         const char *data)
{
    struct alarm_book *book = a->book;
    wall_ms_t now = loop_wall(book->control->loop);
    enum alarm_state from = a->state;
    int r;

    if (state == from)
        return 0;
    r = take_points(a, data);
    if (!r)
        r = alarm_change(a, state, reason, data, now);
    if (r)
        return fault(r);
    if (a->managed)
        queue(a, from, false);
    return alarm_settle(book, now);
}
