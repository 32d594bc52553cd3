#include "proxy/queue.h"

static void uncount(struct queue_entry *e)
{
    atomic_fetch_sub_explicit(&e->gauge->queued, 1, memory_order_relaxed);
    e->gauge = NULL;
}

void queue_init(struct queue *q)
{
    list_init(&q->waiting);
}

void queue_entry_init(struct queue_entry *e)
{
    list_link_init(&e->link);
    e->gauge = NULL;
}

int queue_push(struct queue *q, struct queue_entry *e, struct gauge *gauge, unsigned length_max,
               ms_t since)
{
    /* count first, then look: two threads at the last place must not both get it */
    if (atomic_fetch_add_explicit(&gauge->queued, 1, memory_order_relaxed) >= length_max) {
        atomic_fetch_sub_explicit(&gauge->queued, 1, memory_order_relaxed);
        return QUEUE_E_FULL;
    }
    e->gauge = gauge;
    e->since = since;
    list_push_back(&q->waiting, &e->link);
    return 0;
}

void queue_leave(struct queue_entry *e)
{
    list_remove(&e->link);
    if (e->gauge)
        uncount(e);
}

bool queue_waits(const struct queue_entry *e)
{
    return e->gauge;
}

void queue_release(struct queue *q, struct list *ret_list)
{
    struct queue_entry *e;

    list_init(ret_list);
    while ((e = list_first_entry(&q->waiting, struct queue_entry, link))) {
        list_remove(&e->link);
        uncount(e);
        list_push_back(ret_list, &e->link);
    }
}

ms_t queue_oldest_ms(const struct queue *q, ms_t now)
{
    const struct queue_entry *e = list_first_entry(&q->waiting, struct queue_entry, link);

    return e ? now - e->since : 0;
}
