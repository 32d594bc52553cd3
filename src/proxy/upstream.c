#include "proxy/upstream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "base/error.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

enum { UPSTREAM_MAGIC = 0x5ea0c4b1 };

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

static void ready(struct loop_io *io, unsigned events)
{
    struct upstream_connection *c = container_of(io, struct upstream_connection, io);

    assert(c->magic == UPSTREAM_MAGIC);
    if (c->exchange)
        exchange_upstream_ready(c->exchange, events);
    else
        upstream_close(c);
}

static void bury(struct corpse *corpse)
{
    struct upstream_connection *c = container_of(corpse, struct upstream_connection, corpse);

    buffer_deinit(&c->in);
    upstream_unref(c->pool);
    free(c);
}

void upstream_close(struct upstream_connection *c)
{
    assert(c->magic == UPSTREAM_MAGIC);
    c->magic = 0;
    c->exchange = NULL;
    loop_io_remove(&c->io);
    c->fd = fd_close(c->fd);
    list_remove(&c->link);
    morgue_take(&c->worker->morgue, &c->corpse, bury);
}

static int connection_new(struct worker *worker, const struct address *address, struct exchange *x,
                          struct upstream_connection **ret_connection)
{
    struct upstream_connection *c;
    autofree(fd_close) int fd = -1;
    static const int on = 1;
    int r;

    r = address_connect(address, &fd);
    if (r)
        return r;
    if (address->any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a hint: works without */
    c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    r = loop_io_add(worker->loop, &c->io, fd, LOOP_READ | LOOP_WRITE, ready);
    if (r) {
        free(c);
        return r;
    }
    c->magic = UPSTREAM_MAGIC;
    c->worker = worker;
    c->exchange = x;
    c->fd = fd_steal(&fd);
    c->in = BUFFER_INIT(WORKER_SCRATCH_BYTES + worker->settings->limits.head_bytes);
    list_link_init(&c->link);
    *ret_connection = c;
    return 0;
}

int upstream_dial(struct worker *worker, const struct address *address, struct exchange *x,
                  struct upstream_connection **ret_connection)
{
    return connection_new(worker, address, x, ret_connection);
}

static struct upstream_connection *take_idle(struct upstream *pool, struct exchange *x)
{
    struct upstream_connection *c = list_first_entry(&pool->idle, struct upstream_connection, link);

    if (!c)
        return NULL;
    list_remove(&c->link);
    list_push_back(&pool->busy, &c->link);
    c->exchange = x;
    c->reused = true;
    c->scanned = 0;
    return c;
}

int upstream_lend(struct upstream *pool, struct exchange *x, bool fresh,
                  struct upstream_connection **ret_connection)
{
    struct upstream_connection *c = fresh ? NULL : take_idle(pool, x);
    int r;

    /* It will join the idle ones: the longest unused makes room, or each such request would leave
     * one more open. */
    if (fresh && !list_empty(&pool->idle))
        upstream_close(container_of(pool->idle.head.previous, struct upstream_connection, link));
    if (!c) {
        r = connection_new(pool->worker, &pool->target->address, x, &c);
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

    if (!pool || pool->retired || pool->worker->draining || upstream_watch(c, LOOP_READ)) {
        upstream_close(c);
        return;
    }
    buffer_deinit(&c->in); /* an answer whose head came in pieces was read here, to its end */
    c->exchange = NULL;
    c->idle_since = loop_now(pool->worker->loop);
    list_remove(&c->link);
    list_push_front(&pool->idle, &c->link);
}

/* Without any event of interest the kernel still reports hang-ups, again and again: a connection
 * that must wait is not watched at all. */
int upstream_watch(struct upstream_connection *c, unsigned events)
{
    if (events == 0) {
        loop_io_remove(&c->io);
        return 0;
    }
    if (!c->io.loop)
        return fault(loop_io_add(c->worker->loop, &c->io, c->fd, events, ready));
    return fault(loop_io_change(&c->io, events));
}
