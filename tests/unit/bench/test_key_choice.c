#include "load/key_choice.h"

#include "unit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { DRAWS = 400000 };

TEST(ranks_follow_the_zipf_law)
{
    static const double thetas[] = {0.5, 0.99, 1.0, 1.3};
    enum { KEYS = 1000 };
    for (size_t t = 0; t < sizeof(thetas) / sizeof(thetas[0]); t++) {
        struct key_choice choice;
        struct random random = {.state = 42 + t};
        unsigned counts[KEYS + 1] = {0};
        double sum = 0;
        key_choice_init(&choice, KEYS, thetas[t]);
        for (int i = 0; i < DRAWS; i++) {
            uint64_t rank = key_choice_rank(&choice, &random);
            counts[rank <= KEYS ? rank : 0]++;
        }
        ck_assert_uint_eq(counts[0], 0);
        for (int rank = 1; rank <= KEYS; rank++) {
            sum += pow(rank, -thetas[t]);
        }
        for (int rank = 1; rank <= KEYS; rank = rank * 3 / 2 + 1) {
            double expected = DRAWS * pow(rank, -thetas[t]) / sum;
            // Six standard deviations of a count.
            ck_assert_double_le(fabs(counts[rank] - expected), 6 * sqrt(expected) + 1);
        }
    }
}

TEST(uniform_draws_reach_every_key_about_equally)
{
    enum { KEYS = 100 };
    struct key_choice choice;
    struct random random = {.state = 1};
    unsigned counts[KEYS] = {0};
    key_choice_init(&choice, KEYS, 0);
    for (int i = 0; i < DRAWS; i++) {
        counts[key_choice_draw(&choice, &random)]++;
    }
    for (int key = 0; key < KEYS; key++) {
        ck_assert_double_le(fabs(counts[key] - (double)DRAWS / KEYS),
                            6 * sqrt((double)DRAWS / KEYS));
    }
}

TEST(popular_keys_are_spread_one_to_one)
{
    static const uint64_t counts[] = {1, 2, 10, 97, 1000, 65536};
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        struct key_choice choice;
        key_choice_init(&choice, counts[c], 0.99);
        bool *seen = calloc(counts[c], sizeof(*seen));
        ck_assert_ptr_nonnull(seen);
        uint64_t twice = 0;
        for (uint64_t rank = 1; rank <= counts[c]; rank++) {
            uint64_t key = rank * choice.spread % counts[c];
            twice += seen[key];
            seen[key] = true;
        }
        ck_assert_uint_eq(twice, 0);
        free(seen);
    }
}

TEST(one_key_is_always_that_key)
{
    struct key_choice choice;
    struct random random = {.state = 3};
    key_choice_init(&choice, 1, 0.99);
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(key_choice_draw(&choice, &random), 0);
    }
}
