/* proxy/upstream_h2_internal.h: what upstream_h2.c and upstream_h2_frames.c (sessions), and
 * upstream_h2_call.c and upstream_h2_answer.c (calls) share. */
#pragma once
#include <nghttp2/nghttp2.h>

#include "http/h2_head.h"
#include "proxy/exchange.h"
#include "proxy/h2_patience.h"
#include "proxy/upstream_h2.h"

enum {
    H2_UPSTREAM_STREAMS_MAX = 1000, /* of one session, even if the target allows more */
    H2_UPSTREAM_WINDOW = 256 << 10, /* of a call */
    H2_UPSTREAM_CONNECTION_WINDOW = 16 << 20,
    H2_WHY_BYTES = 96,
    H2_UPSTREAM_FIELD_BYTES_MAX = 1 << 20, /* of an answer: more is an attack, less an error */
};

struct h2_upstream {
    uint32_t magic;
    struct worker *worker;
    struct upstream *pool; /* one reference */
    struct list_link link; /* of pool->sessions */
    struct list_link all;  /* of the worker's */
    struct stream stream;
    nghttp2_session *ng;
    struct list calls;
    unsigned n_calls;
    unsigned streams_max; /* as it says */
    struct list fresh;    /* calls that have not been submitted */
    struct list touched;  /* calls whose exchange is to hear of something */
    struct loop_task flush;
    bool ready;   /* the target's settings are there */
    bool leaving; /* nothing new goes here */
    bool dead;    /* closed; calls whose answer is complete may still be here */
    bool greeted; /* the connect has succeeded */
    ms_t idle_since, heard_at;
    size_t block_bytes; /* of the fields that are coming */
    struct h2_patience patience;
    char why[H2_WHY_BYTES]; /* it cannot go on, as far as nghttp2 says; or empty */
    struct corpse corpse;
};

/* why a call comes to nothing, as far as nghttp2 tells */
enum h2_call_failure {
    H2_CALL_WELL,
    H2_CALL_REFUSED,  /* surely unread */
    H2_CALL_RESET,    /* the target does not go on */
    H2_CALL_NONSENSE, /* what came is not HTTP */
};

struct h2_call {
    struct call call;
    struct h2_upstream *session;
    int32_t id; /* 0: not submitted */
    struct list_link link, fresh, touched;
    ms_t begun_at;
    bool alone; /* the session was idle then */

    /* the request: what was kept of its body in x->body_out, then `out` */
    size_t kept_at, kept_end;
    struct buffer out;
    bool head_sent, out_ended, end_sent;
    bool deferred;   /* nghttp2 waits for more */
    bool given_up;   /* nothing more comes */
    bool progressed; /* some has left */

    /* the answer */
    struct h2_answer head;
    bool head_done, in_ended;
    bool fed; /* the client was given something that has not left */
    enum http_framing framing;
    uint64_t left;    /* with HTTP_BODY_LENGTH */
    struct buffer in; /* content that is not wanted yet */
    bool wants;
    bool closed; /* nghttp2 knows it no more, or is about to reset it */
    enum h2_call_failure failure;
    const char *why; /* with H2_CALL_NONSENSE, constant */
    struct corpse corpse;
};

/** h2_upstream_make_session() - h->ng, and what it calls. Return: 0 or -ENOMEM. */
int h2_upstream_make_session(struct h2_upstream *h);
/** h2_upstream_flush_later() - there is something to send, or to tell */
void h2_upstream_flush_later(struct h2_upstream *h);
/** h2_upstream_left() - a call has gone */
void h2_upstream_left(struct h2_upstream *h);

int h2_call_new(struct h2_upstream *h, struct exchange *x, struct call **ret_call);
/** h2_call_move() - of one that is not submitted, to another session */
void h2_call_move(struct h2_call *c, struct h2_upstream *to);
/** h2_call_touch() - h2_call_settle() is to be called */
void h2_call_touch(struct h2_call *c);
/** h2_call_settle() - tell the exchange what has happened */
void h2_call_settle(struct h2_call *c);
/** h2_call_submit() - its turn has come. Return: 0 or nghttp2's error. */
int h2_call_submit(struct h2_call *c);
/** h2_call_want() - whether more of the answer is wanted now */
void h2_call_want(struct h2_call *c, bool input);
/** h2_call_fail() - note it: h2_call_settle() tells */
void h2_call_fail(struct h2_call *c, enum h2_call_failure why);
/** h2_call_refuse() - the same, as what comes is not HTTP: @why, a constant */
void h2_call_refuse(struct h2_call *c, const char *why);
/** h2_call_end() - as exchange_fail() */
void h2_call_end(struct h2_call *c, enum exchange_failure why, int error);

/* From nghttp2. */
void h2_call_head_begins(struct h2_call *c);
/** h2_call_field() - Return: 0, or nghttp2's error code for what is to be reset */
int h2_call_field(struct h2_call *c, struct slice name, struct slice value);
/** h2_call_head() - all fields of a head, or of trailers, are there; @ends: and nothing follows */
void h2_call_head(struct h2_call *c, bool ends);
void h2_call_content(struct h2_call *c, struct slice content);
void h2_call_ended(struct h2_call *c);
