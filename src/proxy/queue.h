/* proxy/queue.h: requests that wait for a target, first come first served.
 *
 * Each worker has a queue per target group; the bound is the group's and counts all workers'
 * queues. Entries are embedded in their requests; whoever owns the request watches its deadline.
 */
#pragma once
#include "base/list.h"
#include "proxy/target.h"

struct queue {
    struct list waiting;
};

struct queue_entry {
    struct list_link link;
    struct gauge *gauge; /* borrowed while it waits */
    ms_t since;
};

enum {
    QUEUE_E_FULL = 1, /* as many wait as may */
};

void queue_init(struct queue *q);
void queue_entry_init(struct queue_entry *e);

/** queue_push() - wait at the end, since @since. Return: 0 or QUEUE_E_FULL. */
int queue_push(struct queue *q, struct queue_entry *e, struct gauge *gauge, unsigned length_max,
               ms_t since);
/** queue_leave() - wait no longer; harmless when it does not wait */
void queue_leave(struct queue_entry *e);
bool queue_waits(const struct queue_entry *e);

/** queue_release() - take everybody out, in order, into @ret_list (linked by queue_entry.link) */
void queue_release(struct queue *q, struct list *ret_list);

/** queue_oldest_ms() - how long the first one has waited; 0 if nobody does */
ms_t queue_oldest_ms(const struct queue *q, ms_t now);
