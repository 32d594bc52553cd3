/* base/map.h: a hash table from strings to pointers.
 *
 * Open addressing with a seeded hash: owners whose keys come from outside pass a random seed, so
 * that nobody can aim at one bucket. The map owns copies of its keys; values are borrowed.
 * Iteration order is unspecified but stable while nothing is added or removed.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    char *key; /* NULL: free */
    uint32_t hash;
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t n_slots; /* 0 or a power of two */
    size_t size;    /* entries */
    uint64_t seed;
};

void map_init(struct map *m, uint64_t seed);
void map_deinit(struct map *m);

/** map_get() - the value of @key, or NULL */
void *map_get(const struct map *m, const char *key);
void *map_get_n(const struct map *m, const char *key, size_t length);

/** map_find() - the slot of @key, or NULL. Its key stays where it is for as long as the entry does,
 * the slot itself only while nothing is added or removed. */
const struct map_slot *map_find(const struct map *m, const char *key);

/** map_put() - set @key to @value (not NULL), replacing. Return: 0 or -ENOMEM. */
int map_put(struct map *m, const char *key, void *value);

/** map_remove() - forget @key. Return: its value, or NULL if it was not there. */
void *map_remove(struct map *m, const char *key);

/** map_next() - iterate: *@cursor starts at 0. Return: the next filled slot, or NULL at the end.
 * Removing entries while iterating is not allowed. */
const struct map_slot *map_next(const struct map *m, size_t *cursor);

#define map_for_each(slot, m)                                                                      \
    for (size_t slot##_cursor = 0, slot##_once = 1; slot##_once; slot##_once = 0)                  \
        for (const struct map_slot *slot; (slot = map_next((m), &slot##_cursor));)
