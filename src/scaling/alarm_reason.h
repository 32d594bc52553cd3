/* scaling/alarm_reason.h: why an alarm is in its state, in CloudWatch's words.
 *
 * StateReason is a sentence, StateReasonData the same as JSON text. Both are made when the state
 * changes, from the points of that moment: one per period, oldest first, NAN = no data. Text is cut
 * at the buffer's end, JSON never is: points that do not fit are left out, oldest first.
 */
#pragma once
#include "scaling/alarm.h"

/* CloudWatch's own limits for the two texts, and the NUL */
enum { ALARM_REASON_BYTES = 1024, ALARM_REASON_DATA_BYTES = 4001 };

#define ALARM_REASON_INITIAL "Unchecked: Initial alarm creation"

/** alarm_number() - a double as CloudWatch prints it: shortest exact digits, "3.0" for 3 */
enum { ALARM_NUMBER_BYTES = 32 };
void alarm_number(double value, char ret_text[ALARM_NUMBER_BYTES]);

void alarm_reason(const struct alarm_rule *rule, enum alarm_state state,
                  const struct alarm_point *points, size_t n, char ret_text[ALARM_REASON_BYTES]);

/**
 * alarm_reason_data()
 * @statistic: "Sum" ...; NULL: the points are of metric math, and no samples were counted
 * @unit:      "Percent" ..., or NULL if the alarm names none
 */
void alarm_reason_data(const struct alarm_rule *rule, const struct alarm_point *points, size_t n,
                       const char *statistic, const char *unit, wall_ms_t now,
                       char ret_text[ALARM_REASON_DATA_BYTES]);
