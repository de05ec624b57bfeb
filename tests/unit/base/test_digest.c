#include "base/digest.h"
#include "unit.h"

#include <string.h>

// The example of Redis's documentation of DIGEST, and the value that XXH3 gives for nothing.
TEST(digests_are_those_of_xxh3)
{
    ck_assert_uint_eq(digest_of(BYTES("Hello world")), UINT64_C(0xb6acb9d84a38ff74));
    ck_assert_uint_eq(digest_of(BYTES("")), UINT64_C(0x2d06800538d394c2));
    ck_assert_uint_eq(digest_of(bytes_make(NULL, 0)), UINT64_C(0x2d06800538d394c2));
}

TEST(digests_have_sixteen_digits)
{
    char text[DIGEST_TEXT_SIZE];
    uint64_t digest = 7;
    digest_format(UINT64_C(0x0000a0b00000000c), text);
    ck_assert_int_eq(memcmp(text, "0000a0b00000000c", sizeof(text)), 0);
    ck_assert(digest_parse(bytes_make(text, sizeof(text)), &digest));
    ck_assert_uint_eq(digest, UINT64_C(0x0000a0b00000000c));
    ck_assert(digest_parse(BYTES("B6ACB9D84A38FF74"), &digest));
    ck_assert_uint_eq(digest, UINT64_C(0xb6acb9d84a38ff74));
    ck_assert(!digest_parse(BYTES("b6acb9d84a38ff7"), &digest));
    ck_assert(!digest_parse(BYTES("b6acb9d84a38ff744"), &digest));
    ck_assert(!digest_parse(BYTES("b6acb9d84a38ff7g"), &digest));
    ck_assert(!digest_parse(BYTES(""), &digest));
    ck_assert_uint_eq(digest, UINT64_C(0xb6acb9d84a38ff74));
}
