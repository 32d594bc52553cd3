/* scaling/pace.h: how fast decisions are taken.
 *
 * PACE_AWS keeps AWS's periods and datapoint counts, so that a policy tested here behaves the same
 * there. PACE_FAST evaluates the same policies every second on one-second metrics: out within
 * seconds, in as careful as AWS's. A server has a pace; a scalable target may override it (tag
 * weir:pace).
 */
#pragma once

enum pace { PACE_FAST, PACE_AWS };
