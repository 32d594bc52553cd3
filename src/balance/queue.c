#include "balance/queue.h"

#include <assert.h>

void queue_port_init(struct queue_port *port, void (*wake)(struct queue_port *port))
{
    pthread_mutex_init(&port->lock, NULL);
    list_init(&port->granted);
    port->wake = wake;
}

void queue_port_deinit(struct queue_port *port)
{
    pthread_mutex_destroy(&port->lock);
}

void queue_entry_init(struct queue_entry *e)
{
    *e = (struct queue_entry){ 0 };
    list_link_init(&e->link);
    list_link_init(&e->own);
}

bool queue_waits(const struct queue_entry *e)
{
    return e->gauge;
}

/* --- with the queue's lock -------------------------------------------------------------------- */

static struct queue_entry *entry_at(struct list_link *l)
{
    return container_of(l, struct queue_entry, link);
}

/* Almost always the end. Requests that were taken out to be looked at again come back in their
 * order: each is looked for from the one of its owner before it. */
static struct list_link *predecessor(const struct queue_entry *e, const struct gauge *g,
                                     const struct list *own)
{
    struct list_link *head = (struct list_link *)&g->waiting.head, *at = head;

    if (list_empty(&g->waiting) || entry_at(head->previous)->since <= e->since)
        return head->previous;
    if (!list_empty(own)) {
        struct queue_entry *last = container_of(own->head.previous, struct queue_entry, own);

        if (last->state == QUEUE_WAITING && last->since <= e->since)
            at = &last->link;
    }
    while (at->next != head && entry_at(at->next)->since <= e->since)
        at = at->next;
    return at;
}

static bool has_bytes(const struct gauge *g, uint64_t bytes, uint64_t max)
{
    return max == 0 || (g->queued_bytes <= max && bytes <= max - g->queued_bytes);
}

static void take_out(struct queue_entry *e, enum queue_state state)
{
    list_remove(&e->link);
    e->state = state;
    e->gauge->queued_bytes -= e->bytes;
    atomic_fetch_sub(&e->gauge->queued, 1);
}

/* --- for the owner ---------------------------------------------------------------------------- */

int queue_push(struct queue_entry *e, struct gauge *gauge, struct queue_port *port,
               struct list *own, const struct queue_limits *limits)
{
    struct list_link *at;
    unsigned length;
    int r = QUEUE_E_FULL;

    assert(e->state == QUEUE_OUT);
    pthread_mutex_lock(&gauge->lock);
    length = gauge_queued(gauge);
    if (length < limits->length_max && has_bytes(gauge, e->bytes, limits->bytes_max)) {
        at = predecessor(e, gauge, own);
        list_insert_between(&e->link, at, at->next);
        e->gauge = gauge;
        e->port = port;
        e->state = QUEUE_WAITING;
        gauge->queued_bytes += e->bytes;
        atomic_fetch_add(&gauge->queued, 1);
        r = length == 0 ? QUEUE_E_FIRST : 0;
    }
    pthread_mutex_unlock(&gauge->lock);
    if (r != QUEUE_E_FULL)
        list_push_back(own, &e->own);
    return r;
}

struct target *queue_leave(struct queue_entry *e)
{
    list_remove(&e->own);
    if (!e->gauge)
        return NULL;
    pthread_mutex_lock(&e->gauge->lock);
    if (e->state == QUEUE_WAITING)
        take_out(e, QUEUE_OUT);
    pthread_mutex_unlock(&e->gauge->lock);
    if (e->state == QUEUE_GRANTED) {
        pthread_mutex_lock(&e->port->lock);
        list_remove(&e->link);
        pthread_mutex_unlock(&e->port->lock);
        e->state = QUEUE_OUT;
    }
    e->gauge = NULL;
    return steal(e->target);
}

struct queue_entry *queue_granted(struct queue_port *port)
{
    struct queue_entry *e;

    pthread_mutex_lock(&port->lock);
    e = list_first_entry(&port->granted, struct queue_entry, link);
    if (e)
        list_remove(&e->link);
    pthread_mutex_unlock(&port->lock);
    if (!e)
        return NULL;
    e->state = QUEUE_OUT;
    e->gauge = NULL;
    list_remove(&e->own);
    return e;
}

/* --- for anybody ------------------------------------------------------------------------------ */

/* Return: the port that got a target, NULL: nobody waits, or nobody has room. */
static struct queue_port *grant_one(struct gauge *gauge, struct balance *b)
{
    struct queue_entry *e = list_first_entry(&gauge->waiting, struct queue_entry, link);
    const struct route_target *t;
    struct queue_port *port;
    unsigned in_service;

    if (!e)
        return NULL;
    b->sticky = e->sticky;
    t = balance_take(b, &in_service);
    if (!t)
        return NULL;
    port = e->port;
    take_out(e, QUEUE_GRANTED);
    e->target = target_ref(t->target);
    pthread_mutex_lock(&port->lock);
    list_push_back(&port->granted, &e->link);
    pthread_mutex_unlock(&port->lock);
    return port;
}

bool queue_dispatch(const struct route_group *group, struct queue_port *mine, struct random *random,
                    ms_t now)
{
    struct balance b = { .group = group, .queued = true, .random = random, .now = now };
    bool is_mine = false;

    while (gauge_queued(group->gauge) > 0) {
        struct queue_port *port;

        pthread_mutex_lock(&group->gauge->lock);
        port = grant_one(group->gauge, &b);
        pthread_mutex_unlock(&group->gauge->lock);
        if (!port)
            break;
        if (port == mine)
            is_mine = true;
        else
            port->wake(port);
    }
    return is_mine;
}

ms_t queue_oldest_ms(struct gauge *gauge, ms_t now)
{
    const struct queue_entry *e;
    ms_t oldest = 0;

    if (gauge_queued(gauge) == 0)
        return 0;
    pthread_mutex_lock(&gauge->lock);
    e = list_first_entry(&gauge->waiting, struct queue_entry, link);
    if (e && now > e->since)
        oldest = now - e->since;
    pthread_mutex_unlock(&gauge->lock);
    return oldest;
}
