/* hash.h - a keyed hash that clients cannot predict, not even from hashes they see.
 *
 * A pseudo-random function under a secret drawn at start: who knows the hashes of a million
 * keys of their choice, of which SCAN's cursor tells them a part, knows nothing about the
 * hash of any other key. Two functions, each under a secret of its own:
 *
 *   up to 32 bytes, where the processor has instructions for AES:
 *       AES-CMAC (RFC 4493, NIST SP 800-38B), the first eight bytes, little-endian
 *   all else:
 *       SipHash-1-3 (Aumasson, Bernstein 2012)
 *
 * Others that were measured: docs/adr/0008-a-hash-that-may-be-seen.md.
 *
 * Example of SipHash: secret 0x0706050403020100, 0x0f0e0d0c0b0a0908, input 00 01 02 ... 0e:
 * 0xd320d86d2a519956. Of AES-CMAC, from the RFC: key 2b7e151628aed2a6abf7158809cf4f3c, no
 * input: bb1d6929e9593728..., so 0x283759e929691dbb.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    HASH_SEED_WORDS = 4,     // Two for each function.
    HASH_AES_SIZE_MAX = 32,  // Above, the chain of AES calls takes longer than SipHash.
    HASH_AES_ROUND_KEYS = 11 // AES-128.
};

/* What follows from the seed. Secret like it. */
struct hash_secret {
    uint64_t sip[2];
    bool uses_aes; // False in a secret of two words that is written down: SipHash for all.
    alignas(16) unsigned char aes_rounds[HASH_AES_ROUND_KEYS][16];
    alignas(16) unsigned char aes_last[2][16]; // CMAC's K1, K2: xored into the last block.
};

/* The secret that follows from `seed`, which is random and not used for anything else. */
void hash_secret_init(struct hash_secret *secret, const uint64_t seed[HASH_SEED_WORDS]);

/* The 64-bit hash of `input` under `secret`. */
uint64_t hash_bytes(const struct hash_secret *secret, struct bytes input);
