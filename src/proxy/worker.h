/* proxy/worker.h: one thread of the data plane.
 *
 * A worker has a loop, a listening socket, client and upstream connections and counters of its own.
 * It hears from the main thread by mail: a new route to serve, wake up and look at the shared state,
 * hand over your counters, drain, stop; from any thread, that requests which waited have a target
 * now. It answers by mail. In steady state a request
 * takes no lock and no allocation here: requests and connections are recycled, bytes pass through
 * one big buffer (stream.h).
 */
#pragma once
#include <pthread.h>

#include "auth/sigv4.h"
#include "balance/queue.h"
#include "balance/retry.h"
#include "balance/route.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/random.h"
#include "base/wheel.h"
#include "http/parser.h"
#include "proxy/guard.h"
#include "proxy/morgue.h"
#include "proxy/nonsense.h"
#include "proxy/peer.h"
#include "proxy/stats.h"
#include "proxy/upstream.h"
#include "stream/stream.h"
#include "stream/tls_stream.h"

struct worker_settings {
    struct log *log;
    bool uses_uring;               /* see stream_engine_use_batches() */
    struct access_log *access_log; /* NULL: none */
    struct guard *guard;
    struct address api; /* control's socket */
    bool standalone;    /* there is no control, and so no API */
    struct http_limits limits;
    unsigned connections_max;      /* of clients, each worker */
    size_t api_body_bytes_max;     /* of a call to control */
    enum peer_style peer_style;    /* how targets hear of clients' certificates */
    ms_t handshake_timeout_ms;     /* of TLS */
    ms_t head_timeout_ms;          /* from the first byte of a head to its end */
    ms_t body_timeout_ms;          /* between two pieces of a body */
    unsigned body_bytes_per_s_min; /* of a body that must be complete, after that time */
    ms_t idle_timeout_ms;          /* of a client between requests */
    ms_t linger_ms;                /* for a client to read our last words before we close */
    ms_t linger_max_ms;            /* the same, while it still sends what nobody wants */
    ms_t connect_timeout_ms;
    ms_t upstream_idle_ms; /* an unused upstream connection is closed after this */
    ms_t api_connect_ms;   /* for control to come back */
    ms_t api_timeout_ms;   /* for control's answer */
    ms_t first_route_ms;   /* clients are not accepted before there is a route, or this is over */
};
#define WORKER_SETTINGS_DEFAULT                                                                    \
    ((struct worker_settings){ .limits = HTTP_LIMITS_DEFAULT,                                      \
                               .connections_max = 8192,                                            \
                               .api_body_bytes_max = 8 << 20,                                      \
                               .handshake_timeout_ms = 10000,                                      \
                               .head_timeout_ms = 10000,                                           \
                               .body_timeout_ms = 30000,                                           \
                               .body_bytes_per_s_min = 500,                                        \
                               .idle_timeout_ms = 75000,                                           \
                               .linger_ms = 2000,                                                  \
                               .linger_max_ms = 30000,                                             \
                               .connect_timeout_ms = 1000,                                         \
                               .upstream_idle_ms = 30000,                                          \
                               .api_connect_ms = 5000,                                             \
                               .api_timeout_ms = 60000,                                            \
                               .first_route_ms = 10000 })

/* --- mail ------------------------------------------------------------------------------------- */

enum message_kind {
    MESSAGE_TLS,       /* to a worker: show new clients these certificates */
    MESSAGE_ROUTE,     /* to a worker: serve this; back: it is served */
    MESSAGE_COLLECT,   /* to a worker with empty stats; back with full ones */
    MESSAGE_WAKE,      /* to a worker: some targets' requests are to be cut */
    MESSAGE_HAND_OVER, /* to a worker: take nothing new, end with the last connection */
    MESSAGE_DRAIN,     /* to a worker: the same, and close idle connections */
    MESSAGE_DRAINED,   /* from a worker: the last connection is closed */
    MESSAGE_GRANTED,   /* to a worker: some who waited have a target */
    MESSAGE_WAITING,   /* from a worker: the first one waits for a target */
    MESSAGE_STOP,      /* to a worker: end now */
};

struct message {
    struct mail mail;
    enum message_kind kind;
    struct worker *worker;
    struct tls_server *tls;    /* MESSAGE_TLS: one reference, the worker's to keep */
    struct route *route;       /* MESSAGE_ROUTE: one reference, the worker's to keep */
    uint64_t serial, revision; /* MESSAGE_ROUTE: of the route; 0 comes back if it is not served */
    struct list empty, full;   /* MESSAGE_COLLECT: of struct stats */
    bool under_way;            /* the main thread's note: not back yet */
};

/* --- one worker's view of a route ------------------------------------------------------------- */

struct worker_group {
    unsigned refs;       /* leases */
    uint64_t generation; /* of the newest lease that has it */
    char id[LINK_NAME_BYTES];
    struct list waiting; /* our entries of its queue, by queue_entry.own, oldest first */
    struct retry_budget retries;
    struct stats *stats;
};

/* A route with the worker's own things for each of its groups and targets. Requests count leases,
 * not routes: the count is a plain number of this thread. */
struct lease {
    unsigned refs;
    struct route *route;
    struct worker_group **groups; /* by route_group.index */
    struct upstream **pools;      /* by route_target.index */
};

struct lease *lease_ref(struct lease *lease);
struct lease *lease_unref(struct lease *lease); /* NULL is fine; returns NULL */

struct worker {
    unsigned index;
    const struct worker_settings *settings;
    pthread_t thread;
    struct loop *loop;
    struct mailbox box;
    struct mailbox *main;                 /* of the main thread, borrowed */
    atomic_bool woken, granting, telling; /* that message is under way */
    struct message wake, granted, waiting, collect, hand_over, drain, drained, stop;

    int listen_fd;        /* borrowed */
    bool listens_locally; /* on a Unix socket */
    unsigned listen_port;
    struct buffer forwarded; /* see worker_forwarded(), of the client below */
    struct network_address forwarded_for;
    struct loop_io listen;
    int tls_listen_fd; /* borrowed; -1: none */
    struct loop_io tls_listen;
    struct tls_server *tls; /* one reference; NULL: none */
    struct tls_io tls_io;
    struct loop_timer tick; /* once a second: eviction, and accepting again after a shortage */
    ms_t begun;
    bool draining;
    bool impatient; /* and idle clients are closed */
    bool stopping;

    struct list connections; /* of clients */
    struct wheel deadlines;  /* of theirs */
    unsigned n_connections;
    struct list leavers;   /* see leaving.h; counted with the connections */
    struct list exchanges; /* unused ones */
    struct morgue morgue;
    struct nonsense nonsense;      /* what targets have answered */
    struct nonsense nonsense_told; /* the main thread's, while `collect` is there */

    struct queue_port port;
    struct loop_task take_granted;

    struct lease *lease;  /* of the newest route; NULL before the first */
    uint64_t generation;  /* counts leases */
    struct map groups;    /* id -> struct worker_group of the newest route */
    struct map pools;     /* target key -> struct upstream of the newest route */
    struct list sessions; /* of struct h2_upstream, of older routes, too */

    struct stream_engine streams; /* everybody's sockets, and the buffer that is lent */
    struct buffer text;           /* a head or an error answer on its way out */
    struct http_head answer_head; /* of an answer being read; valid in a callback */
    struct access_ring *access;   /* of settings->access_log; NULL: none */
    struct random random;
    struct sigv4_key_cache keys;
};

/** worker_of() - the one whose stream @s is, or was */
static inline struct worker *worker_of(const struct stream *s)
{
    return container_of(s->engine, struct worker, streams);
}

struct worker_sockets {
    int plain, tls;            /* listening; tls may be -1 */
    struct tls_server *server; /* with tls */
};

/**
 * worker_start() - make a worker and its thread
 * @settings, @main: borrowed until worker_free(), as the descriptors in @sockets are
 */
int worker_start(unsigned index, const struct worker_sockets *sockets,
                 const struct worker_settings *settings, struct mailbox *main,
                 struct worker **ret_worker);
/** worker_stop() - cut what runs, join the thread; mail from it may still be under way */
void worker_stop(struct worker *w);
/** worker_free() - of one that was stopped, and whose mail has been read. NULL is fine. */
struct worker *worker_free(struct worker *w);
DEFINE_AUTOFREE(struct worker *, worker_free)

/* From the main thread: */
/** worker_serve() - hand over a route; MESSAGE_ROUTE comes back when it is served. 0 or -ENOMEM. */
int worker_serve(struct worker *w, struct route *route);
/** worker_show() - new clients see @tls. 0 or -ENOMEM. */
int worker_show(struct worker *w, struct tls_server *tls);
/** worker_wake() - the `cut` of a target has changed */
void worker_wake(struct worker *w);
/** worker_drain() - MESSAGE_DRAINED comes when the last connection is closed
 * @patient: see proxy_drain() */
void worker_drain(struct worker *w, bool patient);

/* From the worker's own thread: */
/** worker_dispatch() - give free slots of @group, of the newest route, to those who wait */
void worker_dispatch(struct worker *w, const struct route_group *group);
/** worker_tell_waiting() - somebody has begun to wait */
void worker_tell_waiting(struct worker *w);
void worker_connection_closed(struct worker *w);
/** worker_forwarded() - peer_forwarded() of a client without TLS. Valid until the next call; NULL if
 * no memory. */
const char *worker_forwarded(struct worker *w, const struct guard_pass *pass);
