/* proxy/call.h: the target as an exchange sees it, whatever protocol it is asked in.
 *
 * A call is one request at a target. An exchange knows its target through these operations only,
 * as it knows its client through client.h. With HTTP/1 the call is the connection
 * (upstream_h1.c), with HTTP/2 one of its streams (upstream_h2_call.c); upstream.c lends either.
 *
 * What goes out is written once, as HTTP/1 writes it: the head, complete, is in x->head_out, what
 * there is of the body, without chunk framing, in x->body_out, trailers as whole lines in
 * x->trailers. HTTP/1 sends the very bytes; others read the lines back. Nothing here calls the
 * exchange back from inside an operation.
 *
 * What comes in is told by the exchange_answer_*() functions; answers' heads are in the form that
 * http/parser.h gives them. Whichever of them ends the call, c->exchange is NULL afterwards.
 */
#pragma once
#include <stdbool.h>

#include "base/list.h"
#include "base/text.h"

struct call;
struct exchange;
struct stream;

struct call_ops {
    /* One of many on its connection: until something is heard the target may refuse it unread, so
     * that what is sent must be kept. */
    bool shares;

    /* --- the request: begin content* end; 0 or a negative errno ----------------------------------- */

    /* The head, what is kept of the body, and the end if x->body_done. x->head_out and x->body_out
     * stay until all was sent. */
    int (*begin)(struct call *c);
    int (*content)(struct call *c, struct slice content);
    /* The body is complete, x->trailers follow. In a tunnel: no more comes. */
    int (*end)(struct call *c);
    /* The target wants no more of it. */
    void (*give_up)(struct call *c);
    /* There is a connection, so that a failure is not one of connecting. */
    bool (*is_connected)(const struct call *c);
    /* It takes less than we write: wait for exchange_sent(). */
    bool (*is_congested)(const struct call *c);
    /* Some of it has not left yet. */
    bool (*is_unsent)(const struct call *c);
    /* The stream that the rest of the body may go to as it is. NULL, the operation or its answer:
     * none. */
    struct stream *(*way)(const struct call *c);

    /* --- the answer ------------------------------------------------------------------------------- */

    /* Whether more of it is wanted now. */
    void (*want)(struct call *c, bool input);
    /* Let the rest of its body go to @to unseen, if that is possible and worth it;
     * exchange_answer_passed() tells. NULL: it never is. */
    void (*splice)(struct call *c, struct stream *to);

    /* --- the end ---------------------------------------------------------------------------------- */

    /* The exchange lets go of it. @reusable: request and answer are complete; if not, the target is
     * told to stop. */
    void (*release)(struct call *c, bool reusable);
};

struct call {
    const struct call_ops *ops;
    struct exchange *exchange; /* NULL: none, or no more */
    struct list_link link;     /* of the pool's `busy`, or of its idle connections */
    bool reused; /* its connection was there before: it may have been closed meanwhile */
    bool asked;  /* some of the request has left */
    bool heard;  /* something has come since then */
};

static inline int call_begin(struct call *c)
{
    return c->ops->begin(c);
}

static inline int call_content(struct call *c, struct slice content)
{
    return c->ops->content(c, content);
}

static inline int call_end(struct call *c)
{
    return c->ops->end(c);
}

static inline void call_give_up(struct call *c)
{
    c->ops->give_up(c);
}

static inline bool call_is_connected(const struct call *c)
{
    return c->ops->is_connected(c);
}

static inline bool call_is_congested(const struct call *c)
{
    return c->ops->is_congested(c);
}

static inline bool call_is_unsent(const struct call *c)
{
    return c->ops->is_unsent(c);
}

static inline struct stream *call_way(const struct call *c)
{
    return c->ops->way ? c->ops->way(c) : NULL;
}

static inline void call_want(struct call *c, bool input)
{
    c->ops->want(c, input);
}

static inline void call_splice(struct call *c, struct stream *to)
{
    if (c->ops->splice)
        c->ops->splice(c, to);
}

static inline void call_release(struct call *c, bool reusable)
{
    c->ops->release(c, reusable);
}

/** call_may_come_back() - whether the target may not have looked at what was sent */
static inline bool call_may_come_back(const struct call *c)
{
    return (c->reused || c->ops->shares) && !c->heard;
}
