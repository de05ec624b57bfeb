#include "base/number.h"
#include "unit.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *written(long double value)
{
    static char text[NUMBER_LONG_SIZE_MAX + 1];
    text[number_format_long(value, text)] = '\0';
    return text;
}

TEST(long_numbers_are_written_without_exponent_and_zeros_at_the_end)
{
    ck_assert_str_eq(written(3), "3");
    ck_assert_str_eq(written(-0.5L), "-0.5");
    ck_assert_str_eq(written(0.1L), "0.1");
    ck_assert_str_eq(written(0.1L + 0.2L), "0.3");
    ck_assert_str_eq(written(-0.0L), "0");
    ck_assert_str_eq(written(-1e-30L), "0");
    ck_assert_str_eq(written(100), "100");
    ck_assert_str_eq(written(1e22L), "10000000000000000000000");
    ck_assert_uint_eq(strlen(written(-LDBL_MAX)), 4934);
}

TEST(long_numbers_are_read_whole)
{
    long double value = 7;
    ck_assert(number_parse_long(BYTES("3.0e3"), &value) && value == 3000);
    ck_assert(number_parse_long(BYTES("0x10"), &value) && value == 16);
    ck_assert(number_parse_long(BYTES("-inf"), &value) && isinf(value));
    ck_assert(number_parse_long(BYTES("1e4932"), &value) && isfinite(value));
    value = 7;
    const struct bytes wrong[] = {BYTES(""),    BYTES(" 1"),     BYTES("1 "),      BYTES("1x"),
                                  BYTES("nan"), BYTES("1e5000"), BYTES("1e-5000"), BYTES("1\0")};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert(!number_parse_long(wrong[i], &value) && value == 7);
    }
}
