#include "base/hash.h"
#include "seed.h"
#include "unit.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static struct hash_secret counting_secret(void)
{
    struct hash_secret secret;
    for (size_t i = 0; i < sizeof(secret.bytes); i++) {
        secret.bytes[i] = (unsigned char)(i * 151 + 7);
    }
    return secret;
}

TEST(every_size_and_alignment_gives_what_the_library_gives)
{
    struct hash_secret secret = counting_secret();
    char input[600 + 8];
    for (size_t i = 0; i < sizeof(input); i++) {
        input[i] = (char)(i * 31);
    }
    for (size_t size = 0; size <= 600; size++) {
        uint64_t want = XXH3_64bits_withSecret(input + 1, size, secret.bytes, sizeof(secret.bytes));
        ck_assert_uint_eq(hash_bytes(&secret, bytes_make(input + 1, size)), want);
    }
    for (size_t offset = 0; offset < 8; offset++) {
        char moved[64 + 8] = {0};
        memcpy(moved + offset, input, 64);
        ck_assert_uint_eq(hash_bytes(&secret, bytes_make(moved + offset, 64)),
                          hash_bytes(&secret, bytes_make(input, 64)));
    }
}

TEST(another_secret_gives_another_hash)
{
    static const char *const keys[] = {"k", "key", "key:0001", "key:000000000001",
                                       "a key of more than sixteen bytes"};
    struct hash_secret secret = counting_secret();
    struct random random = {1};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct bytes key = bytes_make(keys[i], strlen(keys[i]));
        struct hash_secret other = seed_secret(&random);
        ck_assert_uint_ne(hash_bytes(&secret, key), hash_bytes(&other, key));
    }
}

TEST(every_input_bit_and_the_length_change_the_hash)
{
    struct hash_secret secret = counting_secret();
    char input[24] = {0};
    uint64_t plain = hash_bytes(&secret, bytes_make(input, sizeof(input)));
    for (size_t bit = 0; bit < sizeof(input) * 8; bit++) {
        input[bit / 8] = (char)(1 << bit % 8);
        ck_assert_uint_ne(hash_bytes(&secret, bytes_make(input, sizeof(input))), plain);
        input[bit / 8] = 0;
    }
    for (size_t size = 0; size < sizeof(input); size++) {
        ck_assert_uint_ne(hash_bytes(&secret, bytes_make(input, size)), plain);
    }
}
