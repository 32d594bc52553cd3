/* balance/queue.h: requests that wait for a target, first come first served.
 *
 * There is one queue for each target group, in its gauge, for the requests of all workers. Whoever
 * makes a slot free, on whichever thread, gives it to the oldest request, which hears of it through
 * its worker's port. Only who waits, and who finds somebody waiting, takes the queue's lock; while
 * nobody waits, a request costs one load of a number that nobody writes.
 *
 * Nobody is forgotten: a request counts itself as waiting before it looks for a free slot once
 * more, and a slot is counted as free before it is looked whether somebody waits. Both are
 * sequentially consistent, so at least one of the two sees the other.
 *
 * Entries are embedded in their requests; whoever owns the request watches its deadline.
 */
#pragma once
#include "balance/balance.h"

/* Where the requests of one worker hear that they have a target. */
struct queue_port {
    pthread_mutex_t lock;
    struct list granted;
    void (*wake)(struct queue_port *port); /* called on any thread: let the owner look */
};

enum queue_state {
    QUEUE_OUT,
    QUEUE_WAITING, /* for a target; others may grant it one */
    QUEUE_GRANTED, /* `target` is counted in flight for it; only its owner touches it */
};

struct queue_entry {
    struct list_link link; /* of the queue, or of the port */
    struct list_link own;  /* of the owner's entries of this group */
    enum queue_state state;
    struct gauge *gauge;     /* borrowed while it waits */
    struct queue_port *port; /* borrowed */
    struct target *target;   /* one reference */
    struct sticky sticky;
    ms_t since;
    uint64_t bytes;
};

struct queue_limits {
    unsigned length_max;
    uint64_t bytes_max; /* 0: none */
};

enum {
    QUEUE_E_FULL = 1, /* as many wait as may, or as many bytes */
    QUEUE_E_FIRST,    /* it waits, and it is the only one */
};

void queue_port_init(struct queue_port *port, void (*wake)(struct queue_port *port));
void queue_port_deinit(struct queue_port *port);

void queue_entry_init(struct queue_entry *e);

/**
 * queue_push() - wait; e->since, bytes and sticky are set
 * @own: the owner's entries of this group, oldest first
 * Entries keep the order of their instants. To be followed by queue_dispatch().
 * Return: 0, QUEUE_E_FIRST or QUEUE_E_FULL.
 */
int queue_push(struct queue_entry *e, struct gauge *gauge, struct queue_port *port,
               struct list *own, const struct queue_limits *limits);

/**
 * queue_leave() - wait no longer; harmless when it does not wait
 * Return: a target that it had been granted, with the reference, still counted in flight; or NULL.
 */
struct target *queue_leave(struct queue_entry *e);

bool queue_waits(const struct queue_entry *e);

/**
 * queue_dispatch() - give targets with room to those who wait, the oldest first
 * @group: as the caller knows it now
 * @mine:  the caller's own port, or NULL: it is not woken
 * Return: whether @mine got something.
 */
bool queue_dispatch(const struct route_group *group, struct queue_port *mine, struct random *random,
                    ms_t now);

/** queue_granted() - take out the next entry that has a target; NULL if there is none.
 * Its target is to be stolen from it. */
struct queue_entry *queue_granted(struct queue_port *port);

/** queue_oldest_ms() - how long the first one has waited; 0 if nobody does */
ms_t queue_oldest_ms(struct gauge *gauge, ms_t now);
