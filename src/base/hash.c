#include "base/hash.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline uint64_t load_word(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof(word));
    return word;
}

// The last 0 to 7 bytes, the first in the low bits, without reading past them.
static inline uint64_t load_tail(const char *data, size_t size)
{
    uint64_t tail = 0;
    for (size_t i = 0; i < size; i++) {
        tail |= (uint64_t)(unsigned char)data[i] << (8 * i);
    }
    return tail;
}

uint64_t hash_bytes(const struct hash_secret *secret, struct bytes input)
{
    struct sip s = {
        .v0 = secret->k0 ^ 0x736F6D6570736575U,
        .v1 = secret->k1 ^ 0x646F72616E646F6DU,
        .v2 = secret->k0 ^ 0x6C7967656E657261U,
        .v3 = secret->k1 ^ 0x7465646279746573U,
    };
    const char *at = input.data;
    size_t words = input.size / 8;
    for (size_t i = 0; i < words; i++, at += 8) {
        uint64_t word = load_word(at);
        s.v3 ^= word;
        sip_round(&s);
        s.v0 ^= word;
    }
    uint64_t last = (uint64_t)input.size << 56 | load_tail(at, input.size % 8);
    s.v3 ^= last;
    sip_round(&s);
    s.v0 ^= last;
    s.v2 ^= 0xFF;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
