/* proxy/stats.h: what one worker has seen of one target group since the last report.
 *
 * A worker writes its own stats and nobody else reads them. Once a second the main thread asks: the
 * worker hands the filled ones over whole and goes on with empty ones that came with the request,
 * so that no histogram is ever shared, copied or locked.
 */
#pragma once
#include "base/list.h"
#include "wire/link.h"

struct stats {
    struct list_link link;
    bool touched; /* something is in it */
    struct link_report_group sum;
};

/** stats_new() - empty. Return: NULL if no memory. */
struct stats *stats_new(void);

/** stats_reset() - empty again, for the group @id */
void stats_reset(struct stats *s, const char *id);

/** report_group_add() - add the counts, samples and distributions of @from; the greatest of the
 * queue's ages; what is a state and no sum (targets in service, queued) is left alone */
void report_group_add(struct link_report_group *into, const struct link_report_group *from);

/** report_group_sample() - one sample of the requests in flight and waiting */
void report_group_sample(struct link_report_group *g, double concurrency);
