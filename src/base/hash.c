#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(struct hash_secret) >= XXH3_SECRET_SIZE_MIN, "enough secret for XXH3");

uint64_t hash_bytes(const struct hash_secret *secret, struct bytes input)
{
    return XXH3_64bits_withSecret(input.data, input.size, secret->bytes, sizeof(secret->bytes));
}
