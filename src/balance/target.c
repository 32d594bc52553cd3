#include "balance/target.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

char *target_key(const char *group, const struct link_target *config)
{
    return text_format("%s|%s|%s", group, config->id, config->address);
}

/* The shared part must start a cache line, which malloc() does not promise. */
static void *line_aligned(size_t size)
{
    void *p = aligned_alloc(64, (size + 63) & ~(size_t)63);

    if (p)
        memset(p, 0, size);
    return p;
}

/* FNV-1a: spreads well enough for what mix() in sticky.c makes of it. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return hash;
}

int target_new(const char *group, const struct link_target *config, ms_t now,
               struct target **ret_target)
{
    struct target *t = line_aligned(sizeof(*t));
    int r;

    if (!t)
        return -ENOMEM;
    atomic_init(&t->refs, 1);
    atomic_init(&t->health, TARGET_HEALTHY);
    memcpy(t->group, group, strlen(group) + 1);
    memcpy(t->id, config->id, sizeof(t->id));
    t->hash = hash_text(t->id);
    target_starts_over(t, now);
    t->key = target_key(group, config);
    r = t->key ? address_parse(config->address, &t->address) : -ENOMEM;
    if (!r && config->local_address[0])
        r = address_parse(config->local_address, &t->local);
    if (r) {
        target_unref(t);
        return r;
    }
    *ret_target = t;
    return 0;
}

struct target *target_ref(struct target *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

struct target *target_unref(struct target *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return NULL;
    free(t->key);
    free(t);
    return NULL;
}

int gauge_new(const char *id, struct gauge **ret_gauge)
{
    struct gauge *g = line_aligned(sizeof(*g));

    if (!g)
        return -ENOMEM;
    atomic_init(&g->refs, 1);
    memcpy(g->id, id, strlen(id) + 1);
    pthread_mutex_init(&g->lock, NULL);
    list_init(&g->waiting);
    *ret_gauge = g;
    return 0;
}

struct gauge *gauge_ref(struct gauge *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

struct gauge *gauge_unref(struct gauge *g)
{
    if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) > 1)
        return NULL;
    pthread_mutex_destroy(&g->lock);
    free(g);
    return NULL;
}
