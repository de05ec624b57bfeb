/* hash.c - SipHash-1-3 with as few instructions as short keys allow, and the choice.
 *
 * The input is taken as little-endian words. The last word holds the 0 to 7 bytes that
 * are left over and, on top, the size modulo 256. */
#include "base/hash.h"

#include "base/error.h"
#include "base/hash_internal.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void sip_take(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

static uint64_t hash_sip(const uint64_t secret[2], struct bytes input)
{
    struct state s = {
        .v0 = secret[0] ^ UINT64_C(0x736f6d6570736575),
        .v1 = secret[1] ^ UINT64_C(0x646f72616e646f6d),
        .v2 = secret[0] ^ UINT64_C(0x6c7967656e657261),
        .v3 = secret[1] ^ UINT64_C(0x7465646279746573),
    };
    for (size_t at = 0; at + HASH_WORD <= input.size; at += HASH_WORD) {
        sip_take(&s, hash_load_word(input.data + at));
    }
    sip_take(&s, (uint64_t)input.size << 56 | hash_load_rest(input.data, input.size));
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void hash_secret_init(struct hash_secret *secret, const uint64_t seed[HASH_SEED_WORDS])
{
    *secret = (struct hash_secret){.sip = {seed[0], seed[1]}, .uses_aes = hash_aes_is_there()};
    if (secret->uses_aes) {
        hash_aes_expand(secret, seed + 2);
    }
}

uint64_t hash_bytes(const struct hash_secret *secret, struct bytes input)
{
    if (LIKELY(input.size <= HASH_AES_SIZE_MAX && secret->uses_aes)) {
        return hash_aes(secret, input);
    }
    return hash_sip(secret->sip, input);
}
