/* base/random.h: randomness is an argument.
 *
 * struct random is a small, fast, seeded generator (xoshiro256**): decisions that use it repeat
 * exactly under the same seed. Secrets and identifiers that must not be guessed come from
 * random_secret(), the kernel's generator.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);
uint32_t random_below(struct random *r, uint32_t bound); /* uniform in [0, bound), bound > 0 */
double random_unit(struct random *r);                    /* uniform in [0, 1) */

/** random_secret() - @n unpredictable bytes from the kernel; aborts if there are none to be had */
void random_secret(void *ret_bytes, size_t n);

enum { UUID_CHARS = 36 };
/** random_uuid() - a version 4 UUID in lower-case hex with dashes, NUL-terminated */
void random_uuid(struct random *r, char ret_uuid[UUID_CHARS + 1]);
