#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
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
    uint32_t threshold;

    assert(bound > 0);
    threshold = -bound % bound;
    do
        product = (random_u64(r) >> 32) * bound;
    while ((uint32_t)product < threshold);
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
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[16];
    char *out = ret_uuid;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t v = random_u64(r);

        for (unsigned j = 0; j < 8; j++)
            bytes[8 * i + j] = (unsigned char)(v >> (8 * j));
    }
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* RFC 9562 variant */

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[bytes[i] >> 4];
        *out++ = hex[bytes[i] & 15];
    }
    *out = '\0';
}
