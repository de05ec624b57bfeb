/* key_choice.h - which key the next request is about.
 *
 * Uniform, or Zipf: the r-th most popular of n keys is drawn in proportion to
 * 1 / r^theta, by rejection-inversion (Hoermann, Derflinger 1996), which needs no
 * table, so n may be anything. Popular keys are spread over the whole range
 * by a bijection, so they are not neighbours.
 *
 * Threads: pure but for the generator that is passed in.
 */
#pragma once

#include "base/random.h"

#include <stdint.h>

struct key_choice {
    uint64_t count;
    double theta;      // 0: uniform.
    double area_first; // Integral of the density up to 1.5, less its value at 1.
    double area_last;  // Up to count + 0.5.
    double shortcut;   // Distance below which a draw needs no check.
    uint64_t spread;   // Coprime to count.
};

/* `count` keys, numbered from 0; theta 0 is uniform, YCSB's usual Zipf is 0.99. */
void key_choice_init(struct key_choice *choice, uint64_t count, double theta);

/* A rank from 1, the most popular, to count; for theta > 0. */
uint64_t key_choice_rank(const struct key_choice *choice, struct random *random);

/* A key number below count. */
static inline uint64_t key_choice_draw(const struct key_choice *choice, struct random *random)
{
    if (choice->theta <= 0) {
        return random_below(random, choice->count);
    }
    uint64_t rank = key_choice_rank(choice, random);
    return (uint64_t)((__uint128_t)rank * choice->spread % choice->count);
}
