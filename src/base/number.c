#include "base/number.h"

#include "base/error.h"
#include "base/number_powers.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARSE_SIZE_MAX = 255,
    PARSE_DIGITS_MAX = 19, // As many decimal digits always fit uint64_t.
};

static const char pairs[200] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "6869707172737475767778798081828384858687888990919293949596979899";

static const uint64_t tens[20] = {
    1U,
    10U,
    100U,
    1000U,
    10000U,
    100000U,
    1000000U,
    10000000U,
    100000000U,
    1000000000U,
    10000000000U,
    100000000000U,
    1000000000000U,
    10000000000000U,
    100000000000000U,
    1000000000000000U,
    10000000000000000U,
    100000000000000000U,
    1000000000000000000U,
    10000000000000000000U,
};

/* ---- integers ---- */

static inline unsigned count_digits(uint64_t value)
{
    // bits * log10(2), which is the number of digits or one less.
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned digits = bits * 1233 >> 12;
    return digits + (value >= tens[digits] || digits == 0);
}

static inline void write_pair(char *out, uint32_t below_100)
{
    memcpy(out, pairs + (size_t)2 * below_100, 2);
}

// The digits of `value`, the last one at end[-1].
static inline void write_digits(uint64_t value, char *end)
{
    while (value >= 100000000) {
        uint32_t low = (uint32_t)(value % 100000000);
        value /= 100000000;
        write_pair(end - 2, low % 100);
        write_pair(end - 4, low / 100 % 100);
        write_pair(end - 6, low / 10000 % 100);
        write_pair(end - 8, low / 1000000);
        end -= 8;
    }
    uint32_t rest = (uint32_t)value;
    while (rest >= 100) {
        end -= 2;
        write_pair(end, rest % 100);
        rest /= 100;
    }
    if (rest >= 10) {
        write_pair(end - 2, rest);
    } else {
        end[-1] = (char)('0' + rest);
    }
}

size_t number_format_unsigned(uint64_t value, char *out)
{
    unsigned digits = count_digits(value);
    write_digits(value, out + digits);
    return digits;
}

size_t number_format_integer(int64_t value, char *out)
{
    if (value >= 0) {
        return number_format_unsigned((uint64_t)value, out);
    }
    *out = '-';
    return 1 + number_format_unsigned(0 - (uint64_t)value, out + 1);
}

bool number_parse_unsigned(struct bytes text, uint64_t *value_out)
{
    if (text.size == 0 || text.size > NUMBER_INTEGER_SIZE_MAX ||
        (text.data[0] == '0' && text.size > 1)) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';
        if (digit > 9) {
            return false;
        }
        // Only the 20th digit can overflow.
        if (UNLIKELY(i == NUMBER_INTEGER_SIZE_MAX - 1) &&
            (value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit)) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    return true;
}

bool number_parse_integer(struct bytes text, int64_t *value_out)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    uint64_t magnitude;
    if (!number_parse_unsigned(bytes_make(text.data + negative, text.size - negative),
                               &magnitude)) {
        return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + negative || (negative && magnitude == 0)) {
        return false;
    }
    *value_out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

/* ---- doubles to text ---- */

enum {
    FRACTION_BITS = 52,
    EXPONENT_BIAS = 1023,
    EXPONENT_MASK = 0x7FF,
};

#define FRACTION_MASK ((UINT64_C(1) << FRACTION_BITS) - 1)

struct decimal {
    uint64_t digits; // digits * 10^exponent
    int exponent;
};

static inline uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline int floor_log2_of_10_to(int exponent)
{
    return (exponent * 1741647) >> 19;
}

// The top 64 bits of a 192-bit product, its last bit set when the rest is not zero.
static inline uint64_t multiply_round_to_odd(const struct power *power, uint64_t factor)
{
    __uint128_t low = (__uint128_t)power->low * factor;
    __uint128_t high = (__uint128_t)power->high * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The shortest decimal that reads back as the finite, positive double with these
 * bits; of several the closest, of two equally close the even one. Schubfach (Raffaello
 * Giulietti, "The Schubfach way to render doubles", 2020). */
static struct decimal shortest_decimal(uint64_t bits)
{
    uint64_t fraction = bits & FRACTION_MASK;
    int biased = (int)(bits >> FRACTION_BITS);
    uint64_t c = biased == 0 ? fraction : fraction | (UINT64_C(1) << FRACTION_BITS);
    int q = (biased == 0 ? 1 : biased) - EXPONENT_BIAS - FRACTION_BITS;
    // At a power of two the next smaller double is half as far as the next larger one.
    bool uneven = fraction == 0 && biased > 1;
    // k = floor(log10(2^q)), or of 3/4 * 2^q: the width of the rounding interval.
    int k = (q * 1262611 - (uneven ? 524031 : 0)) >> 22;
    int h = q + floor_log2_of_10_to(-k) + 1;
    const struct power *power = &powers[-k - POWER_FIRST];

    // Four times the value and the ends of its rounding interval, over 10^k.
    uint64_t left = multiply_round_to_odd(power, (4 * c - 2 + uneven) << h);
    uint64_t middle = multiply_round_to_odd(power, (4 * c) << h);
    uint64_t right = multiply_round_to_odd(power, (4 * c + 2) << h);
    uint64_t odd = c & 1; // The ends round to even: outside when c is odd.
    left += odd;
    right -= odd;

    uint64_t s = middle / 4;
    if (s >= 10) {
        uint64_t tenth = s / 10;
        bool below = left <= 40 * tenth;
        bool above = 40 * tenth + 40 <= right;
        if (below != above) {
            return (struct decimal){tenth + above, k + 1};
        }
    }
    bool below = left <= 4 * s;
    bool above = 4 * s + 4 <= right;
    if (below != above) {
        return (struct decimal){s + above, k};
    }
    uint64_t half = 4 * s + 2;
    bool up = middle > half || (middle == half && (s & 1) != 0);
    return (struct decimal){s + up, k};
}

/* Whether `value` is a decimal of at most six places and 15 digits. No two of those
 * read back as the same double, so this is the shortest. */
static inline bool is_short_decimal(double value, struct decimal *decimal_out)
{
    if (!(value < 1e9)) {
        return false;
    }
    double scaled = value * 1e6;
    int64_t whole = (int64_t)scaled;
    // The quotient of two exact doubles is rounded like the decimal itself.
    if ((double)whole != scaled || scaled / 1e6 != value) {
        return false;
    }
    *decimal_out = (struct decimal){(uint64_t)whole, -6};
    return true;
}

static inline struct decimal without_trailing_zeros(struct decimal decimal)
{
    if (decimal.digits % 100000000 == 0) {
        decimal.digits /= 100000000;
        decimal.exponent += 8;
    }
    while (decimal.digits % 100 == 0) {
        decimal.digits /= 100;
        decimal.exponent += 2;
    }
    if (decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent += 1;
    }
    return decimal;
}

// "0.00ddd" or "dd.ddd"; point < digits is the place of the point in the digits.
static size_t write_fixed(uint64_t value, int digits, int point, char *out)
{
    if (point <= 0) {
        memset(out, '0', 8);
        out[1] = '.';
        char *end = out + 2 - point + digits;
        write_digits(value, end);
        return (size_t)(end - out);
    }
    write_digits(value, out + 1 + digits);
    for (int i = 0; i < point; i++) {
        out[i] = out[i + 1];
    }
    out[point] = '.';
    return (size_t)digits + 1;
}

// "d.ddde+xx"
static size_t write_scientific(uint64_t value, int digits, int exponent, char *out)
{
    write_digits(value, out + 1 + digits);
    out[0] = out[1];
    size_t size = 1;
    if (digits > 1) {
        out[1] = '.';
        size = (size_t)digits + 1;
    }
    out[size++] = 'e';
    out[size++] = exponent < 0 ? '-' : '+';
    return size + number_format_unsigned((uint64_t)abs(exponent), out + size);
}

/* Redis takes plain digits up to seven zeros behind them, a point up to six places or
 * when the first digit is within three places of it, and an exponent otherwise. */
static size_t write_decimal(struct decimal decimal, char *out)
{
    int digits = (int)count_digits(decimal.digits);
    int exponent = decimal.exponent + digits - 1; // Of the first digit.
    if (decimal.exponent >= 0 && decimal.exponent <= 7) {
        write_digits(decimal.digits, out + digits);
        memset(out + digits, '0', (size_t)decimal.exponent);
        return (size_t)digits + (size_t)decimal.exponent;
    }
    if (decimal.exponent < 0 && (decimal.exponent > -7 || abs(exponent) < 4)) {
        return write_fixed(decimal.digits, digits, digits + decimal.exponent, out);
    }
    return write_scientific(decimal.digits, digits, exponent, out);
}

static size_t write_infinite_or_nan(double value, char *out)
{
    struct bytes text = isnan(value) ? BYTES("nan") : value < 0 ? BYTES("-inf") : BYTES("inf");
    memcpy(out, text.data, text.size);
    return text.size;
}

size_t number_format_double(double value, char *out)
{
    if (UNLIKELY(!isfinite(value))) {
        return write_infinite_or_nan(value, out);
    }
    size_t sign = signbit(value) ? 1 : 0;
    out[0] = '-'; // Stays where there is a sign.
    out += sign;
    value = fabs(value);

    if (value <= 0x1p62) {
        int64_t whole = (int64_t)value;
        if ((double)whole == value) {
            return sign + number_format_unsigned((uint64_t)whole, out);
        }
    }
    struct decimal decimal;
    if (!is_short_decimal(value, &decimal)) {
        decimal = shortest_decimal(bits_of(value));
    }
    return sign + write_decimal(without_trailing_zeros(decimal), out);
}

/* ---- text to doubles ---- */

struct scanned {
    bool negative;
    uint64_t digits; // digits * 10^exponent
    int exponent;
};

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Add a run of digits; returns its end. Digits past the 19th wrap: the caller counts them.
static inline const char *scan_digits(const char *at, const char *end, uint64_t *digits)
{
    while (at < end && is_digit(*at)) {
        *digits = *digits * 10 + (uint64_t)(*at - '0');
        at++;
    }
    return at;
}

// "e-12" to the end of the text; false when it is something else or far too large.
static bool scan_exponent(const char *at, const char *end, int *exponent)
{
    if ((*at | 0x20) != 'e') {
        return false;
    }
    at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (at == end || end - at > 4) {
        return false;
    }
    uint64_t magnitude = 0;
    if (scan_digits(at, end, &magnitude) != end) {
        return false;
    }
    *exponent += negative ? -(int)magnitude : (int)magnitude;
    return true;
}

// Read a plain decimal of at most 19 digits; false for anything else.
static bool scan_decimal(struct bytes text, struct scanned *scanned)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    *scanned = (struct scanned){.negative = at < end && *at == '-'};
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    const char *first = at;
    at = scan_digits(at, end, &scanned->digits);
    ptrdiff_t digits = at - first;
    if (at < end && *at == '.') {
        first = ++at;
        at = scan_digits(at, end, &scanned->digits);
        digits += at - first;
        scanned->exponent = (int)(first - at);
    }
    if (digits == 0 || digits > PARSE_DIGITS_MAX) {
        return false;
    }
    return at == end || scan_exponent(at, end, &scanned->exponent);
}

/* digits * 10^exponent, correctly rounded, where that is a normal double and the table
 * decides it. Daniel Lemire, "Number parsing at a gigabyte per second", 2021. */
static bool multiply_decimal(uint64_t digits, int exponent, double *value_out)
{
    if (exponent < POWER_FIRST || exponent > 308) {
        return false;
    }
    struct power power = powers[exponent - POWER_FIRST];
    bool truncated = exponent < -27 || exponent > 55;
    if (truncated) { // The table rounds up; so far out it must be rounded down.
        power.high -= power.low == 0;
        power.low--;
    }
    int shift = __builtin_clzll(digits);
    digits <<= shift;
    __uint128_t product =
        (__uint128_t)digits * power.high + (uint64_t)((__uint128_t)digits * power.low >> 64);
    uint64_t high = (uint64_t)(product >> 64);
    uint64_t low = (uint64_t)product;
    if (low == UINT64_MAX && truncated) {
        return false; // What was cut off could carry.
    }
    int top = (int)(high >> 63);
    uint64_t mantissa = high >> (top + 9); // 54 bits: one to round by.
    int biased = floor_log2_of_10_to(exponent) + 63 + top - shift + EXPONENT_BIAS;
    if (biased <= 0 || biased >= EXPONENT_MASK - 1) {
        return false;
    }
    bool tie = low <= 1 && exponent >= -4 && exponent <= 23 && mantissa << (top + 9) == high;
    if (tie && (mantissa & 3) == 1) {
        mantissa--; // To even.
    }
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    // A mantissa of 2^53 carries into the exponent, as it should.
    uint64_t bits = ((uint64_t)(biased - 1) << FRACTION_BITS) + mantissa;
    *value_out = double_of(bits);
    return true;
}

/* Everything else: hex floats, infinities, long decimals, the ends of the range. Reads
 * in the process's locale, which FastKV leaves at "C". */
static bool parse_slowly(struct bytes text, bool clamps, double *value_out)
{
    unsigned char first = (unsigned char)text.data[0];
    if (first <= ' ') {
        return false;
    }
    char copy[PARSE_SIZE_MAX + 1];
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    char *end;
    errno = 0;
    double value = strtod(copy, &end);
    if ((size_t)(end - copy) != text.size || isnan(value)) {
        return false;
    }
    if (!clamps && errno == ERANGE && (isinf(value) || value == 0)) {
        return false;
    }
    *value_out = value;
    return true;
}

static inline bool parse_double(struct bytes text, bool clamps, double *value_out)
{
    static const double small[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (text.size == 0 || text.size > PARSE_SIZE_MAX) {
        return false;
    }
    struct scanned scanned;
    if (!scan_decimal(text, &scanned)) {
        return parse_slowly(text, clamps, value_out);
    }
    double value;
    if (scanned.digits == 0) {
        value = 0;
    } else if (scanned.digits <= UINT64_C(1) << 53 && scanned.exponent >= -22 &&
               scanned.exponent <= 22) {
        // Both factors are exact, so the one rounding is right (Clinger 1990).
        value = (double)(int64_t)scanned.digits;
        value = scanned.exponent < 0 ? value / small[-scanned.exponent]
                                     : value * small[scanned.exponent];
    } else if (!multiply_decimal(scanned.digits, scanned.exponent, &value)) {
        return parse_slowly(text, clamps, value_out);
    }
    *value_out = scanned.negative ? -value : value;
    return true;
}

bool number_parse_double(struct bytes text, double *value_out)
{
    return parse_double(text, false, value_out);
}

bool number_parse_bound(struct bytes text, double *value_out)
{
    return parse_double(text, true, value_out);
}
