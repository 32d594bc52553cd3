#include "base/map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 16 };

/* SipHash-1-3 (Aumasson, Bernstein): keyed, so that collisions cannot be prepared without the seed.
 */
static uint64_t rotate_left(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[3];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[2] = rotate_left(v[2], 32);
}

static uint32_t hash_bytes(uint64_t seed, const char *data, size_t n)
{
    uint64_t key = seed ^ 0x9e3779b97f4a7c15u, last = (uint64_t)n << 56, word;
    uint64_t v[4] = { seed ^ 0x736f6d6570736575u, key ^ 0x646f72616e646f6du,
                      seed ^ 0x6c7967656e657261u, key ^ 0x7465646279746573u };

    for (; n >= 8; n -= 8, data += 8) {
        memcpy(&word, data, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)(unsigned char)data[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 3; i++)
        sip_round(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

void map_init(struct map *m, uint64_t seed)
{
    *m = (struct map){ .seed = seed };
}

void map_deinit(struct map *m)
{
    for (size_t i = 0; i < m->n_slots; i++)
        free(m->slots[i].key);
    free(m->slots);
    map_init(m, m->seed);
}

/* The slot of the key, or the free one where it would go. There is always a free one. */
static struct map_slot *probe(const struct map *m, uint32_t hash, const char *key, size_t length)
{
    size_t i = hash & (m->n_slots - 1);

    for (;; i = (i + 1) & (m->n_slots - 1)) {
        struct map_slot *s = &m->slots[i];

        if (!s->key)
            return s;
        if (s->hash == hash && strncmp(s->key, key, length) == 0 && s->key[length] == '\0')
            return s;
    }
}

void *map_get(const struct map *m, const char *key)
{
    return map_get_n(m, key, strlen(key));
}

void *map_get_n(const struct map *m, const char *key, size_t length)
{
    struct map_slot *s;

    if (m->size == 0 || memchr(key, '\0', length)) /* keys hold no NUL */
        return NULL;
    s = probe(m, hash_bytes(m->seed, key, length), key, length);
    return s->key ? s->value : NULL;
}

const struct map_slot *map_find(const struct map *m, const char *key)
{
    size_t length = strlen(key);
    const struct map_slot *s;

    if (m->size == 0)
        return NULL;
    s = probe(m, hash_bytes(m->seed, key, length), key, length);
    return s->key ? s : NULL;
}

static int grow(struct map *m)
{
    struct map bigger = *m;

    bigger.n_slots = m->n_slots ? m->n_slots * 2 : FIRST_SLOTS;
    bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_slots; i++) {
        struct map_slot *s = &m->slots[i];

        if (s->key)
            *probe(&bigger, s->hash, s->key, strlen(s->key)) = *s;
    }
    free(m->slots);
    *m = bigger;
    return 0;
}

int map_put(struct map *m, const char *key, void *value)
{
    size_t length = strlen(key);
    uint32_t hash = hash_bytes(m->seed, key, length);
    struct map_slot *s;
    char *copy;

    assert(value);
    if (m->n_slots > 0) {
        s = probe(m, hash, key, length);
        if (s->key) {
            s->value = value;
            return 0;
        }
    }
    if ((m->size + 1) * 4 > m->n_slots * 3) {
        int r = grow(m);

        if (r)
            return r;
    }
    copy = strdup(key);
    if (!copy)
        return -ENOMEM;
    *probe(m, hash, key, length) = (struct map_slot){ .key = copy, .hash = hash, .value = value };
    m->size++;
    return 0;
}

/* Entries behind the hole move up if their home is not between the hole and themselves: lookups
 * then never meet a gap, and no tombstones are needed. */
static void close_gap(struct map *m, size_t hole)
{
    size_t mask = m->n_slots - 1;

    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){ 0 };
}

void *map_remove(struct map *m, const char *key)
{
    size_t length = strlen(key);
    struct map_slot *s;
    void *value;

    if (m->size == 0)
        return NULL;
    s = probe(m, hash_bytes(m->seed, key, length), key, length);
    if (!s->key)
        return NULL;
    value = s->value;
    free(s->key);
    s->key = NULL;
    m->size--;
    close_gap(m, (size_t)(s - m->slots));
    return value;
}

const struct map_slot *map_next(const struct map *m, size_t *cursor)
{
    while (*cursor < m->n_slots) {
        const struct map_slot *s = &m->slots[(*cursor)++];

        if (s->key)
            return s;
    }
    return NULL;
}
