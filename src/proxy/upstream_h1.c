#include "proxy/upstream_h1.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/exchange.h"
#include "proxy/tunnel.h"
#include "proxy/worker.h"

enum { UPSTREAM_MAGIC = 0x5ea0c4b1, PROVEN_MS = 1000 };

struct connection {
    uint32_t magic;
    struct worker *worker;
    struct upstream *pool; /* NULL: for one request */
    struct call call;      /* without an exchange it is idle */
    struct stream stream;
    ms_t idle_since;
    size_t scanned;        /* of an answer's head, as long as it is incomplete */
    struct http_body body; /* of the answer */
    bool keeps;            /* it can be asked something else after that */
    struct corpse corpse;
};

static struct connection *of(struct stream *s)
{
    struct connection *c = container_of(s, struct connection, stream);

    assert(c->magic == UPSTREAM_MAGIC);
    return c;
}

static struct connection *of_call(const struct call *call)
{
    return container_of((struct call *)call, struct connection, call);
}

/* --- ending ----------------------------------------------------------------------------------- */

static void bury(struct corpse *corpse)
{
    struct connection *c = container_of(corpse, struct connection, corpse);

    upstream_unref(c->pool);
    free(c);
}

static void close_connection(struct connection *c)
{
    assert(c->magic == UPSTREAM_MAGIC);
    c->magic = 0;
    c->call.exchange = NULL;
    stream_close(&c->stream);
    list_remove(&c->call.link);
    morgue_take(&c->worker->morgue, &c->corpse, bury);
}

static void give_back(struct connection *c)
{
    struct upstream *pool = c->pool;

    stream_want(&c->stream, true);
    c->call.exchange = NULL;
    c->idle_since = loop_now(c->worker->loop);
    list_remove(&c->call.link);
    list_push_front(&pool->idle, &c->call.link);
}

static void release(struct call *call, bool reusable)
{
    struct connection *c = of_call(call);

    if (reusable && c->keeps && !stream_unsent(&c->stream) && c->pool && !c->pool->retired &&
        !c->worker->draining)
        give_back(c);
    else
        close_connection(c);
}

/* --- sending ---------------------------------------------------------------------------------- */

static int send_chunk_size(struct connection *c, size_t size)
{
    char line[24];

    return stream_send(&c->stream, line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", size));
}

static int end(struct call *call)
{
    struct connection *c = of_call(call);
    const struct buffer *trailers = &call->exchange->trailers;
    int r;

    if (call->exchange->state == EXCHANGE_TUNNEL)
        return stream_shut(&c->stream);
    if (!call->exchange->chunked_out)
        return 0;
    r = stream_send(&c->stream, "0\r\n", 3);
    if (!r)
        r = stream_send(&c->stream, buffer_data(trailers), buffer_size(trailers));
    return r ? r : stream_send(&c->stream, "\r\n", 2);
}

/* The request stays with the exchange until it is answered: it may have to be sent again. */
static int begin(struct call *call)
{
    struct exchange *x = call->exchange;
    struct connection *c = of_call(call);
    size_t size = buffer_size(&x->body_out);
    bool chunk = x->chunked_out && size > 0;
    int r = stream_send_kept(&c->stream, buffer_data(&x->head_out), buffer_size(&x->head_out));

    if (!r && chunk)
        r = send_chunk_size(c, size);
    if (!r)
        r = stream_send_kept(&c->stream, buffer_data(&x->body_out), size);
    if (!r && chunk)
        r = stream_send(&c->stream, "\r\n", 2);
    return r || !x->body_done ? r : end(call);
}

static int content(struct call *call, struct slice content)
{
    struct connection *c = of_call(call);
    bool chunk = call->exchange->chunked_out && call->exchange->state != EXCHANGE_TUNNEL;
    int r = chunk ? send_chunk_size(c, content.size) : 0;

    if (!r)
        r = stream_send(&c->stream, content.data, content.size);
    return r || !chunk ? r : stream_send(&c->stream, "\r\n", 2);
}

static void give_up(struct call *call)
{
    stream_drop_output(&of_call(call)->stream);
}

static bool is_connected(const struct call *call)
{
    return of_call(call)->stream.connected;
}

static bool is_congested(const struct call *call)
{
    return stream_congested(&of_call(call)->stream);
}

static bool is_unsent(const struct call *call)
{
    return stream_unsent(&of_call(call)->stream);
}

static struct stream *way(const struct call *call)
{
    return &of_call(call)->stream;
}

static void sent(struct stream *s)
{
    struct connection *c = of(s);

    c->call.asked = true;
    if (c->call.exchange)
        exchange_sent(c->call.exchange);
}

static void failed(struct stream *s, int error)
{
    struct connection *c = of(s);

    if (c->call.exchange)
        exchange_cannot_send(c->call.exchange, error);
    else
        close_connection(c);
}

/* --- receiving -------------------------------------------------------------------------------- */

static size_t take_head(struct connection *c, const char *data, size_t size)
{
    struct exchange *x = c->call.exchange;
    struct http_head *head = &c->worker->answer_head;
    struct slice method = x->head_only ? SLICE("HEAD") : SLICE("POST");
    const char *why = NULL;
    size_t n = 0;
    int r = http_parse_response(data, size, method, &c->worker->settings->limits, &c->scanned, head,
                                &n, &why);

    if (r == HTTP_AGAIN)
        return 0;
    c->scanned = 0;
    if (!r && head->status == 101 && !tunnel_is_granted(x, head)) {
        r = HTTP_E_MALFORMED;
        why = "it switches to a protocol that nobody has asked for";
    }
    if (r) {
        exchange_nonsense(x, why);
        return size;
    }
    http_body_init(&c->body, head);
    c->body.trailers = &x->answer_trailers;
    c->keeps = head->keep_alive;
    exchange_answer_head(x, head);
    return n;
}

/* Return: how many bytes belong to the body. */
static size_t take_body(struct connection *c, const char *data, size_t size)
{
    struct exchange *x = c->call.exchange;
    const char *why = NULL;
    size_t used = 0;
    int r = HTTP_AGAIN;

    while (r == HTTP_AGAIN) {
        struct slice content = { 0 };
        size_t n = 0;

        r = http_body_next(&c->body, data + used, size - used, &n, &content, &why);
        used += n;
        exchange_answer_content(x, content);
        if (c->call.exchange != x)
            return used;
        if (n == 0)
            break;
    }
    if (r == 0) {
        c->keeps = c->keeps && used == size; /* it says more than it announced */
        exchange_answer_complete(x);
        return used;
    }
    exchange_answer_flush(x);
    if (r != HTTP_AGAIN && c->call.exchange == x)
        exchange_nonsense(x, why);
    return used;
}

static size_t take_answer(struct connection *c, const char *data, size_t size)
{
    struct exchange *x = c->call.exchange;
    size_t used = 0;

    while (c->call.exchange == x && x->state == EXCHANGE_UPSTREAM && used < size) {
        size_t n = take_head(c, data + used, size - used);

        if (n == 0)
            return used;
        used += n;
    }
    if (c->call.exchange == x &&
        (x->state == EXCHANGE_ANSWERING || x->state == EXCHANGE_COLLECTING))
        used += take_body(c, data + used, size - used);
    if (c->call.exchange == x && x->state == EXCHANGE_TUNNEL && used < size) {
        tunnel_pull(x, (struct slice){ data + used, size - used });
        used = size;
    }
    return used;
}

static size_t received(struct stream *s, const char *data, size_t size)
{
    struct connection *c = of(s);

    if (!c->call.exchange) { /* out of turn */
        close_connection(c);
        return size;
    }
    c->call.heard = true;
    return take_answer(c, data, size);
}

static void spliced(struct stream *s, size_t n)
{
    struct connection *c = of(s);
    struct exchange *x = c->call.exchange;

    c->body.left -= n;
    exchange_answer_passed(x, n);
    if (c->call.exchange == x && c->body.left == 0)
        exchange_answer_complete(x);
}

/* How many bytes of the request were sent, framing not counted; 0 when that is not known any more. */
static size_t bytes_sent(const struct exchange *x)
{
    return x->partly_gone ? 0 : buffer_size(&x->head_out) + buffer_size(&x->body_out);
}

/* Some answers' bodies end with the connection. */
static bool ends_answer(struct connection *c)
{
    const struct exchange *x = c->call.exchange;

    return (x->state == EXCHANGE_ANSWERING || x->state == EXCHANGE_COLLECTING) &&
           http_body_eof(&c->body) == 0;
}

static void ended(struct stream *s, int error)
{
    struct connection *c = of(s);
    struct exchange *x = c->call.exchange;

    c->keeps = false;
    if (!x)
        close_connection(c);
    else if (error == 0 && x->state == EXCHANGE_TUNNEL)
        tunnel_target_ended(x);
    else if (error == 0 && ends_answer(c))
        exchange_answer_complete(x);
    else
        exchange_fail(x, EXCHANGE_BROKEN, error ? error : stream_fate(s, bytes_sent(x)));
}

static void want(struct call *call, bool input)
{
    stream_want(&of_call(call)->stream, input);
}

static void splice(struct call *call, struct stream *to)
{
    struct connection *c = of_call(call);

    if (c->body.framing == HTTP_BODY_LENGTH && c->body.left >= EXCHANGE_SPLICE_MIN)
        stream_splice(&c->stream, to, c->body.left);
}

static const struct stream_owner owner = {
    .received = received, .sent = sent, .failed = failed, .ended = ended, .spliced = spliced
};

static const struct call_ops ops = {
    .shares = false,
    .begin = begin,
    .content = content,
    .end = end,
    .give_up = give_up,
    .is_connected = is_connected,
    .is_congested = is_congested,
    .is_unsent = is_unsent,
    .way = way,
    .want = want,
    .splice = splice,
    .release = release,
};

/* --- lending ---------------------------------------------------------------------------------- */

/* Takes @fd over, also when it fails. */
static int connection_new(struct worker *worker, int fd, bool local, struct exchange *x,
                          struct connection **ret_connection)
{
    struct connection *c = calloc(1, sizeof(*c));
    int r = c ? stream_open(&c->stream, &worker->streams, fd, local, &stream_plain, NULL, &owner)
              : -ENOMEM;

    if (r) {
        fd_close(fd);
        free(c);
        return r;
    }
    c->magic = UPSTREAM_MAGIC;
    c->worker = worker;
    c->call = (struct call){ .ops = &ops, .exchange = x };
    list_link_init(&c->call.link);
    *ret_connection = c;
    return 0;
}

int upstream_h1_dial(struct worker *worker, const struct address *address, struct exchange *x,
                     struct call **ret_call)
{
    struct connection *c;
    int fd, r = address_connect(address, &fd);

    if (!r)
        r = connection_new(worker, fd, address->any.sa_family == AF_UNIX, x, &c);
    if (!r)
        *ret_call = &c->call;
    return r;
}

static struct connection *of_link(struct list_link *link)
{
    return container_of(link, struct connection, call.link);
}

void upstream_h1_evict(struct upstream *pool, ms_t before)
{
    while (!list_empty(&pool->idle)) {
        struct connection *oldest = of_link(pool->idle.head.previous);

        if (oldest->idle_since >= before)
            return;
        close_connection(oldest);
    }
}

/* Servers close what was idle for seconds: who answered within the last one will not just now. */
static bool is_proven(const struct connection *c)
{
    return c->idle_since + PROVEN_MS > loop_now(c->worker->loop) &&
           upstream_is_silent(c->stream.io.fd);
}

static struct connection *take_idle(struct upstream *pool, struct exchange *x,
                                    enum upstream_trust trust)
{
    struct call *call = list_first_entry(&pool->idle, struct call, link);
    struct connection *c = call ? of_call(call) : NULL;

    if (!c || trust == UPSTREAM_NEW || (trust == UPSTREAM_PROVEN && !is_proven(c)))
        return NULL;
    list_remove(&call->link);
    list_push_back(&pool->busy, &call->link);
    call->exchange = x;
    call->reused = true;
    call->asked = call->heard = false;
    c->scanned = 0;
    return c;
}

static int open_connection(struct upstream *pool, struct exchange *x,
                           struct connection **ret_connection)
{
    bool local;
    int fd, r = upstream_connect(pool, &fd, &local);

    if (!r)
        r = connection_new(pool->worker, fd, local, x, ret_connection);
    if (r)
        return r;
    (*ret_connection)->pool = upstream_ref(pool);
    list_push_back(&pool->busy, &(*ret_connection)->call.link);
    return 0;
}

int upstream_h1_lend(struct upstream *pool, struct exchange *x, enum upstream_trust trust,
                     struct call **ret_call)
{
    struct connection *c = take_idle(pool, x, trust);
    int r = 0;

    /* It will join the idle ones: the longest unused makes room, or each such request would leave
     * one more open. */
    if (!c && !list_empty(&pool->idle))
        close_connection(of_link(pool->idle.head.previous));
    if (!c)
        r = open_connection(pool, x, &c);
    if (!r)
        *ret_call = &c->call;
    return r;
}
