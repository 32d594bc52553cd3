/* proxy/upstream.h: one worker's connections to one target, kept open between requests.
 *
 * A connection of HTTP/1 is lent to one request at a time, the most recently used first, so that the
 * others grow old and are closed (upstream_h1.h). One of HTTP/2 is shared by as many as the target
 * allows, and only beyond that there is another one (upstream_h2.h). What a request gets is a call in
 * either case (call.h). A connection without a pool is for one request only.
 */
#pragma once
#include "balance/target.h"
#include "proxy/call.h"

struct worker;

struct upstream {
    struct worker *worker;
    struct target *target; /* one reference */
    unsigned refs;         /* leases and connections */
    uint64_t generation;   /* of the newest lease that has the target */
    bool retired;          /* the route does not know the target any more: keep nothing open */
    bool is_h2;
    struct list idle;     /* of struct call: connections of HTTP/1, most recently used first */
    struct list busy;     /* of struct call, of both kinds */
    struct list sessions; /* of struct h2_upstream, in the order in which they were opened */
    unsigned streams_max; /* of each session, as the target has said last */
};

int upstream_new(struct worker *worker, struct target *target, bool is_h2,
                 struct upstream **ret_pool);
struct upstream *upstream_ref(struct upstream *pool);
struct upstream *upstream_unref(struct upstream *pool);

/** upstream_retire() - the route has no such target any more */
void upstream_retire(struct upstream *pool);
/** upstream_evict() - close what has been idle since before @before */
void upstream_evict(struct upstream *pool, ms_t before);

enum upstream_trust {
    UPSTREAM_ANY,    /* the request can be sent again */
    UPSTREAM_PROVEN, /* it can at first: a new one, or one that was used just now and is silent */
    UPSTREAM_NEW,
};

/**
 * upstream_lend() - a call for one request of @x
 * Return: 0, or why no connection could even be started (-ECONNREFUSED, -EAGAIN, -EMFILE ...).
 */
int upstream_lend(struct upstream *pool, struct exchange *x, enum upstream_trust trust,
                  struct call **ret_call);
/** upstream_dial() - the same without a pool, in HTTP/1 */
int upstream_dial(struct worker *worker, const struct address *address, struct exchange *x,
                  struct call **ret_call);

/** upstream_connect() - begin to connect to the pool's target. Return: 0 or a negative errno.
 * @ret_local: by a Unix socket */
int upstream_connect(const struct upstream *pool, int *ret_fd, bool *ret_local);
/** upstream_is_silent() - whether nothing has come on @fd, the end neither: what the loop has not
 * told yet is looked for, too */
bool upstream_is_silent(int fd);
