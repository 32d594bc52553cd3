/* A request's body as it comes in: kept, sent on, or dropped; and what to make of it when no more comes
 * for now, or ever. */
#include <errno.h>

#include "http/writer.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/tunnel.h"

bool exchange_has_body(const struct exchange *x)
{
    return x->body_done;
}

/* It goes to the target as it comes, also when the answer has begun before all of it was there. */
static bool passes_body(const struct exchange *x)
{
    return x->state == EXCHANGE_UPSTREAM || x->state == EXCHANGE_ANSWERING;
}

bool exchange_takes_body(const struct exchange *x)
{
    if (x->body_done)
        return false;
    if (x->state == EXCHANGE_BODY || x->state == EXCHANGE_DISCARDING)
        return true;
    if (x->state == EXCHANGE_TUNNEL)
        return !call_is_congested(x->call);
    /* streaming: only as fast as the target takes it */
    return passes_body(x) && x->streams && !x->giving_up && x->call && call_is_connected(x->call) &&
           !call_is_congested(x->call);
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
        if (x->body_bytes > EXCHANGE_DISCARD_MAX)
            exchange_over(x, false);
        return;
    }
    if (x->body_bytes > x->body_bytes_max) {
        if (x->state == EXCHANGE_ANSWERING)
            exchange_die(x);
        else
            x->kind->too_large(x);
        return;
    }
    if (x->refused)
        return;
    edge_auth_update(&x->auth, content);
    if (passes_body(x))
        exchange_push_content(x, content);
    else if (keep_content(x, content))
        exchange_refuse(x, 503, "ServiceUnavailable", "Too many request bodies are waiting.");
}

/* Only a body that goes on as it is, to its known end, and that nobody has to hash or to keep. */
struct stream *exchange_body_way(const struct exchange *x)
{
    if (!x->streams || x->body_done || !passes_body(x) || x->giving_up || x->replays ||
        x->chunked_out || x->refused || x->auth.hashes_body ||
        x->body.framing != HTTP_BODY_LENGTH || x->body.left < EXCHANGE_SPLICE_MIN ||
        x->body.left > x->body_bytes_max - x->body_bytes)
        return NULL;
    return call_way(x->call);
}

void exchange_body_passed(struct exchange *x, size_t n)
{
    x->note.received_bytes += n;
    x->body_bytes += n;
    x->body.left -= n;
    x->partly_gone = true;
    exchange_body_moved(x);
    if (x->body.left == 0)
        exchange_body_ended(x);
}

void exchange_bad_body(struct exchange *x, const char *why)
{
    if (x->state == EXCHANGE_DISCARDING) { /* it has its answer */
        exchange_over(x, false);
        return;
    }
    x->keep_alive = false;
    if (x->state == EXCHANGE_ANSWERING)
        exchange_die(x); /* what it has of an answer is to a request that never was */
    else
        exchange_refuse(x, 400, "MalformedRequestException", why);
}

void exchange_body_ended(struct exchange *x)
{
    if (x->state == EXCHANGE_TUNNEL) {
        tunnel_client_ended(x);
        return;
    }
    x->body_done = true;
    if (x->passes_trailers)
        fields_keep_trailers(&x->trailers);
    else
        buffer_clear(&x->trailers);
    if (x->state == EXCHANGE_DISCARDING)
        exchange_over(x, x->keep_alive);
    else if (x->state == EXCHANGE_BODY)
        x->kind->start(x);
    else if (passes_body(x))
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
