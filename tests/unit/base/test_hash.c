#include "base/hash.h"

#include "unit.h"

static const struct hash_secret secret = {
    .k0 = 0x0706050403020100U,
    .k1 = 0x0F0E0D0C0B0A0908U,
};

// The reference method: secret 00 01 .. 0f, input the first `size` of 00 01 02 ..
static uint64_t hash_of_counting_bytes(size_t size, size_t offset)
{
    char input[80] = {0};
    ck_assert_uint_le(size + offset, sizeof(input));
    for (size_t i = 0; i < size; i++) {
        input[offset + i] = (char)i;
    }
    return hash_bytes(&secret, bytes_make(input + offset, size));
}

TEST(siphash_1_3_gives_the_reference_values)
{
    static const struct {
        size_t size;
        uint64_t hash;
    } vectors[] = {
        {0, 0xABAC0158050FC4DCU},  {1, 0xC9F49BF37D57CA93U},  {2, 0x82CB9B024DC7D44DU},
        {3, 0x8BF80AB8E7DDF7FBU},  {7, 0xD3927D989BB11140U},  {8, 0x369095118D299A8EU},
        {9, 0x25A48EB36C063DE4U},  {15, 0xD320D86D2A519956U}, {16, 0xCC4FDD1A7D908B66U},
        {17, 0x9CF2689063DBD80CU}, {31, 0x2370DD1F8C21D1BCU}, {32, 0x81157B6C16A7B60DU},
        {63, 0x9D199062B7BBB3A8U},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        for (size_t offset = 0; offset < 9; offset++) {
            ck_assert_uint_eq(hash_of_counting_bytes(vectors[i].size, offset), vectors[i].hash);
        }
    }
}

TEST(a_changed_secret_changes_the_hash)
{
    struct hash_secret other = secret;
    other.k1 ^= 1;
    ck_assert_uint_ne(hash_bytes(&secret, BYTES("key")), hash_bytes(&other, BYTES("key")));
    other = secret;
    other.k0 ^= UINT64_C(1) << 63;
    ck_assert_uint_ne(hash_bytes(&secret, BYTES("key")), hash_bytes(&other, BYTES("key")));
}

TEST(every_input_bit_and_the_length_change_the_hash)
{
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
