/* seed.h - where a model test's random operations start.
 *
 * FASTKV_SEED when set, else a fresh one; printed, so that a failure can be had again.
 */
#pragma once

#include "base/hash.h"
#include "base/random.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline struct random seed_random(const char *test)
{
    struct random random = {0};
    const char *given = getenv("FASTKV_SEED"); // NOLINT(concurrency-mt-unsafe): nobody sets it.
    if (given != NULL) {
        random.state = strtoull(given, NULL, 0);
    } else if (random_fill(&random.state, sizeof(random.state)) < 0) {
        abort();
    }
    (void)fprintf(stderr, "%s: FASTKV_SEED=%" PRIu64 "\n", test, random.state);
    return random;
}

/* A secret for hash_bytes that follows from the seed. */
static inline struct hash_secret seed_secret(struct random *random)
{
    uint64_t words[HASH_SEED_WORDS];
    for (size_t i = 0; i < HASH_SEED_WORDS; i++) {
        words[i] = random_next(random);
    }
    struct hash_secret secret;
    hash_secret_init(&secret, words);
    return secret;
}
