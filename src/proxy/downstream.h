/* proxy/downstream.h: the client's side of the proxy: connections, and HTTP/1 on them.
 *
 * A connection reads heads and hands each request to an exchange (exchange.h), one after another;
 * pipelined requests wait in its socket. How bytes come and go is its stream's matter (stream.h): an
 * idle connection has no buffers.
 */
#pragma once
#include <assert.h>

#include "base/wheel.h"
#include "http/parser.h"
#include "proxy/client.h"
#include "proxy/guard.h"
#include "proxy/morgue.h"
#include "stream/stream.h"

struct exchange;
struct h2_session;
struct tls_server;
struct worker;

enum downstream_state {
    DOWNSTREAM_READY,     /* between requests, or in the middle of a head */
    DOWNSTREAM_BUSY,      /* a request is worked on */
    DOWNSTREAM_CLOSING,   /* no more requests; the last answer is still on its way out */
    DOWNSTREAM_LINGERING, /* all is said; waiting for the client to have read it */
    DOWNSTREAM_DEAD,      /* in the morgue */
};

/* Most of them are idle most of the time: what only a request needs is in its exchange. */
struct downstream {
    struct client client;  /* as its exchange sees it */
    struct list_link link; /* of the worker's connections */
    struct stream stream;
    union {
        struct wheel_entry expiry; /* of the worker's deadlines */
        struct corpse corpse;      /* in DOWNSTREAM_DEAD */
    };
    union {
        struct exchange *exchange;
        struct h2_session *h2; /* with is_h2: then nothing of HTTP/1 below is used */
    };
    char *forwarded; /* see downstream_forwarded(); NULL: not asked for yet, or the worker has it */
    struct guard_pass pass;
    union {
        uint32_t scanned;         /* of the head that is coming in */
        uint32_t lingers_until_s; /* in DOWNSTREAM_LINGERING, at the longest */
    };
    enum downstream_state state : 8;
    bool shakes_hands : 1; /* of TLS, and the deadline is for that */
    bool is_new : 1;       /* what it speaks is not known yet */
    bool is_h2 : 1;
    bool head_begun : 1;
    bool tunnels : 1;      /* bytes pass as they are */
    bool says_no_more : 1; /* once all output has left */
    bool taking : 1;       /* input is being taken: what is wanted then shows at the end */
};
enum { DOWNSTREAM_BYTES_MAX = 232 /* a block of 240 from malloc() */ };
static_assert(sizeof(struct downstream) <= DOWNSTREAM_BYTES_MAX, "an idle connection is small");

extern const struct client_ops downstream_ops;

/** downstream_new() - serve the client behind @fd, which is taken over
 * @tls:  NULL for a plain connection
 * @pass: taken over, too, given back to the guard in the end
 * Return: 0, or a negative errno, then @fd is still the caller's. */
int downstream_new(struct worker *worker, int fd, struct tls_server *tls,
                   const struct guard_pass *pass);

/** downstream_kill() - close at once; a request under way is abandoned */
void downstream_kill(struct downstream *c);
/** downstream_drain() - close now if nothing is under way, else after the answer */
void downstream_drain(struct downstream *c);

/** downstream_close() - as soon as the output has left */
void downstream_close(struct downstream *c);

/** downstream_send() - as stream_send(); kills the connection if that fails */
void downstream_send(struct downstream *c, const char *data, size_t size);
/** downstream_congested() - the client reads slower than we write */
static inline bool downstream_congested(const struct downstream *c)
{
    return stream_congested(&c->stream);
}

/** downstream_finish() - the exchange has given its whole answer and lets go of the connection */
void downstream_finish(struct downstream *c, bool keep_alive);

/** downstream_due() - for the worker's deadlines: one of a connection's has passed */
void downstream_due(struct wheel_entry *entry);
/** downstream_expect() - exchange_expired() is to be called at @deadline, unless this moves
 * again */
void downstream_expect(struct downstream *c, ms_t deadline);
/** downstream_update() - the exchange may want more or less of the input than before */
void downstream_update(struct downstream *c);

/** downstream_forwarded() - what follows "X-Forwarded-For: ", and addresses before the client's, in
 * a forwarded request: address, protocol and port that it came by, line ends included. Valid in
 * this callback. NULL if no memory. */
const char *downstream_forwarded(struct downstream *c);
/** downstream_peer() - "address:port" of the client; "-" if unknown */
void downstream_peer(const struct downstream *c, char ret_text[ADDRESS_TEXT_BYTES]);
