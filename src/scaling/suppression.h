/* scaling/suppression.h: whether a composite alarm's actions run while another alarm holds them back.
 *
 * The suppressor in ALARM holds actions back. When the alarm goes off while the suppressor does not
 * hold, its actions wait for the wait period, in case the suppressor is only late; when the
 * suppressor lets go, they wait for the extension period, in case the alarm is about to end. What
 * was held back is made up for when nothing holds it any more, if the alarm is still in that state.
 * Leaving ALARM while actions are held back is not told, because going off was not.
 * Pure: no clock, no I/O.
 * Source: CloudWatch User Guide, "Suppressing composite alarm actions".
 */
#pragma once
#include <stdbool.h>

#include "scaling/alarm.h"

enum suppressed_by {
    SUPPRESSED_BY_NOTHING,
    SUPPRESSED_BY_WAIT,
    SUPPRESSED_BY_EXTENSION,
    SUPPRESSED_BY_ALARM,
};

struct suppression {
    enum suppressed_by by;
    wall_ms_t until; /* of waiting */
    bool held;       /* the suppressor was in ALARM when last looked at */
    bool owed;       /* actions of the state that the alarm is in have not run */
};

/** suppression_changed() - the alarm's state went @from -> @to; @suppressor: the other one's
 * Return: whether actions run now */
bool suppression_changed(struct suppression *s, enum alarm_state from, enum alarm_state to,
                         enum alarm_state suppressor, ms_t wait, wall_ms_t now);
/** suppression_tick() - time passed, or the suppressor changed
 * @state: the alarm's. Return: whether actions of @state run now. */
bool suppression_tick(struct suppression *s, enum alarm_state state, enum alarm_state suppressor,
                      ms_t extension, wall_ms_t now);
/** suppression_text() - "WaitPeriod" ...; NULL for SUPPRESSED_BY_NOTHING */
const char *suppression_text(enum suppressed_by by);
