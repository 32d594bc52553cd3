/* proxy/client.h: the client as an exchange sees it, whatever protocol it speaks.
 *
 * An exchange knows its client through these operations only. For HTTP/1 the client is the
 * connection (downstream_answer.c), for HTTP/2 one of its streams (h2_stream_answer.c); a request
 * that goes on when its client has left has nobody (leaving.c).
 *
 * The head of an answer is written once, into the worker's text, as HTTP/1 writes it: status line
 * and fields, each with its line end; no framing, no Connection field, no empty line. HTTP/1 adds
 * what is missing and sends the very bytes; others read the lines back.
 *
 * Any operation can find out that the client is gone. It then calls exchange_abandon(), and the
 * exchange's state is EXCHANGE_OVER when the operation returns.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/address.h"

struct client;
struct guard_pass;
struct stream;

#define CLIENT_LENGTH_UNKNOWN UINT64_MAX

struct client_ops {
    /* The next request can come only when all of this one has: an unwanted body must be read to
     * its end, or the connection is lost. */
    bool in_line;

    /* --- the answer: [interim]* begin content* end, and flush before the callback returns --------- */

    /* An answer that comes before the answer (1xx): its head is in the worker's text. */
    void (*interim)(struct client *c);
    /* The answer's head is in the worker's text, its body will have @length bytes, or
     * CLIENT_LENGTH_UNKNOWN. @empty: whatever @length says, no body comes, as to HEAD and with 304.
     * Nothing is sent yet. */
    void (*begin)(struct client *c, uint64_t length, bool empty);
    /* More of the body. The bytes must stay until flush(). */
    void (*content)(struct client *c, struct slice content);
    /* The body is complete. @trailers: whole lines, as in a head, to stay until flush() */
    void (*end)(struct client *c, struct slice trailers);
    void (*flush)(struct client *c);
    /* Instead of begin(): the connection becomes a tunnel; the head is in the worker's text. From now
     * on content() goes out as it is, end() says that no more comes, and what comes in reaches
     * exchange_body() as it is, its end exchange_body_ended(). NULL: it cannot become one. */
    void (*tunnel)(struct client *c);
    /* The stream that the rest of the body may go to as it is. NULL, the operation or its answer: none. */
    struct stream *(*way)(struct client *c);
    /* It reads slower than we write: wait for exchange_client_reads(). */
    bool (*is_congested)(const struct client *c);

    /* --- the end ---------------------------------------------------------------------------------- */

    /* The exchange has given its whole answer and lets go of its client. */
    void (*finish)(struct client *c, bool keep_alive);
    /* It cannot, and what the client has of an answer is not whole. Calls exchange_abandon(). */
    void (*die)(struct client *c);

    /* --- meanwhile -------------------------------------------------------------------------------- */

    /* exchange_expired() is to be called at @deadline, unless this moves again. */
    void (*expect)(struct client *c, ms_t deadline);
    /* The exchange may want more or less of the input than before. */
    void (*update)(struct client *c);

    /* --- who it is -------------------------------------------------------------------------------- */

    /* What follows "X-Forwarded-For: ", and addresses before the client's, in a forwarded request:
     * address, protocol and port that it came by, line ends included. NULL if no memory. */
    const char *(*forwarded)(struct client *c);
    /* Its connection's; NULL: no limits. */
    const struct guard_pass *(*pass)(const struct client *c);
    /* "address:port", "-" if unknown */
    void (*peer)(const struct client *c, char ret_text[ADDRESS_TEXT_BYTES]);
};

/* Embedded in whatever serves the client. */
struct client {
    const struct client_ops *ops;
};

static inline void client_interim(struct client *c)
{
    c->ops->interim(c);
}

static inline void client_begin(struct client *c, uint64_t length, bool empty)
{
    c->ops->begin(c, length, empty);
}

static inline void client_content(struct client *c, struct slice content)
{
    c->ops->content(c, content);
}

static inline void client_end(struct client *c, struct slice trailers)
{
    c->ops->end(c, trailers);
}

static inline void client_flush(struct client *c)
{
    c->ops->flush(c);
}

static inline void client_tunnel(struct client *c)
{
    c->ops->tunnel(c);
}

static inline struct stream *client_way(struct client *c)
{
    return c->ops->way ? c->ops->way(c) : NULL;
}

static inline bool client_is_congested(const struct client *c)
{
    return c->ops->is_congested(c);
}

static inline void client_finish(struct client *c, bool keep_alive)
{
    c->ops->finish(c, keep_alive);
}

static inline void client_die(struct client *c)
{
    c->ops->die(c);
}

static inline void client_expect(struct client *c, ms_t deadline)
{
    c->ops->expect(c, deadline);
}

static inline void client_update(struct client *c)
{
    c->ops->update(c);
}

static inline const char *client_forwarded(struct client *c)
{
    return c->ops->forwarded(c);
}

static inline const struct guard_pass *client_pass(const struct client *c)
{
    return c->ops->pass(c);
}

static inline void client_peer(const struct client *c, char ret_text[ADDRESS_TEXT_BYTES])
{
    c->ops->peer(c, ret_text);
}
