/* control/alarm_history.h: what happened to alarms: made and changed, their states, their actions.
 *
 * Items are documents under "/alarm-history/TIME-NUMBER", by time; here is what finds them. They
 * outlive their alarm, and go after 30 days, or when there are too many, oldest first.
 */
#pragma once
#include "base/list.h"
#include "control/changes.h"

enum { ALARM_HISTORY_MAX = 10000, ALARM_HISTORY_PATH_BYTES = 64 };
#define ALARM_HISTORY_KEPT_MS ((ms_t)30 * 86400 * MS_PER_S)

enum alarm_event_type { ALARM_EVENT_CONFIGURATION, ALARM_EVENT_STATE, ALARM_EVENT_ACTION };

struct alarm_event {
    struct list_link link;
    wall_ms_t at;
    uint32_t number;
    enum alarm_event_type type;
    bool composite;
    char alarm[]; /* its name */
};

struct alarm_history {
    struct list events; /* oldest first */
    size_t n;
    uint32_t next_number;
};

void alarm_history_init(struct alarm_history *h);
void alarm_history_deinit(struct alarm_history *h);
/** alarm_history_load() - Return: 0 or -errno */
int alarm_history_load(struct alarm_history *h, struct control *c);
/**
 * alarm_history_add() - put an item into @changes, and drop what is too old or too much
 * @summary: a sentence
 * @data:    HistoryData; taken over, also on failure
 */
int alarm_history_add(struct alarm_history *h, struct changes *changes, const char *alarm,
                      bool composite, enum alarm_event_type type, wall_ms_t now,
                      const char *summary, json_t *data);

void alarm_event_path(const struct alarm_event *e, char ret_path[ALARM_HISTORY_PATH_BYTES]);
const char *alarm_event_type_text(enum alarm_event_type type); /* "StateUpdate" ... */
