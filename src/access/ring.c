#include "access/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* What stands before each record. */
struct header {
    uint32_t bytes;  /* up to the next header */
    uint32_t size;   /* of the record; SKIP: there is none */
    uint64_t unused; /* records are aligned to 16 */
};

enum { ALIGN = sizeof(struct header) };
#define SKIP UINT32_MAX

static_assert(sizeof(struct header) == 16, "records are aligned by it");

int access_ring_init(struct access_ring *r, size_t capacity)
{
    assert(capacity > ALIGN && (capacity & (capacity - 1)) == 0);
    *r = (struct access_ring){ .capacity = capacity, .bytes = aligned_alloc(64, capacity) };
    return r->bytes ? 0 : -ENOMEM;
}

void access_ring_deinit(struct access_ring *r)
{
    free(r->bytes);
    r->bytes = NULL;
}

static struct header *at(const struct access_ring *r, size_t position)
{
    return (struct header *)(r->bytes + (position & (r->capacity - 1)));
}

void *access_ring_reserve(struct access_ring *r, size_t size)
{
    size_t put = atomic_load_explicit(&r->put, memory_order_relaxed);
    size_t taken = atomic_load_explicit(&r->taken, memory_order_acquire);
    size_t bytes = (sizeof(struct header) + size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    size_t to_end = r->capacity - (put & (r->capacity - 1));
    size_t skip = bytes > to_end ? to_end : 0;

    if (bytes + skip > r->capacity - (put - taken)) {
        atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
        return NULL;
    }
    if (skip) {
        *at(r, put) = (struct header){ .bytes = (uint32_t)skip, .size = SKIP };
        put += skip;
        atomic_store_explicit(&r->put, put, memory_order_release);
    }
    *at(r, put) = (struct header){ .bytes = (uint32_t)bytes, .size = (uint32_t)size };
    return at(r, put) + 1;
}

void access_ring_commit(struct access_ring *r)
{
    size_t put = atomic_load_explicit(&r->put, memory_order_relaxed);

    atomic_store_explicit(&r->put, put + at(r, put)->bytes, memory_order_release);
}

bool access_ring_is_filling(const struct access_ring *r)
{
    size_t put = atomic_load_explicit(&r->put, memory_order_relaxed);

    return put - atomic_load_explicit(&r->taken, memory_order_relaxed) > r->capacity / 4;
}

const void *access_ring_peek(struct access_ring *r, size_t *ret_size)
{
    size_t put = atomic_load_explicit(&r->put, memory_order_acquire);
    size_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);

    while (taken != put && at(r, taken)->size == SKIP) {
        taken += at(r, taken)->bytes;
        atomic_store_explicit(&r->taken, taken, memory_order_release);
    }
    if (taken == put)
        return NULL;
    *ret_size = at(r, taken)->size;
    return at(r, taken) + 1;
}

void access_ring_pop(struct access_ring *r)
{
    size_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);

    atomic_store_explicit(&r->taken, taken + at(r, taken)->bytes, memory_order_release);
}
