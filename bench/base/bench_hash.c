/* bench_hash.c - what hashing a key costs.
 *
 *   bench_hash
 *
 * Nanoseconds of thread CPU time for each of some lengths: "apart", each hash independent of
 * the one before, as in a batch; "chained", each waiting for the one before. The median of
 * TURNS runs over KEYS random keys.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 4096, SIZE_MAX_TRIED = 1024, TURNS = 7, REPEATS = 100 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double hash_ns(const struct hash_secret *secret, const char *keys, size_t size,
                      bool is_chained)
{
    double ns[TURNS];
    uint64_t sum = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t start = clock_thread_cpu_ns();
        for (int repeat = 0; repeat < REPEATS; repeat++) {
            for (size_t i = 0; i < KEYS; i++) {
                size_t at = is_chained ? sum % KEYS : i;
                uint64_t hash = hash_bytes(secret, bytes_make(keys + at * size, size));
                sum = is_chained ? hash : sum + hash;
            }
        }
        ns[turn] = (double)(clock_thread_cpu_ns() - start) / ((double)REPEATS * KEYS);
    }
    // The sum is used, so that nothing is left out.
    if (sum == 0) {
        abort();
    }
    qsort(ns, TURNS, sizeof(ns[0]), compare);
    return ns[TURNS / 2];
}

static void print_all(const struct hash_secret *secret, const char *keys)
{
    static const size_t sizes[] = {4, 8, 12, 16, 20, 24, 32, 64, 128, SIZE_MAX_TRIED};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        printf("%5zu B  apart %7.2f  chained %7.2f ns\n", sizes[i],
               hash_ns(secret, keys, sizes[i], false), hash_ns(secret, keys, sizes[i], true));
    }
}

int main(void)
{
    static char keys[KEYS * SIZE_MAX_TRIED];
    uint64_t seed[HASH_SEED_WORDS];
    if (random_fill(seed, sizeof(seed)) < 0 || random_fill(keys, sizeof(keys)) < 0) {
        return 1;
    }
    struct hash_secret secret;
    hash_secret_init(&secret, seed);
    print_all(&secret, keys);
    secret.uses_aes = false;
    printf("SipHash for all:\n");
    print_all(&secret, keys);
    return 0;
}
