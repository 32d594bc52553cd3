/* proxy/downstream.h: the client's side of the proxy, in HTTP/1.
 *
 * A connection reads heads and hands each request to an exchange (exchange.h), one after another;
 * pipelined requests wait in its buffer. What is read lies in the worker's scratch buffer and is
 * copied only when it cannot be used at once, so an idle connection has no buffers.
 */
#pragma once
#include <sys/uio.h>

#include "base/buffer.h"
#include "base/loop.h"
#include "http/parser.h"
#include "proxy/client.h"
#include "proxy/morgue.h"

struct exchange;
struct worker;

enum downstream_state {
    DOWNSTREAM_READY,     /* between requests, or in the middle of a head */
    DOWNSTREAM_BUSY,      /* a request is worked on */
    DOWNSTREAM_CLOSING,   /* no more requests; the last answer is still on its way out */
    DOWNSTREAM_LINGERING, /* all is said; waiting for the client to have read it */
    DOWNSTREAM_DEAD,      /* in the morgue */
};

struct downstream {
    struct client client; /* as its exchange sees it */
    uint32_t magic;
    enum downstream_state state;
    struct worker *worker;
    struct list_link link; /* of the worker's connections */
    int fd;
    struct loop_io io;
    struct loop_timer timer; /* fires at or before `deadline` and is set again if need be: */
    ms_t deadline;           /* moving a deadline costs no timer operation */
    bool head_begun;
    bool taking;       /* input is being taken: no second time from inside */
    size_t scanned;    /* of the head that is coming in */
    struct buffer in;  /* read, not used yet */
    struct buffer out; /* written, not sent yet */
    struct exchange *exchange;
    struct http_body body;     /* of the request */
    enum http_framing framing; /* of the answer's body */
    char *forwarded;           /* see downstream_forwarded(); NULL: not asked for yet */
    struct corpse corpse;
};

/* Pieces of one send: of an answer that is being relayed, in the worker's text, its scratch and
 * `lines`. */
enum { GATHER_PARTS = 64, GATHER_LINES = 24, GATHER_LINE_BYTES = 24 };
struct gather {
    const struct client *client; /* it is for; NULL: nobody */
    size_t n, n_lines;
    struct iovec parts[GATHER_PARTS];
    char lines[GATHER_LINES][GATHER_LINE_BYTES]; /* sizes of chunks */
};

extern const struct client_ops downstream_ops;

/** downstream_new() - serve the client behind @fd, which is taken over. Return: 0, or a negative
 * errno, then @fd is still the caller's. */
int downstream_new(struct worker *worker, int fd);

/** downstream_kill() - close at once; a request under way is abandoned */
void downstream_kill(struct downstream *c);
/** downstream_drain() - close now if nothing is under way, else after the answer */
void downstream_drain(struct downstream *c);

/** downstream_send() - send, and keep what cannot be sent yet; kills the connection if that fails.
 * @parts is changed. */
void downstream_send(struct downstream *c, struct iovec *parts, size_t n);
/** downstream_congested() - the client reads slower than we write */
static inline bool downstream_congested(const struct downstream *c)
{
    return buffer_size(&c->out) > 0;
}

/** downstream_finish() - the exchange has given its whole answer and lets go of the connection */
void downstream_finish(struct downstream *c, bool keep_alive);

/** downstream_expect() - exchange_expired() is to be called at @deadline, unless this moves
 * again */
void downstream_expect(struct downstream *c, ms_t deadline);
/** downstream_update() - the exchange may want more or less of the input than before */
void downstream_update(struct downstream *c);

/** downstream_forwarded() - what follows "X-Forwarded-For: ", and addresses before the client's, in
 * a forwarded request: address, protocol and port that it came by, line ends included. Kept with
 * the connection. NULL if no memory. */
const char *downstream_forwarded(struct downstream *c);
/** downstream_peer() - "address:port" of the client; "-" if unknown */
void downstream_peer(const struct downstream *c, char ret_text[ADDRESS_TEXT_BYTES]);
