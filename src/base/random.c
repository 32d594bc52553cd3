#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include "base/text.h"

/* xoshiro256** 1.0 and splitmix64, by David Blackman and Sebastiano Vigna (public domain designs)
 */

static uint64_t rotate_left(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void random_init(struct random *r, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++)
        r->state[i] = splitmix(&seed);
}

uint64_t random_u64(struct random *r)
{
    uint64_t *s = r->state, result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire's method: the multiplication maps 32 bits on [0, bound); the few products that would make
 * some results likelier are drawn again. */
uint32_t random_below(struct random *r, uint32_t bound)
{
    uint64_t product;

    assert(bound > 0);
    do /* the division is for the few products that may be among them */
        product = (random_u64(r) >> 32) * bound;
    while ((uint32_t)product < bound && (uint32_t)product < -bound % bound);
    return (uint32_t)(product >> 32);
}

double random_unit(struct random *r)
{
    return (double)(random_u64(r) >> 11) * 0x1p-53;
}

void random_secret(void *ret_bytes, size_t n)
{
    unsigned char *p = ret_bytes;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

void random_uuid(struct random *r, char ret_uuid[UUID_CHARS + 1])
{
    uint64_t first = random_u64(r), last = random_u64(r);
    char digits[32];

    first = (first & 0xffffffffffff0fffu) | 0x4000;            /* version 4 */
    last = (last & 0x3fffffffffffffffu) | 0x8000000000000000u; /* RFC 9562 variant */
    text_hex_u64(first, digits);
    text_hex_u64(last, digits + 16);
    memset(ret_uuid, '-', UUID_CHARS);
    memcpy(ret_uuid, digits, 8);
    memcpy(ret_uuid + 9, digits + 8, 4);
    memcpy(ret_uuid + 14, digits + 12, 4);
    memcpy(ret_uuid + 19, digits + 16, 4);
    memcpy(ret_uuid + 24, digits + 20, 12);
    ret_uuid[UUID_CHARS] = '\0';
}
