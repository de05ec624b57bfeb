/* hash_internal.h - what hash.c and hash_aes.c share.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/hash.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded as they are");

enum { HASH_WORD = sizeof(uint64_t) };

static inline uint64_t hash_load_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

static inline uint64_t hash_load_half(const char *at)
{
    uint32_t half;
    memcpy(&half, at, sizeof(half));
    return half;
}

static inline uint64_t hash_load_byte(const char *at)
{
    return (unsigned char)*at;
}

/* The last size % 8 bytes of an input as a word, the others 0: by loads that overlap instead
 * of byte by byte, and never by one that leaves the input. */
static inline uint64_t hash_load_rest(const char *data, size_t size)
{
    enum { HALF = sizeof(uint32_t) };
    size_t rest = size % HASH_WORD;
    if (size >= HASH_WORD) {
        // In two shifts: one by 64, when nothing is left over, would be undefined.
        return hash_load_word(data + size - HASH_WORD) >> 1 >> (63 - 8 * rest);
    }
    if (rest >= HALF) {
        size_t second = rest - HALF;
        return hash_load_half(data) | hash_load_half(data + second) << 8 * second;
    }
    if (rest > 0) {
        size_t middle = rest / 2;
        size_t last = rest - 1;
        return hash_load_byte(data) | hash_load_byte(data + middle) << 8 * middle |
               hash_load_byte(data + last) << 8 * last;
    }
    return 0;
}

/* Whether this processor can do what follows. */
bool hash_aes_is_there(void);

/* Fill in the keys of AES-CMAC that follow from an AES-128 key. */
void hash_aes_expand(struct hash_secret *secret, const uint64_t key[2]);

/* The first eight bytes of AES-CMAC of up to HASH_AES_SIZE_MAX bytes. */
uint64_t hash_aes(const struct hash_secret *secret, struct bytes input);
