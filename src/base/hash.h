/* hash.h - a keyed hash that clients cannot aim.
 *
 * XXH3 (Collet 2019, libxxhash) with a secret of 192 random bytes drawn at start: who
 * does not know the secret cannot choose keys that share a bucket or lock. Measured
 * against SipHash-1-3 in docs/adr/0003-keyed-hash.md.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"

#include <stdint.h>

struct hash_secret {
    unsigned char bytes[192];
};

/* The 64-bit hash of `input` under `secret`. */
uint64_t hash_bytes(const struct hash_secret *secret, struct bytes input);
