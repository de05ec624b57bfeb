/* The hash beside both papers' descriptions of it, taken byte by byte. */
#include "base/hash.h"
#include "base/random.h"
#include "seed.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

/* ---- SipHash as the paper describes it ---- */

static uint64_t rotated(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[1] = rotated(v[1], 13);
        v[1] ^= v[0];
        v[0] = rotated(v[0], 32);
        v[2] += v[3];
        v[3] = rotated(v[3], 16);
        v[3] ^= v[2];
        v[0] += v[3];
        v[3] = rotated(v[3], 21);
        v[3] ^= v[0];
        v[2] += v[1];
        v[1] = rotated(v[1], 17);
        v[1] ^= v[2];
        v[2] = rotated(v[2], 32);
    }
}

/* Word i of the padded input. */
static uint64_t sip_word(struct bytes input, size_t i)
{
    uint64_t word = 0;
    for (size_t b = 0; b < 8; b++) {
        size_t at = 8 * i + b;
        uint64_t byte = at < input.size ? (unsigned char)input.data[at] : 0;
        if (at / 8 == input.size / 8 && b == 7) {
            byte = input.size & 0xff;
        }
        word |= byte << 8 * b;
    }
    return word;
}

struct rounds {
    unsigned each, last;
};

static uint64_t sip_plainly(const uint64_t k[2], struct bytes input, struct rounds rounds)
{
    uint64_t v[4] = {
        k[0] ^ UINT64_C(0x736f6d6570736575),
        k[1] ^ UINT64_C(0x646f72616e646f6d),
        k[0] ^ UINT64_C(0x6c7967656e657261),
        k[1] ^ UINT64_C(0x7465646279746573),
    };
    for (size_t i = 0; i <= input.size / 8; i++) {
        uint64_t word = sip_word(input, i);
        v[3] ^= word;
        sip_rounds(v, rounds.each);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    sip_rounds(v, rounds.last);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- AES-CMAC as FIPS 197 and RFC 4493 describe it ---- */

enum { BLOCK = 16, ROUNDS = 10 };

static unsigned char field_times(unsigned a, unsigned b)
{
    unsigned product = 0;
    for (; b != 0; b >>= 1) {
        product ^= (b & 1) != 0 ? a : 0;
        a = a << 1 ^ ((a & 0x80) != 0 ? 0x11b : 0);
    }
    return (unsigned char)product;
}

static unsigned char substituted(unsigned char byte)
{
    unsigned char inverse = 0;
    for (unsigned candidate = 1; candidate < 256; candidate++) {
        if (field_times(byte, candidate) == 1) {
            inverse = (unsigned char)candidate;
        }
    }
    unsigned s = 0x63;
    for (unsigned i = 0; i < 5; i++) {
        s ^= (unsigned)inverse << i | (unsigned)inverse >> (8 - i);
    }
    return (unsigned char)s;
}

struct aes_key {
    unsigned char sbox[256];
    unsigned char rounds[ROUNDS + 1][BLOCK];
};

static struct aes_key aes_key_make(const unsigned char key[BLOCK])
{
    struct aes_key made;
    for (unsigned i = 0; i < 256; i++) {
        made.sbox[i] = substituted((unsigned char)i);
    }
    memcpy(made.rounds[0], key, BLOCK);
    unsigned char *bytes = &made.rounds[0][0];
    unsigned constant = 1;
    for (size_t i = BLOCK; i < sizeof(made.rounds); i += 4) {
        unsigned char word[4];
        memcpy(word, bytes + i - 4, 4);
        if (i % BLOCK == 0) {
            unsigned char first = word[0];
            word[0] = (unsigned char)(made.sbox[word[1]] ^ constant);
            word[1] = made.sbox[word[2]];
            word[2] = made.sbox[word[3]];
            word[3] = made.sbox[first];
            constant = field_times(constant, 2);
        }
        for (size_t b = 0; b < 4; b++) {
            bytes[i + b] = bytes[i + b - BLOCK] ^ word[b];
        }
    }
    return made;
}

static void xor_block(unsigned char *block, const unsigned char *other)
{
    for (size_t i = 0; i < BLOCK; i++) {
        block[i] ^= other[i];
    }
}

static void aes_plainly(const struct aes_key *key, unsigned char block[BLOCK])
{
    xor_block(block, key->rounds[0]);
    for (size_t round = 1; round <= ROUNDS; round++) {
        unsigned char moved[BLOCK];
        for (size_t i = 0; i < BLOCK; i++) { // Row i % 4 turns left by i % 4 columns.
            moved[i] = key->sbox[block[(i + i % 4 * 4) % BLOCK]];
        }
        for (size_t i = 0; i < BLOCK; i++) {
            const unsigned char *column = moved + i / 4 * 4;
            block[i] = round == ROUNDS ? moved[i]
                                       : (unsigned char)(field_times(column[i % 4], 2) ^
                                                         field_times(column[(i + 1) % 4], 3) ^
                                                         column[(i + 2) % 4] ^ column[(i + 3) % 4]);
        }
        xor_block(block, key->rounds[round]);
    }
}

static void doubled(unsigned char block[BLOCK])
{
    bool overflows = (block[0] & 0x80) != 0;
    for (size_t i = 0; i < BLOCK; i++) {
        unsigned next = i + 1 < BLOCK ? block[i + 1] : 0;
        block[i] = (unsigned char)((unsigned)block[i] << 1 | next >> 7);
    }
    block[BLOCK - 1] ^= overflows ? 0x87 : 0;
}

static void cmac_plainly(const unsigned char key_bytes[BLOCK], struct bytes input,
                         unsigned char mac_out[BLOCK])
{
    struct aes_key key = aes_key_make(key_bytes);
    memset(mac_out, 0, BLOCK);
    while (input.size > BLOCK) {
        xor_block(mac_out, (const unsigned char *)input.data);
        aes_plainly(&key, mac_out);
        input = bytes_make(input.data + BLOCK, input.size - BLOCK);
    }
    unsigned char subkey[BLOCK] = {0};
    aes_plainly(&key, subkey);
    doubled(subkey);
    unsigned char last[BLOCK] = {0};
    if (input.size > 0) {
        memcpy(last, input.data, input.size);
    }
    if (input.size < BLOCK) {
        last[input.size] = 0x80;
        doubled(subkey);
    }
    xor_block(mac_out, last);
    xor_block(mac_out, subkey);
    aes_plainly(&key, mac_out);
}

/* ---- what the descriptions give ---- */

static const struct rounds one_three = {1, 3};

// The secret of the paper's example: bytes 00 01 02 ... 0f.
static const struct hash_secret paper_secret = {
    .sip = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

TEST(siphash_gives_its_papers_example)
{
    struct bytes input = BYTES("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16");
    // Appendix A of the paper: SipHash-2-4.
    ck_assert_uint_eq(sip_plainly(paper_secret.sip, input, (struct rounds){2, 4}),
                      UINT64_C(0xa129ca6149be45e5));
    // The example in hash.h.
    ck_assert_uint_eq(sip_plainly(paper_secret.sip, input, one_three),
                      UINT64_C(0xd320d86d2a519956));
    ck_assert_uint_eq(hash_bytes(&paper_secret, input), UINT64_C(0xd320d86d2a519956));
}

static const unsigned char rfc_key[BLOCK] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                             0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
static const unsigned char rfc_input[40] = {
    0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93,
    0x17, 0x2a, 0xae, 0x2d, 0x8a, 0x57, 0x1e, 0x03, 0xac, 0x9c, 0x9e, 0xb7, 0x6f, 0xac,
    0x45, 0xaf, 0x8e, 0x51, 0x30, 0xc8, 0x1c, 0x46, 0xa3, 0x5c, 0xe4, 0x11};

/* The first eight bytes of what RFC 4493, section 4, gives for so much of its input. */
static const struct {
    size_t size;
    uint64_t hash;
} rfc_examples[] = {
    {0, UINT64_C(0x283759e929691dbb)},
    {16, UINT64_C(0x44414d6bb4160a07)},
    {40, UINT64_C(0x30e69ade4767a6df)},
};

TEST(cmac_gives_its_rfcs_examples)
{
    struct hash_secret secret;
    uint64_t seed[HASH_SEED_WORDS] = {0};
    memcpy(seed + 2, rfc_key, sizeof(rfc_key));
    hash_secret_init(&secret, seed);
    for (size_t i = 0; i < sizeof(rfc_examples) / sizeof(rfc_examples[0]); i++) {
        struct bytes input = bytes_make((const char *)rfc_input, rfc_examples[i].size);
        unsigned char mac[BLOCK];
        cmac_plainly(rfc_key, input, mac);
        ck_assert_mem_eq(mac, &rfc_examples[i].hash, sizeof(uint64_t));
        if (secret.uses_aes && input.size <= HASH_AES_SIZE_MAX) {
            ck_assert_uint_eq(hash_bytes(&secret, input), rfc_examples[i].hash);
        }
    }
}

/* ---- the hash beside them ---- */

/* What an input hashes to under the secret that follows from a seed. */
static uint64_t hash_plainly(const uint64_t seed[HASH_SEED_WORDS], struct bytes input, bool aes)
{
    if (!aes || input.size > HASH_AES_SIZE_MAX) {
        return sip_plainly(seed, input, one_three);
    }
    unsigned char key[BLOCK];
    unsigned char mac[BLOCK];
    memcpy(key, seed + 2, sizeof(key));
    cmac_plainly(key, input, mac);
    uint64_t hash;
    memcpy(&hash, mac, sizeof(hash));
    return hash;
}

static void check_sizes(size_t sizes, bool may_use_aes)
{
    enum { SIZE_MAX_TRIED = 600 };
    struct random random = {17};
    char input[SIZE_MAX_TRIED + 8];
    for (size_t i = 0; i < sizeof(input); i++) {
        input[i] = (char)random_next(&random);
    }
    for (size_t size = 0; size <= sizes; size++) {
        uint64_t seed[HASH_SEED_WORDS];
        for (size_t i = 0; i < HASH_SEED_WORDS; i++) {
            seed[i] = random_next(&random);
        }
        struct hash_secret secret;
        hash_secret_init(&secret, seed);
        secret.uses_aes = secret.uses_aes && may_use_aes;
        for (size_t offset = 0; offset < 8; offset++) {
            struct bytes part = bytes_make(input + offset, size);
            ck_assert_uint_eq(hash_bytes(&secret, part), hash_plainly(seed, part, secret.uses_aes));
        }
    }
}

TEST(every_size_and_alignment_gives_what_the_papers_say)
{
    check_sizes(100, true);
}

TEST(without_aes_every_size_gives_what_siphash_does)
{
    check_sizes(600, false);
}

/* Both ways of hashing, the second where the processor has it. */
static size_t both_secrets(struct hash_secret secrets[2])
{
    secrets[0] = paper_secret;
    hash_secret_init(&secrets[1], (uint64_t[HASH_SEED_WORDS]){1, 2, 3, 4});
    return secrets[1].uses_aes ? 2 : 1;
}

TEST(no_byte_outside_the_input_is_read)
{
    struct hash_secret secrets[2];
    size_t ways = both_secrets(secrets);
    // Blocks of exactly the size: the address sanitizer sees what leaves them.
    for (size_t size = 1; size <= 70; size++) {
        char *input = malloc(size);
        ck_assert_ptr_nonnull(input);
        memset(input, 'x', size);
        for (size_t way = 0; way < ways; way++) {
            ck_assert_uint_ne(hash_bytes(&secrets[way], bytes_make(input, size)), 0);
        }
        free(input);
    }
    for (size_t way = 0; way < ways; way++) {
        ck_assert_uint_ne(hash_bytes(&secrets[way], bytes_make(NULL, 0)), 0);
    }
}

TEST(every_input_bit_and_the_length_change_the_hash)
{
    struct hash_secret secrets[2];
    size_t ways = both_secrets(secrets);
    for (size_t way = 0; way < ways; way++) {
        const struct hash_secret *secret = &secrets[way];
        char input[HASH_AES_SIZE_MAX] = {0};
        for (size_t size = 0; size <= sizeof(input); size++) {
            uint64_t plain = hash_bytes(secret, bytes_make(input, size));
            for (size_t bit = 0; bit < size * 8; bit++) {
                input[bit / 8] = (char)(1 << bit % 8);
                ck_assert_uint_ne(hash_bytes(secret, bytes_make(input, size)), plain);
                input[bit / 8] = 0;
            }
            for (size_t shorter = 0; shorter < size; shorter++) {
                ck_assert_uint_ne(hash_bytes(secret, bytes_make(input, shorter)), plain);
            }
        }
    }
}

TEST(every_seed_bit_changes_some_hash)
{
    struct bytes shorter = BYTES("key:000000000001");
    struct bytes longer = BYTES("a key of more than thirty-two bytes of text");
    uint64_t seed[HASH_SEED_WORDS] = {5, 6, 7, 8};
    struct hash_secret secret;
    hash_secret_init(&secret, seed);
    size_t bits = secret.uses_aes ? 256 : 128;
    for (size_t bit = 0; bit < bits; bit++) {
        seed[bit / 64] ^= UINT64_C(1) << bit % 64;
        struct hash_secret other;
        hash_secret_init(&other, seed);
        seed[bit / 64] ^= UINT64_C(1) << bit % 64;
        bool differs = hash_bytes(&secret, shorter) != hash_bytes(&other, shorter);
        ck_assert_int_eq(differs, !secret.uses_aes || bit >= 128);
        differs = hash_bytes(&secret, longer) != hash_bytes(&other, longer);
        ck_assert_int_eq(differs, bit < 128);
    }
}

TEST(each_output_bit_depends_on_each_input_bit)
{
    enum { SIZE = 16, SAMPLES = 2000, OFF_MAX = 150 };
    struct random random = {23};
    struct hash_secret secrets[2];
    size_t ways = both_secrets(secrets);
    for (size_t way = 0; way < ways; way++) {
        static uint32_t flips[SIZE * 8][64];
        memset(flips, 0, sizeof(flips));
        for (int sample = 0; sample < SAMPLES; sample++) {
            uint64_t words[SIZE / 8] = {random_next(&random), random_next(&random)};
            struct bytes input = bytes_make((const char *)words, SIZE);
            uint64_t plain = hash_bytes(&secrets[way], input);
            for (size_t bit = 0; bit < (size_t)SIZE * 8; bit++) {
                words[bit / 64] ^= UINT64_C(1) << bit % 64;
                uint64_t changed = hash_bytes(&secrets[way], input) ^ plain;
                words[bit / 64] ^= UINT64_C(1) << bit % 64;
                for (size_t out = 0; out < 64; out++) {
                    flips[bit][out] += (uint32_t)(changed >> out & 1);
                }
            }
        }
        // A fair coin thrown 2,000 times is further off once in 50 billion.
        for (size_t bit = 0; bit < (size_t)SIZE * 8; bit++) {
            for (size_t out = 0; out < 64; out++) {
                ASSERT(flips[bit][out] > SAMPLES / 2 - OFF_MAX &&
                       flips[bit][out] < SAMPLES / 2 + OFF_MAX);
            }
        }
    }
}
