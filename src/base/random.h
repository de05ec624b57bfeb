/* random.h - secrets from the kernel, and a fast repeatable generator.
 *
 * Threads: random_fill, any; a struct random belongs to one thread at a time.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Fill `size` bytes from the kernel's generator. 0 or negative errno. */
NODISCARD int random_fill(void *bytes_out, size_t size);

/* SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same sequence. */
struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = (random->state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

/* A number from 0 to `bound` - 1, evenly but for a bias below 2^-32 (bound < 2^32). */
static inline uint64_t random_below(struct random *random, uint64_t bound)
{
    return (uint64_t)(((__uint128_t)random_next(random) * bound) >> 64);
}
