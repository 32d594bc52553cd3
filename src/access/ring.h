/* access/ring.h: records on their way from one worker to the thread that writes them down.
 *
 * One puts in, one takes out, nobody waits: with the ring full a record is dropped and counted, so
 * that a slow disk costs lines and not requests. Records are whole and contiguous; the place behind
 * the last one that would not hold the next is skipped.
 */
#pragma once
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each side writes to a cache line of its own. */
struct access_ring {
    char *bytes;
    size_t capacity;                 /* a power of two */
    alignas(64) atomic_size_t put;   /* bytes ever put in; the writer's */
    atomic_uint_fast64_t dropped;    /* records; the writer's */
    alignas(64) atomic_size_t taken; /* bytes ever taken out; the reader's */
};

/** access_ring_init() - @capacity: a power of two, > 16. Return: 0 or -ENOMEM. */
int access_ring_init(struct access_ring *r, size_t capacity);
void access_ring_deinit(struct access_ring *r);

/** access_ring_reserve() - room for a record of @size bytes, aligned for anything; NULL if there is
 * none, which is counted */
void *access_ring_reserve(struct access_ring *r, size_t size);
/** access_ring_commit() - what was just reserved is written */
void access_ring_commit(struct access_ring *r);
/** access_ring_is_filling() - it is time that somebody reads: a quarter is full */
bool access_ring_is_filling(const struct access_ring *r);

/** access_ring_peek() - the oldest record; NULL if there is none */
const void *access_ring_peek(struct access_ring *r, size_t *ret_size);
/** access_ring_pop() - the one that was peeked at is not needed any more */
void access_ring_pop(struct access_ring *r);
