#include "proxy/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/url.h"
#include "http/writer.h"
#include "proxy/grpc.h"
#include "proxy/guard.h"
#include "proxy/leaving.h"
#include "proxy/place.h"

enum {
    KEEP_CAPACITY = 64 << 10, /* larger buffers are given back between requests */
};

/* --- life ------------------------------------------------------------------------------------- */

static void bury_unused(struct exchange *x)
{
    list_push_front(&x->worker->exchanges, &x->link);
}

static void bury(struct corpse *corpse)
{
    bury_unused(container_of(corpse, struct exchange, corpse));
}

static struct exchange *exchange_make(struct worker *w)
{
    struct exchange *x = calloc(1, sizeof(*x));

    if (!x)
        return NULL;
    x->worker = w;
    x->head_kept = BUFFER_INIT(w->settings->limits.head_bytes);
    x->head_out = BUFFER_INIT(w->settings->limits.head_bytes + 4096);
    x->body_out = BUFFER_INIT(SIZE_MAX / 2); /* body_bytes_max and back-pressure keep it small */
    x->collected = BUFFER_INIT(MODEL_ERROR_BODY_MAX);
    x->trailers = x->answer_trailers = BUFFER_INIT(HTTP_TRAILER_BYTES_MAX);
    x->state = EXCHANGE_OVER;
    list_link_init(&x->link);
    queue_entry_init(&x->queued);
    return x;
}

/* What is not set here is set before it is read. */
static void reset(struct exchange *x, struct client *c)
{
    x->client = c;
    x->state = EXCHANGE_BODY;
    x->begun_us = loop_now_us(x->worker->loop);
    x->body_done = x->streams = x->refused = x->chunked_out = x->partly_gone = x->giving_up = false;
    x->passes_trailers = false;
    x->asks_tunnel = x->target_done = x->probed = x->dying = false;
    x->retried = x->collected_cut = x->broken = false;
    x->body_bytes = 0;
    x->kept_bytes = 0;
    x->attempts = x->interims = 0;
    x->spent_us = 0;
    x->idle_ms = 0;
    x->timeout_ms = x->worker->settings->api_timeout_ms;
    edge_auth_reset(&x->auth);
    x->place = (struct place){ 0 };
    x->phases = (struct phases){ 0 };
}

struct exchange *exchange_new(struct worker *w, struct client *c)
{
    struct exchange *x = list_first_entry(&w->exchanges, struct exchange, link);

    if (x)
        list_remove(&x->link);
    else
        x = exchange_make(w);
    if (x)
        reset(x, c);
    return x;
}

void exchange_unused(struct exchange *x)
{
    x->state = EXCHANGE_OVER;
    bury_unused(x);
}

void exchange_free_unused(struct worker *w)
{
    struct exchange *x;

    while ((x = list_first_entry(&w->exchanges, struct exchange, link))) {
        list_remove(&x->link);
        buffer_deinit(&x->head_kept);
        buffer_deinit(&x->head_out);
        buffer_deinit(&x->body_out);
        buffer_deinit(&x->collected);
        buffer_deinit(&x->trailers);
        buffer_deinit(&x->answer_trailers);
        access_note_deinit(&x->note);
        free(x);
    }
}

static void trim(struct buffer *b)
{
    buffer_clear(b);
    if (b->capacity > KEEP_CAPACITY)
        buffer_deinit(b);
}

/* Whatever the exchange was in, it is not in it any more. */
static void leave(struct exchange *x)
{
    if (x->call)
        exchange_end_attempt(x, false, false);
    place_leave(x);
    list_remove(&x->link);
    x->lease = lease_unref(x->lease);
    x->place.group = NULL; /* it was the lease's */
    x->avoid = target_unref(x->avoid);
    if (x->kept_bytes)
        guard_release(x->worker->settings->guard, x->kept_bytes);
    x->kept_bytes = 0;
    trim(&x->head_kept);
    trim(&x->head_out);
    trim(&x->body_out);
    trim(&x->collected);
    trim(&x->trailers);
    trim(&x->answer_trailers);
}

static void retire(struct exchange *x)
{
    assert(x->state != EXCHANGE_OVER);
    access_note_end(x);
    leave(x);
    x->state = EXCHANGE_OVER;
    x->client = NULL;
    morgue_take(&x->worker->morgue, &x->corpse, bury);
}

void exchange_abandon(struct exchange *x)
{
    if (!leaving_finish(x))
        retire(x);
}

void exchange_die(struct exchange *x)
{
    x->dying = true;
    client_die(x->client); /* comes back through exchange_abandon() */
}

void exchange_over(struct exchange *x, bool keep_alive)
{
    struct client *c = x->client;

    retire(x);
    client_finish(c, keep_alive);
}

/* --- beginning -------------------------------------------------------------------------------- */

/* Whether it is cheaper to read the rest of an unwanted body than to close the connection. A client
 * that waits for 100 Continue may or may not send the body now: one cannot tell what comes next. */
static bool worth_discarding(const struct exchange *x)
{
    if (x->expects || !x->client->ops->in_line)
        return false;
    return x->head.framing != HTTP_BODY_LENGTH ||
           x->head.content_length - x->body_bytes <= EXCHANGE_DISCARD_MAX;
}

/* Whether the answer will be over when the request is, or soon after: then the client keeps its connection.
 * Whoever says 300 and more before he has all of a request has made up his mind: the rest may be long. */
bool exchange_can_stay(const struct exchange *x, uint64_t answer_length)
{
    bool is_chunked = x->head.framing != HTTP_BODY_LENGTH;

    if (x->body_done)
        return true;
    if (x->note.target_status >= 300)
        return !is_chunked && worth_discarding(x);
    return worth_discarding(x) || (x->client->ops->in_line && !x->expects && !x->giving_up &&
                                   answer_length >= x->head.content_length - x->body_bytes);
}

/* A request that will be refused is heard out all the same, if it is short: then a mistake in its
 * framing is found, and clients that look for an answer only when they have sent everything get
 * theirs. */
static bool hear_out(const struct exchange *x)
{
    return !x->body_done && (!x->refused || worth_discarding(x));
}

/* Where no endpoints are served but routes are, their paths are free for those. */
static bool is_invocation(const struct exchange *x, struct slice path)
{
    struct slice prefix = SLICE("/endpoints/");
    const struct lease *lease = x->worker->lease;

    return path.size >= prefix.size &&
           slice_equal((struct slice){ path.data, prefix.size }, prefix) &&
           (!lease || lease->route->endpoints.size > 0 || lease->route->n_paths == 0);
}

/* "*" means the server as a whole: it goes where its root goes. */
static int split_target(struct slice text, struct url_target *ret)
{
    return url_split_target(slice_is(text, "*") ? SLICE("/") : text, ret);
}

/* Return: whether its client may have one more answer now; if not, it hears when. */
static bool is_allowed(struct exchange *x)
{
    struct aws_error e = { .status = 429,
                           .type = "ThrottlingException",
                           .message = "Rate exceeded: too many requests from your address." };
    int r = guard_request(x->worker->settings->guard, client_pass(x->client), &x->head,
                          loop_now_us(x->worker->loop), &e.retry_after_s);

    if (!r)
        return true;
    x->refused = true;
    if (r == GUARD_E_RATE)
        exchange_reply(x, &e);
    else
        exchange_refuse(x, 503, "ServiceUnavailable", "Too many clients.");
    return false;
}

void exchange_begin(struct exchange *x)
{
    struct url_target target;
    int r = split_target(x->head.target, &target);

    random_uuid(&x->worker->random, x->request_id);
    x->keep_alive = x->head.keep_alive;
    x->http10 = x->head.minor == 0;
    x->head_only = slice_is(x->head.method, "HEAD");
    x->expects = x->head.expect_continue && !x->http10;
    x->is_grpc = !x->client->ops->in_line && grpc_is_call(&x->head);
    x->takes_trailers = x->head.takes_trailers && !x->http10;
    x->body_done = x->head.framing == HTTP_BODY_NONE ||
                   (x->head.framing == HTTP_BODY_LENGTH && x->head.content_length == 0);
    access_note_begin(x);
    x->kind = &api_call_kind;
    x->body_bytes_max = x->worker->settings->api_body_bytes_max;
    if (!is_allowed(x))
        return;
    if (r)
        exchange_refuse(x, 400, "MalformedRequestException", "The request target is no path.");
    else if (is_invocation(x, target.path))
        invocation_begin(x, target.path);
    else if (!forward_begin(x, &target))
        api_call_begin(x);
    if (x->state == EXCHANGE_BODY && x->head.framing == HTTP_BODY_LENGTH &&
        x->head.content_length > x->body_bytes_max)
        x->kind->too_large(x);
    if (x->state == EXCHANGE_BODY && !hear_out(x))
        x->kind->start(x);
}

bool exchange_follow(struct exchange *x)
{
    if (x->lease == x->worker->lease)
        return x->lease;
    lease_unref(x->lease);
    x->lease = lease_ref(x->worker->lease);
    return true;
}

void exchange_hold(struct exchange *x, ms_t until)
{
    x->state = EXCHANGE_HELD;
    client_expect(x->client, until);
}

void exchange_resume(struct exchange *x)
{
    list_remove(&x->link);
    place_leave(x);
    x->kind->start(x);
}

/* --- answering ourselves ---------------------------------------------------------------------- */

static int write_error_head(struct exchange *x, const struct aws_error *e)
{
    struct buffer *head = &x->worker->text;
    wall_ms_t now = loop_wall(x->worker->loop);

    buffer_clear(head);
    return x->is_grpc ? grpc_write_error(head, e, x->request_id, now)
                      : aws_error_write_head(head, e, x->request_id, now);
}

static void send_error(struct exchange *x, const struct aws_error *e)
{
    struct client *c = x->client;
    char *body = x->is_grpc ? strdup("") : aws_error_body(e);
    bool empty = x->head_only || x->is_grpc;

    x->note.status = e->status;
    x->note.grpc_status = x->is_grpc ? (int)grpc_status_of(e->status) : -1;
    if (!body || write_error_head(x, e)) {
        exchange_die(x);
    } else {
        x->note.sent_bytes = buffer_size(&x->worker->text) + (empty ? 0 : strlen(body));
        client_begin(c, strlen(body), empty);
        if (x->state != EXCHANGE_OVER && !empty)
            client_content(c, slice_from(body));
        if (x->state != EXCHANGE_OVER)
            client_end(c, (struct slice){ 0 });
        if (x->state != EXCHANGE_OVER)
            client_flush(c);
    }
    free(body);
}

void exchange_reply(struct exchange *x, const struct aws_error *e)
{
    bool keep = x->keep_alive && !x->worker->draining && (x->body_done || worth_discarding(x));

    x->keep_alive = keep;
    leave(x);
    send_error(x, e);
    if (x->state != EXCHANGE_OVER) /* the client has not gone meanwhile */
        exchange_settle(x);
}

void exchange_settle(struct exchange *x)
{
    if (x->body_done || !x->keep_alive || !worth_discarding(x)) {
        exchange_over(x, x->keep_alive && x->body_done);
        return;
    }
    leave(x);
    x->state = EXCHANGE_DISCARDING;
    x->body_bytes = 0;
    client_expect(x->client, exchange_now(x) + x->worker->settings->body_timeout_ms);
    client_update(x->client);
}

void exchange_refuse(struct exchange *x, unsigned status, const char *type, const char *message)
{
    const struct aws_error e = {
        .status = status, .type = type, .message = message, .retry_after_s = status == 503 ? 1 : 0
    };

    exchange_reply(x, &e);
}

void exchange_expired(struct exchange *x)
{
    static const char slow[] = "The request's body took too long.";
    bool waits_for_client = x->state == EXCHANGE_UPSTREAM && exchange_takes_body(x);

    switch (x->state) {
    case EXCHANGE_HELD:
    case EXCHANGE_QUEUED:
        x->kind->expired(x);
        break;
    case EXCHANGE_BODY:
        x->keep_alive = false;
        exchange_refuse(x, 408, "RequestTimeoutException", slow);
        break;
    case EXCHANGE_UPSTREAM:
        x->keep_alive = x->keep_alive && !waits_for_client;
        if (waits_for_client)
            exchange_refuse(x, 408, "RequestTimeoutException", slow);
        else if (call_is_connected(x->call))
            exchange_fail(x, EXCHANGE_TIMEOUT, -ETIMEDOUT);
        else
            exchange_fail(x, EXCHANGE_CONNECT, -ETIMEDOUT);
        break;
    case EXCHANGE_ANSWERING:
    case EXCHANGE_COLLECTING:
        exchange_fail(x, EXCHANGE_TIMEOUT, -ETIMEDOUT);
        break;
    case EXCHANGE_TUNNEL:
    case EXCHANGE_DISCARDING:
    case EXCHANGE_OVER:
        exchange_die(x);
        break;
    }
}
