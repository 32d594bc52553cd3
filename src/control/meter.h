/* control/meter.h: what ran, for how long, and what it cost.
 *
 * One line for each endpoint, variant and instance type. An instance counts from its launch until
 * its process is gone, whatever its state, as clouds bill. Lines stay when their endpoint is
 * deleted. They are stored every METER_STORE_MS, and within a second when an instance came or went.
 * A kill -9 loses at most that much, and nothing for instances that are adopted, whose time while
 * control was away is added. Beside it stands a fixed fleet: the highest number that was in service
 * at a time, for as long as any instance ran.
 */
#pragma once
#include "control/control.h"

enum { METER_STORE_MS = 5000, METER_LINES_MAX = 4096 };

struct meter_line {
    const char *endpoint, *variant, *instance_type;
    unsigned running; /* now */
    unsigned peak;    /* highest number in service at a time */
    double instance_seconds;
    double seconds;              /* during which at least one ran */
    double static_peak_seconds;  /* peak * seconds */
    double usd_per_hour;         /* NAN: the price of this type is not known */
    double usd, static_peak_usd; /* NAN likewise */
    wall_ms_t first, last;       /* launch; last time one ran */
};

int meter_new(struct control *c, struct meter **ret); /* with the lines in the store */
struct meter *meter_free(struct meter *m);            /* stores what it has */
DEFINE_AUTOFREE(struct meter *, meter_free)

/* told by reconcile.c */
void meter_launched(struct meter *m, const char *endpoint, const char *variant, const char *type);
void meter_adopted(struct meter *m, const char *endpoint, const char *variant, const char *type);
void meter_gone(struct meter *m, const char *endpoint, const char *variant, const char *type);
void meter_in_service(struct meter *m, const char *endpoint, const char *variant, const char *type,
                      unsigned count);
/** meter_tick() - each second: bring the lines up to date, store them when it is time.
 * Return: 0, or -errno if they cannot be stored. */
int meter_tick(struct meter *m);

/** meter_each() - every line, by endpoint, variant, type, as of now; @each may stop the walk with a
 * non-zero result, which is returned */
int meter_each(struct meter *m, int (*each)(const struct meter_line *line, void *context),
               void *context);
