/* control/time_zones.h: time zones of the system's database, by their IANA names.
 *
 * Each is read when first asked for and then kept: there are some hundreds at most.
 */
#pragma once
#include "base/list.h"
#include "scaling/time_zone.h"

enum { TIME_ZONES_E_UNKNOWN = 1 };

struct time_zones {
    struct list read;
};

void time_zones_init(struct time_zones *zones);
void time_zones_deinit(struct time_zones *zones);
/** time_zones_get() - @ret: belongs to @zones; NULL if @name is NULL, which is UTC
 * Return: 0, TIME_ZONES_E_UNKNOWN, or -errno. */
int time_zones_get(struct time_zones *zones, const char *name, const struct time_zone **ret);
