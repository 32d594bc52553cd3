#include "proxy/upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "proxy/upstream_h1.h"
#include "proxy/upstream_h2.h"
#include "proxy/worker.h"

enum { STREAMS_MAX_UNTOLD = 100 };

int upstream_new(struct worker *worker, struct target *target, bool is_h2,
                 struct upstream **ret_pool)
{
    struct upstream *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return -ENOMEM;
    pool->worker = worker;
    pool->target = target_ref(target);
    pool->refs = 1;
    pool->is_h2 = is_h2;
    pool->streams_max = STREAMS_MAX_UNTOLD;
    list_init(&pool->idle);
    list_init(&pool->busy);
    list_init(&pool->sessions);
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
    upstream_h1_evict(pool, before);
    h2_upstream_evict(pool, before);
}

void upstream_retire(struct upstream *pool)
{
    pool->retired = true;
    upstream_evict(pool, MS_FOREVER);
}

bool upstream_is_silent(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* That nobody listens at a Unix socket shows at once: then there is still the other address. */
int upstream_connect(const struct upstream *pool, int *ret_fd, bool *ret_local)
{
    const struct target *t = pool->target;

    *ret_local = true;
    if (t->local.size > 0 && address_connect(&t->local, ret_fd) == 0)
        return 0;
    *ret_local = t->address.any.sa_family == AF_UNIX;
    return address_connect(&t->address, ret_fd);
}

int upstream_lend(struct upstream *pool, struct exchange *x, enum upstream_trust trust,
                  struct call **ret_call)
{
    return pool->is_h2 ? h2_upstream_lend(pool, x, trust, ret_call)
                       : upstream_h1_lend(pool, x, trust, ret_call);
}

int upstream_dial(struct worker *worker, const struct address *address, struct exchange *x,
                  struct call **ret_call)
{
    return upstream_h1_dial(worker, address, x, ret_call);
}
