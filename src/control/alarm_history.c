#include "control/alarm_history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/record.h"

/* CloudWatch's limits for HistorySummary and HistoryData */
enum { SUMMARY_BYTES = 256, DATA_CHARS_MAX = 4095 };

static const char prefix[] = "/alarm-history/";
static const char *const types[] = {
    [ALARM_EVENT_CONFIGURATION] = "ConfigurationUpdate",
    [ALARM_EVENT_STATE] = "StateUpdate",
    [ALARM_EVENT_ACTION] = "Action",
};

const char *alarm_event_type_text(enum alarm_event_type type)
{
    return types[type];
}

/* Paths sort by time, and by number within a millisecond. */
void alarm_event_path(const struct alarm_event *e, char ret_path[ALARM_HISTORY_PATH_BYTES])
{
    snprintf(ret_path, ALARM_HISTORY_PATH_BYTES, "%s%014" PRId64 "-%010" PRIu32, prefix, e->at,
             e->number);
}

void alarm_history_init(struct alarm_history *h)
{
    *h = (struct alarm_history){ 0 };
    list_init(&h->events);
}

static void drop(struct alarm_history *h, struct alarm_event *e)
{
    list_remove(&e->link);
    h->n--;
    free(e);
}

void alarm_history_deinit(struct alarm_history *h)
{
    list_for_each_safe (e, &h->events, struct alarm_event, link)
        drop(h, e);
}

static int remember(struct alarm_history *h, const char *alarm, bool composite,
                    enum alarm_event_type type, wall_ms_t at, uint32_t number,
                    struct alarm_event **ret)
{
    size_t size = strlen(alarm) + 1;
    struct alarm_event *e = malloc(sizeof(*e) + size);

    if (!e)
        return fault(-ENOMEM);
    *e = (struct alarm_event){ .at = at, .number = number, .type = type, .composite = composite };
    memcpy(e->alarm, alarm, size);
    list_push_back(&h->events, &e->link);
    h->n++;
    h->next_number = number + 1;
    *ret = e;
    return 0;
}

/* --- adding ----------------------------------------------------------------------------------- */

static int drop_old(struct alarm_history *h, struct changes *changes, wall_ms_t now)
{
    list_for_each_safe (e, &h->events, struct alarm_event, link) {
        char path[ALARM_HISTORY_PATH_BYTES];
        int r;

        if (h->n <= ALARM_HISTORY_MAX && e->at > now - ALARM_HISTORY_KEPT_MS)
            break;
        alarm_event_path(e, path);
        r = changes_delete(changes, path);
        if (r)
            return fault(r);
        drop(h, e);
    }
    return 0;
}

/* Data that are too long are not cut to something that is no JSON any more, but left out. */
static json_t *document(const struct alarm_event *e, const char *summary, json_t *data)
{
    autofree(mem_free) char *text = json_dumps(data, JSON_COMPACT);
    char short_summary[SUMMARY_BYTES];

    if (!text)
        return NULL;
    snprintf(short_summary, sizeof(short_summary), "%s", summary);
    text_repair_utf8(short_summary); /* which may have been cut within a character */
    return json_pack("{s:s, s:s, s:f, s:s, s:s, s:s, s:I}", "AlarmName", e->alarm, "AlarmType",
                     e->composite ? "CompositeAlarm" : "MetricAlarm", "Timestamp",
                     (double)e->at / MS_PER_S, "HistoryItemType", types[e->type], "HistorySummary",
                     short_summary, "HistoryData", strlen(text) <= DATA_CHARS_MAX ? text : "{}",
                     "Number", (json_int_t)e->number);
}

int alarm_history_add(struct alarm_history *h, struct changes *changes, const char *alarm,
                      bool composite, enum alarm_event_type type, wall_ms_t now,
                      const char *summary, json_t *data)
{
    char path[ALARM_HISTORY_PATH_BYTES];
    struct alarm_event *e = NULL;
    int r = data ? remember(h, alarm, composite, type, now, h->next_number, &e) : -ENOMEM;

    if (!r) {
        alarm_event_path(e, path);
        r = changes_put(changes, path, document(e, summary, data));
    }
    if (!r)
        r = drop_old(h, changes, now);
    json_decref(data);
    return fault(r);
}

/* --- loading ---------------------------------------------------------------------------------- */

static int read_type(const char *text, enum alarm_event_type *ret)
{
    for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (strcmp(text, types[i]) == 0) {
            *ret = (enum alarm_event_type)i;
            return 0;
        }
    return -EINVAL;
}

struct loading {
    struct alarm_history *history;
    struct control *control;
};

static int load(const char *path, json_t *item, int64_t revision, void *context)
{
    struct loading *loading = context;
    const char *alarm, *kind, *type_text;
    enum alarm_event_type type;
    struct alarm_event *e;
    json_int_t number;
    double at;

    if (json_unpack(item, "{s:s, s:s, s:s, s:F, s:I}", "AlarmName", &alarm, "AlarmType", &kind,
                    "HistoryItemType", &type_text, "Timestamp", &at, "Number", &number) != 0 ||
        read_type(type_text, &type) != 0) {
        log_error(loading->control->log, "stored document cannot be read", "path=%s", path);
        return -EINVAL;
    }
    return remember(loading->history, alarm, strcmp(kind, "CompositeAlarm") == 0, type,
                    record_instant(at), (uint32_t)number, &e);
}

int alarm_history_load(struct alarm_history *h, struct control *c)
{
    struct loading loading = { h, c };

    return fault(store_list(c->store, prefix, load, &loading));
}
