#include "base/number.h"

#include "seed.h"
#include "unit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 500000 };

// Check's own assertions write to a pipe each time: too slow for millions.
#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg(__VA_ARGS__);                                                             \
        }                                                                                          \
    } while (0)

static double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static bool same_double(double a, double b)
{
    uint64_t bits_a;
    uint64_t bits_b;
    memcpy(&bits_a, &a, sizeof(bits_a));
    memcpy(&bits_b, &b, sizeof(bits_b));
    return bits_a == bits_b;
}

static const char *format_double(double value, char *text)
{
    memset(text, '#', NUMBER_DOUBLE_SIZE_MAX + 1);
    size_t size = number_format_double(value, text);
    EXPECT(size <= NUMBER_DOUBLE_SIZE_MAX && text[NUMBER_DOUBLE_SIZE_MAX] == '#', "%g", value);
    text[size] = '\0';
    return text;
}

static void assert_format(double value, const char *expected)
{
    char text[NUMBER_DOUBLE_SIZE_MAX + 1];
    ck_assert_str_eq(format_double(value, text), expected);
}

static bool parse_double(const char *text, double *value_out)
{
    return number_parse_double(bytes_of_string(text), value_out);
}

// Digits without the zeros around them, sign, point and exponent.
static int significant_digits(const char *text)
{
    int digits = 0;
    int zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text == '0') {
            zeros++;
        } else if (*text >= '1' && *text <= '9') {
            digits += (digits > 0 ? zeros : 0) + 1;
            zeros = 0;
        }
    }
    return digits;
}

// Reads back, no shorter decimal does, and no decimal as short is closer.
static void assert_shortest(double value)
{
    char text[NUMBER_DOUBLE_SIZE_MAX + 1];
    format_double(value, text);
    double back = strtod(text, NULL);
    EXPECT(same_double(back, value), "%.17g became %s", value, text);
    double parsed = 0;
    EXPECT(parse_double(text, &parsed) && same_double(parsed, value), "%s parsed as %.17g", text,
           parsed);
    if (fabs(value) <= 0x1p62 && value == trunc(value)) {
        return; // Integers are written out in full, as Redis does.
    }
    int digits = significant_digits(text);
    char other[64];
    if (digits > 1) {
        snprintf(other, sizeof(other), "%.*e", digits - 2, value);
        EXPECT(!same_double(strtod(other, NULL), value), "%s is shorter than %s", other, text);
    }
    // printf rounds to the closest of so many digits; where that reads back it must be ours.
    snprintf(other, sizeof(other), "%.*e", digits - 1, value);
    if (same_double(strtod(other, NULL), value)) {
        char ours[64];
        char theirs[64];
        snprintf(ours, sizeof(ours), "%.20Le", strtold(text, NULL));
        snprintf(theirs, sizeof(theirs), "%.20Le", strtold(other, NULL));
        EXPECT(strcmp(ours, theirs) == 0, "%s is closer than %s", other, text);
    }
}

static void assert_parses_like_strtod(const char *text)
{
    double expected = strtod(text, NULL);
    double value = 0;
    bool parsed = parse_double(text, &value);
    if (isinf(expected) || expected == 0) {
        EXPECT(!parsed || same_double(value, expected), "%s", text);
        return;
    }
    EXPECT(parsed && same_double(value, expected), "%s: %.17g, not %.17g", text, value, expected);
}

TEST(integers_are_written_like_printf)
{
    struct random random = seed_random("number");
    char text[NUMBER_INTEGER_SIZE_MAX + 1];
    char expected[32];
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t value = random_next(&random) >> (random_next(&random) % 64);
        text[number_format_unsigned(value, text)] = '\0';
        snprintf(expected, sizeof(expected), "%" PRIu64, value);
        EXPECT(strcmp(text, expected) == 0, "%s, not %s", text, expected);
        text[number_format_integer((int64_t)value, text)] = '\0';
        snprintf(expected, sizeof(expected), "%" PRId64, (int64_t)value);
        EXPECT(strcmp(text, expected) == 0, "%s, not %s", text, expected);
    }
}

TEST(integers_at_powers_of_ten_and_limits_survive_a_round_trip)
{
    uint64_t ten = 1;
    char text[NUMBER_INTEGER_SIZE_MAX];
    for (int i = 0; i < 20; i++, ten *= 10) {
        for (uint64_t value = ten - 1; value <= ten + 1; value++) {
            uint64_t back = ~value;
            size_t size = number_format_unsigned(value, text);
            ck_assert(number_parse_unsigned(bytes_make(text, size), &back));
            ck_assert_uint_eq(back, value);
        }
    }
    static const int64_t limits[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        int64_t back = ~limits[i];
        size_t size = number_format_integer(limits[i], text);
        ck_assert(number_parse_integer(bytes_make(text, size), &back));
        ck_assert_int_eq(back, limits[i]);
    }
    ck_assert_uint_eq(number_format_unsigned(UINT64_MAX, text), NUMBER_INTEGER_SIZE_MAX);
    ck_assert_mem_eq(text, "18446744073709551615", NUMBER_INTEGER_SIZE_MAX);
}

TEST(integers_that_are_not_canonical_are_refused)
{
    static const char *const wrong[] = {
        "",
        "-",
        "+1",
        "01",
        "-0",
        "-01",
        " 1",
        "1 ",
        "1a",
        "0x1",
        "1.",
        "1e3",
        "--1",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999",
        "100000000000000000000",
        "123456789012345678901234567890",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t value = 42;
        ck_assert_msg(!number_parse_integer(bytes_of_string(wrong[i]), &value), "%s", wrong[i]);
        ck_assert_int_eq(value, 42);
    }
    uint64_t value = 42;
    ck_assert(!number_parse_unsigned(BYTES("-1"), &value));
    ck_assert(!number_parse_unsigned(BYTES("18446744073709551616"), &value));
    ck_assert(!number_parse_unsigned(BYTES("00"), &value));
    ck_assert(!number_parse_unsigned(BYTES("1\0"), &value));
    ck_assert_uint_eq(value, 42);
    ck_assert(number_parse_unsigned(BYTES("9223372036854775808"), &value));
    ck_assert_uint_eq(value, UINT64_C(9223372036854775808));
}

TEST(doubles_have_the_form_of_redis)
{
    static const struct {
        double value;
        const char *text;
    } forms[] = {
        {0, "0"},
        {-0.0, "-0"},
        {3, "3"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1e5, "100000"},
        {1e17, "100000000000000000"},
        {0x1p62, "4611686018427387904"},
        {-0x1p62, "-4611686018427387904"},
        {1e19, "1e+19"},
        {18446744073709551616.0, "18446744073709552000"},
        {1e21, "1e+21"},
        {1e30, "1e+30"},
        {-1.25e100, "-1.25e+100"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"},
        {5e-324, "5e-324"},
        {-2.2250738585072014e-308, "-2.2250738585072014e-308"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {1e-10, "1e-10"},
        {0.000012, "0.000012"},
        {0.0000123, "1.23e-5"},
        {0.1234567, "0.1234567"},
        {0.001234567890123, "0.001234567890123"},
        {0.00012345678, "1.2345678e-4"},
        {0.30000000000000004, "0.30000000000000004"},
        {3.141592653589793, "3.141592653589793"},
        {1234.5678901, "1234.5678901"},
        {12345.678901234, "1.2345678901234e+4"},
        {12345.678901, "12345.678901"},
        {123456789.125, "123456789.125"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        assert_format(forms[i].value, forms[i].text);
    }
    assert_format(-NAN, "nan");
}

TEST(random_bit_patterns_give_the_shortest_decimal_that_reads_back)
{
    struct random random = seed_random("number");
    for (int i = 0; i < ROUNDS; i++) {
        double value = double_of_bits(random_next(&random));
        if (isfinite(value)) {
            assert_shortest(value);
        }
    }
}

TEST(random_decimals_give_the_shortest_decimal_that_reads_back)
{
    struct random random = seed_random("number");
    for (int i = 0; i < ROUNDS; i++) {
        double whole = (double)(int64_t)(random_next(&random) >> (random_next(&random) % 64));
        assert_shortest(whole * pow(10, (double)(random_next(&random) % 60) - 40));
    }
}

TEST(powers_and_their_neighbours_give_the_shortest_decimal_that_reads_back)
{
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        double value = ldexp(1, exponent);
        assert_shortest(value);
        assert_shortest(nextafter(value, 0) == 0 ? value : nextafter(value, 0));
        assert_shortest(nextafter(value, INFINITY));
    }
    for (int exponent = -323; exponent <= 308; exponent++) {
        char text[16];
        snprintf(text, sizeof(text), "1e%d", exponent);
        double value = strtod(text, NULL);
        assert_shortest(value);
        assert_shortest(nextafter(value, INFINITY));
        assert_shortest(-nextafter(value, value > 1e-323 ? 0 : INFINITY));
    }
}

TEST(random_decimals_are_read_like_strtod)
{
    struct random random = seed_random("number");
    char text[64];
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t whole = random_next(&random) >> (random_next(&random) % 64);
        int exponent = (int)(random_next(&random) % 700) - 350;
        snprintf(text, sizeof(text), "%" PRIu64 "e%d", whole, exponent);
        assert_parses_like_strtod(text);
        snprintf(text, sizeof(text), "-%" PRIu64 ".%03ue%d", whole >> 10,
                 (unsigned)(random_next(&random) % 1000), exponent / 16);
        assert_parses_like_strtod(text);
        snprintf(text, sizeof(text), "%.*g", (int)(random_next(&random) % 20) + 1,
                 double_of_bits(random_next(&random) & ~(UINT64_C(1) << 62)));
        if (strstr(text, "nan") == NULL) {
            assert_parses_like_strtod(text);
        }
    }
}

// The middle between two doubles, exactly and one digit beside it.
TEST(decimals_half_way_between_doubles_are_read_like_strtod)
{
    struct random random = seed_random("number");
    char text[64];
    for (int i = 0; i < ROUNDS / 4; i++) {
        uint64_t odd = (random_next(&random) >> 10) | (UINT64_C(1) << 53) | 1;
        int shift = (int)(random_next(&random) % 10);
        snprintf(text, sizeof(text), "%" PRIu64, odd << shift);
        assert_parses_like_strtod(text);
        snprintf(text, sizeof(text), "%" PRIu64, (odd << shift) + 1);
        assert_parses_like_strtod(text);
        snprintf(text, sizeof(text), "%" PRIu64 "e%d", odd >> 20 | 1,
                 (int)(random_next(&random) % 40));
        assert_parses_like_strtod(text);
        snprintf(text, sizeof(text), "%.4f", ldexp((double)odd, -4 + (int)(odd % 3)));
        assert_parses_like_strtod(text);
    }
    assert_parses_like_strtod("9007199254740993");
    assert_parses_like_strtod("9007199254740995");
    assert_parses_like_strtod("9007199254740993e-0001");
    assert_parses_like_strtod("45035996273704985e-1");
    assert_parses_like_strtod("9007199254740992.5");
    assert_parses_like_strtod("2251799813685248.25");
}

TEST(doubles_are_read_as_redis_reads_them)
{
    static const struct {
        const char *text;
        double value;
    } right[] = {
        {"0", 0},
        {"-0", -0.0},
        {"1", 1},
        {"+1", 1},
        {"-1.5", -1.5},
        {"1.", 1},
        {".5", .5},
        {"1e3", 1000},
        {"1E+3", 1000},
        {"1e-3", 0.001},
        {"0x10", 16},
        {"-0x1.8p1", -3},
        {"inf", INFINITY},
        {"+inf", INFINITY},
        {"-INF", -INFINITY},
        {"Infinity", INFINITY},
        {"-infinity", -INFINITY},
        {"007", 7},
        {"0e99999", 0},
        {"5e-324", 5e-324},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"0.1000000000000000055511151231257827021181583404541015625", 0.1},
    };
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        double value = 42;
        ck_assert_msg(parse_double(right[i].text, &value), "%s", right[i].text);
        ck_assert_msg(same_double(value, right[i].value), "%s: %g", right[i].text, value);
    }
    static const char *const wrong[] = {
        "",   " 1",  "1 ",    "\t1",    "\n1",    "nan",  "-NaN", "nan(1)",  "abc",
        "1a", "1e",  "1e+",   "e5",     ".",      "+",    "-",    "--1",     "1.2.3",
        "0x", "1,5", "1e400", "-1e400", "1e-400", "infx", "in",   "1e99999", "1_0",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        double value = 42;
        ck_assert_msg(!parse_double(wrong[i], &value), "%s: %g", wrong[i], value);
        ck_assert(same_double(value, 42));
    }
    double value = 42;
    ck_assert(!number_parse_double(BYTES("1\0"), &value));
    ck_assert(!number_parse_double(BYTES("\0"), &value));
    char longest[256];
    memset(longest, '0', sizeof(longest));
    longest[0] = '1';
    longest[1] = '.';
    ck_assert(number_parse_double(bytes_make(longest, 255), &value));
    ck_assert(same_double(value, 1));
    ck_assert(!number_parse_double(bytes_make(longest, 256), &value));
}
