/* hash_aes.c - AES-CMAC of one or two blocks, with the processor's instructions for AES.
 *
 *   one block:    E(last)                 last: the block ^ K1 when it is whole,
 *   two blocks:   E(E(first) ^ last)            the block, 0x80 and zeros ^ K2 when not
 *
 * (CMAC takes longer inputs too; see HASH_AES_SIZE_MAX.) */
#include "base/error.h"
#include "base/hash_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

// For single functions: the rest of the program runs on processors without it, too.
#define WITH_AES __attribute__((target("aes")))

enum { BLOCK = 16 };

static_assert(HASH_AES_SIZE_MAX == 2 * BLOCK, "two blocks at most");

static inline __m128i load_block(const void *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

/* Round key i: aligned, so that it can be read by the instruction that uses it. */
static inline __m128i round_key(const struct hash_secret *secret, size_t i)
{
    return _mm_load_si128((const __m128i *)(const void *)secret->aes_rounds[i]);
}

WITH_AES static inline __m128i encrypt_block(const struct hash_secret *secret, __m128i block)
{
    block = _mm_xor_si128(block, round_key(secret, 0));
    for (size_t i = 1; i < HASH_AES_ROUND_KEYS - 1; i++) {
        block = _mm_aesenc_si128(block, round_key(secret, i));
    }
    return _mm_aesenclast_si128(block, round_key(secret, HASH_AES_ROUND_KEYS - 1));
}

/* The last block of an input, of which `size` bytes are left, made ready for encryption. */
static inline __m128i last_block(const struct hash_secret *secret, const char *data, size_t size)
{
    if (size == BLOCK) {
        return _mm_xor_si128(load_block(data), load_block(secret->aes_last[0]));
    }
    uint64_t rest = hash_load_rest(data, size) | UINT64_C(0x80) << 8 * (size % HASH_WORD);
    uint64_t low = size < HASH_WORD ? rest : hash_load_word(data);
    uint64_t high = size < HASH_WORD ? 0 : rest;
    __m128i block = _mm_set_epi64x((long long)high, (long long)low);
    return _mm_xor_si128(block, load_block(secret->aes_last[1]));
}

WITH_AES uint64_t hash_aes(const struct hash_secret *secret, struct bytes input)
{
    __m128i block;
    if (input.size <= BLOCK) {
        block = last_block(secret, input.data, input.size);
    } else {
        block = encrypt_block(secret, load_block(input.data));
        block = _mm_xor_si128(block, last_block(secret, input.data + BLOCK, input.size - BLOCK));
    }
    return (uint64_t)_mm_cvtsi128_si64(encrypt_block(secret, block));
}

bool hash_aes_is_there(void)
{
    return __builtin_cpu_supports("aes") != 0;
}

/* The round key after `key` (FIPS 197, section 5.2); `assist` is what the instruction makes
 * of `key` and the round's constant. */
static inline __m128i next_round_key(__m128i key, __m128i assist)
{
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

/* Twice `block` in the field of 2^128 elements, bytes in the order of CMAC: the first is the
 * highest. */
static void double_block(unsigned char doubled_out[BLOCK], const unsigned char block[BLOCK])
{
    unsigned carry = block[0] >> 7 != 0 ? 0x87 : 0;
    for (size_t i = BLOCK; i-- > 0;) {
        unsigned doubled = (unsigned)block[i] << 1 ^ carry;
        doubled_out[i] = (unsigned char)doubled;
        carry = block[i] >> 7;
    }
}

WITH_AES void hash_aes_expand(struct hash_secret *secret, const uint64_t key[2])
{
    __m128i keys[HASH_AES_ROUND_KEYS];
    keys[0] = load_block(key);
    // One by one: the instruction takes its constant as an immediate.
    keys[1] = next_round_key(keys[0], _mm_aeskeygenassist_si128(keys[0], 0x01));
    keys[2] = next_round_key(keys[1], _mm_aeskeygenassist_si128(keys[1], 0x02));
    keys[3] = next_round_key(keys[2], _mm_aeskeygenassist_si128(keys[2], 0x04));
    keys[4] = next_round_key(keys[3], _mm_aeskeygenassist_si128(keys[3], 0x08));
    keys[5] = next_round_key(keys[4], _mm_aeskeygenassist_si128(keys[4], 0x10));
    keys[6] = next_round_key(keys[5], _mm_aeskeygenassist_si128(keys[5], 0x20));
    keys[7] = next_round_key(keys[6], _mm_aeskeygenassist_si128(keys[6], 0x40));
    keys[8] = next_round_key(keys[7], _mm_aeskeygenassist_si128(keys[7], 0x80));
    keys[9] = next_round_key(keys[8], _mm_aeskeygenassist_si128(keys[8], 0x1b));
    keys[10] = next_round_key(keys[9], _mm_aeskeygenassist_si128(keys[9], 0x36));
    memcpy(secret->aes_rounds, keys, sizeof(secret->aes_rounds));
    __m128i zeros = encrypt_block(secret, _mm_setzero_si128());
    unsigned char bytes[BLOCK];
    memcpy(bytes, &zeros, sizeof(bytes));
    double_block(secret->aes_last[0], bytes);
    double_block(secret->aes_last[1], secret->aes_last[0]);
}

#else

bool hash_aes_is_there(void)
{
    return false;
}

void hash_aes_expand(struct hash_secret *secret, const uint64_t key[2])
{
    (void)secret;
    (void)key;
    ASSERT(false);
}

uint64_t hash_aes(const struct hash_secret *secret, struct bytes input)
{
    (void)secret;
    (void)input;
    ASSERT(false);
    return 0;
}

#endif
