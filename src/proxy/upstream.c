#include "proxy/upstream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

enum { UPSTREAM_MAGIC = 0x5ea0c4b1, PROVEN_MS = 1000 };

int upstream_new(struct worker *worker, struct target *target, struct upstream **ret_pool)
{
    struct upstream *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return -ENOMEM;
    pool->worker = worker;
    pool->target = target_ref(target);
    pool->refs = 1;
    list_init(&pool->idle);
    list_init(&pool->busy);
    *ret_pool = pool;
    return 0;
}

struct upstream *upstream_ref(struct upstream *pool)
{
    pool->refs++;
    return pool;
}

struct upstream *upstream_unref(struct upstream *pool)
{
    if (!pool || --pool->refs > 0)
        return NULL;
    target_unref(pool->target);
    free(pool);
    return NULL;
}

void upstream_evict(struct upstream *pool, ms_t before)
{
    while (!list_empty(&pool->idle)) {
        struct upstream_connection *oldest =
            container_of(pool->idle.head.previous, struct upstream_connection, link);

        if (oldest->idle_since >= before)
            return;
        upstream_close(oldest);
    }
}

void upstream_retire(struct upstream *pool)
{
    pool->retired = true;
    upstream_evict(pool, MS_FOREVER);
}

static struct upstream_connection *of(struct stream *s)
{
    struct upstream_connection *c = container_of(s, struct upstream_connection, stream);

    assert(c->magic == UPSTREAM_MAGIC);
    return c;
}

static size_t received(struct stream *s, const char *data, size_t size)
{
    struct upstream_connection *c = of(s);

    if (!c->exchange) { /* out of turn */
        upstream_close(c);
        return size;
    }
    c->heard = true;
    return exchange_take_answer(c->exchange, data, size);
}

static void sent(struct stream *s)
{
    of(s)->asked = true;
    if (of(s)->exchange)
        exchange_sent(of(s)->exchange);
}

static void failed(struct stream *s, int error)
{
    if (of(s)->exchange)
        exchange_cannot_send(of(s)->exchange, error);
    else
        upstream_close(of(s));
}

static void ended(struct stream *s, int error)
{
    if (of(s)->exchange)
        exchange_upstream_ended(of(s)->exchange, error);
    else
        upstream_close(of(s));
}

static void spliced(struct stream *s, size_t n)
{
    exchange_answer_passed(of(s)->exchange, n);
}

static const struct stream_owner owner = {
    .received = received, .sent = sent, .failed = failed, .ended = ended, .spliced = spliced
};

static void bury(struct corpse *corpse)
{
    struct upstream_connection *c = container_of(corpse, struct upstream_connection, corpse);

    upstream_unref(c->pool);
    free(c);
}

void upstream_close(struct upstream_connection *c)
{
    assert(c->magic == UPSTREAM_MAGIC);
    c->magic = 0;
    c->exchange = NULL;
    stream_close(&c->stream);
    list_remove(&c->link);
    morgue_take(&c->worker->morgue, &c->corpse, bury);
}

static int connection_new(struct worker *worker, const struct address *address, struct exchange *x,
                          struct upstream_connection **ret_connection)
{
    bool local = address->any.sa_family == AF_UNIX;
    struct upstream_connection *c;
    autofree(fd_close) int fd = -1;
    int r;

    r = address_connect(address, &fd);
    if (r)
        return r;
    c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    r = stream_open(&c->stream, &worker->streams, fd, local, &stream_plain, NULL, &owner);
    if (r) {
        free(c);
        return r;
    }
    c->magic = UPSTREAM_MAGIC;
    c->worker = worker;
    c->exchange = x;
    fd_steal(&fd);
    list_link_init(&c->link);
    *ret_connection = c;
    return 0;
}

int upstream_dial(struct worker *worker, const struct address *address, struct exchange *x,
                  struct upstream_connection **ret_connection)
{
    return connection_new(worker, address, x, ret_connection);
}

/* Whether nothing has come, the end neither: what the loop has not told yet is looked for, too. */
static bool is_silent(const struct upstream_connection *c)
{
    char byte;

    return recv(c->stream.io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Servers close what was idle for seconds: who answered within the last one will not just now. */
static bool is_proven(const struct upstream_connection *c)
{
    return c->idle_since + PROVEN_MS > loop_now(c->worker->loop) && is_silent(c);
}

static struct upstream_connection *take_idle(struct upstream *pool, struct exchange *x,
                                             enum upstream_trust trust)
{
    struct upstream_connection *c = list_first_entry(&pool->idle, struct upstream_connection, link);

    if (!c || trust == UPSTREAM_NEW || (trust == UPSTREAM_PROVEN && !is_proven(c)))
        return NULL;
    list_remove(&c->link);
    list_push_back(&pool->busy, &c->link);
    c->exchange = x;
    c->reused = true;
    c->asked = c->heard = false;
    c->scanned = 0;
    return c;
}

/* That nobody listens at a Unix socket shows at once: then there is still the other address. */
static int dial_target(struct upstream *pool, struct exchange *x,
                       struct upstream_connection **ret_connection)
{
    const struct target *t = pool->target;

    if (t->local.size > 0 && connection_new(pool->worker, &t->local, x, ret_connection) == 0)
        return 0;
    return connection_new(pool->worker, &t->address, x, ret_connection);
}

int upstream_lend(struct upstream *pool, struct exchange *x, enum upstream_trust trust,
                  struct upstream_connection **ret_connection)
{
    struct upstream_connection *c = take_idle(pool, x, trust);
    int r;

    /* It will join the idle ones: the longest unused makes room, or each such request would leave
     * one more open. */
    if (!c && !list_empty(&pool->idle))
        upstream_close(container_of(pool->idle.head.previous, struct upstream_connection, link));
    if (!c) {
        r = dial_target(pool, x, &c);
        if (r)
            return r;
        c->pool = upstream_ref(pool);
        list_push_back(&pool->busy, &c->link);
    }
    *ret_connection = c;
    return 0;
}

void upstream_give_back(struct upstream_connection *c)
{
    struct upstream *pool = c->pool;

    if (!pool || pool->retired || pool->worker->draining) {
        upstream_close(c);
        return;
    }
    stream_want(&c->stream, true);
    c->exchange = NULL;
    c->idle_since = loop_now(pool->worker->loop);
    list_remove(&c->link);
    list_push_front(&pool->idle, &c->link);
}
