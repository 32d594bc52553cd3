#include "scaling/suppression.h"

#include <stddef.h>

static void release(struct suppression *s)
{
    s->by = SUPPRESSED_BY_NOTHING;
    s->until = 0;
}

static void wait_until(struct suppression *s, enum suppressed_by by, wall_ms_t until)
{
    s->by = by;
    s->until = until;
}

bool suppression_changed(struct suppression *s, enum alarm_state from, enum alarm_state to,
                         enum alarm_state suppressor, ms_t wait, wall_ms_t now)
{
    bool told = !s->owed; /* what happened before this */

    s->held = suppressor == ALARM_ALARM;
    if (to != ALARM_ALARM) {
        s->owed = false;
        release(s);
        return told || from != ALARM_ALARM;
    }
    if (s->held)
        wait_until(s, SUPPRESSED_BY_ALARM, 0);
    else if (wait > 0)
        wait_until(s, SUPPRESSED_BY_WAIT, now + wait);
    else
        release(s);
    s->owed = s->by != SUPPRESSED_BY_NOTHING;
    return !s->owed;
}

bool suppression_tick(struct suppression *s, enum alarm_state state, enum alarm_state suppressor,
                      ms_t extension, wall_ms_t now)
{
    bool held = suppressor == ALARM_ALARM, released = s->held && !held;

    s->held = held;
    if (state != ALARM_ALARM)
        return false;
    if (held) {
        wait_until(s, SUPPRESSED_BY_ALARM, 0);
        return false;
    }
    if (released)
        wait_until(s, SUPPRESSED_BY_EXTENSION, now + extension);
    if (s->by == SUPPRESSED_BY_NOTHING || now < s->until)
        return false;
    release(s);
    if (!s->owed)
        return false;
    s->owed = false;
    return true;
}

const char *suppression_text(enum suppressed_by by)
{
    switch (by) {
    case SUPPRESSED_BY_WAIT:
        return "WaitPeriod";
    case SUPPRESSED_BY_EXTENSION:
        return "ExtensionPeriod";
    case SUPPRESSED_BY_ALARM:
        return "Alarm";
    case SUPPRESSED_BY_NOTHING:
        break;
    }
    return NULL;
}
