#include "base/bits.h"
#include "unit.h"

#include <string.h>

TEST(bits_are_counted_within_a_range)
{
    const struct bytes string = BYTES("\xF0\x01\xFF");
    ck_assert_uint_eq(bits_count(string, 0, 23), 13);
    ck_assert_uint_eq(bits_count(string, 0, 0), 1);
    ck_assert_uint_eq(bits_count(string, 4, 14), 0);
    ck_assert_uint_eq(bits_count(string, 3, 15), 2);
    ck_assert_uint_eq(bits_count(string, 18, 19), 2);
}

TEST(the_first_bit_of_a_kind_is_found)
{
    const struct bytes string = BYTES("\xFF\xF0\x00\x01");
    uint64_t place = 99;
    ck_assert(bits_find(string, 0, 31, true, &place));
    ck_assert_uint_eq(place, 0);
    ck_assert(bits_find(string, 0, 31, false, &place));
    ck_assert_uint_eq(place, 12);
    ck_assert(bits_find(string, 12, 31, true, &place));
    ck_assert_uint_eq(place, 31);
    ck_assert(!bits_find(string, 12, 30, true, &place));
    ck_assert(!bits_find(string, 2, 11, false, &place));
    ck_assert_uint_eq(place, 31);
}

TEST(fields_of_any_width_are_read_and_written)
{
    char data[12] = {0};
    bits_write(data, 3, 64, UINT64_C(0x8000000000000001));
    ck_assert_uint_eq(bits_read(bytes_make(data, sizeof(data)), 3, 64),
                      UINT64_C(0x8000000000000001));
    ck_assert_int_eq(memcmp(data, "\x10\0\0\0\0\0\0\0\x20\0\0\0", sizeof(data)), 0);
    bits_write(data, 1, 1, 1);
    bits_write(data, 4, 3, 7);
    ck_assert_int_eq(memcmp(data, "\x5E", 1), 0);
    ck_assert_uint_eq(bits_read(bytes_make(data, 1), 0, 12), 0x5E0); // Zeros follow.
    ck_assert_uint_eq(bits_read(bytes_make(data, 1), 8, 63), 0);
    ck_assert_uint_eq(bits_read(bytes_make(data, 1), 1000, 5), 0);
}

#define ASSERT_COMBINED(operation, expected)                                                       \
    bits_combine(operation, strings, 3, out, 2);                                                   \
    ck_assert_int_eq(memcmp(out, expected, 2), 0)

TEST(strings_are_combined_as_if_zeros_followed)
{
    const struct bytes strings[] = {BYTES("\xF0\xF0"), BYTES("\xCC"), BYTES("\xAA\xAA")};
    char out[2];
    ASSERT_COMBINED(BITS_AND, "\x80\x00");
    ASSERT_COMBINED(BITS_OR, "\xFE\xFA");
    ASSERT_COMBINED(BITS_XOR, "\x96\x5A");
    ASSERT_COMBINED(BITS_DIFF, "\x10\x50");
    ASSERT_COMBINED(BITS_DIFF1, "\x0E\x0A");
    ASSERT_COMBINED(BITS_ANDOR, "\xE0\xA0");
    ASSERT_COMBINED(BITS_ONE, "\x16\x5A");
    bits_combine(BITS_NOT, strings, 1, out, 2);
    ck_assert_int_eq(memcmp(out, "\x0F\x0F", 2), 0);
}
