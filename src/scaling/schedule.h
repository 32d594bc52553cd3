/* scaling/schedule.h: when a scheduled action runs.
 *
 *     at(2026-07-01T08:00:00)      once, on the local clock of a time zone
 *     rate(5 minutes)              every so often, whatever clocks show
 *     cron(0 18 ? * MON-FRI *)     as in cron.h, on the local clock
 *
 * Local clocks are put forward and back. A time that they skip does not exist: at() is refused for it
 * and cron() passes over it. A time that they show twice counts when it is shown first.
 * Source: Application Auto Scaling User Guide, "Scheduled scaling".
 *
 * Pure: no clock, no I/O.
 */
#pragma once
#include "base/clock.h"
#include "scaling/cron.h"
#include "scaling/time_zone.h"

enum {
    SCHEDULE_E_INVALID = 1,
    SCHEDULE_E_SKIPPED, /* the local clock never shows that time */
    SCHEDULE_E_OVER,    /* never again */
};

enum schedule_kind { SCHEDULE_AT, SCHEDULE_RATE, SCHEDULE_CRON };

struct schedule {
    enum schedule_kind kind;
    int64_t at_local_s; /* AT */
    ms_t every;         /* RATE, > 0 */
    struct cron cron;   /* CRON */
};

/* A schedule, where and between which times. */
struct schedule_plan {
    const struct schedule *schedule;
    const struct time_zone *zone; /* NULL: UTC */
    wall_ms_t created;            /* rates without a start are counted from here */
    wall_ms_t start;              /* INT64_MIN: none. Recurring ones run then, too. */
    wall_ms_t end;                /* INT64_MAX: none. Nothing runs later. */
};

/** schedule_parse() - @ret_why: with SCHEDULE_E_INVALID, what is wrong, a constant
 * Return: 0 or SCHEDULE_E_INVALID, also for dates that do not exist and crons that never fire. */
int schedule_parse(struct slice text, struct schedule *ret, const char **ret_why);
/** schedule_check() - that an at() exists in @zone. Return: 0 or SCHEDULE_E_SKIPPED. */
int schedule_check(const struct schedule *s, const struct time_zone *zone);
/** schedule_next() - the first time to run after @after, which is 1970 or later
 * Return: 0 or SCHEDULE_E_OVER. */
int schedule_next(const struct schedule_plan *p, wall_ms_t after, wall_ms_t *ret);
