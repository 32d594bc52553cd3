/* control/alarm_action.h: what alarms tell scaling policies.
 *
 * An alarm names policy ARNs as actions. When its state changes, and once a minute for as long as it
 * stays in that state, the alarm book calls whoever acts for policies: the autoscaler, which
 * registers itself when it begins. The call comes on control's thread, after the alarm's new state
 * is in the store, from alarm_book_tick() or from an API call (SetAlarmState).
 * Source: CloudWatch User Guide, "Alarm actions"; Application Auto Scaling User Guide, "How step
 * scaling works".
 */
#pragma once
#include <jansson.h>

#include "scaling/alarm.h"

struct alarm_book; /* alarm_book.h */

/* One delivery. Everything is borrowed for the call. */
struct alarm_signal {
    const char *alarm, *alarm_arn;
    enum alarm_state state; /* that it is in; the action is one of those listed for that state */
    bool repeated;          /* told before: it stays in the state */
    wall_ms_t now;
    /* what its state follows from; a composite alarm and SetAlarmState without StateReasonData have
     * no points, and then nothing can be scaled by them */
    enum alarm_comparison comparison;
    double threshold;
    const double *points; /* recentDatapoints: one per period, oldest first; NAN: no data */
    size_t n_points;
    wall_ms_t queried; /* queryDate: when the points were read; 0: not told */
};

enum {
    ALARM_ACTION_E_UNKNOWN = 1, /* there is no such policy */
    ALARM_ACTION_E_STALE,       /* no points, no threshold, or they are too old to act on */
};

/* @arn: as the alarm has it: a scaling policy's ARN, maybe with ":createdBy/UUID" behind it
 * Return: 0 it was told (whether or not anything was changed), an outcome above, or -errno. */
typedef int alarm_act_fn(void *context, const char *arn, const struct alarm_signal *signal);

/** alarm_book_set_actor() - who acts for policies from now on; @act NULL: nobody */
void alarm_book_set_actor(struct alarm_book *book, alarm_act_fn *act, void *context);

/** alarm_book_naming() - [{"AlarmName": ..., "AlarmARN": ...}], by name: the alarms that have an
 * action which is @arn or begins with "@arn:createdBy/". A new reference; NULL if no memory. */
json_t *alarm_book_naming(const struct alarm_book *book, const char *arn);
