/* proxy/upstream.h: one worker's connections to one target, kept open between requests.
 *
 * Connections are lent to one request at a time, the most recently used first, so that the others
 * grow old and are closed. An idle connection on which anything happens (the target closed it, or
 * talks out of turn) is closed at once. A connection without a pool is for one request only.
 */
#pragma once
#include "http/parser.h"
#include "proxy/morgue.h"
#include "proxy/stream.h"
#include "proxy/target.h"

struct exchange;
struct worker;

struct upstream {
    struct worker *worker;
    struct target *target; /* one reference */
    unsigned refs;         /* leases and connections */
    uint64_t generation;   /* of the newest lease that has the target */
    bool retired;          /* the route does not know the target any more: keep nothing open */
    struct list idle;      /* most recently used first */
    struct list busy;
};

struct upstream_connection {
    uint32_t magic;
    struct worker *worker;
    struct upstream *pool;     /* NULL: for one request */
    struct exchange *exchange; /* NULL: idle */
    struct stream stream;
    bool reused;           /* has answered a request before this one */
    bool asked;            /* some of the request has left since it was lent */
    bool heard;            /* something has come since then */
    struct list_link link; /* of idle or busy */
    ms_t idle_since;
    size_t scanned;        /* of an answer's head, as long as it is incomplete */
    struct http_body body; /* of the answer */
    struct corpse corpse;
};

int upstream_new(struct worker *worker, struct target *target, struct upstream **ret_pool);
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
 * upstream_lend() - a connection for one request of @x
 * Return: 0, or why no connection could even be started (-ECONNREFUSED, -EAGAIN, -EMFILE ...).
 */
int upstream_lend(struct upstream *pool, struct exchange *x, enum upstream_trust trust,
                  struct upstream_connection **ret_connection);
/** upstream_dial() - the same without a pool */
int upstream_dial(struct worker *worker, const struct address *address, struct exchange *x,
                  struct upstream_connection **ret_connection);

/** upstream_give_back() - the answer has ended properly: keep the connection for others */
void upstream_give_back(struct upstream_connection *c);
/** upstream_close() - close it; its memory goes at the end of the turn */
void upstream_close(struct upstream_connection *c);
