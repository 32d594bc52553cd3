/* proxy/exchange.h: one request, from its head to the last byte of its answer.
 *
 * What all requests have in common is here, in four files: exchange.c takes the request in,
 * exchange_body.c its body, attempt.c sends it upstream and decides what a failure means, relay.c
 * passes the answer back. Who the client is and what it speaks is behind client.h, how a target is
 * asked behind call.h.
 * What differs is in a struct exchange_kind: invocation.c (a model's), api_call.c (control's) and
 * forward.c (anybody's); place.c finds targets for the first and the last.
 *
 * The request's body is either kept, when it must be complete before anything may be done (its hash
 * is signed, control wants its length), or streams. A kept body, and whatever of a streaming one
 * has not left yet, can be sent again to another target.
 */
#pragma once
#include "base/buffer.h"
#include "http/parser.h"
#include "http/url.h"
#include "proxy/access_note.h"
#include "proxy/aws_error.h"
#include "proxy/call.h"
#include "proxy/client.h"
#include "proxy/edge_auth.h"
#include "proxy/phases.h"
#include "proxy/worker.h"

/* of a body that nobody needs: as much is cheaper than a new connection */
enum {
    EXCHANGE_DISCARD_MAX = 256 << 10,
    EXCHANGE_SPLICE_MIN = 64 << 10, /* of a body left: less is copied as fast */
};

enum exchange_state {
    EXCHANGE_BODY,       /* the request's body is coming in */
    EXCHANGE_HELD,       /* waiting for control to come back */
    EXCHANGE_QUEUED,     /* waiting for a target */
    EXCHANGE_UPSTREAM,   /* somebody works on it */
    EXCHANGE_ANSWERING,  /* the answer streams to the client; the rest of the request may follow */
    EXCHANGE_TUNNEL,     /* bytes pass both ways as they are */
    EXCHANGE_COLLECTING, /* the answer's body is kept, to be put in words of ours */
    EXCHANGE_DISCARDING, /* answered before its body was complete: the rest is dropped */
    EXCHANGE_OVER,       /* in the morgue or unused */
};

enum exchange_failure {
    EXCHANGE_CONNECT, /* nobody has seen a byte of it */
    EXCHANGE_STALE, /* a connection from the pool broke before any answer, and it can be sent again */
    EXCHANGE_BROKEN, /* the connection ended before the answer did */
    EXCHANGE_TIMEOUT,
    EXCHANGE_NONSENSE, /* what came is not HTTP */
    EXCHANGE_CUT,      /* the target's deregistration delay is over */
};

struct exchange_kind {
    /* Go: choose whom to ask and begin an attempt. Called when the body is there (or, streaming,
     * when no more of it is at hand), and again by exchange_resume(). */
    void (*start)(struct exchange *x);
    /* The head of an answer before the answer: client_interim() it. NULL: none reaches the client. */
    void (*interim)(struct exchange *x, const struct http_head *head);
    /* The head of an answer: tunnel_begin() with 101, else exchange_relay() or exchange_collect() it. */
    void (*answered)(struct exchange *x, const struct http_head *head);
    /* More of the body of an answer that is relayed, on its way to client_content(). NULL: goes there
     * as it is. */
    void (*content)(struct exchange *x, struct slice content);
    /* The answer breaks off while it is relayed. Put last words for the client behind what it has, or
     * into x->answer_trailers; it then takes the answer for complete. NULL, or false: the client shall
     * see that it is not. */
    bool (*broken_off)(struct exchange *x, enum exchange_failure why);
    /* The body that exchange_collect() asked for is in x->collected. */
    void (*collected)(struct exchange *x);
    /* There will be no answer from this attempt: start again, or exchange_reply(). Not called once
     * an answer streams to the client. @error: a negative errno, or 0 */
    void (*failed)(struct exchange *x, enum exchange_failure why, int error);
    /* The deadline has passed while it was held or queued. */
    void (*expired)(struct exchange *x);
    /* The attempt is over, well or not, and has lasted @us; the answer was complete if
     * @complete. x->target is for the kind to let go of. */
    void (*ended)(struct exchange *x, us_t us, bool complete);
    /* The body is larger than x->body_bytes_max. */
    void (*too_large)(struct exchange *x);
};

/* what place.c keeps with a request */
struct place {
    const struct route_group *group;
    ms_t queue_since, queue_until; /* 0: has not waited yet */
    struct sticky sticky;
    unsigned status; /* of the answer; 0: none yet */
    bool failed;     /* counted as an error already */
    bool arrived;    /* counted as a request that came */
};

/* what invocation.c keeps with a request */
struct invocation {
    char endpoint[LINK_NAME_BYTES];
    char variant[LINK_NAME_BYTES]; /* asked for, or chosen; empty before that */
    bool variant_asked;
    bool as_events;  /* the answer goes on as a stream of events */
    unsigned status; /* of the container's answer; 0: none */
};

/* what forward.c keeps with a request */
struct forward {
    char prefix[LINK_NAME_BYTES]; /* of the path that was matched */
    bool idempotent;              /* may be carried out twice */
    bool for_grpc;                /* comes in a form that a target of gRPC takes */
};

struct exchange {
    struct worker *worker;
    struct client *client;
    const struct exchange_kind *kind;
    enum exchange_state state;
    struct list_link link;     /* of the worker's unused ones */
    struct queue_entry queued; /* while it waits for a target */
    struct corpse corpse;
    struct lease *lease; /* the route that the present attempt was made by */
    us_t begun_us;
    char request_id[UUID_CHARS + 1];

    /* the request */
    struct http_head head; /* slices into what was just read, or into head_kept; valid in
                                 EXCHANGE_BODY only */
    struct buffer head_kept;
    struct http_body body; /* HTTP/1: how far it has been read */
    bool body_done;
    bool streams; /* the body need not be complete */
    bool refused; /* the body need not be kept, as the answer is known: see hear_out() */
    bool keep_alive, http10, head_only, expects; /* of the request */
    bool asks_tunnel;                            /* and the target may grant it */
    bool probed;                                 /* see exchange_client_hung_up() */
    bool is_grpc;                                /* a call of gRPC, by HTTP/2 */
    bool takes_trailers;                         /* the client does */
    bool passes_trailers; /* trailers go on, both ways: so far as they are taken */
    uint64_t body_bytes, body_bytes_max;
    struct edge_auth auth;

    /* the request as it goes upstream */
    struct buffer head_out, body_out;
    struct buffer trailers; /* lines that follow the body; the client's side puts them here */
    size_t kept_bytes;      /* of body_out, as counted in the worker */
    bool chunked_out;       /* HTTP/1: the body goes on in chunks */
    bool replays;           /* what leaves now is kept in body_out as well, to be sent again */
    bool partly_gone;       /* some of the body has been sent and dropped: no second attempt */
    bool giving_up;         /* nothing more of it shall be sent: the target does not want it */

    /* the attempt */
    struct call *call;     /* NULL: none */
    struct target *target; /* counted in flight there, by place.c; one reference */
    struct target *avoid;  /* has failed us; one reference; may be NULL */
    unsigned attempts;
    bool retried;    /* after a stale connection: once is enough */
    ms_t timeout_ms; /* for the whole answer, or until it begins: */
    ms_t idle_ms;    /* then so long until something moves; 0: that is no matter */
    us_t attempt_us; /* when it began */
    us_t spent_us;   /* in attempts, all together */
    bool dying;      /* see exchange_die() */
    bool broken;     /* the target failed while its answer was on its way */

    /* the answer */
    enum http_framing framing; /* HTTP/1: of its body, toward the client */
    unsigned interims;         /* 1xx that came before it */
    bool target_done;          /* with EXCHANGE_TUNNEL: it says no more */
    struct buffer answer_trailers;
    struct buffer collected;
    bool collected_cut;

    struct phases phases;
    struct access_note note;
    struct place place;
    struct invocation invocation;
    struct forward forward;
    ms_t give_up; /* api_call.c: when to stop trying to reach control */
};

/* --- for the client's side -------------------------------------------------------------------- */

/** exchange_new() - for the request whose head comes next from @c; NULL if no memory */
struct exchange *exchange_new(struct worker *w, struct client *c);
/** exchange_unused() - there was no request */
void exchange_unused(struct exchange *x);
/** exchange_begin() - x->head is there */
void exchange_begin(struct exchange *x);
/** exchange_takes_body() - exchange_body() will use input now */
bool exchange_takes_body(const struct exchange *x);
/** exchange_has_body() - the whole request has come */
bool exchange_has_body(const struct exchange *x);
/** exchange_body() - more of the body, when it takes some; all of @content is used */
void exchange_body(struct exchange *x, struct slice content);
/** exchange_body_way() - the stream that the rest of the body may go to without being seen; NULL: it
 * must be seen */
struct stream *exchange_body_way(const struct exchange *x);
/** exchange_body_passed() - @n bytes of it have gone that way */
void exchange_body_passed(struct exchange *x, size_t n);
/** exchange_body_ended() - that was all of it */
void exchange_body_ended(struct exchange *x);
/** exchange_bad_body() - what comes is no body, for a reason @why that the client may read */
void exchange_bad_body(struct exchange *x, const char *why);
/** exchange_starved() - the input at hand has ended before the body did */
void exchange_starved(struct exchange *x);
/** exchange_client_reads() - what was written has left; there is room for more of the answer */
void exchange_client_reads(struct exchange *x);
/** exchange_client_took() - some of what was written has left, not all of it */
void exchange_client_took(struct exchange *x);
void exchange_expired(struct exchange *x);
/** exchange_client_hung_up() - it sends no more; whether it waits for the answer is not known */
void exchange_client_hung_up(struct exchange *x);
/** exchange_abandon() - the client is gone */
void exchange_abandon(struct exchange *x);

/* --- for the worker --------------------------------------------------------------------------- */

/** exchange_resume() - look again whether it can go on */
void exchange_resume(struct exchange *x);
/** exchange_cut() - end the attempt that is under way */
void exchange_cut(struct exchange *x);
void exchange_free_unused(struct worker *w);

/* --- for calls: what happens to x->call. Each may end it, and the exchange too. --------------- */

/** exchange_sent() - some of the request has left */
void exchange_sent(struct exchange *x);
/** exchange_cannot_send() - what was unsent has been dropped */
void exchange_cannot_send(struct exchange *x, int error);
/** exchange_answer_head() - of the answer, or of one before it */
void exchange_answer_head(struct exchange *x, const struct http_head *head);
/** exchange_answer_content() - more of its body; the bytes stay until exchange_answer_flush() */
void exchange_answer_content(struct exchange *x, struct slice content);
/** exchange_answer_flush() - there is no more for now */
void exchange_answer_flush(struct exchange *x);
/** exchange_answer_passed() - @n bytes of the body have gone to the client unseen */
void exchange_answer_passed(struct exchange *x, size_t n);
/** exchange_answer_complete() - that was all of it; x->answer_trailers are there */
void exchange_answer_complete(struct exchange *x);

/* --- for the kinds, and between the three files ----------------------------------------------- */

static inline ms_t exchange_now(const struct exchange *x)
{
    return loop_now(x->worker->loop);
}

/** exchange_follow() - go by the newest route from now on; false if there is none */
bool exchange_follow(struct exchange *x);
/** exchange_hold() - do nothing; kind->expired() is called at @until */
void exchange_hold(struct exchange *x, ms_t until);

/** exchange_reply() - answer with an error and be done with it */
void exchange_reply(struct exchange *x, const struct aws_error *e);
/** exchange_refuse() - the same in plain words; 503 says to come back in a second */
void exchange_refuse(struct exchange *x, unsigned status, const char *type, const char *message);
/** exchange_can_stay() - whether the client's connection can be used again after an answer of so many
 * bytes, or CLIENT_LENGTH_UNKNOWN, that begins now */
bool exchange_can_stay(const struct exchange *x, uint64_t answer_length);
/** exchange_settle() - the answer is given. What is missing of the request is dropped as it comes, if
 * x->keep_alive and if that is worth it; then the exchange is over. */
void exchange_settle(struct exchange *x);
/** exchange_over() - the answer is given; the client may send its next request */
void exchange_over(struct exchange *x, bool keep_alive);
/** exchange_die() - there is nobody to tell, or nothing that could be told */
void exchange_die(struct exchange *x);

/**
 * exchange_attempt() - send head_out and body_out
 * @pool:   of x->target; NULL: control
 * Return: 0, or why not even a connection could be begun; kind->failed() is not called then.
 */
int exchange_attempt(struct exchange *x, struct upstream *pool);
/** exchange_push_content() - send more of a streaming body, without keeping it if that can be
 * avoided */
void exchange_push_content(struct exchange *x, struct slice content);
/** exchange_body_moved() - some of the body has gone on its way: there is new time for the next */
void exchange_body_moved(struct exchange *x);
/** exchange_fail() - the attempt has come to nothing */
void exchange_fail(struct exchange *x, enum exchange_failure why, int error);
/** exchange_nonsense() - the same, because what comes is no answer: @why */
void exchange_nonsense(struct exchange *x, const char *why);
/** exchange_end_attempt() - let go of the call, its connection is for others to use if @reusable */
void exchange_end_attempt(struct exchange *x, bool reusable, bool complete);

/** exchange_relay() - pass the answer on. The head for the client is in the worker's text, complete
 * but for framing and Connection fields and the empty line. */
void exchange_relay(struct exchange *x, const struct http_head *answer);
/** exchange_relay_as() - the same with another body, see client_ops.begin() */
void exchange_relay_as(struct exchange *x, uint64_t length, bool empty);
/** exchange_collect() - keep the answer's body */
void exchange_collect(struct exchange *x);
/** exchange_give_up_sending() - the target wants no more of the request */
void exchange_give_up_sending(struct exchange *x);
/** exchange_break_off() - the answer that is relayed comes to no good end */
void exchange_break_off(struct exchange *x, enum exchange_failure why);

extern const struct exchange_kind invocation_kind, api_call_kind, forward_kind;
/** invocation_begin() - x->head has a path under /endpoints/ */
void invocation_begin(struct exchange *x, struct slice path);
void api_call_begin(struct exchange *x);
/** forward_begin() - if a route has @target's path. Return: whether one has. */
bool forward_begin(struct exchange *x, const struct url_target *target);
