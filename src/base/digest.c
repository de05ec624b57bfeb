#include "base/digest.h"

#include <xxhash.h>

uint64_t digest_of(struct bytes text)
{
    return XXH3_64bits(text.data == NULL ? "" : text.data, text.size);
}

void digest_format(uint64_t digest, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = DIGEST_TEXT_SIZE - 1; i >= 0; i--) {
        out[i] = digits[digest & 0xF];
        digest >>= 4;
    }
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool digest_parse(struct bytes text, uint64_t *digest_out)
{
    uint64_t digest = 0;
    if (text.size != DIGEST_TEXT_SIZE) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i]);
        if (digit < 0) {
            return false;
        }
        digest = digest << 4 | (uint64_t)digit;
    }
    *digest_out = digest;
    return true;
}
