/* control/link_report.h: what becomes of what the proxies have counted.
 *
 * A report is the last second of every target group, by one proxy; its numbers become metrics and
 * scrapers' sums, and the autoscaler looks at them at once. That requests have begun to wait is said
 * when it happens, and looked at at once as well.
 */
#pragma once
#include "control/control.h"
#include "wire/link.h"

/**
 * link_report_second() - the second that a report is of: the one in which it began
 * @last: what the same proxy's report before it was of; 0: there was none
 *
 * Reports come a little late or early; each is given the second after its predecessor's, so that
 * none gets two and none is left out. One that was long on its way says when it was written.
 */
wall_ms_t link_report_second(const struct link_report *report, wall_ms_t now, wall_ms_t last);

/** link_report_hear() - @newest: it comes from the proxy that serves what comes; the others are on
 * their way out */
void link_report_hear(struct control *c, struct link_report *report, wall_ms_t second, bool newest);

/** link_report_waiting() - requests have begun to wait */
void link_report_waiting(struct control *c, const struct link_event *event);
