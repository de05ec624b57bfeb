#include "base/bytes.h"

#include "unit.h"

TEST(equal_bytes_have_the_same_size_and_content)
{
    ck_assert(bytes_equal(BYTES("abc"), BYTES("abc")));
    ck_assert(bytes_equal(BYTES("a\0b"), bytes_make("a\0b", 3)));
    ck_assert(bytes_equal(BYTES(""), bytes_make(NULL, 0)));
    ck_assert(!bytes_equal(BYTES("abc"), BYTES("abd")));
    ck_assert(!bytes_equal(BYTES("abc"), BYTES("ab")));
    ck_assert(!bytes_equal(BYTES("a\0b"), BYTES("a\0c")));
}

TEST(a_difference_is_found_wherever_it_is)
{
    enum { SIZE_MAX_TRIED = 70 };
    char a[SIZE_MAX_TRIED + 1];
    char b[SIZE_MAX_TRIED + 1];
    memset(a, 'x', sizeof(a));
    for (size_t size = 0; size <= SIZE_MAX_TRIED; size++) {
        memset(b, 'x', sizeof(b));
        b[size] = 'y'; // Behind the end: not looked at.
        ck_assert(bytes_same(a, b, size));
        for (size_t at = 0; at < size; at++) {
            memset(b, 'x', sizeof(b));
            b[at] = 'y';
            ck_assert(!bytes_same(a, b, size));
        }
    }
}

TEST(order_is_by_unsigned_bytes_with_prefixes_first)
{
    static const char *const ascending[] = {"",  "a",    "a\1",  "aa",  "ab",
                                            "b", "\x7f", "\x80", "\xff"};
    size_t count = sizeof(ascending) / sizeof(ascending[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            int order = bytes_compare(bytes_of_string(ascending[i]), bytes_of_string(ascending[k]));
            ck_assert_int_eq((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
    ck_assert_int_eq(bytes_compare(bytes_make(NULL, 0), BYTES("")), 0);
    ck_assert_int_lt(bytes_compare(BYTES("a\0a"), BYTES("a\0b")), 0);
}

TEST(words_are_compared_without_case)
{
    ck_assert(bytes_is_word(BYTES("LIMIT"), "LIMIT"));
    ck_assert(bytes_is_word(BYTES("limit"), "LIMIT"));
    ck_assert(bytes_is_word(BYTES("LiMiT"), "LIMIT"));
    ck_assert(bytes_is_word(BYTES(""), ""));
    ck_assert(!bytes_is_word(BYTES("LIMI"), "LIMIT"));
    ck_assert(!bytes_is_word(BYTES("LIMITS"), "LIMIT"));
    ck_assert(!bytes_is_word(BYTES("LIMIT\0"), "LIMIT"));
    ck_assert(!bytes_is_word(BYTES(""), "LIMIT"));
    ck_assert(!bytes_is_word(BYTES("LI@IT"), "LI`IT"));
}
