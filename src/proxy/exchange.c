#include "proxy/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/url.h"
#include "http/writer.h"
#include "proxy/fields.h"
#include "proxy/guard.h"
#include "proxy/leaving.h"
#include "proxy/place.h"
#include "proxy/tunnel.h"

enum {
    DISCARD_BYTES_MAX = 256 << 10, /* of a body that nobody needs: cheaper than a new connection */
    KEEP_CAPACITY = 64 << 10,      /* larger buffers are given back between requests */
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
    x->asks_tunnel = x->target_done = x->probed = x->dying = false;
    x->retried = x->collected_cut = x->broken = false;
    x->body_bytes = 0;
    x->kept_bytes = 0;
    x->attempts = x->interims = 0;
    x->spent_us = 0;
    x->idle_ms = 0;
    x->timeout_ms = x->worker->settings->api_timeout_ms;
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
    if (x->upstream)
        exchange_end_attempt(x, false, false);
    place_leave(x);
    list_remove(&x->link);
    x->lease = lease_unref(x->lease);
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

/* --- the request's body ----------------------------------------------------------------------- */

bool exchange_has_body(const struct exchange *x)
{
    return x->body_done;
}

bool exchange_takes_body(const struct exchange *x)
{
    if (x->body_done)
        return false;
    if (x->state == EXCHANGE_BODY || x->state == EXCHANGE_DISCARDING)
        return true;
    if (x->state == EXCHANGE_TUNNEL)
        return !stream_congested(&x->upstream->stream);
    /* streaming: only as fast as the target takes it */
    return x->state == EXCHANGE_UPSTREAM && x->streams && !x->giving_up && x->upstream &&
           x->upstream->stream.connected && !stream_congested(&x->upstream->stream);
}

static struct slice moved(struct slice s, const char *from, const char *to)
{
    return s.size ? (struct slice){ to + (s.data - from), s.size } : (struct slice){ 0 };
}

/* x->head shall outlive the input it was read from. */
static int keep_head(struct exchange *x)
{
    const char *from = x->head.method.data, *end, *to;
    struct http_head *h = &x->head;
    int r;

    if (buffer_size(&x->head_kept) > 0)
        return 0;
    end = h->target.data + h->target.size;
    if (h->n_headers) {
        struct slice last = h->headers[h->n_headers - 1].value;
        struct slice name = h->headers[h->n_headers - 1].name;

        end = last.size ? last.data + last.size : name.data + name.size;
    }
    r = buffer_append(&x->head_kept, from, (size_t)(end - from));
    if (r)
        return r;
    to = buffer_data(&x->head_kept);
    h->method = moved(h->method, from, to);
    h->target = moved(h->target, from, to);
    h->host = moved(h->host, from, to);
    for (unsigned i = 0; i < h->n_headers; i++) {
        h->headers[i].name = moved(h->headers[i].name, from, to);
        h->headers[i].value = moved(h->headers[i].value, from, to);
    }
    return 0;
}

static int keep_content(struct exchange *x, struct slice content)
{
    struct guard *guard = x->worker->settings->guard;

    if (!guard_keep(guard, content.size))
        return -ENOBUFS;
    if (buffer_append(&x->body_out, content.data, content.size)) {
        guard_release(guard, content.size);
        return -ENOMEM;
    }
    x->kept_bytes += content.size;
    return 0;
}

void exchange_body(struct exchange *x, struct slice content)
{
    if (x->state == EXCHANGE_TUNNEL) {
        tunnel_push(x, content);
        return;
    }
    x->note.received_bytes += content.size;
    x->body_bytes += content.size;
    if (x->state == EXCHANGE_DISCARDING) {
        if (x->body_bytes > DISCARD_BYTES_MAX)
            exchange_over(x, false);
        return;
    }
    if (x->body_bytes > x->body_bytes_max) {
        x->kind->too_large(x);
        return;
    }
    if (x->refused)
        return;
    edge_auth_update(&x->auth, content);
    if (x->state == EXCHANGE_UPSTREAM)
        exchange_push_content(x, content);
    else if (keep_content(x, content))
        exchange_refuse(x, 503, "ServiceUnavailable", "Too many request bodies are waiting.");
}

void exchange_bad_body(struct exchange *x, const char *why)
{
    if (x->state == EXCHANGE_DISCARDING) { /* it has its answer */
        exchange_over(x, false);
        return;
    }
    x->keep_alive = false;
    exchange_refuse(x, 400, "MalformedRequestException", why);
}

void exchange_body_ended(struct exchange *x)
{
    if (x->state == EXCHANGE_TUNNEL) {
        tunnel_client_ended(x);
        return;
    }
    x->body_done = true;
    fields_keep_trailers(&x->trailers);
    if (x->state == EXCHANGE_DISCARDING)
        exchange_over(x, x->keep_alive);
    else if (x->state == EXCHANGE_BODY)
        x->kind->start(x);
    else if (x->state == EXCHANGE_UPSTREAM)
        exchange_push_content(x, (struct slice){ 0 }); /* the end of it */
}

static void go_on(struct exchange *x)
{
    struct buffer *head = &x->worker->text;

    buffer_clear(head);
    if (http_write_status_line(head, 100))
        exchange_die(x);
    else
        client_interim(x->client);
}

/* A client that waits ignores the answer before the answer; one that has left answers it with a
 * reset, which tells. HTTP/1.0 knows no such answers, and when the answer has begun it tells, too. */
void exchange_client_hung_up(struct exchange *x)
{
    const struct route_group *g = x->place.group;

    if (x->state == EXCHANGE_TUNNEL)
        return; /* and may well do so */
    if (g && g->config.fin_means_gone) {
        client_die(x->client);
        return;
    }
    if (x->probed || x->http10 || x->state == EXCHANGE_ANSWERING)
        return;
    x->probed = true;
    go_on(x);
}

/* Drop by drop, a body that is kept would hold its connection for ever: it must come at a pace. What
 * streams takes as long as it takes. */
static ms_t body_deadline(const struct exchange *x)
{
    const struct worker_settings *s = x->worker->settings;
    uint64_t paced_ms = x->body_bytes * MS_PER_S / s->body_bytes_per_s_min;
    ms_t idle = exchange_now(x) + s->body_timeout_ms;
    ms_t paced = x->begun_us / US_PER_MS + s->body_timeout_ms + (ms_t)paced_ms;

    return x->streams || idle < paced ? idle : paced;
}

void exchange_starved(struct exchange *x)
{
    if (x->state != EXCHANGE_BODY && x->state != EXCHANGE_DISCARDING)
        return; /* streaming: the attempt has a deadline of its own */
    if (x->state == EXCHANGE_DISCARDING)
        return; /* it has its answer, and got a time to come to its end */
    client_expect(x->client, body_deadline(x));
    if (x->expects) {
        x->expects = false;
        go_on(x);
        if (x->state == EXCHANGE_OVER)
            return;
    }
    if (x->streams)
        x->kind->start(x);
    else if (keep_head(x))
        exchange_die(x);
}

/* --- beginning -------------------------------------------------------------------------------- */

/* Whether it is cheaper to read the rest of an unwanted body than to close the connection. A client
 * that waits for 100 Continue may or may not send the body now: one cannot tell what comes next. */
static bool worth_discarding(const struct exchange *x)
{
    if (x->expects || !x->client->ops->in_line)
        return false;
    return x->head.framing != HTTP_BODY_LENGTH ||
           x->head.content_length - x->body_bytes <= DISCARD_BYTES_MAX;
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
    int r = guard_request(x->worker->settings->guard, x->client->pass, &x->head,
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

static void send_error(struct exchange *x, const struct aws_error *e)
{
    struct client *c = x->client;
    struct buffer *head = &x->worker->text;
    char *body = aws_error_body(e);

    x->note.status = e->status;
    buffer_clear(head);
    if (!body || aws_error_write_head(head, e, x->request_id, loop_wall(x->worker->loop))) {
        exchange_die(x);
    } else {
        x->note.sent_bytes = buffer_size(head) + (x->head_only ? 0 : strlen(body));
        client_begin(c, strlen(body), x->head_only);
        if (x->state != EXCHANGE_OVER && !x->head_only)
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
    if (x->state == EXCHANGE_OVER)
        return; /* the client has gone meanwhile */
    if (x->body_done || !keep) {
        exchange_over(x, keep);
        return;
    }
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
        else if (x->upstream->stream.connected)
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
