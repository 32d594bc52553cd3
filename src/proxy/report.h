/* proxy/report.h: what the proxy saw in the last second, group by group.
 *
 * Sums up what workers hand over, adds samples of the requests in flight and waiting, and fills in
 * the message. Every group of the route is in every report, quiet ones too. What could not be sent,
 * as control was away, stays in the sums. Belongs to the main thread.
 */
#pragma once
#include "balance/route.h"
#include "proxy/stats.h"

struct report {
    struct map groups; /* id -> struct report_entry */
    ms_t since;        /* when the sums begin */
};

void report_init(struct report *r, uint64_t seed, ms_t now);
void report_deinit(struct report *r);

/** report_follow() - report on the groups of @route from now on. Return: 0 or -ENOMEM. */
int report_follow(struct report *r, const struct route *route);

/** report_add() - a worker's stats */
void report_add(struct report *r, const struct stats *s);

/** report_sample() - look at the shared counts; about ten times a second */
void report_sample(struct report *r, const struct route *route);

/**
 * report_waiting() - tell of the groups in whose queues requests have begun to wait
 * @waiting: called once for each, until a sample has found nobody waiting there
 */
void report_waiting(struct report *r, const struct route *route, ms_t now,
                    void (*waiting)(const struct link_event *e, void *context), void *context);

/** report_write() - the message for the time up to @now; to be given to link_message_deinit().
 * Return: 0 or -ENOMEM. */
int report_write(const struct report *r, const struct route *route, ms_t now, wall_ms_t wall,
                 struct link_message *ret_message);

/** report_restart() - it was sent: begin at zero */
void report_restart(struct report *r, ms_t now);
