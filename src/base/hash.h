/* hash.h - a keyed hash that clients cannot aim.
 *
 * SipHash-1-3 (Aumasson, Bernstein 2012) with a 128-bit secret drawn at start:
 * who does not know the secret cannot choose keys that share a bucket or lock.
 *
 * Worked example, secret bytes 00 01 .. 0f, input bytes 00 01 02: see
 * tests/unit/base/test_hash.c, which checks the published vectors' method.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"

#include <stdint.h>

struct hash_secret {
    uint64_t k0;
    uint64_t k1;
};

/* The 64-bit hash of `input` under `secret`. */
uint64_t hash_bytes(const struct hash_secret *secret, struct bytes input);
