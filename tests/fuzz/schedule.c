/* Schedules: what was read runs later than asked and within its bounds, and crons only at their times. */
#include "scaling/schedule.h"
#include "fuzz.h"

enum { TIMES = 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const wall_ms_t created = 1767225600000;
    struct schedule s;
    struct schedule_plan plan = { &s, NULL, created, INT64_MIN, created + 400000000000 };
    wall_ms_t t = created + (size > 0 ? data[0] : 0) * (wall_ms_t)86400000, next;
    const char *why = NULL;
    int64_t again;

    if (schedule_parse(fuzz_slice(data, size), &s, &why) != 0) {
        MUST(why != NULL);
        return 0;
    }
    MUST(schedule_check(&s, NULL) == 0);
    for (int i = 0; i < TIMES && schedule_next(&plan, t, &next) == 0; i++) {
        MUST(next > t && next <= plan.end);
        if (s.kind == SCHEDULE_CRON)
            MUST(cron_next(&s.cron, next / 1000 - 1, &again) == 0 && again * 1000 == next);
        t = next;
    }
    return 0;
}
