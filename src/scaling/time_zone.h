/* scaling/time_zone.h: what local clocks show, by the rules of one time zone.
 *
 * The rules come as the bytes of a TZif file (RFC 8536), as the system's time zone database has them;
 * who reads the file is no concern of this. Files with leap seconds ("right/...") are refused: time
 * is counted without them here.
 *
 * Pure: no clock, no I/O. Times are seconds; a local time is counted as if the local clock were UTC.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { TIME_ZONE_BYTES_MAX = 1 << 16 };
enum { TIME_ZONE_E_SKIPPED = 1 }; /* the local clock never shows that: it is put forward over it */

struct time_zone;

/** time_zone_parse() - Return: 0, -EINVAL (no TZif file that can be used) or -ENOMEM. */
int time_zone_parse(const uint8_t *bytes, size_t n, struct time_zone **ret);
struct time_zone *time_zone_free(struct time_zone *z);
DEFINE_AUTOFREE(struct time_zone *, time_zone_free)

/** time_zone_offset() - seconds east of UTC at @utc_s, of years -9999..9999. NULL is UTC. */
int32_t time_zone_offset(const struct time_zone *z, int64_t utc_s);
/** time_zone_to_utc() - the first instant at which the local clock shows @local_s (years -9998..9998).
 * NULL is UTC. Return: 0 or TIME_ZONE_E_SKIPPED. */
int time_zone_to_utc(const struct time_zone *z, int64_t local_s, int64_t *ret_utc_s);
