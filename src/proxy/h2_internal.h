/* proxy/h2_internal.h: what h2_session.c, h2_stream.c and h2_stream_answer.c share. */
#pragma once
#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "http/h2_head.h"
#include "proxy/client.h"
#include "proxy/downstream.h"
#include "proxy/exchange.h"
#include "proxy/h2.h"
#include "proxy/h2_patience.h"

enum {
    H2_STREAMS_MAX = 100,
    H2_STREAM_WINDOW = 128 << 10,
    H2_CONNECTION_WINDOW = 2 << 20,
    H2_OUT_BYTES_MAX = 2 << 20, /* of an answer that waits for a window */
};

struct h2_session {
    struct downstream *connection;
    struct worker *worker;
    nghttp2_session *ng;
    struct list streams;
    unsigned n_streams;
    struct list starving; /* streams that had input in this read */
    struct list waking;   /* streams whose exchange may take what was kept */
    struct loop_task wake;
    struct list relieved; /* streams whose output has left */
    struct h2_patience patience;
    bool inside; /* nghttp2 is calling us: it sends when it is done */
    bool draining, said_goodbye, dead;
    struct corpse corpse;
};

struct h2_stream {
    struct client client;
    struct h2_session *session;
    int32_t id;
    struct list_link link, starving, waking, relieved;
    struct exchange *exchange; /* NULL: none yet, or it is over */
    struct loop_timer timer;   /* see struct downstream */
    ms_t deadline;

    /* the request */
    struct h2_head head;
    size_t field_bytes;
    int refused; /* HTTP_E_* of a field */
    const char *why;
    struct buffer in; /* content that the exchange does not take yet */
    bool head_done, in_ended, taking;

    /* the answer */
    struct buffer out; /* content that has not left */
    struct buffer trailers;
    bool out_ended, deferred, congested;
    bool over; /* nghttp2 knows it no more, or is to reset it */
    bool gone; /* it does not, and the exchange is just saying that it is done */
    struct corpse corpse;
};

/** h2_strike() - the client has done something that costs us more than it. Return: whether it was
 * too much; the connection is ending then. */
bool h2_strike(struct h2_session *h, unsigned weight);

extern const struct client_ops h2_stream_ops;

struct h2_stream *h2_stream_new(struct h2_session *h, int32_t id);
/** h2_stream_close() - a request under way is abandoned */
void h2_stream_close(struct h2_stream *s);
/** h2_stream_gone() - nghttp2 knows it no more */
void h2_stream_gone(struct h2_stream *s);

/** h2_stream_reset() - unless it is over already */
void h2_stream_reset(struct h2_stream *s, uint32_t code);
/** h2_stream_expect() - something is to happen until @deadline */
void h2_stream_expect(struct h2_stream *s, ms_t deadline);
/** h2_stream_drop_kept() - nobody takes what has come and was kept */
void h2_stream_drop_kept(struct h2_stream *s);

void h2_stream_field(struct h2_stream *s, struct slice name, struct slice value);
/** h2_stream_head() - all fields are there; @ends: and no body comes */
void h2_stream_head(struct h2_stream *s, bool ends);
void h2_stream_trailer(struct h2_stream *s, struct slice name, struct slice value);
/** h2_stream_content() - Return: 0 or -ENOMEM */
int h2_stream_content(struct h2_stream *s, struct slice content);
void h2_stream_ended(struct h2_stream *s);
/** h2_stream_wake() - the exchange may take what was kept */
void h2_stream_wake(struct h2_stream *s);
/** h2_stream_starved() - what came in this read has been used */
void h2_stream_starved(struct h2_stream *s);
/** h2_stream_relieved() - there is room for more of the answer */
void h2_stream_relieved(struct h2_stream *s);
/** h2_stream_answered() - the last frame of the answer has been given out */
void h2_stream_answered(struct h2_stream *s);
